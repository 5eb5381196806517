"""Tasks of the Python SDK behind its bearer middleware: kept to the session that made them, or to nobody."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import playing
from playing import proved

REAL = runpy.run_path(str(Path(__file__).parent / "test_real_http.py"))
SERVER = Path(__file__).with_name("sdk_tasks_server.py")

pytestmark = [pytest.mark.real, pytest.mark.timeout(REAL["INSTALL_S"] + 120)]


@pytest.mark.parametrize(("mode", "rules"), [("stateful", set()), ("stateless", {"bola"})])
def test_a_task_of_the_sdk_is_its_owners_only_where_there_are_sessions(
    mode: str, rules: set[str], tmp_path: Path
) -> None:
    tokens = {"alice": "alice-token-6113", "bob": "bob-token-90427"}
    told = [word for name, token in tokens.items()
            for word in ("--identity", f"{name}=header:Authorization: Bearer {token}")]  # fmt: skip
    there = ("--url", "http://127.0.0.1:{port}/mcp/", "--", REAL["python_with"]("1.30.0"), str(SERVER), "{port}", mode)
    report, said = playing.play(tmp_path, ("object-level",), 1, *told, *there)
    assert proved(report) == rules, said
    assert {item["id"]: item["status"] for item in report["scenarios"]}["object-level"] != "not-run", said
    assert rules or not report["findings"], said
