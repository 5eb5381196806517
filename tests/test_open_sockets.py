"""What happens on connections that stay open: tokens that end meanwhile, sockets on which nobody says who is there,
first messages that are guessed, and what a close frame tells."""

from __future__ import annotations

import time
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from mcpfuzz.campaign.entry import BRIEF_S, Held
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.campaign.waiting import with_patience
from mcpfuzz.client import Client
from mcpfuzz.errors import Gone, HandshakeError, Late, LaunchError, TargetError, Unauthorized, UsageError
from mcpfuzz.identities import Identity
from mcpfuzz.lab.fronts.tokens import mint, subject
from mcpfuzz.lab.kit import Draw, World
from mcpfuzz.lab.served import Served
from mcpfuzz.model import Case, Conversation, Ending, Exchange, Frame, Open, Proof, Step, Surface, Trace, Wait, replace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.judging import judge_trace
from mcpfuzz.oracles.proofs import observe
from mcpfuzz.scenarios import endless_message, first_message_guesses, open_after_expiry, silent_socket
from mcpfuzz.scenarios.catalogue import catalogue
from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.target import Prepared, Target
from mcpfuzz.tokens import ends, forged
from mcpfuzz.transports.refusals import turned_away
from tests.turns import trusting

KEY = "the-key-of-this-test"
PING, PONG = '{"jsonrpc":"2.0","id":7,"method":"ping"}', '{"jsonrpc":"2.0","id":7,"result":{}}'
BENCH = Bench(revision="2025-11-25", transport="ws", secrets=("s3cret-of-the-house",))
PLACES = frozenset({"network", "websocket", "first-message", "authenticated", "within"})
SURFACE = Surface(
    revision="2025-11-25", revisions=("2025-11-25",), server={}, capabilities={}, operations=(), good={},
    places=PLACES, callers=("alice",), within=2.0,
)  # fmt: skip


def drawn(story: Any, surface: Surface = SURFACE, index: int = 0) -> Case:
    case = story.draw(RandomChoices("open"), surface, None, index)
    assert isinstance(case, Case)
    return case


def answered(step: int, *, good: bool = True) -> Exchange:
    said: dict[str, Any] = {"result": {}} if good else {"error": {"code": -32001, "message": "no"}}
    value = {"jsonrpc": "2.0", "id": step, **said}
    return Exchange(step=step, sent=b"{}", id=step, answer=Frame(b"{}", value))


# ---- tokens that end ---------------------------------------------------------------------------------


def test_brief_tokens_of_one_conversation_end_at_the_same_time_but_for_their_leeway() -> None:
    held = Held()
    names = [held.dated("alice~ends-0"), held.dated("alice~ends-60"), held.dated("alice~ends-0")]
    moment = held.moment
    assert moment is not None and 0 < moment - time.time() <= BRIEF_S
    assert names == [f"alice~until-{moment}", f"alice~until-{moment - 60}", f"alice~until-{moment}"]
    assert [held.dated(name) for name in ("alice", None, "alice~ticket")] == ["alice", None, "alice~ticket"]


def test_a_token_forged_to_end_at_a_second_is_good_until_then_and_within_the_leeway() -> None:
    lab, now = World(frozenset(), Draw(None), None), int(time.time())
    token = forged(mint("alice", KEY), f"until-{now - 3}", KEY)
    assert ends(token) == now - 3 and subject(token, KEY, lab) == "alice"
    assert subject(forged(token, f"until-{now - 60}", KEY), KEY, lab) is None


def expiry(*good: int, turned: tuple[int, ...] = (), ending: str = "alive") -> Trace:
    """The scenario's conversation with normal answers to these steps, and these opens turned away."""
    conversation = drawn(open_after_expiry).conversation
    exchanges = [answered(step) for step in good]
    exchanges += [Exchange(step=step, sent=b"", due=False, turned_away=True) for step in turned]
    made = Ending(kind="alive") if ending == "alive" else Ending(kind="closed", code=1008, serves=True)
    return Trace(conversation=conversation, exchanges=tuple(exchanges), ending=made)


def outlived(trace: Trace) -> bool:
    return observe(drawn(open_after_expiry).claims[0].proof, trace, BENCH) is not None


def test_a_connection_outlives_its_token_where_it_is_served_and_a_fresh_one_is_not() -> None:
    params = drawn(open_after_expiry).claims[0].proof.params
    ways: Any = params["ways"]
    own: Any = params["own"]
    way = ways[1]
    before, fresh, after = way["before"], way["fresh"], way["after"]
    assert outlived(expiry(before, own, after, turned=(fresh,)))
    assert not outlived(expiry(before, own, after)), "a fresh one is served: it is not over"
    assert not outlived(expiry(before, after, turned=(fresh,))), "a good token is refused as well"
    assert not outlived(expiry(before, own, turned=(fresh,))), "it was closed in time"
    assert not outlived(expiry(own, after, turned=(fresh,))), "it was never served"
    assert not outlived(expiry(before, own, ways[0]["after"], turned=(fresh,))), "another connection is served"
    assert not outlived(expiry(before, own, after, turned=(fresh,), ending="closed"))


def test_the_steps_that_the_proof_names_are_those_that_it_means() -> None:
    case = drawn(open_after_expiry)
    steps, params = case.conversation.steps, case.claims[0].proof.params
    ways: Any = params["ways"]
    for way, leeway in zip(ways, open_after_expiry.LEEWAYS, strict=True):
        assert (steps[way["before"]].group, steps[way["before"]].on) == ("before", f"open-{leeway}")
        assert isinstance(steps[way["fresh"]].action, Open) and steps[way["fresh"]].on == f"fresh-{leeway}"
        assert (steps[way["after"]].group, steps[way["after"]].on) == ("after", f"open-{leeway}")
    own: Any = params["own"]
    assert steps[own].on == "own" and not isinstance(steps[own].action, Open)


@pytest.mark.parametrize("transport", ["ws", "wss"])
def test_a_connection_over_websocket_ends_with_its_token(transport: str) -> None:
    with Served(transport, "--jwt-key", KEY, "--auth", "query") as served:
        tls = trusting(served.authority) if transport == "wss" else None
        place = f"{served.url}?token={mint('alice', KEY, -3)}"  # with the leeway it is good for two seconds more
        with connect(place, compression=None, ssl=tls) as open_one:
            open_one.send(PING)
            assert open_one.recv(timeout=10) == PONG
            with pytest.raises(ConnectionClosed) as closed:
                open_one.recv(timeout=15)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Unauthorized("401"), True), (LaunchError("closed", code=1008), True), (Gone("closed", code=4401), True),
        (Late("nothing"), False), (HandshakeError("429"), False), (LaunchError("nobody listens"), False),
        (Gone("closed", code=1013), False), (Gone("closed", code=1006), False),
    ],
)  # fmt: skip
def test_only_a_refusal_of_the_credential_turns_away(error: TargetError, expected: bool) -> None:
    assert turned_away(error) is expected


# ---- sockets on which nobody says who is there ---------------------------------------------------------


def unclaimed(*closed: int) -> Trace:
    case = drawn(silent_socket)
    look: Any = case.claims[0].proof.params["look"]
    exchanges = tuple(
        Exchange(step=step, sent=b"there?", due=False, closed=1008 if step in closed else None) for step in look
    )
    return Trace(conversation=case.conversation, exchanges=exchanges)


def test_sockets_are_unclaimed_where_all_of_them_are_open_at_the_end() -> None:
    case = drawn(silent_socket)
    proof, steps = case.claims[0].proof, case.conversation.steps
    look: Any = proof.params["look"]
    assert observe(proof, unclaimed(), BENCH) is not None
    assert observe(proof, unclaimed(look[-1]), BENCH) is None, "one was closed"
    some = replace(unclaimed(), exchanges=unclaimed().exchanges[1:])
    assert observe(proof, some, BENCH) is None, "one was never opened"
    assert {steps[index].group for index in look} == {"look"}


def test_they_are_watched_for_longer_than_the_server_is_said_to_wait_and_not_where_nobody_says() -> None:
    waits = [step.action.seconds for step in drawn(silent_socket).conversation.steps if isinstance(step.action, Wait)]
    assert len(waits) == 1 and waits[0] > 2.0
    assert silent_socket.draw(RandomChoices("open"), replace(SURFACE, within=None), None, 0) is None


def test_nobody_says_and_the_run_is_a_long_one_means_a_minute() -> None:
    story, unsaid = (catalogue()["silent-socket"],), replace(SURFACE, within=None, places=PLACES - {"within"})
    long, short = (Settings(scenarios=story, seed=1, max_time=seconds) for seconds in (600.0, 599.0))
    assert with_patience(unsaid, short) is unsaid
    assert with_patience(unsaid, long).within == 60.0 and "within" in with_patience(unsaid, long).places
    assert with_patience(SURFACE, long).within == 2.0
    elsewhere = replace(unsaid, places=frozenset({"network"}))
    assert with_patience(elsewhere, long) is elsewhere


@pytest.mark.parametrize("text", ["0", "-1", "61", "soon", "nan", "inf"])
def test_a_time_for_first_messages_is_a_number_of_seconds_within_a_minute(text: str) -> None:
    with pytest.raises(UsageError, match="within:SECONDS"):
        Identity.of("alice", (f"within:{text}",))
    assert Identity.of("alice", ("within:2.5",)).within == 2.5


# ---- first messages that are guessed -------------------------------------------------------------------


def test_the_guesses_and_the_right_one_stand_in_no_report() -> None:
    token = "alice-token-6113"
    specs = (f'first-message:{{"type":"auth","token":"{token}"}}', "within:5")
    with Prepared.of(Target(url="ws://127.0.0.1:9/ws", identities={"alice": specs})) as prepared:
        said, false = prepared.places["first-message"], prepared.places["false-message"]
        surface = prepared.known(replace(SURFACE, within=None))
    assert token in said and token not in false and '"type": "auth"' in false
    assert surface.within == 5.0 and {"first-message", "within"} <= surface.places
    case = drawn(first_message_guesses, surface)
    assert token not in repr(case) and repr(case.conversation) != repr(case.control)


def test_a_message_without_end_is_tried_before_anybody_said_who_they_are() -> None:
    first, second = (drawn(endless_message, index=index).conversation.steps[0] for index in range(2))
    assert (first.as_, first.action) == ("anonymous", Open(handshake=False))
    assert (second.as_, second.action) == (None, Open())
    alone = replace(SURFACE, places=frozenset({"network", "websocket"}))
    assert drawn(endless_message, alone).conversation.steps[0].as_ is None
    assert endless_message.draw(RandomChoices("open"), alone, None, 1) is None


def test_what_answers_a_first_message_is_no_part_of_the_greeting() -> None:
    import trio

    from mcpfuzz.transports.endpoint import Endpoint

    async def main(served: Served) -> list[Any]:
        there = replace(Endpoint.of(served.url), first_message='{"type":"auth","token":"alice-token"}')
        async with trio.open_nursery() as nursery:
            client = await Client.connect(there, nursery, start_timeout=15)
            try:
                return [frame.value for frame in client.greeting]
            finally:
                await client.close()
                nursery.cancel_scope.cancel()

    with Served("ws", "--token", "alice=alice-token", "--auth", "first-message") as served:
        greeting = trio.run(main, served)
    assert greeting and all("jsonrpc" in value for value in greeting)


# ---- what a close frame tells --------------------------------------------------------------------------

TRACE = 'File "server.py", line 12, in talk: KeyError'


def closed(reason: str, *, sent: bytes = b"{}", beside: bool = True) -> Trace:
    exchange = Exchange(step=0, sent=sent, due=False, closed=1008 if beside else None, reason=reason if beside else "")
    ending = Ending() if beside else Ending(kind="closed", at_step=0, code=1008, reason=reason, serves=True)
    conversation = Conversation((Step(action=Open(handshake=False), on="c2"),))
    return Trace(conversation=conversation, exchanges=(exchange,), ending=ending)


def leaks(trace: Trace, rule: str) -> bool:
    return observe(Proof(kind="leak", expected="", params={"rule": rule}), trace, BENCH) is not None


@pytest.mark.parametrize("beside", [True, False])
def test_a_close_reason_is_searched_for_leaks_on_whichever_connection(beside: bool) -> None:
    assert leaks(closed(TRACE, beside=beside), "stack-trace-leak")
    assert leaks(closed("bad token s3cret-of-the-house", beside=beside), "secret-leak")
    assert not leaks(closed("authentication comes first", beside=beside), "stack-trace-leak")
    echoed = closed("bad token s3cret-of-the-house", sent=b"s3cret-of-the-house", beside=beside)
    assert not leaks(echoed, "secret-leak"), "what comes back to whom it came from is no leak"


def test_one_cause_is_told_once_whatever_the_connection_was_ended_for() -> None:
    case = drawn(first_message_guesses)
    other = replace(case, place=replace(case.place, name="upgrade"))
    causes = [
        [found.cause for found in judge_trace(one, closed(TRACE, beside=False), BENCH, SURFACE)]
        for one in (case, other)
    ]
    assert causes[0] == causes[1] and len(causes[0]) == 1
