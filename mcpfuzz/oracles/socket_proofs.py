"""Proofs about WebSocket below MCP: what came of frames and upgrades that RFC 6455 forbids, whom they cut off, and what
they cost.

Pure, as all proofs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mcpfuzz.model import Exchange, Json, Trace, Ws
from mcpfuzz.oracles.bench import Bench, Seen
from mcpfuzz.oracles.outcomes import Outcome, Outcomes, outcome_of
from mcpfuzz.oracles.reading import by_step, frames, lost

__all__ = ["SOCKETS", "socket_outcome"]

_OFFER = re.compile(rb"^Sec-WebSocket-Protocol:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_CHOSEN = "sec-websocket-protocol"
KEPT = 3 / 4
"""Of what was sent, at least, must be seen in memory: what a reader gives back at once was never kept."""


def socket_outcome(trace: Trace, ids: Json, trap: Json) -> Outcomes:
    """What frames on a connection of their own, or an upgrade, came to."""
    upgrade = next((exchange for exchange in reversed(trace.exchanges) if exchange.status is not None), None)
    if upgrade is not None:
        return Outcome("selected" if _unoffered(upgrade) else "silence", status=upgrade.status)
    closed = next((exchange.closed for exchange in trace.exchanges if exchange.closed is not None), None)
    if closed is None and lost(trace):
        closed = trace.ending.code
    arrived = [frame for frame in frames(trace) if frame.faults != ("blank",)]
    return outcome_of(ids, None, arrived, closed=False if closed is None else closed, trap=trap)


def _unoffered(upgrade: Exchange) -> bool:
    """Whether a subprotocol was selected that the request did not offer (RFC 6455, 4.2.2)."""
    offered = {name.strip() for line in _OFFER.findall(upgrade.sent) for name in line.decode("latin-1").split(",")}
    chosen = [value.strip() for name, value in upgrade.headers if name == _CHOSEN]
    return upgrade.status == 101 and any(name not in offered for name in chosen)


def _other_cut(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Nothing was said on the main connection, and it was ended, while the server serves others."""
    if not lost(trace) or any(step.on == "c1" for step in trace.conversation.steps):
        return None
    return f"a connection on which nothing was said was ended: {trace.ending.detail}"


def _swallowed(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A message that never ends was taken, and all of it is held in memory."""
    steps = trace.conversation.steps
    if trace.ending.kind != "alive" or len(steps) != params["steps"]:
        return None
    said = [exchange for exchange in trace.exchanges if isinstance(steps[exchange.step].action, Ws)]
    if len(said) < 2 or any(exchange.closed is not None or not exchange.rss for exchange in said):
        return None
    sent = len(said[-1].sent) * steps[said[-1].step].times
    grown = said[-1].rss - said[0].rss
    if not sent or grown < KEPT * sent:
        return None
    return f"{grown >> 20} MiB more after {sent >> 20} MiB of one message, which is not at its end"


def _unclaimed(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Every socket that was opened without a credential, and on which nothing was said, is open at the end."""
    said = by_step(params, trace)
    if said is None:
        return None
    ends = [said.get(step) for step in params["look"]]
    if any(end is None or end.closed is not None for end in ends):
        return None
    return f"{len(ends)} sockets on which nobody said who is there are all open after {params['seconds']:g} s"


SOCKETS: Mapping[str, Seen] = {"other-cut": _other_cut, "swallowed": _swallowed, "unclaimed": _unclaimed}
"""Kind -> how it is seen."""
