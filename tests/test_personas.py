"""People who do not exist, and who cannot be reached."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import threading

import pytest
from hypothesis import find, given, settings

from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.strategies.personas import Persona, drawn, persona, personas
from mcpfuzz.strategies.safety import is_safe


def test_the_same_seed_is_the_same_person() -> None:
    first = persona(7)
    subprocess_code = "from mcpfuzz.strategies.personas import persona; print(persona(7))"
    run = subprocess.run(
        [sys.executable, "-c", subprocess_code], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout.strip() == repr(first)
    assert persona(8) != first


def test_a_person_is_a_frozen_value() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        persona(1).name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("seed", range(200))
def test_nobody_real_can_be_reached_or_charged(seed: int) -> None:
    one = persona(seed)
    assert re.fullmatch(r"[a-z0-9_]+@(example\.(com|org|net)|mail\.test|post\.invalid)", one.email)
    assert re.fullmatch(r"\+1-202-555-01\d\d", one.phone), "kept for fiction"
    assert re.fullmatch(r"000-\d\d-\d{4}", one.ssn), "never issued"
    assert one.iban.startswith("ZZ"), "no country"
    digits = [int(digit) for digit in reversed(one.card)]
    doubled = (digit * 2 - 9 * (digit > 4) for digit in digits[1::2])
    assert len(digits) == 16 and (sum(digits[::2]) + sum(doubled)) % 10, "the check digit is wrong"
    assert re.fullmatch(r"(19|20)\d\d-\d\d-\d\d", one.date_of_birth)
    assert one.username.isascii() and one.username == one.username.lower()
    assert all(value and is_safe(str(value)) for field, value in dataclasses.asdict(one).items() if field != "seed")


def test_most_people_differ() -> None:
    people = [persona(seed) for seed in range(300)]
    assert len({one.email for one in people}) > 290
    assert len({one.iban for one in people}) == 300


def test_threads_get_the_same_people() -> None:
    expected = {seed: persona(seed + 20_000).name for seed in range(30)}
    found: dict[int, str] = {}

    def look(seed: int) -> None:
        found[seed] = persona(seed + 20_000).name

    threads = [threading.Thread(target=look, args=(seed,)) for seed in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert found == expected


def test_a_seeded_walk_draws_people() -> None:
    assert drawn(RandomChoices(1)) == drawn(RandomChoices(1))


def test_the_strategy_shrinks_to_the_simplest_person() -> None:
    assert find(personas(), lambda one: True, settings=settings(database=None)) == persona(0)
    assert repr(personas()) == "personas()"

    @given(personas())
    @settings(max_examples=20, deadline=None)
    def check(one: Persona) -> None:
        assert "@" in one.email

    check()


def test_importing_personas_does_not_import_faker() -> None:
    code = "import sys, mcpfuzz.strategies.personas; print('faker' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "False"
