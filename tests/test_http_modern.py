"""The stateless era (2026-07-28) over real sockets: requests that take several rounds, subscriptions."""

from __future__ import annotations

import importlib.util
import itertools
import json
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import trio

from mcpfuzz.client import Client
from mcpfuzz.lab.served import Served
from mcpfuzz.model import Call, Conversation
from mcpfuzz.revisions import META, revision
from mcpfuzz.rounds import MAX_ROUNDS
from mcpfuzz.runner import Talk, converse
from mcpfuzz.slots import Filler
from mcpfuzz.transports.endpoint import Endpoint

_spec = importlib.util.spec_from_file_location("http_server", Path(__file__).parent / "http_server.py")
assert _spec is not None and _spec.loader is not None
http_server = sys.modules.get("http_server") or importlib.util.module_from_spec(_spec)
sys.modules["http_server"] = http_server
_spec.loader.exec_module(http_server)
serving, response, stream, event = (
    http_server.serving, http_server.response, http_server.stream, http_server.event,
)  # fmt: skip

E = "2026-07-28"
CALL = {"name": "book", "arguments": {"day": "Monday"}}
FORM = {"method": "elicitation/create", "params": {"mode": "form", "message": "?", "requestedSchema": {}}}


def talking(url: str, body: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                client = await Client.connect(Endpoint.of(url), nursery, wanted=revision(E), start_timeout=10)
                try:
                    await body(client)
                finally:
                    await client.close()
                nursery.cancel_scope.cancel()

    trio.run(main)


def modern(answer: Callable[[Any, int], Any], **capabilities: Any) -> Any:
    """A server of the stateless era; `answer(message, number)` gives the result of the n-th call, or bytes."""
    numbers = itertools.count()

    def answering(asked: Any) -> Any:
        message = asked.json
        if message["method"] == "server/discover":
            result: Any = {
                "resultType": "complete",
                "supportedVersions": [E],
                "capabilities": {"tools": {}, **capabilities},
            }
        else:
            result = answer(message, next(numbers))
        if not isinstance(result, dict):
            return result
        return response(200, json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode())

    return answering


def calls(server: Any) -> list[Any]:
    return [asked.json for asked in server.asked if asked.json["method"] == "tools/call"]


# ---- several rounds


def test_a_state_is_brought_back_under_a_new_id_until_the_answer_is_complete() -> None:
    def answer(message: Any, number: int) -> Any:
        if number < 2:
            return {"resultType": "input_required", "requestState": f"s-{number}"}
        return {"resultType": "complete", "content": []}

    with serving(modern(answer)) as server:

        async def body(client: Client) -> None:
            frame = await client.ask("tools/call", CALL, timeout=5)
            assert frame.value["result"]["resultType"] == "complete"

        talking(server.url, body)
    said = calls(server)
    assert [one["params"].get("requestState") for one in said] == [None, "s-0", "s-1"]
    assert len({one["id"] for one in said}) == 3
    assert all(one["params"]["arguments"] == CALL["arguments"] for one in said)


def test_a_server_that_asks_for_ever_is_asked_a_few_times() -> None:
    with serving(modern(lambda *_: {"resultType": "input_required", "requestState": "s"})) as server:

        async def body(client: Client) -> None:
            frame = await client.ask("tools/call", CALL, timeout=5)
            assert frame.value["result"]["resultType"] == "input_required"

        talking(server.url, body)
    assert len(calls(server)) == MAX_ROUNDS


def test_what_was_not_declared_is_not_answered() -> None:
    asking = {"resultType": "input_required", "requestState": "s", "inputRequests": {"q": FORM}}
    with serving(modern(lambda *_: asking)) as server:

        async def body(client: Client) -> None:
            frame = await client.ask("tools/call", CALL, timeout=5)
            assert frame.value["result"] == asking

        talking(server.url, body)
    assert len(calls(server)) == 1


def test_what_was_declared_is_declined() -> None:
    def answer(message: Any, number: int) -> Any:
        if number:
            return {"resultType": "complete", "content": []}
        return {"resultType": "input_required", "inputRequests": {"q": FORM}}

    declared = {**CALL, "_meta": {META + "clientCapabilities": {"elicitation": {}}}}
    with serving(modern(answer)) as server:

        async def body(client: Client) -> None:
            await client.ask("tools/call", declared, timeout=5)

        talking(server.url, body)
    assert calls(server)[1]["params"]["inputResponses"] == {"q": {"action": "decline"}}


def test_a_call_of_a_conversation_goes_on_to_its_last_round() -> None:
    def answer(message: Any, number: int) -> Any:
        if not number:
            return {"resultType": "input_required", "requestState": "s"}
        return {"resultType": "complete", "content": [], "structuredContent": {"made": 7}}

    with serving(modern(answer)) as server:

        async def body(client: Client) -> None:
            steps = Conversation.of(
                Call("tools/call", CALL), Call("tools/call", {"name": "{step:1#/result/resultType}"})
            )
            trace = await converse(Talk(client, Filler(), 5.0), steps)
            first = trace.exchanges[0]
            assert first.answer is not None and first.answer.value["id"] == first.id
            assert first.answer.value["result"]["structuredContent"] == {"made": 7} and not first.others

        talking(server.url, body)
    assert calls(server)[2]["params"]["name"] == "complete"


def test_a_call_that_says_what_it_can_be_asked_is_left_to_its_own_steps() -> None:
    asking = {"resultType": "input_required", "requestState": "s", "inputRequests": {"q": FORM}}
    declared = {**CALL, "_meta": {META + "clientCapabilities": {"elicitation": {}}}}
    with serving(modern(lambda *_: asking)) as server:

        async def body(client: Client) -> None:
            trace = await converse(Talk(client, Filler(), 5.0), Conversation.of(Call("tools/call", declared)))
            assert trace.exchanges[0].answer is not None
            assert trace.exchanges[0].answer.value["result"] == asking

        talking(server.url, body)


# ---- subscriptions


def subscribing(pieces: Callable[[Any], Any]) -> Any:
    """A server that answers `subscriptions/listen` so, and calls with nothing."""

    def answer(message: Any, number: int) -> Any:
        return (
            pieces(message)
            if message["method"] == "subscriptions/listen"
            else {"resultType": "complete", "content": []}
        )

    return answer


def notice(message: Any, name: str, **params: Any) -> bytes:
    params["_meta"] = {META + "subscriptionId": message["id"]}
    made: bytes = event({"jsonrpc": "2.0", "method": f"notifications/{name}", "params": params})
    return made


def test_changes_that_a_server_declares_to_tell_are_listened_to() -> None:
    told = threading.Event()

    def pieces(message: Any) -> Any:
        yield stream(notice(message, "subscriptions/acknowledged", notifications={"toolsListChanged": True}))
        assert told.wait(5)
        yield notice(message, "tools/list_changed")
        server.closing.wait(10)

    server_of = modern(subscribing(pieces), tools={"listChanged": True}, prompts={"listChanged": False})
    with serving(server_of) as server:

        async def body(client: Client) -> None:
            await client.listen(5)
            while client.subscribed is None:
                volley = await client.volley((client.request("tools/call", CALL)[1],), patience=5)
                assert volley.whole and volley.extra == []
            assert client.subscribed == {"toolsListChanged": True}
            told.set()
            seen: list[Any] = []
            while not seen:
                seen += (await client.volley((client.request("tools/call", CALL)[1],), patience=5)).extra
            assert seen[0].value["method"] == "notifications/tools/list_changed"

        talking(server.url, body)
    listening = next(asked for asked in server.asked if asked.json["method"] == "subscriptions/listen")
    assert listening.json["params"]["notifications"] == {"toolsListChanged": True}
    assert listening.headers["mcp-method"] == "subscriptions/listen"


def test_nothing_is_listened_to_where_nothing_is_declared() -> None:
    with serving(modern(subscribing(lambda message: response(500)))) as server:

        async def body(client: Client) -> None:
            await client.listen(5)
            await client.ask("tools/call", CALL, timeout=5)

        talking(server.url, body)
    assert [asked.json["method"] for asked in server.asked] == ["server/discover", "tools/call"]


def test_the_end_of_a_subscription_and_its_refusal_are_nobodys_noise() -> None:
    def ended(message: Any) -> Any:
        return stream(event({"jsonrpc": "2.0", "id": message["id"], "result": {"resultType": "complete"}}))

    def refused(message: Any) -> Any:
        error = {"code": -32601, "message": "Method not found"}
        return response(404, json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": error}).encode())

    for pieces in (ended, refused):
        with serving(modern(subscribing(pieces), tools={"listChanged": True})) as server:

            async def body(client: Client) -> None:
                await client.listen(5)
                for _ in range(3):
                    volley = await client.volley((client.request("tools/call", CALL)[1],), patience=5)
                    assert volley.whole and volley.extra == []

            talking(server.url, body)


def test_the_lab_acknowledges_over_http() -> None:
    with Served("http") as lab:

        async def body(client: Client) -> None:
            await client.listen(5)
            while client.subscribed is None:
                await client.ask("tools/list", timeout=5)
            assert client.subscribed == {
                "toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True,
            }  # fmt: skip

        talking(lab.url, body)
