"""The first look at many cases at once. Each is sent once, all together; every answer that can be told
apart by its id is looked at, and what came besides must be what all of the cases allow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mcpfuzz.client import Client, Sent, Volley
from mcpfuzz.model import STANDING, Call, Case, Effect, Exchange, Frame, Json, Surface, Trace, replace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.proofs import observe
from mcpfuzz.oracles.screen import expected_extra, unremarkable
from mcpfuzz.oracles.table import ROWS
from mcpfuzz.replies import answer_of, take_own, with_reply
from mcpfuzz.runner import outgoing
from mcpfuzz.slots import Filler
from mcpfuzz.transports.channel import Key, Reply
from mcpfuzz.wire import encode, id_key, is_answer

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
    silent: list[Case] = field(default_factory=list)
    """Cases that were not answered, and need not be."""
    damage: str = ""
    """What broke: the server ended, answers nothing, or sent too much; empty: nothing."""
    sown: dict[str, Case] = field(default_factory=dict)
    """Canary -> the case whose own it is."""
    late: tuple[Effect, ...] = ()
    """Effects that belong to none of these cases."""
    unfit: bool = False
    """The server must be started anew."""
    slowest_s: float = 0.0
    largest: int = 0
    """Bytes of the largest answer."""


async def screen(
    client: Client,
    cases: Sequence[Case],
    fillers: Callable[[], Filler],
    effects: Callable[[], tuple[Effect, ...]],
    surface: Surface,
    bench: Bench,
    patience: float,
) -> Screened:
    """Send all cases (of one step each) together and look at what comes.

    Args:
        fillers: slots with canaries of their own, one for each case that claims an effect.
        effects: takes what happened around the server.
    """
    common = fillers()
    own = [fillers() if case.claims else common for case in cases]
    made = [
        outgoing(client, case.conversation.steps[0], filler, None if case.row is None else ROWS[case.row].due)
        for case, filler in zip(cases, own, strict=True)
    ]
    things = [sent for sent, _, _ in made]
    barrier = None
    if not made[-1][2] and not client.acknowledges:
        barrier_id = client.session.next_id()
        barrier = ("int", barrier_id)
        things.append(Sent(encode(client.session.barrier(barrier_id)) + b"\n", (barrier,)))
    volley = await client.volley(things, patience=patience)
    seen = Screened(
        slowest_s=max(volley.took.values(), default=0.0),
        largest=max((len(frame.raw) for frame in (*volley.answers.values(), *volley.extra)), default=0),
    )
    extra = list(volley.extra)
    keys = Counter(sent.due[0] if sent.due else id_key(carried) for sent, carried, _ in made)
    keys[None] = 0
    shown = Counter(key for sent, _, _ in made for key in sent.hoped)
    happened = effects()
    replies: Sequence[Reply | None] = volley.replies or [None] * len(cases)
    for case, filler, (sent, carried, due), reply in zip(cases, own, made, replies, strict=False):
        mine = [value for name, value in filler.canaries.items() if not name.startswith(STANDING)]
        seen.sown.update(dict.fromkeys(mine, case) if case.claims else {})
        theirs = tuple(effect for effect in happened if case.claims and any(effect.tells(value) for value in mine))
        happened = tuple(effect for effect in happened if effect not in theirs)
        key = sent.due[0] if sent.due else id_key(carried)
        brought = take_own(extra, reply) if reply is not None and client.acknowledges else extra
        frame = answer_of(
            volley.answers.get(key) if key else None, brought, key, reply if brought is not extra else None
        )
        if client.acknowledges and keys[key] > 1:
            seen.unclear = True  # whose answer is whose the server itself cannot tell
            continue
        status = reply.status if reply is not None and client.acknowledges else None
        bare = status is not None  # its status is its answer
        if frame is not None or (bare and (case.row is not None or (status or 0) >= 400)):
            seen.answers.append(frame.value if frame is not None else None)
            exchange = Exchange(step=0, sent=sent.data, id=carried, answer=frame, due=due)
            if reply is not None:
                others = tuple(brought) if brought is not extra else ()
                exchange = with_reply(replace(exchange, others=others), reply)
            trace = Trace(
                conversation=case.conversation, exchanges=(exchange,), canaries=filler.canaries, effects=theirs
            )
            _look(case, trace, seen, surface, bench)
        elif client.acknowledges and not due and not bare and volley.gone is None:
            seen.unclear = True  # no status: to be said alone
        elif due and volley.late and case.silence_ok:
            seen.silent.append(case)
        elif due and volley.late:
            seen.lost.append(case)
        elif named := _named(extra, [key for key in sent.hoped if shown[key] == 1]):
            exchange = Exchange(step=0, sent=sent.data, id=carried, due=due, others=tuple(named))
            trace = Trace(
                conversation=case.conversation, exchanges=(exchange,), canaries=filler.canaries, effects=theirs
            )
            seen.traces.append((case, trace))
    seen.late = happened
    rows = tuple({case.row for case in cases if case.row is not None})
    seen.unclear = (
        seen.unclear
        or any(not expected_extra(rows, frame, bench) for frame in extra)
        or (bool(rows) and not _few(extra, cases))
    )
    await _damage(client, volley, seen, patience)
    return seen


def _named(extra: list[Frame], keys: Sequence[Key]) -> list[Frame]:
    """Answers to ids that only this case's bytes show: whose they are needs no second try. Taken out of `extra`."""
    mine = [frame for frame in extra if keys and is_answer(frame.value) and id_key(frame.value.get("id")) in keys]
    extra[:] = [frame for frame in extra if frame not in mine] if mine else extra
    return mine


def _few(extra: Sequence[Frame], cases: Sequence[Case]) -> bool:
    """Not more stray answers than messages that may draw one."""
    return sum("error" in frame.value for frame in extra if isinstance(frame.value, dict)) <= 3 * len(cases)


def _look(case: Case, trace: Trace, seen: Screened, surface: Surface, bench: Bench) -> None:
    """Keep the trace where somebody may have something to say of it."""
    action = case.conversation.steps[0].action
    if isinstance(action, Call):
        operation = surface.operation(case.place.kind, case.place.name)
        told = trace.exchanges[0]
        plain = unremarkable(case, action.method, told.answer, operation, bench) and (told.status or 200) < 500
        if plain and not any(observe(claim.proof, trace, bench) for claim in case.claims):
            return
    seen.traces.append((case, trace))


async def _damage(client: Client, volley: Volley, seen: Screened, patience: float) -> None:
    if volley.gone is not None:
        seen.damage, seen.unfit = str(volley.gone), True
        seen.lost = []
    elif volley.too_much is not None:
        seen.damage, seen.unfit = str(volley.too_much), True
    elif volley.late:
        check = await client.barrier(min(3.0, patience))
        seen.unfit = not check.whole
        seen.damage = "it stopped answering" if seen.unfit else "calls were not answered" if seen.lost else ""
        if seen.unfit:
            seen.lost = []
