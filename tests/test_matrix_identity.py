"""The matrix of callers over HTTP: each weakness of identity is proved by its own rule and no other of these scenarios
says a word, the hardened lab is silent, and what was proved shows again at replay.

`MATRIX_SEEDS=1,2,3` plays it with several seeds.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from mcpfuzz.lab import Weakness, weaknesses

sys.path.insert(0, str(Path(__file__).parent))

import playing
from playing import Report, proved, run

SEEDS = [int(word) for word in os.environ.get("MATRIX_SEEDS", "1").replace(",", " ").split()]
MAX_TIME = 90
KEY = "5ac4f7-a-key-that-no-tutorial-has-91be"
TOKENS = {"alice": "alice-token-6113", "bob": "bob-token-90427"}
STAFF = {"role-unlisted": {**TOKENS, "admin": "admin-token-3391"}}
"""Weaknesses that need somebody of the staff."""
SCENARIOS = (
    "object-level", "found-objects", "role-checks", "signing-in", "query-token", "credentials", "session-hijack",
    "session-fixation", "session-end", "guessable-session", "stream-replay", "request-state", "unsigned-token",
    "guessable-key", "token-claims", "open-after-expiry", "credential-spelling", "challenge", "cross-talk", "overheard",
    "cookie-flags", "logged-credentials",
)  # fmt: skip
ALSO = {
    "session-hijack", "guessable-session", "session-kept", "query-token", "auth-missing-on-get",
    "auth-missing-on-legacy", "stream-replay",
}  # fmt: skip
"""Network weaknesses that these scenarios prove."""
MORE = {
    "stream-replay": ("--answers", "sse"),  # what is JSON cannot be taken up
    "task-list": ("--era", "legacy"),  # since 2026-07-28 tasks are not listed
}
ROWS = [row for row in weaknesses() if (row.group == "identity" or row.name in ALSO) and "http" in row.transports]
ROWS = [
    row for row in ROWS if row.where not in ("/login", "/register", "/authorize", "/token", "/signed-in")
]  # test_matrix_oauth

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(MAX_TIME * 3)]


def lab(*words: str) -> list[str]:
    return [sys.executable, "-m", "mcpfuzz.lab", *words]


def minted(name: str) -> str:
    command = lab("--jwt-key", KEY, "--mint", name)
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()


def callers(
    *, jwt: bool, issuer: bool = False, tokens: Mapping[str, str] = MappingProxyType(TOKENS)
) -> tuple[list[str], list[str]]:
    """Words for mcpfuzz, words for the lab."""
    if issuer:
        return [word for name in TOKENS for word in ("--identity", f"{name}=issuer:{name}")], ["--issuer", "{issuer}"]
    told: list[str] = []
    for name in tokens:
        token = minted(name) if jwt else tokens[name]
        told += ["--identity", f"{name}=header:Authorization: Bearer {token}"]
    if jwt:
        return [*told, "--identity", f"alice=key:{KEY}"], ["--jwt-key", KEY]
    return told, [word for name in tokens for word in ("--token", f"{name}={tokens[name]}")]


def play(
    folder: Path,
    seed: int,
    *switches: str,
    jwt: bool,
    issuer: bool = False,
    scenarios: tuple[str, ...] = SCENARIOS,
    transport: str = "http",
    max_time: int = MAX_TIME,
    tokens: Mapping[str, str] = MappingProxyType(TOKENS),
) -> tuple[Report, str, list[str]]:
    """One run of these scenarios against the lab: report, what was printed, the words that hold secrets."""
    told, known = callers(jwt=jwt, issuer=issuer, tokens=tokens)
    served = lab("--transport", transport, "--port", "{port}", "--shuffle", str(seed), *known, *switches)
    scheme, path = {"http": ("http", "mcp"), "sse": ("http", "sse"), "ws": ("ws", "ws")}[transport]
    place = f"{scheme}://127.0.0.1:{{port}}/{path}"
    there = ("--allow-destructive", "--url", place, "--", *served)
    report, said = playing.play(folder, scenarios, seed, *told, *there, max_time=max_time)
    return report, said, [*told, "--", *served]


@pytest.mark.matrix(share=14)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weakness", ROWS, ids=lambda weakness: weakness.name)
def test_a_weakness_is_proved_by_its_own_rule_and_shows_again(weakness: Weakness, seed: int, tmp_path: Path) -> None:
    more = MORE.get(weakness.name, ())
    jwt, issuer = weakness.name.startswith("jwt-"), weakness.name == "jwt-confused"
    tokens = STAFF.get(weakness.name, TOKENS)
    report, said, words = play(
        tmp_path, seed, "--weakness", weakness.name, *more, jwt=jwt, issuer=issuer, tokens=tokens
    )
    rules = proved(report)
    assert weakness.expected[0] in rules, f"missed: {weakness.trigger}\n{said}"
    assert not rules - set(weakness.expected) - set(weakness.implied), said
    one = next(item for item in report["findings"] if item["rule"] == weakness.expected[0])
    again = run("replay", str(tmp_path / "report.json"), "--finding", one["fingerprint"], *words)
    assert again.returncode == 1, again.stdout


@pytest.mark.matrix(share=3)
@pytest.mark.parametrize("transport", ["http", "ws"])
@pytest.mark.parametrize("weakness", ["task-read", "task-list", "task-cancel", ""])
def test_tasks_in_the_core_of_a_revision_are_their_owners(weakness: str, transport: str, tmp_path: Path) -> None:
    """2025-11-25 has them in its core; the rows above play the extension, where the revision has that."""
    switches = ("--era", "legacy", *(("--weakness", weakness) if weakness else ("--toolset", "samples")))
    report, said, _ = play(tmp_path, 1, *switches, jwt=False, scenarios=("object-level",), transport=transport)
    assert proved(report) == ({"bola"} if weakness else set()), said
    assert weakness or not report["findings"], said


def test_a_name_that_learning_wore_out_is_tried_on_an_untouched_server(tmp_path: Path) -> None:
    """Nothing between learning and the scenario lets a sound server forget how often the name was tried."""
    switches = ("--weakness", "user-enumeration")
    report, said, _ = play(tmp_path, 1, *switches, jwt=False, scenarios=("signing-in",))
    assert proved(report) == {"user-enumeration"}, said


@pytest.mark.matrix(share=5)
@pytest.mark.parametrize("weakness", ["jwt-expired", "jwt-early", "jwt-audience", "jwt-issuer", "jwt-unverified"])
def test_tokens_of_the_test_authorization_server_show_the_same(weakness: str, tmp_path: Path) -> None:
    scenarios = ("credentials", "unsigned-token", "guessable-key", "token-claims")
    switches = ("--weakness", weakness)
    report, said, _ = play(tmp_path, 1, *switches, jwt=True, issuer=True, scenarios=scenarios)
    row = next(item for item in ROWS if item.name == weakness)
    assert row.expected[0] in proved(report), said
    assert not proved(report) - set(row.expected) - set(row.implied), said


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["tokens", "jwt", "issuer"])
@pytest.mark.timeout(MAX_TIME * 5)
def test_the_hardened_lab_is_silent(kind: str, seed: int, tmp_path: Path) -> None:
    jwt = kind != "tokens"
    switches = ("--toolset", "all", "--answers", "sse")
    report, said, _ = play(tmp_path, seed, *switches, jwt=jwt, issuer=kind == "issuer", max_time=2 * MAX_TIME)
    assert not report["findings"], said
    ran = {item["id"] for item in report["scenarios"] if item["status"] == "clean"}
    forged = {"unsigned-token", "guessable-key", "token-claims", "open-after-expiry"}
    expected = set(SCENARIOS) - (set() if jwt else forged)
    assert ran >= expected, said
    roles = {entry["name"]: entry["callers"] for entry in report["roles"]}
    assert {cells["garbage"] for cells in roles.values()} <= {"refused", "untried"}
    assert "served" in {cells["bob"] for cells in roles.values()}


@pytest.mark.parametrize(
    ("weakness", "rule"),
    [
        ("session-hijack", "session-hijack"),
        ("guessable-session", "guessable-session"),
        ("log-shared", "bola"),
        ("", ""),
    ],
)
def test_over_an_event_stream_what_is_anothers_stays_so(weakness: str, rule: str, tmp_path: Path) -> None:
    switches = ("--weakness", weakness) if weakness else ()
    report, said, words = play(tmp_path, 1, *switches, jwt=False, transport="sse")
    assert proved(report) == ({rule} if rule else set()), said
    if rule:
        again = run("replay", str(tmp_path / "report.json"), *words)
        assert again.returncode == 1, again.stdout
    else:
        assert not report["findings"], said
