"""The matrix of callers over WebSocket: each weakness of upgrades and tickets is proved by its own rule and no other of
these scenarios says a word, the hardened lab is silent whatever carries the credential, and what was proved shows again
at replay. Everybody signs in by a login. Both with the lab's own front and with the one on FastAPI.
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from mcpfuzz.lab import Weakness, weaknesses

sys.path.insert(0, str(Path(__file__).parent))

import playing
from playing import Report, run

MAX_TIME = 60
KEY = "5ac4f7-a-key-that-no-tutorial-has-91be"
PASSWORDS = {"alice": "pw-alice-6113", "bob": "pw-bob-90427"}
SCENARIOS = (
    "credentials", "early-message", "ticket-reuse", "ticket-expiry", "open-after-expiry", "first-message-guesses",
    "silent-socket",
)  # fmt: skip
BY_PATTERN = {"ticket": {"ticket-reuse", "ticket-expiry"}, "first-message": {"first-message-guesses", "silent-socket"}}
"""Pattern -> the scenarios that are about it alone."""
USES = {
    "query": "query:token={token}",
    "subprotocol": "subprotocol:mcp.auth.{token}",
    "first-message": 'first-message:{"type":"auth","token":"{token}"}',
}
"""Pattern of the lab -> how a login's token is shown; the others take it in a header."""
PATTERNS = {"served-before-auth": "query", "accepted-before-auth": "query", "jwt-outlived": "query"}
"""Weakness -> pattern that it is played with; the others are of tickets and first messages."""
ROWS = [row for row in weaknesses() if row.name in PATTERNS or row.where in ("ticket", "first message")]
ROWS = [row for row in ROWS if row.group == "identity" or row.name in PATTERNS]

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(MAX_TIME * 3)]


def callers(pattern: str) -> list[str]:
    words: list[str] = []
    for name, password in PASSWORDS.items():
        login = {"url": "/login", "json": {"username": name, "password": password}, "token": "/access_token"}
        login |= {"use": USES[pattern]} if pattern in USES else {}
        words += ["--identity", f"{name}=login:{json.dumps(login)}"]
        if pattern == "ticket":
            ticket = {"url": "/api/ws-ticket", "method": "POST", "token": "/ticket"}
            words += ["--identity", f"{name}=ticket:{json.dumps(ticket)}"]
    return [*words, "--identity", f"alice=key:{KEY}", "--identity", "alice=within:1"]


FRONTS = [
    pytest.param((), id="own"),
    pytest.param(
        ("--framework", "fastapi"), id="fastapi",
        marks=pytest.mark.skipif(find_spec("fastapi") is None or find_spec("uvicorn") is None, reason="needs FastAPI"),
    ),
]  # fmt: skip


def served(pattern: str, *switches: str) -> list[str]:
    known = [word for pair in PASSWORDS.items() for word in ("--login", "=".join(pair))]
    return [
        sys.executable, "-m", "mcpfuzz.lab", "--transport", "ws", "--port", "{port}", "--auth", pattern,
        "--jwt-key", KEY, "--ticket-life", "1", "--introduction", "1", *known, *switches,
    ]  # fmt: skip


def play(folder: Path, pattern: str, *switches: str) -> tuple[Report, str]:
    there = ("--url", "ws://127.0.0.1:{port}/ws", "--", *served(pattern, *switches))
    return playing.play(folder, SCENARIOS, 1, *callers(pattern), *there, max_time=MAX_TIME)


@pytest.mark.matrix(share=9)
@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("weakness", ROWS, ids=lambda weakness: weakness.name)
def test_a_weakness_is_proved_by_its_own_rule_and_shows_again(
    weakness: Weakness, front: tuple[str, ...], tmp_path: Path
) -> None:
    pattern = PATTERNS.get(weakness.name, weakness.where.replace(" ", "-"))
    switches = ("--weakness", weakness.name, *front)
    report, said = play(tmp_path, pattern, *switches)
    found = {item["rule"]: item for item in report["findings"] if item["confidence"] == "proved"}
    assert weakness.expected[0] in found, f"missed: {weakness.trigger}\n{said}"
    assert not set(found) - set(weakness.expected) - set(weakness.implied), said
    one = found[weakness.expected[0]]["fingerprint"]
    words = [*callers(pattern), "--", *served(pattern, *switches)]
    again = run("replay", str(tmp_path / "report.json"), "--finding", one, *words)
    assert again.returncode == 1, again.stdout


@pytest.mark.matrix(share=9)
@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("pattern", ["header", "query", "subprotocol", "first-message", "ticket"])
def test_the_hardened_lab_is_silent(pattern: str, front: tuple[str, ...], tmp_path: Path) -> None:
    if front and pattern == "subprotocol":
        pytest.skip("the guide has no such pattern")
    report, said = play(tmp_path, pattern, *front)
    assert not report["findings"], said
    ran = {item["id"] for item in report["scenarios"] if item["status"] == "clean"}
    others = set().union(*(own for name, own in BY_PATTERN.items() if name != pattern))
    assert ran >= set(SCENARIOS) - others, said
    told = json.dumps(report)
    assert not any(password in told for password in PASSWORDS.values())
