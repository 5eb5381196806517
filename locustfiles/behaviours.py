"""What users do in a phase: ordinary calls, and the storms. Each behaviour is a function of the actor that runs until
it is killed; whatever it opened is closed on the way out. All of it is bounded: by the phase, and by the caps here.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Mapping
from time import monotonic
from typing import TYPE_CHECKING

import gevent

from mcpfuzz.blocking import HttpSse, Outcome, Stdio, StreamableHttp, WebSocket
from mcpfuzz.blocking.http1 import Connection
from mcpfuzz.blocking.mux import Mux
from mcpfuzz.errors import Gone, TargetError
from mcpfuzz.load_support.survey import LoadCall
from mcpfuzz.locustfiles.state import STATE
from mcpfuzz.wire import encode

if TYPE_CHECKING:
    from mcpfuzz.locustfiles.mcp_scenarios import Actor

__all__ = ["BEHAVIOURS"]

CONNECTIONS = 400
"""Idle or slow connections of all users together, in one process."""
SESSIONS_PER_S = 200
CUTS_PER_S = 300
"""Calls that are cancelled, of all users in one process: more would try the system's queue of connections."""
PAYLOAD = 1 << 20
PAYLOADS_PER_S = 20
"""Of all users in one process: the harm must come of the size, not of the number."""
DEPTH = 5_000
LEAD_S = 0.1
"""From the beginning of a phase to the first instant of the open model: all users are awake by then."""
REFUSED_PAUSE = 0.02
BROKEN_PAUSE = 0.1


def _after(outcome: Outcome) -> None:
    """A refused or broken client does not spin."""
    if outcome.kind == "limited":
        gevent.sleep(REFUSED_PAUSE)
    elif outcome.kind in ("broken", "late"):
        gevent.sleep(BROKEN_PAUSE)


def calls(actor: Actor) -> None:
    """Ordinary calls: one after the other, or at fixed instants where a rate is asked for."""
    orders = STATE.orders
    if orders.rate is None:
        while True:
            actor.say(STATE.dice.choice(orders.survey.calls))
    mine, all_ = STATE.lane
    everyone = max(1, STATE.taking_part) * all_
    gap = everyone / (orders.rate * STATE.phase.share)
    # one after the other at even distances, whatever process they are in
    due = STATE.began + LEAD_S + gap * (actor.number * all_ + mine + 0.5) / everyone
    while True:
        gevent.sleep(max(0.0, due - monotonic()))
        actor.spawn(actor.say, STATE.dice.choice(orders.survey.calls), due)
        due += gap


def expensive(actor: Actor) -> None:
    """The slowest tool, again and again."""
    while True:
        actor.say(STATE.orders.survey.expensive)


def sessions(actor: Actor) -> None:
    """A new session each time, never closed."""
    gap = max(1, STATE.users) / SESSIONS_PER_S
    while True:
        began = monotonic()
        outcome = actor.handshake()
        STATE.note("sessions opened", outcome.kind == "ok")
        _after(outcome)
        gevent.sleep(max(0.0, gap - (monotonic() - began)))


def connections(actor: Actor) -> None:
    """Connections that ask for nothing, and event streams that listen for ever."""
    share = max(1, CONNECTIONS // max(1, STATE.users))
    held: list[Connection] = []
    client = _networked(actor)
    try:
        for number in range(share):
            began = monotonic()
            try:
                connection = client.connect()
                held.append(connection)
                if number % 4 == 0:
                    connection.send(client.listening())
                outcome = Outcome("ok", took_s=monotonic() - began)
                STATE.note("connections held")
            except TargetError:
                outcome = Outcome("broken", "no connection", monotonic() - began)
                STATE.note("connections refused")
                gevent.sleep(0.05)
            actor.count("connect", outcome)
            gevent.sleep(0.005)
        gevent.sleep(3600)
    finally:
        _close(held)


def slow(actor: Actor) -> None:
    """Half of the connections send a request a byte at a time and never end it, half ask and do not read."""
    share = max(2, CONNECTIONS // max(1, STATE.users))
    held: list[Connection] = []
    trickling: list[socket.socket] = []
    client = _networked(actor)
    begun = f"POST {client.place.path} HTTP/1.1\r\nHost: {client.place.authority}\r\nX-Slow: ".encode()
    try:
        for number in range(share):
            with contextlib.suppress(TargetError):
                connection = client.connect()
                held.append(connection)
                if number % 2:
                    connection.send(_unread(client))
                else:
                    connection.send(begun)
                    trickling.append(connection.socket)
                STATE.note("slow connections")
            gevent.sleep(0.01)
        while True:
            gevent.sleep(0.5)
            for one in list(trickling):
                try:
                    one.send(b"a")
                    one.setblocking(False)
                    if one.recv(1) == b"":
                        raise ConnectionError
                except (BlockingIOError, TimeoutError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    pass
                except OSError:
                    trickling.remove(one)
                    STATE.note("slow connections cut off")
    finally:
        _close(held)


def payloads(actor: Actor) -> None:
    """A megabyte of text, then thousands of nested arrays, as arguments of the cheap call."""
    cheap = STATE.orders.survey.cheap
    deep = b"[" * DEPTH + b"]" * DEPTH
    gap = max(1, STATE.users) / PAYLOADS_PER_S
    gevent.sleep(STATE.dice.random() * gap)
    while True:
        began = monotonic()
        params = {**cheap.params, "arguments": {**_arguments(cheap), "mcpfuzz": "x" * PAYLOAD}}
        outcome = actor.client.call("tools/call" if "name" in cheap.params else cheap.method, params)
        # a server may refuse it in any form: only silence and death count
        actor.count("large payload", outcome if outcome.kind in ("late",) else Outcome("ok", took_s=outcome.took_s))
        body = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"x","arguments":{"a":%b}}}'
        request_id = 10_000_000 + STATE.dice.randrange(1_000_000)
        outcome = actor.raw(body % (request_id, deep), request_id)
        actor.count("deep payload", outcome if outcome.kind in ("late",) else Outcome("ok", took_s=outcome.took_s))
        _after(outcome)
        if outcome.kind in ("broken", "late", "http-error"):
            actor.revive()
            actor.connect()
        gevent.sleep(max(0.0, gap - (monotonic() - began)))


def cancel(actor: Actor) -> None:
    """Calls that are cancelled at once: by notification, or by cutting the connection."""
    survey = STATE.orders.survey
    gap = max(1, STATE.users) / CUTS_PER_S
    while True:
        client = actor.client
        if client.session is None:
            actor.connect()
            continue
        request_id = client.session.next_id()
        message = client.session.message(survey.expensive.method, dict(survey.expensive.params), request_id)
        began = monotonic()
        if isinstance(client, Mux):
            with contextlib.suppress(TargetError):
                client.post(encode(message))
            outcome = client.notify("notifications/cancelled", {"requestId": request_id, "reason": "load"})
        else:
            try:
                connection = client.connect()
                connection.send(client.bytes_of(message))
                if STATE.dice.random() < 0.5:
                    client.notify("notifications/cancelled", {"requestId": request_id, "reason": "load"})
                connection.close()
                outcome = Outcome("ok", took_s=monotonic() - began)
            except TargetError:
                outcome = Outcome("broken", "no connection", monotonic() - began)
        actor.count("cancelled call", outcome)
        _after(outcome)
        gevent.sleep(max(0.0, gap - (monotonic() - began)))


def notify(actor: Actor) -> None:
    """Notifications for what never was."""
    while True:
        number = STATE.dice.randrange(1 << 30)
        if number % 2:
            outcome = actor.client.notify("notifications/progress", {"progressToken": number, "progress": 1})
        else:
            outcome = actor.client.notify("notifications/cancelled", {"requestId": number})
        if outcome.kind == "http-error":  # a revision may refuse notifications
            outcome = Outcome("ok", took_s=outcome.took_s)
        actor.count("notification", outcome)
        _after(outcome)
        if outcome.kind == "broken":
            actor.revive()
            actor.connect()
        gevent.sleep(0)


def herd(actor: Actor) -> None:
    """Connect anew, all at the same instant, twice a second."""
    while True:
        gevent.sleep(0.5 - monotonic() % 0.5)
        outcome = actor.handshake()
        if outcome.kind == "ok":
            actor.say(STATE.orders.survey.cheap)


# ---- below the session ----------------------------------------------------------------------------


def _arguments(call: LoadCall) -> Mapping[str, object]:
    given = call.params.get("arguments")
    return given if isinstance(given, Mapping) else {}


def _networked(actor: Actor) -> StreamableHttp | HttpSse | WebSocket:
    """The actor's client, where there is a network below it."""
    client = actor.client
    if isinstance(client, Stdio):
        raise Gone("there is no network below stdio")
    return client


def _unread(client: StreamableHttp | HttpSse | WebSocket) -> bytes:
    """Two requests in one go whose answers nobody reads: more would be a storm of calls, which is another scenario."""
    survey = STATE.orders.survey
    if not isinstance(client, StreamableHttp) or client.session is None:
        return client.listening()
    made = b""
    for _ in range(2):
        message = client.session.message(
            survey.expensive.method, dict(survey.expensive.params), client.session.next_id()
        )
        made += client.bytes_of(message)
    return made


def _close(held: list[Connection]) -> None:
    for one in held:
        one.close()


BEHAVIOURS: Mapping[str, Callable[[Actor], None]] = {
    "calls": calls,
    "expensive": expensive,
    "sessions": sessions,
    "connections": connections,
    "slow": slow,
    "payloads": payloads,
    "cancel": cancel,
    "notify": notify,
    "herd": herd,
}
