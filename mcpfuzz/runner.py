"""Says one conversation to a live server, step by step, and writes down all that comes back: the trace.

Each step whose answer is owed is waited for; any other is followed by a barrier at once, so that
"silence" has an end and what arrives is attributed to its step. It judges nothing and restarts nothing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import trio

from mcpfuzz.client import Client, Sent, Volley
from mcpfuzz.errors import Fault, Gone, TargetError
from mcpfuzz.model import (
    Call,
    Close,
    Conversation,
    Effect,
    Ending,
    Exchange,
    Frame,
    Http,
    Json,
    Open,
    Raw,
    Send,
    Step,
    Trace,
    Wait,
    Ws,
    replace,
)
from mcpfuzz.replies import answer_of, take_own, with_reply
from mcpfuzz.slots import Filler
from mcpfuzz.transports.frames import frame_bytes
from mcpfuzz.transports.once import http_exchange
from mcpfuzz.transports.stdio import ending_words
from mcpfuzz.wire import encode, id_key

__all__ = ["Talk", "call_message", "converse", "outgoing", "owes_answer"]

Opener = Callable[[Step, Open], Awaitable[Client]]
"""(step, how) -> a new connection for the step's identity; the caller closes it."""
LEAVE_S = 3.0
"""For a server to leave once its stdin is closed (FR-06)."""
LARGE = 1 << 20
"""A longer message may be refused without its id being read: no answer under that id is owed."""
_ID = re.compile(rb'"id"\s*:\s*(?:(-?\d{1,18})\b|"([^"\\]{0,200})")')
EFFECT_POLL_S = 0.02
BATCH = 25
"""Repeated calls that are in flight together."""


@dataclass(slots=True)
class Talk:
    """One conversation under way: where its connections are and what its slots are filled with."""

    main: Client
    filler: Filler
    patience: float
    """Seconds for one owed answer."""
    opener: Opener | None = None
    barrier_patience: float = 0.0
    """Seconds for a barrier's answer; 0: `patience`."""
    effects: Callable[[], tuple[Effect, ...]] = tuple
    """Takes what happened around the server since it was last asked."""
    linger: float = 0.0
    """Seconds to wait at the end for an effect that holds one of the conversation's own canaries."""
    owed: bool | None = None
    """Whether what is sent as it stands is owed an answer; None: as far as its form says."""


def owes_answer(message: Json) -> bool:
    """Whether a message is a request that JSON-RPC owes an answer whatever is in it."""
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0" or not isinstance(message.get("method"), str):
        return False
    if "result" in message or "error" in message:
        return False
    known = isinstance(message.get("id"), int | str) and not isinstance(message.get("id"), bool)
    return known and isinstance(message.get("params", {}), dict)


def call_message(client: Client, call: Call, filler: Filler) -> tuple[Json, dict[str, Json]]:
    """The message of a Call under a new id, slots filled."""
    request_id = client.session.next_id()
    params = _filled(filler, call.params) if call.params is not None else None
    return request_id, client.session.message(call.method, params, request_id)


def _filled(filler: Filler, value: Json) -> Json:
    """With its slots filled; as it stands where one names what this run does not have, since then it is no
    slot of ours but a stranger's text that looks like one."""
    try:
        return filler.fill(value)
    except KeyError:
        return value


def outgoing(client: Client, step: Step, filler: Filler, owed: bool | None = None) -> tuple[Sent, Json, bool]:
    """A step's bytes, the id it carries where one can be read, and whether its answer is owed.

    Raises:
        Fault: the step is not for this transport.
    """
    action = step.action
    if isinstance(action, Call):
        request_id, message = call_message(client, action, filler)
        return Sent(encode(message) + b"\n", (("int", request_id),)), request_id, True
    if isinstance(action, Send):
        message = _filled(filler, action.message)
        data = encode(message) + b"\n"
        carried = message.get("id") if isinstance(message, dict) else None
        key = id_key(carried)
        if key is not None and len(data) <= LARGE and owed is not False and owes_answer(message):
            return Sent(data, (key,)), carried, True
        return Sent(data, hoped=(key,) if key is not None else ()), carried, False
    if isinstance(action, Raw):
        data = _filled(filler, action.data).encode("utf-8") if isinstance(action.data, str) else action.data
        return Sent(data, hoped=_readable_ids(data)), None, False
    if isinstance(action, Ws) and client.transport == "ws":
        payload = action.payload
        data = _filled(filler, payload).encode("utf-8", "surrogatepass") if isinstance(payload, str) else payload
        frame = frame_bytes(action.opcode, data, fin=action.fin, masked=action.masked, length=action.length)
        return Sent(frame, hoped=_readable_ids(data), raw=True), None, False
    raise Fault(f"{type(action).__name__} steps need another transport than {client.transport}")


def _readable_ids(data: bytes) -> tuple[tuple[str, Json], ...]:
    """Ids that a reader may find in raw bytes."""
    found = []
    for match in _ID.finditer(data[:LARGE]):
        number, text = match.groups()
        found.append(("int", int(number)) if number else ("str", text.decode("utf-8", "replace")))
    return tuple(found)


async def converse(talk: Talk, conversation: Conversation) -> Trace:
    """Say it all; stop early only where the server is gone or silent.

    Returns:
        The trace; its ending is the last barrier's verdict. Never raises for what the server does.
    """
    exchanges: list[Exchange] = []
    clients = {"c1": talk.main}
    ending = Ending()
    for client in clients.values():
        client.forget_stderr()
    if talk.main.http_session is not None:
        talk.filler.place("session", talk.main.http_session)
    try:
        for indices in _groups(conversation):
            steps = [conversation.steps[index] for index in indices]
            client, ending = await _connection(talk, clients, steps[0], indices[0], exchanges)
            if ending.kind == "alive" and not isinstance(steps[0].action, Open | Close | Wait):
                ending = await _say(talk, client, steps, indices, exchanges)
            if ending.kind != "alive":
                break
        if ending.kind == "alive":
            ending, late = await _ending(talk, talk.main, len(conversation) - 1)
            if late and exchanges:
                exchanges[-1] = replace(exchanges[-1], others=(*exchanges[-1].others, *late))
        if ending.kind != "alive":
            await talk.main.settle()
            ending = await _after(talk, ending)
        effects = await _effects(talk)
        return Trace(
            conversation=conversation,
            exchanges=tuple(exchanges),
            ending=ending,
            stderr=talk.main.stderr(),
            canaries=dict(talk.filler.canaries),
            effects=effects,
        )
    finally:
        for name, client in clients.items():
            if name != "c1":
                await client.close()


async def _after(talk: Talk, ending: Ending) -> Ending:
    """Over a network a closed connection may be all that ended: a fresh client is served or not."""
    client = talk.main
    if client.transport == "stdio" or ending.kind == "exited" or ending.serves or talk.opener is None:
        return ending
    if client.process is not None and client.process.poll() is not None:
        code = client.process.returncode
        return replace(ending, kind="exited", returncode=code, detail=ending_words(code or 0))
    if ending.kind != "closed":
        return ending
    try:
        other = await talk.opener(Step(action=Open()), Open())
    except TargetError:
        return ending
    try:
        served = (await other.barrier(talk.barrier_patience or talk.patience)).whole
    finally:
        await other.close()
    closed = "it closed the connection" if ending.code is None else ending.detail
    return replace(ending, serves=served, detail=closed if served else ending.detail)


async def _effects(talk: Talk) -> tuple[Effect, ...]:
    """What happened around the server; what comes late is waited for, in bounds."""
    found = talk.effects()
    own = [value for name, value in talk.filler.canaries.items() if not name.startswith("decoy/")]
    until = time.monotonic() + talk.linger
    while own and time.monotonic() < until and not any(e.tells(value) for e in found for value in own):
        await trio.sleep(EFFECT_POLL_S)
        found += talk.effects()
    return found


def _groups(conversation: Conversation) -> list[list[int]]:
    """Indices of steps that go out together."""
    made: list[list[int]] = []
    previous: str | None = None
    for index, step in enumerate(conversation.steps):
        if step.group is not None and step.group == previous:
            made[-1].append(index)
        else:
            made.append([index])
        previous = step.group
    return made


async def _connection(
    talk: Talk, clients: dict[str, Client], step: Step, index: int, exchanges: list[Exchange]
) -> tuple[Client, Ending]:
    """The step's connection, opened where it must be; Close and Wait are done here."""
    if isinstance(step.action, Wait):
        await trio.sleep(min(step.action.seconds, talk.patience))
        return talk.main, Ending()
    if isinstance(step.action, Close):
        if step.on == "c1":
            return talk.main, await _hang_up(talk.main, index)
        client = clients.pop(step.on, None)
        if client is not None:
            await client.close()
        return talk.main, Ending()
    if isinstance(step.action, Open) and step.on == "c1":
        exchanges.append(Exchange(step=index, sent=b"", others=talk.main.greeting, due=False))
        return talk.main, Ending()
    if step.on not in clients:
        if talk.opener is None:
            raise Fault("a conversation with several connections needs an opener")
        how = step.action if isinstance(step.action, Open) else Open()
        try:
            headers = tuple((name, str(talk.filler.fill(value))) for name, value in how.headers)
            how = replace(how, headers=headers)
            clients[step.on] = await talk.opener(step, how)
        except TargetError as error:
            refused = talk.main.transport != "stdio"  # the main connection is not touched by it
            return talk.main, Ending(kind="closed", at_step=index, detail=str(error), serves=refused)
        except KeyError as slot:
            return talk.main, Ending(kind="closed", at_step=index, detail=f"this run has no {slot}", serves=True)
        if (session := clients[step.on].http_session) is not None:
            talk.filler.place("session", session)
    return clients[step.on], Ending()


async def _hang_up(client: Client, index: int) -> Ending:
    """Close the connection. Over stdio its end is the server's: see whether it leaves."""
    if client.process is None or client.transport != "stdio":
        await client.close()
        return Ending(kind="closed", at_step=index, detail="closed by us", serves=True)
    if await client.process.leaves(LEAVE_S):
        return Ending(kind="closed", at_step=index, detail="stdin closed, it left")
    return Ending(kind="closed", at_step=index, detail=f"still running {LEAVE_S:g} s after stdin was closed")


async def _say(
    talk: Talk, client: Client, steps: Sequence[Step], indices: Sequence[int], exchanges: list[Exchange]
) -> Ending:
    """Send neighbouring steps together and file what comes back."""
    if any(isinstance(step.action, Http) for step in steps):
        return await _below(talk, client, steps, indices, exchanges)
    if len(steps) == 1 and steps[0].times > 1:
        return await _repeat(talk, client, steps[0], indices[0], exchanges)
    made = [outgoing(client, step, talk.filler, talk.owed) for step in steps]
    things = [sent for sent, _, _ in made]
    owed = all(due for _, _, due in made)
    if not owed and not client.acknowledges:
        barrier_id = client.session.next_id()
        things.append(Sent(encode(client.session.barrier(barrier_id)) + b"\n", (("int", barrier_id),)))
    volley = await client.volley(things, patience=talk.patience)
    _file(client, volley, made, indices, exchanges, talk.filler)
    if volley.gone is not None:
        return _gone(client, indices[-1], volley.gone)
    if volley.too_much is not None:
        return Ending(kind="closed", at_step=indices[-1], detail=str(volley.too_much))
    if volley.late:
        return (await _ending(talk, client, indices[-1]))[0]
    return Ending()


async def _below(
    talk: Talk, client: Client, steps: Sequence[Step], indices: Sequence[int], exchanges: list[Exchange]
) -> Ending:
    """HTTP requests beside the session, those of one group at the same time."""
    endpoint = client.endpoint
    if endpoint is None or not all(isinstance(step.action, Http) for step in steps):
        raise Fault("Http steps need a networked target, and a group of their own")
    made: dict[int, Exchange] = {}
    failed: dict[int, TargetError] = {}
    deadline = time.monotonic() + talk.patience

    async def one(step: Step, index: int) -> None:
        action = step.action
        assert isinstance(action, Http)
        filled = Http(
            action.method, _filled(talk.filler, action.path),
            tuple((name, _filled(talk.filler, value)) for name, value in action.headers),
            _filled(talk.filler, action.body) if isinstance(action.body, str) else action.body,
        )  # fmt: skip
        if step.as_ is not None:  # said as somebody: their credential goes along
            filled = replace(filled, headers=(*filled.headers, *endpoint.headers))
        try:
            for _ in range(step.times):
                made[index] = await http_exchange(endpoint, filled, index, deadline)
        except TargetError as error:
            failed[index] = error

    async with trio.open_nursery() as nursery:
        for step, index in zip(steps, indices, strict=True):
            nursery.start_soon(one, step, index)
    for index in indices:
        exchange = made.get(index, Exchange(step=index, sent=b"", due=False))
        exchanges.append(exchange)
        if exchange.answer is not None:
            talk.filler.remember(index, exchange.answer.value)
    return (await _ending(talk, client, indices[-1]))[0] if failed else Ending()


def _file(
    client: Client,
    volley: Volley,
    made: Sequence[tuple[Sent, Json, bool]],
    indices: Sequence[int],
    exchanges: list[Exchange],
    filler: Filler,
) -> None:
    """One exchange per step; what belongs to none of them goes to the last."""
    extra = list(volley.extra)
    matched = dict(volley.answers)
    for position, ((sent, carried, due), index) in enumerate(zip(made, indices, strict=True)):
        key = sent.due[0] if sent.due else id_key(carried)
        reply = volley.replies[position] if volley.replies else None
        own = take_own(extra, reply) if reply is not None and client.acknowledges else extra
        answer = answer_of(matched.get(key) if key else None, own, key, reply if own is not extra else None)
        if answer is not None and key is not None and answer is matched.get(key):
            del matched[key]
        others = tuple(own) if own is not extra or position == len(made) - 1 else ()
        exchange = Exchange(
            step=index, sent=sent.data, id=carried, answer=answer, others=others,
            took_s=volley.took.get(key, 0.0) if key else 0.0, due=due,
        )  # fmt: skip
        exchanges.append(exchange if reply is None else with_reply(exchange, reply))
        if answer is not None:
            filler.remember(index, answer.value)
    if client.acknowledges and extra:
        exchanges[-1] = replace(exchanges[-1], others=(*exchanges[-1].others, *extra))


async def _repeat(talk: Talk, client: Client, step: Step, index: int, exchanges: list[Exchange]) -> Ending:
    """A Call many times over, some in flight together; memory is read at its end."""
    left, last, size = step.times, None, 0
    while left:
        made = [outgoing(client, step, talk.filler) for _ in range(min(left, BATCH))]
        left -= len(made)
        volley = await client.volley([sent for sent, _, _ in made], patience=talk.patience)
        if not volley.whole:
            exchanges.append(Exchange(step=index, sent=made[0][0].data, id=made[0][1]))
            if volley.gone is not None:
                return _gone(client, index, volley.gone)
            return (await _ending(talk, client, index))[0]
        last, size = volley.answers[made[-1][0].due[0]], len(made[-1][0].data)
        carried = made[-1][1]
    exchanges.append(Exchange(step=index, sent=b" " * size, id=carried, answer=last, rss=client.resident()))
    return Ending()


async def _ending(talk: Talk, client: Client, index: int) -> tuple[Ending, list[Frame]]:
    """How the server is now: alive, silent or gone; and what else came meanwhile."""
    patience = talk.barrier_patience or talk.patience
    started = time.monotonic()
    volley = await client.barrier(patience)
    ending = Ending()
    if volley.gone is not None:
        ending = _gone(client, index, volley.gone)
    elif volley.too_much is not None:
        ending = Ending(kind="closed", at_step=index, detail=str(volley.too_much))
    elif volley.refused:
        status = next(iter(volley.refused.values()))
        ending = Ending(kind="closed", at_step=index, detail=f"it answers {status} to whatever it is asked")
    elif volley.late:
        barrier = client.session.revision.barrier
        waited = time.monotonic() - started
        ending = Ending(kind="silent", at_step=index, detail=f"{barrier} unanswered for {waited:.1f} s")
    return ending, volley.extra


def _gone(client: Client, index: int, gone: Gone) -> Ending:
    if gone.returncode is not None:
        return Ending(kind="exited", at_step=index, returncode=gone.returncode, detail=ending_words(gone.returncode))
    detail = "it closed its output but lives" if gone.code is None else str(gone)
    return Ending(kind="closed", at_step=index, detail=detail, code=gone.code)
