"""Replay of messages that go out together: which comes first is chance, so one try that shows nothing is not enough."""

from __future__ import annotations

from typing import Any

import pytest

from mcpfuzz import replay


@pytest.mark.parametrize(("group", "tries"), [("at once", replay.TRIES_TOGETHER), (None, 1)])
@pytest.mark.parametrize("shows_at", [1, 2, 9])
def test_messages_that_go_out_together_are_tried_more_than_once(
    group: str | None, tries: int, shows_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = 0

    async def one(*given: Any) -> str | None:
        nonlocal tried
        tried += 1
        return "seen" if tried == shows_at else None

    monkeypatch.setattr(replay, "_one", one)
    steps = [{"as": None, "on": "c1", "group": group, "send": {"method": "ping"}}]
    nothing: Any = None
    seen = replay._tried(nothing, {}, {"reproducer": {"steps": steps}}, 1.0)
    assert (seen, tried) == (("seen", shows_at) if shows_at <= tries else (None, tries))
