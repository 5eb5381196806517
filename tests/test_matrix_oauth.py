"""The matrix of signing in over HTTP: the lab's authorization server and its /login. Each weakness is proved by its own
rule and no other of these scenarios says a word, what was proved shows again at replay, and the hardened lab is silent.

`MATRIX_SEEDS=1,2,3` plays it with several seeds.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mcpfuzz.lab import Weakness, weaknesses

sys.path.insert(0, str(Path(__file__).parent))

import playing
from playing import Report, proved, run

SEEDS = [int(word) for word in os.environ.get("MATRIX_SEEDS", "1").replace(",", " ").split()]
MAX_TIME = 45
SCENARIOS = ("redirect-uris", "code-exchange", "consent", "consent-markup", "client-metadata", "login-attempts")
PLACES = ("/login", "/register", "/authorize", "/token", "/signed-in")
ROWS = [row for row in weaknesses() if row.where in PLACES]
UPSTREAM = ("--upstream", "{issuer}")
"""People sign in at the test authorization server, and agree in the lab before that."""
LOGIN = '{"url": "/login", "json": {"username": "alice", "password": "%s"}, "token": "/access_token"}'
PASSWORD = "pw-alice-60417"

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(MAX_TIME * 4)]


def lab(seed: int, *switches: str) -> list[str]:
    """How mcpfuzz reaches the lab, and the lab."""
    known = ("--token", "alice=alice-token-6113", "--login", f"alice={PASSWORD}", "--authority")
    served = ("--transport", "http", "--port", "{port}", "--shuffle", str(seed), *known, *switches)
    caller = ("--identity", f"alice=login:{LOGIN % PASSWORD}")
    return [*caller, "--url", "http://127.0.0.1:{port}/mcp", "--", sys.executable, "-m", "mcpfuzz.lab", *served]


def play(folder: Path, seed: int, *switches: str) -> tuple[Report, str]:
    return playing.play(folder, SCENARIOS, seed, *lab(seed, *switches), max_time=MAX_TIME)


@pytest.mark.matrix(share=8)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weakness", ROWS, ids=lambda weakness: weakness.name)
def test_a_weakness_is_proved_by_its_own_rule_and_not_on_its_twin(
    weakness: Weakness, seed: int, tmp_path: Path
) -> None:
    more = UPSTREAM if weakness.expected[0].startswith("consent-") else ()
    report, said = play(tmp_path, seed, "--weakness", weakness.name, *more)
    rules = proved(report)
    assert weakness.expected[0] in rules, f"missed: {weakness.trigger}\n{said}"
    assert not rules - set(weakness.expected) - set(weakness.implied), said
    assert PASSWORD not in (tmp_path / "report.json").read_text(encoding="utf-8")
    one = next(item for item in report["findings"] if item["rule"] == weakness.expected[0])
    again = ("replay", str(tmp_path / "report.json"), "--finding", one["fingerprint"])
    weak = run(*again, *lab(seed, "--weakness", weakness.name, *more))
    assert weak.returncode == 1, weak.stdout
    sound = run(*again, *lab(seed, *more))
    assert sound.returncode == 0, sound.stdout


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("more", [(), UPSTREAM], ids=["alone", "before another"])
def test_the_hardened_lab_is_silent(more: tuple[str, ...], seed: int, tmp_path: Path) -> None:
    report, said = play(tmp_path, seed, *more)
    assert not report["findings"], said
    left = () if more else ("consent",)
    states = {name: "not-run" if name in left else "clean" for name in SCENARIOS}
    assert {item["id"]: item["status"] for item in report["scenarios"]} == states, said


@pytest.mark.parametrize("weak", [False, True])
def test_the_guides_own_login_shows_the_same(weak: bool, tmp_path: Path) -> None:
    words = lab(1, "--framework", "fastapi", *(("--weakness", "login-unlimited") if weak else ()))
    report, said = playing.play(tmp_path, ("login-attempts",), 1, *words, max_time=MAX_TIME)
    assert proved(report) == ({"login-unthrottled"} if weak else set()), said


def test_a_server_that_is_not_ours_is_tried_only_with_leave(tmp_path: Path) -> None:
    from mcpfuzz.lab.served import Served

    switches = ("--token", "alice=alice-token-6113", "--login", f"alice={PASSWORD}", "--weakness", "login-unlimited")
    with Served("http", *switches) as served:
        words = ("--identity", f"alice=login:{LOGIN % PASSWORD}", "--url", served.url)
        report, said = playing.play(tmp_path, ("login-attempts",), 1, *words, max_time=MAX_TIME)
        assert report["scenarios"][0]["status"] == "not-run", said
        report, said = playing.play(tmp_path, ("login-attempts",), 1, "--allow-destructive", *words, max_time=MAX_TIME)
        assert proved(report) == {"login-unthrottled"}, said


def test_clients_are_registered_only_at_servers_of_ours(tmp_path: Path) -> None:
    from mcpfuzz.lab.served import Served

    scenarios = ("consent-markup", "code-exchange")
    with Served("http", "--authority", "--weakness", "consent-markup") as served:
        report, said = playing.play(tmp_path, scenarios, 1, "--url", served.url, max_time=MAX_TIME)
        assert {item["id"]: item["status"] for item in report["scenarios"]} == {
            "consent-markup": "clean", "code-exchange": "not-run",
        }, said  # fmt: skip
        more = ("--allow-destructive", "--url", served.url)
        report, said = playing.play(tmp_path, scenarios, 1, *more, max_time=MAX_TIME)
        assert proved(report) == {"unsafe-output"}, said
