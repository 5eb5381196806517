"""The first look at many cases at once. Each is sent once, all together; every answer that can be told
apart by its id is looked at, and what came besides must be what all of the cases allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mcpfuzz.client import Client, Sent, Volley
from mcpfuzz.model import Call, Case, Exchange, Frame, Json, Surface, Trace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.screen import expected_extra, unremarkable
from mcpfuzz.oracles.table import ROWS
from mcpfuzz.runner import outgoing, take_answer
from mcpfuzz.slots import Filler
from mcpfuzz.wire import encode, id_key

__all__ = ["Screened", "screen"]


@dataclass(slots=True)
class Screened:
    """What the first look found."""

    traces: list[tuple[Case, Trace]] = field(default_factory=list)
    """Cases whose own answer is worth a judgement, as traces."""
    answers: list[Json] = field(default_factory=list)
    """All answers, for the counts of reach."""
    unclear: bool = False
    """Something came that cannot be attributed: the cases must be said alone."""
    lost: list[Case] = field(default_factory=list)
    """Cases whose answers were owed and did not come, while the server lives."""
    damage: str = ""
    """What broke: the server ended, answers nothing, or sent too much; empty: nothing."""
    unfit: bool = False
    """The server must be started anew."""
    slowest_s: float = 0.0
    largest: int = 0
    """Bytes of the largest answer."""


async def screen(
    client: Client, cases: Sequence[Case], filler: Filler, surface: Surface, bench: Bench, patience: float
) -> Screened:
    """Send all cases (of one step each) together and look at what comes."""
    made = [
        outgoing(client, case.conversation.steps[0], filler, None if case.row is None else ROWS[case.row].due)
        for case in cases
    ]
    things = [sent for sent, _, _ in made]
    barrier = None
    if not made[-1][2]:
        barrier_id = client.session.next_id()
        barrier = ("int", barrier_id)
        things.append(Sent(encode(client.session.barrier(barrier_id)) + b"\n", (barrier,)))
    volley = await client.volley(things, patience=patience)
    seen = Screened(
        slowest_s=max(volley.took.values(), default=0.0),
        largest=max((len(frame.raw) for frame in (*volley.answers.values(), *volley.extra)), default=0),
    )
    extra = list(volley.extra)
    for case, (sent, carried, due) in zip(cases, made, strict=True):
        key = sent.due[0] if sent.due else id_key(carried)
        frame = volley.answers.get(key) if key else None
        if frame is None and key is not None:
            frame = take_answer(extra, key)
        if frame is not None:
            seen.answers.append(frame.value)
            _look(case, sent, carried, frame, due, seen, surface, bench)
        elif due and volley.late:
            seen.lost.append(case)
    rows = tuple({case.row for case in cases if case.row is not None})
    seen.unclear = any(not expected_extra(rows, frame, bench) for frame in extra) or (
        bool(rows) and not _few(extra, cases)
    )
    await _damage(client, volley, seen, patience)
    return seen


def _few(extra: Sequence[Frame], cases: Sequence[Case]) -> bool:
    """Not more stray answers than messages that may draw one."""
    return sum("error" in frame.value for frame in extra if isinstance(frame.value, dict)) <= 3 * len(cases)


def _look(
    case: Case, sent: Sent, carried: Json, frame: Frame, due: bool, seen: Screened, surface: Surface, bench: Bench
) -> None:
    action = case.conversation.steps[0].action
    if isinstance(action, Call):
        operation = surface.operation(case.place.kind, case.place.name)
        if unremarkable(case, action.method, frame, operation, bench):
            return
    exchange = Exchange(step=0, sent=sent.data, id=carried, answer=frame, due=due)
    seen.traces.append((case, Trace(conversation=case.conversation, exchanges=(exchange,))))


async def _damage(client: Client, volley: Volley, seen: Screened, patience: float) -> None:
    if volley.gone is not None:
        seen.damage, seen.unfit = str(volley.gone), True
        seen.lost = []
    elif volley.too_much is not None:
        seen.damage, seen.unfit = str(volley.too_much), True
    elif volley.late:
        check = await client.barrier(min(3.0, patience))
        seen.unfit = not check.whole
        seen.damage = "it stopped answering" if seen.unfit else "calls were not answered"
        if seen.unfit:
            seen.lost = []
