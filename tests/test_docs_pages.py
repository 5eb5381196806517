"""What the pages say is done, in order, in an empty folder: tests/docs_sessions.py has the rules."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(Path(__file__).parent))
from docs_sessions import Session, sessions_of  # noqa: E402

SESSIONS = [session for path in sorted(ROOT.glob("docs/*.md")) for session in sessions_of(path)]

pytestmark = [pytest.mark.docs, pytest.mark.timeout(240)]


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: f"{session.page}: {session.name}")
def test_a_page_can_be_followed(session: Session, tmp_path: Path) -> None:
    session.play(tmp_path)


def test_pages_that_teach_are_sessions() -> None:
    assert {"tutorial.md", "extending.md"} <= {session.page for session in SESSIONS}
