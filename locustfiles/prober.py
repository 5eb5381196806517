"""The clients behind an estimate of a rate limit: every combination of identity, session, address and tool."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from time import monotonic
from urllib.parse import urlsplit, urlunsplit

import gevent
from gevent.pool import Pool
from locust.env import Environment

from mcpfuzz.blocking import Client, Endpoint, Outcome, StreamableHttp, dial, said_over
from mcpfuzz.errors import TargetError
from mcpfuzz.identities import Identity
from mcpfuzz.load_support.estimate import Estimate, Key, estimate
from mcpfuzz.load_support.survey import LoadCall
from mcpfuzz.locustfiles.state import POLICY, STATE
from mcpfuzz.wire import encode

__all__ = ["LiveProber", "probe"]

SIDE_BY_SIDE = 16
FORWARDED = dict.fromkeys(("X-Forwarded-For", "X-Real-IP"), "203.0.113.7")  # RFC 5737: nobody's address
_SCHEME = re.compile(rb"\r\nauthorization: *([A-Za-z]+) ", re.IGNORECASE)


def probe(environment: Environment, seconds: float) -> None:
    """Estimate the policy and tell the director."""
    prober = LiveProber(environment)
    try:
        prober.open()
        gevent.sleep(min(1.0, seconds / 10))  # what was asked so far may have been counted
        found = estimate(prober, max(1.0, seconds * 0.93 - 1.0))
    except TargetError as error:
        found = Estimate(notes=[f"it could not be probed: {error}"])
    finally:
        prober.close()
    environment.runner.send_message(POLICY, found.plain())  # type: ignore[union-attr]


class LiveProber:
    """See `estimate.Prober`."""

    def __init__(self, environment: Environment) -> None:
        orders = STATE.orders
        self._environment = environment
        self._clients: dict[tuple[int, int, int], Client] = {}
        self._calls = self._two_calls()
        told = [said_over(orders.who(number), orders.endpoint.kind) for number in (0, 1)]
        varies = {"identity": told[0] != told[1], "address": len(orders.addresses) > 1}
        varies["session"] = orders.survey.has_sessions or orders.endpoint.kind in ("ws", "sse")
        varies["tool"] = len(self._calls) > 1
        self.varies = frozenset(name for name, there in varies.items() if there)
        self.steps: tuple[str, ...] = self._steps(orders.endpoint.kind)
        self._around: dict[str, Client] = {}
        self.apart: frozenset[str] = frozenset()

    @staticmethod
    def _steps(kind: str) -> tuple[str, ...]:
        """Ways around that the transport has. Over the others than Streamable HTTP a connection is a session, whose
        headers are those of its beginning."""
        if kind != "http":
            return ("forwarded",)
        batches = STATE.orders.survey.revision == "2025-03-26"
        sent = (*STATE.orders.endpoint.headers.items(), *STATE.orders.who(0).headers)
        scheme = any(name.lower() == "authorization" and " " in value for name, value in sent)
        more = (*(("case",) if scheme else ()), *(("batch",) if batches else ()))
        return ("forwarded", "new-connection", "path", "path-case", *more)

    @staticmethod
    def _two_calls() -> list[LoadCall]:
        """The cheapest tool, and another."""
        survey = STATE.orders.survey
        others = [call for call in survey.calls if call.row != survey.cheap.row]
        return [survey.cheap, *others[:1]]

    def open(self) -> None:
        """Make all sessions beforehand: a handshake may be limited, too."""
        self._client(Key())
        others = {"identity": Key(identity=1), "session": Key(session=1), "address": Key(address=1)}
        for name in self.varies - {"tool"}:
            self._client(others[name])
        for step, (endpoint, who) in self._other_ways().items():
            with contextlib.suppress(TargetError):
                client = dial(endpoint, who=who, source=STATE.orders.addresses[0] if STATE.orders.addresses else None)
                self._around[step] = client
                client.open()
        self.steps = tuple(s for s in self.steps if s not in self._other_ways() or self._open(s))
        self.steps += ("other-transport",) if self._open("other-transport") else ()
        self.apart = frozenset(self._around)

    def _open(self, step: str) -> bool:
        return step in self._around and self._around[step].session is not None

    @staticmethod
    def _other_ways() -> dict[str, tuple[Endpoint, Identity]]:
        """Steps that are sessions of their own: how they are reached, and as whom."""
        orders = STATE.orders
        who, there = orders.who(0), orders.endpoint
        made: dict[str, tuple[Endpoint, Identity]] = {}
        if there.kind != "http":
            headers = tuple(pair for pair in who.headers if pair[0] not in FORWARDED)
            made["forwarded"] = (there, replace(who, headers=(*headers, *FORWARDED.items())))
        other = {"http": ("sse", "/sse"), "sse": ("http", "/mcp")}.get(there.kind)
        if other is not None:
            url = urlunsplit(urlsplit(there.url or "")._replace(path=other[1]))
            made["other-transport"] = (replace(there, url=url, transport=other[0], timeout=2.0), who)
        return made

    def close(self) -> None:
        for client in (*self._clients.values(), *self._around.values()):
            client.drop()

    def _client(self, key: Key) -> Client:
        place = (key.identity, key.session, key.address)
        if place not in self._clients:
            orders = STATE.orders
            source = orders.addresses[key.address] if orders.addresses else None
            client = dial(orders.endpoint, who=orders.who(key.identity), source=source)
            client.open()
            self._clients[place] = client
        return self._clients[place]

    def send(self, key: Key) -> Outcome:
        client, call = self._client(key), self._calls[min(key.tool, len(self._calls) - 1)]
        if key.step in self._around:
            outcome = self._around[key.step].call(call.method, dict(call.params))
        elif key.step and isinstance(client, StreamableHttp):
            outcome = self._stepping(client, call, key.step)
        else:
            outcome = client.call(call.method, dict(call.params))
        if not (key.step and outcome.failed):  # a server may refuse a way around in any form
            STATE.count(self._environment, "probe", call.row, outcome)
        return outcome

    @staticmethod
    def _stepping(client: StreamableHttp, call: LoadCall, step: str) -> Outcome:
        assert client.session is not None
        if step == "forwarded":
            return client.call(call.method, dict(call.params), extra=FORWARDED)
        if step == "new-connection":  # another worker may be behind it
            return client.call(call.method, dict(call.params), fresh=True)
        request_id = client.session.next_id()
        message = client.session.message(call.method, dict(call.params), request_id)
        if step == "batch":
            return client.run(client.bytes_around(encode([message])), request_id)
        return client.run(_respelled(client.bytes_of(message), step), request_id)

    def crowd(self, key: Key, seconds: float) -> list[tuple[float, Outcome]]:
        end = monotonic() + seconds
        made: list[tuple[float, Outcome]] = []

        def one() -> None:
            while monotonic() < end and len(made) < 8_000:
                outcome = self.send(key)
                made.append((monotonic(), outcome))

        pool = Pool(SIDE_BY_SIDE)
        for _ in range(SIDE_BY_SIDE):
            pool.spawn(one)
        pool.join(seconds + 5)
        pool.kill()
        return sorted(made, key=lambda item: item[0])

    def now(self) -> float:
        return monotonic()

    def sleep(self, seconds: float) -> None:
        gevent.sleep(max(seconds, 0.0))


def _respelled(request: bytes, step: str) -> bytes:
    """The same request, spelled otherwise: what compares letters takes it for another client or another resource."""
    if step == "case":  # the scheme of a credential has no case (RFC 9110, 11.1)
        return _SCHEME.sub(lambda found: found[0].replace(found[1], found[1].swapcase()), request, count=1)
    method, path, rest = request.split(b" ", 2)
    path = b"/" + path if step == "path" else path.swapcase()
    return b" ".join((method, path, rest))
