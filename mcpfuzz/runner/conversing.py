"""Says one conversation to a live server, step by step, and writes down all that comes back: the trace."""

from __future__ import annotations

import time
from collections.abc import Sequence

import trio

from mcpfuzz.client import Client, Sent, Volley
from mcpfuzz.errors import Fault, Gone, TargetError, TooMuch
from mcpfuzz.model import Call, Close, Conversation, Ending, Exchange, Http, Json, Open, Step, Trace, Wait, replace
from mcpfuzz.replies import answer_of, take_own, with_reply
from mcpfuzz.rounds import MAX_ROUNDS
from mcpfuzz.runner.endings import ending_of, gone_ending, hang_up, listening_of, what_ended, what_happened
from mcpfuzz.runner.frames import are_frames, say_frames
from mcpfuzz.runner.steps import filled, next_round, on_this_origin, outgoing
from mcpfuzz.runner.talk import Talk
from mcpfuzz.slots import Filler
from mcpfuzz.transports.once import http_exchange
from mcpfuzz.transports.refusals import turned_away
from mcpfuzz.transports.upgrading import upgrade_exchange
from mcpfuzz.wire import encode, id_key

__all__ = ["converse"]

LISTEN = "subscriptions/listen"
ACKNOWLEDGE_S = 0.5
"""For a subscription to be acknowledged or refused: without, what is told before it stands would be missed."""
COOKIES = "{browser:cookies}"
"""A header of nothing else is left out while there are none."""
BATCH = 25
"""Repeated calls that are in flight together."""
LONGEST_WAIT_S = 90.0
"""Of one step: a report may ask for a day."""
STAGGER_S = 0.002
"""Between connections that speak at the same time: what comes first is the same each time, as the first step says."""


async def converse(talk: Talk, conversation: Conversation) -> Trace:
    """Say it all; stop early only where the server is gone or silent.

    Returns:
        The trace; its ending is the last barrier's verdict. Never raises for what the server does.
    """
    exchanges: list[Exchange] = []
    clients = {"c1": talk.main}
    away: set[str] = set()
    ending = Ending()
    for client in clients.values():
        client.forget_stderr()
    if talk.main.http_session is not None:
        talk.filler.place("session", talk.main.http_session)
    if talk.main.http_target is not None:
        talk.filler.place("endpoint", talk.main.http_target)
        talk.filler.place("address", talk.main.http_target)
    try:
        for indices in _groups(conversation):
            steps = [conversation.steps[index] for index in indices]
            if len(steps) > 1 and all(isinstance(step.action, Open) for step in steps):
                away |= await _open_together(talk, clients, steps, indices, exchanges)
            elif here := [index for index in indices if conversation.steps[index].on not in away]:
                ending = await _together(talk, clients, conversation, here, exchanges)
            if ending.kind != "alive":
                break
        if ending.kind == "alive":
            ending = await _end(talk, clients, len(conversation) - 1, exchanges)
        if ending.kind != "alive":
            await talk.main.settle()
            ending = await what_ended(talk, ending)
        effects = await what_happened(talk)
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


async def _end(talk: Talk, clients: dict[str, Client], index: int, exchanges: list[Exchange]) -> Ending:
    """How the server is when all was said. Over a network the further connections are ended before it is looked at:
    how one takes its leave (the DELETE of a session) is a part of the conversation."""
    others = [name for name in clients if name != "c1" and talk.main.transport != "stdio"]
    for name in others:
        await clients.pop(name).close()
    ending, late = await ending_of(talk, talk.main, index)
    if late and exchanges:
        exchanges[-1] = replace(exchanges[-1], others=(*exchanges[-1].others, *late))
    if others and ending.kind != "alive":
        ending = replace(ending, left=True, detail=f"after {', '.join(others)} left, {ending.detail}")
    return ending


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


async def _together(
    talk: Talk,
    clients: dict[str, Client],
    conversation: Conversation,
    indices: Sequence[int],
    exchanges: list[Exchange],
) -> Ending:
    """Steps of one group, those of each connection in order, those of several at the same time."""
    ways: dict[str, list[int]] = {}
    for index in indices:
        ways.setdefault(conversation.steps[index].on, []).append(index)
    speakers: list[tuple[Client, list[int]]] = []
    for own in ways.values():
        first = conversation.steps[own[0]]
        client, ending = await _connection(talk, clients, first, own[0], exchanges)
        if ending.kind != "alive" or isinstance(first.action, Open | Close | Wait):
            return ending
        speakers.append((client, own))
    endings: list[Ending] = []
    said: list[Exchange] = []

    async def one(client: Client, own: list[int], after: float) -> None:
        if after:
            await trio.sleep(after)
        heard: list[Exchange] = []
        endings.append(await _say(talk, client, [conversation.steps[index] for index in own], own, heard))
        said.extend(heard)

    async with trio.open_nursery() as nursery:
        for position, (client, own) in enumerate(speakers):
            nursery.start_soon(one, client, own, position * STAGGER_S)
    exchanges += sorted(said, key=lambda exchange: exchange.step)
    return next((ending for ending in endings if ending.kind != "alive"), Ending())


async def _connection(
    talk: Talk, clients: dict[str, Client], step: Step, index: int, exchanges: list[Exchange]
) -> tuple[Client, Ending]:
    """The step's connection, opened where it must be; Close and Wait are done here."""
    if isinstance(step.action, Wait):
        await trio.sleep(min(step.action.seconds, LONGEST_WAIT_S))
        return talk.main, Ending()
    if isinstance(step.action, Close):
        if step.on == "c1":
            return talk.main, await hang_up(talk.main, index)
        client = clients.pop(step.on, None)
        if client is not None:
            await client.close()
        return talk.main, Ending()
    if isinstance(step.action, Open) and step.on == "c1":
        bound = listening_of(talk.main)
        exchanges.append(Exchange(step=index, sent=b"", others=talk.main.greeting, due=False, bound=bound))
        return talk.main, Ending()
    if step.on not in clients:
        if talk.opener is None:
            raise Fault("a conversation with several connections needs an opener")
        how = step.action if isinstance(step.action, Open) else Open()
        try:
            headers = tuple((name, str(talk.filler.fill(value))) for name, value in how.headers)
            how = replace(how, headers=headers)
            clients[step.on] = await talk.opener(step, how)
            if not how.handshake and talk.main.transport == "stdio":
                talk.cold.add(step.on)
        except TargetError as error:
            refused = talk.main.transport != "stdio"  # the main connection is not touched by it
            return talk.main, Ending(
                kind="closed", at_step=index, detail=str(error), reason=error.reason, serves=refused
            )
        except KeyError as slot:
            return talk.main, Ending(kind="closed", at_step=index, detail=f"this run has no {slot}", serves=True)
        if (session := clients[step.on].http_session) is not None:
            talk.filler.place("session", session)
    return clients[step.on], Ending()


async def _open_together(
    talk: Talk, clients: dict[str, Client], steps: Sequence[Step], indices: Sequence[int], exchanges: list[Exchange]
) -> set[str]:
    """Several connections at once, each with its own answer: the names of those that were refused, whose later steps
    are passed over."""
    made: dict[str, Client] = {}
    refused: dict[str, TargetError] = {}

    async def one(step: Step) -> None:
        assert talk.opener is not None and isinstance(step.action, Open)
        headers = tuple((name, str(talk.filler.fill(value))) for name, value in step.action.headers)
        try:
            made[step.on] = await talk.opener(step, replace(step.action, headers=headers))
        except TargetError as error:
            refused[step.on] = error

    if talk.opener is None:
        raise Fault("a conversation with several connections needs an opener")
    try:
        async with trio.open_nursery() as nursery:
            for step in steps:
                nursery.start_soon(one, step)
    finally:
        clients |= made  # whoever began the conversation closes them
    for step, index in zip(steps, indices, strict=True):
        if step.on in made:
            exchanges.append(Exchange(step=index, sent=b"", others=made[step.on].greeting, due=False))
        elif turned_away(error := refused[step.on]):
            exchanges.append(
                Exchange(
                    step=index, sent=b"", due=False, turned_away=True, closed=error.code, reason=error.reason
                )
            )  # fmt: skip
    return {step.on for step in steps} - set(made)


async def _say(
    talk: Talk, client: Client, steps: Sequence[Step], indices: Sequence[int], exchanges: list[Exchange]
) -> Ending:
    """Send neighbouring steps together and file what comes back."""
    if any(isinstance(step.action, Http) for step in steps):
        return await _below(talk, client, steps, indices, exchanges)
    if are_frames(steps):
        await say_frames(talk, client, steps, indices, exchanges)
        return Ending()
    if len(steps) == 1 and steps[0].times > 1:
        return await _repeat(talk, client, steps[0], indices[0], exchanges)
    if len(steps) == 1 and isinstance(action := steps[0].action, Call) and action.method == LISTEN:
        return await _listen(talk, client, action, indices[0], exchanges)
    made = [outgoing(client, step, talk.filler, talk.owed) for step in steps]
    things = [sent for sent, _, _ in made]
    owed = all(due for _, _, due in made)
    if not owed and not client.acknowledges:
        barrier_id = client.session.next_id()
        things.append(Sent(encode(client.session.barrier(barrier_id)) + b"\n", (("int", barrier_id),)))
    began, first = time.monotonic(), len(exchanges)
    patience = talk.patience + (2 * talk.start_s if steps[0].on in talk.cold else 0.0)
    talk.cold.discard(steps[0].on)
    volley = await client.volley(things, patience=patience)
    made, volley = await _rounds(talk, client, steps, made, volley)
    waited = time.monotonic() - began
    _file(client, volley, made, indices, exchanges, talk.filler)
    if volley.late:
        exchanges[first:] = [_in_vain(exchange, waited) for exchange in exchanges[first:]]
    if volley.gone is not None:
        return gone_ending(client, indices[-1], volley.gone)
    if volley.too_much is not None:
        return Ending(kind="closed", at_step=indices[-1], detail=str(volley.too_much))
    if volley.late:
        async with talk.turn:  # several connections may come to ask at the same time
            ending, _ = await ending_of(talk, talk.main, indices[-1])
        if client is talk.main or ending.kind != "alive":
            return ending
        detail = f"nothing was answered on {steps[-1].on}; the first connection is served"
        return Ending(kind="closed", at_step=indices[-1], detail=detail, serves=True)
    return Ending()


async def _listen(talk: Talk, client: Client, action: Call, index: int, exchanges: list[Exchange]) -> Ending:
    """A subscription: it goes on while the conversation does, and is answered, if at all, when it ends."""
    params = filled(talk.filler, action.params)
    try:
        sent, others = await client.subscribe(params, timeout=min(talk.patience, ACKNOWLEDGE_S))
    except Gone as gone:
        return gone_ending(client, index, gone)
    except TooMuch as error:
        return Ending(kind="closed", at_step=index, detail=str(error))
    exchanges.append(Exchange(step=index, sent=sent.data, id=sent.due[0][1], others=tuple(others), due=False))
    return Ending()


async def _rounds(
    talk: Talk, client: Client, steps: Sequence[Step], made: list[tuple[Sent, Json, bool]], volley: Volley
) -> tuple[list[tuple[Sent, Json, bool]], Volley]:
    """What became of a call that is played alone once its client was asked for all that it wanted."""
    if len(steps) != 1 or not isinstance(action := steps[0].action, Call):
        return made, volley
    for _ in range(MAX_ROUNDS):
        further = next_round(client, action, made[0][0], volley.answers.get(made[0][0].due[0]))
        if further is None:
            break
        made, before = [further], volley.extra
        volley = await client.volley([further[0]], patience=talk.patience)
        volley.extra[:0] = before
    return made, volley


def _in_vain(exchange: Exchange, waited: float) -> Exchange:
    return replace(exchange, waited_s=waited) if exchange.due and exchange.answer is None else exchange


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
        if not (request := on_this_origin(endpoint, _filled_request(talk.filler, action))).path:
            return  # an earlier answer names no page of this server
        if step.as_ is not None:  # said as somebody: their credential goes along
            path = endpoint.target if endpoint.target.startswith(f"{request.path}?") else request.path
            request = replace(request, path=path, headers=(*request.headers, *endpoint.headers))
        try:
            for _ in range(step.times):
                if endpoint.transport == "ws":
                    made[index] = await upgrade_exchange(endpoint, request, index, deadline)
                    continue
                made[index], event = await http_exchange(endpoint, request, index, deadline)
                if event:
                    talk.filler.place("event", event)
        except TargetError as error:
            failed[index] = error

    async with trio.open_nursery() as nursery:
        for step, index in zip(steps, indices, strict=True):
            nursery.start_soon(one, step, index)
    for index in indices:
        exchange = made.get(index, Exchange(step=index, sent=b"", due=False))
        exchanges.append(exchange)
        _remember(talk.filler, exchange)
    return (await ending_of(talk, client, indices[-1]))[0] if failed else Ending()


def _filled_request(filler: Filler, action: Http) -> Http:
    """With its slots filled."""
    headers = tuple((name, filled(filler, value)) for name, value in action.headers)
    if not filler.browser.value("cookies"):
        headers = tuple(pair for pair, (_, value) in zip(headers, action.headers, strict=True) if value != COOKIES)
    body = filled(filler, action.body) if isinstance(action.body, str) else action.body
    return Http(action.method, filled(filler, action.path), headers, body)


def _remember(filler: Filler, exchange: Exchange) -> None:
    """What came, for the slots of later steps."""
    if exchange.answer is not None:
        filler.remember(exchange.step, exchange.answer.value)
    if exchange.status is not None:
        line = exchange.sent.partition(b"\r\n")[0].decode("utf-8", "replace")
        path = line.partition(" ")[2].rpartition(" ")[0]
        filler.browser.shown(path, exchange.status, exchange.headers, exchange.body)


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
                return gone_ending(client, index, volley.gone)
            return (await ending_of(talk, client, index))[0]
        last, size = volley.answers[made[-1][0].due[0]], len(made[-1][0].data)
        carried = made[-1][1]
    exchanges.append(Exchange(step=index, sent=b" " * size, id=carried, answer=last, rss=client.resident()))
    return Ending()
