"""Proofs about whose things are whose and how sessions are made: each shows where it should and nowhere beside it."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcpfuzz.errors import UsageError
from mcpfuzz.harvest import gained
from mcpfuzz.model import Call, Conversation, Ending, Exchange, Frame, Http, Open, Proof, Trace, replace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.proofs import observe
from mcpfuzz.oracles.reading import bare
from mcpfuzz.oracles.session_proofs import bare_cookie, weakness_of
from mcpfuzz.policy import read_policy, write_policy

BENCH = Bench(revision="2025-11-25")
MINE, THEIRS = "cmine0000000000000", "ctheirs00000000000"
CALL = Call("tools/call", {"name": "t", "arguments": {}})
NO = {"content": [{"type": "text", "text": "There is no memo."}], "isError": True}
FORBIDDEN = {"content": [{"type": "text", "text": "Not yours."}], "isError": True}


def ok(text: str = "", structured: Any = None) -> dict[str, Any]:
    result: dict[str, Any] = {"content": [{"type": "text", "text": text}]}
    return result if structured is None else {**result, "structuredContent": structured}


MADE = ok("", {"memo": "memo-77ab01"})
SEEN = ok(f"text {MINE}")


def trace(*results: dict[str, Any], sent: bytes = b"{}") -> Trace:
    exchanges = []
    for step, result in enumerate(results):
        value = {"jsonrpc": "2.0", "id": step, "result": result}
        frame = Frame(json.dumps(value).encode(), value)
        exchanges.append(Exchange(step=step, sent=sent, id=step, answer=frame, took_s=0.001))
    conversation = Conversation.of(*[CALL] * len(results))
    return Trace(conversation=conversation, exchanges=tuple(exchanges), canaries={"1": MINE, "2": THEIRS})


def shows(kind: str, seen: Trace, **params: Any) -> bool:
    return observe(Proof(kind=kind, expected="", params=params), seen, BENCH) is not None


READ = {
    "steps": 5, "made": 0, "own": 1, "listings": [2], "absent": 3, "foreign": 4, "argument": "memo", "canary": "1",
}  # fmt: skip


def test_anothers_canary_under_its_id_is_proof() -> None:
    assert shows("crossed-read", trace(MADE, SEEN, ok("[]"), NO, SEEN), **READ)


@pytest.mark.parametrize(
    "seen",
    [
        trace(MADE, SEEN, ok("[]"), NO, NO),
        trace(MADE, SEEN, ok(f"[{MINE}]"), NO, SEEN),
        trace(MADE, SEEN, ok("memo-77ab01, memo-5"), NO, SEEN),
        trace(MADE, SEEN, ok("[]"), SEEN, SEEN),
        trace(MADE, NO, ok("[]"), NO, SEEN),
        trace(MADE, SEEN, ok("[]"), NO, SEEN, sent=MINE.encode()),
        trace(MADE, SEEN, ok("[]"), NO),
    ],
    ids=["refused", "listed by its text", "listed by its id", "any id", "not seen by its owner", "an echo", "shorter"],
)
def test_what_is_refused_or_shared_or_an_echo_is_no_bola(seen: Trace) -> None:
    assert not shows("crossed-read", seen, **READ)


def test_a_longer_id_in_a_listing_is_another_one() -> None:
    assert shows("crossed-read", trace(MADE, SEEN, ok("memo-77ab012"), NO, SEEN), **READ)


TYPED = {
    "steps": 6, "made": 0, "own": 1, "listings": [2], "read": 3, "refused": 4, "foreign": 5, "argument": "memo",
    "canary": "1",
}  # fmt: skip
TOLD = {"completion": {"values": ["memo-5", "memo-77ab01"]}}


def test_the_id_of_what_one_is_refused_told_while_typing_is_proof() -> None:
    assert shows("crossed-complete", trace(MADE, TOLD, ok("[]"), SEEN, NO, TOLD), **TYPED)


@pytest.mark.parametrize(
    "seen",
    [
        trace(MADE, TOLD, ok("[]"), SEEN, NO, {"completion": {"values": ["memo-5", "memo-77ab012"]}}),
        trace(MADE, TOLD, ok("[]"), SEEN, SEEN, TOLD),
        trace(MADE, TOLD, ok("memo-77ab01"), SEEN, NO, TOLD),
        trace(MADE, TOLD, ok("[]"), NO, NO, TOLD),
    ],
    ids=["another id", "not refused", "listed", "not seen by its owner"],
)
def test_other_ids_and_ids_of_what_is_shared_may_be_told(seen: Trace) -> None:
    assert not shows("crossed-complete", seen, **TYPED)


def test_a_notification_to_another_caller_with_the_firsts_words_is_proof() -> None:
    def heard(line: dict[str, Any]) -> Trace:
        seen = trace(ok(), ok(), ok())
        frame = Frame(json.dumps(line).encode(), line)
        last = replace(seen.exchanges[2], others=(frame,))
        return replace(seen, exchanges=(*seen.exchanges[:2], last))

    told = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": f"call: {MINE}"}}
    params = {"steps": 3, "listens": [0, 2], "canaries": ["1"]}
    assert shows("overheard", heard(told), **params)
    assert not shows("overheard", heard({**told, "params": {"data": "a call"}}), **params)
    assert not shows("overheard", heard({"jsonrpc": "2.0", "id": 9, "result": {"text": MINE}}), **params)


def test_two_words_for_forbidden_and_absent_tell_that_it_exists() -> None:
    assert shows("existence", trace(MADE, SEEN, ok("[]"), NO, FORBIDDEN), **READ)
    assert not shows("existence", trace(MADE, SEEN, ok("[]"), NO, NO), **READ)
    assert not shows("existence", trace(MADE, SEEN, ok("[]"), NO, SEEN), **READ)


def test_a_change_by_another_is_proved_by_what_the_owner_sees() -> None:
    params = {**READ, "steps": 4, "foreign": 2, "again": 3, "after": "2", "listings": []}
    assert shows("crossed-write", trace(MADE, SEEN, NO, ok(f"text {THEIRS}")), **params)
    assert not shows("crossed-write", trace(MADE, SEEN, ok("Changed."), SEEN), **params)


def test_a_removal_by_another_is_proved_by_what_the_owner_misses() -> None:
    params = {**READ, "steps": 5, "owns": [1, 2], "foreign": 3, "again": 4, "listings": []}
    assert shows("crossed-delete", trace(MADE, SEEN, SEEN, ok("Deleted."), NO), **params)
    assert not shows("crossed-delete", trace(MADE, SEEN, SEEN, NO, NO), **params)
    assert not shows("crossed-delete", trace(MADE, SEEN, NO, ok("Deleted."), NO), **params)
    assert not shows("crossed-delete", trace(MADE, SEEN, SEEN, ok("Deleted."), SEEN), **params)


def test_anothers_answer_among_many_is_proof() -> None:
    params = {**READ, "steps": 6, "foreign": [4, 5]}
    assert shows("crossed-read", trace(MADE, SEEN, ok("[]"), NO, NO, SEEN), **params)
    assert not shows("crossed-read", trace(MADE, SEEN, ok("[]"), NO, NO, NO), **params)


LISTED = {"steps": 5, "made": 0, "own": 1, "read": 2, "refused": 3, "foreign": 4, "canary": "1"}


def test_a_list_that_shows_what_its_reader_is_refused_is_proof() -> None:
    assert shows("crossed-list", trace(MADE, SEEN, SEEN, NO, SEEN), **LISTED)


@pytest.mark.parametrize(
    "seen",
    [trace(MADE, SEEN, SEEN, SEEN, SEEN), trace(MADE, SEEN, NO, NO, SEEN), trace(MADE, SEEN, SEEN, NO, ok("[]"))],
    ids=["not refused", "refused to its owner", "not listed"],
)
def test_a_list_of_what_all_may_read_is_none(seen: Trace) -> None:
    assert not shows("crossed-list", seen, **LISTED)


OPEN, APPROVED = ok(f"draft {MINE}"), ok(f"approved {MINE}")
TOUCHED = {
    "steps": 7, "made": 0, "own": 1, "refused": 2, "listings": [], "before": 4, "foreign": 5, "again": 6,
    "argument": "memo", "canary": "1",
}  # fmt: skip


def test_a_use_by_who_may_not_read_is_proved_by_what_the_owner_sees() -> None:
    assert shows("crossed-change", trace(MADE, OPEN, NO, NO, OPEN, ok("Done."), APPROVED), **TOUCHED)
    assert shows("crossed-change", trace(MADE, OPEN, NO, NO, OPEN, ok("Done."), NO), **TOUCHED)


@pytest.mark.parametrize(
    "seen",
    [
        trace(MADE, OPEN, NO, NO, OPEN, ok("Done."), OPEN),
        trace(MADE, OPEN, OPEN, NO, OPEN, ok("Done."), APPROVED),
        trace(MADE, OPEN, NO, NO, APPROVED, ok("Done."), ok(f"paid {MINE}")),
        trace(MADE, OPEN, NO, NO, OPEN, NO, APPROVED),
    ],
    ids=["unchanged", "they may read it", "it changes by itself", "they were refused"],
)
def test_a_use_that_changes_nothing_of_anothers_is_none(seen: Trace) -> None:
    assert not shows("crossed-change", seen, **TOUCHED)


BILL = ok("", {"bill": "bill-77ab01", "what": "Rent and heating, reference 9f31"})
FOUND = {"steps": 5, "told": 0, "own": 1, "listing": 2, "absent": 3, "foreign": 4, "argument": "bill"}
BILLS, OTHERS = ok("", {"bills": [{"bill": "bill-77ab01"}]}), ok("", {"bills": [{"bill": "bill-00cd99"}]})


def test_what_anothers_own_list_does_not_name_is_proof_where_they_are_shown_it() -> None:
    assert shows("crossed-content", trace(BILLS, BILL, OTHERS, NO, BILL), **FOUND)


@pytest.mark.parametrize(
    "seen",
    [
        trace(BILLS, BILL, OTHERS, NO, NO),
        trace(BILLS, BILL, BILLS, NO, BILL),
        trace(BILLS, BILL, NO, NO, BILL),
        trace(BILLS, BILL, ok("", {"bills": [], "nextCursor": "2"}), NO, BILL),
        trace(BILLS, BILL, OTHERS, BILL, BILL),
        trace(BILLS, BILL, OTHERS, ok("No bill bill-31ff00."), ok("No bill bill-77ab01.")),
    ],
    ids=["refused", "listed", "no list of their own", "a page of their list", "any id", "refused in words"],
)
def test_what_both_are_told_of_or_any_id_shows_is_nobodys(seen: Trace) -> None:
    assert not shows("crossed-content", seen, **FOUND)


NAMED = {"steps": 3, "told": [1], "step": 2, "name": "find_safe"}


def listing(*names: str, **more: Any) -> dict[str, Any]:
    return {"tools": [{"name": name} for name in names], **more}


def test_what_one_is_not_told_of_and_served_is_proof() -> None:
    assert shows("served-by-name", trace(ok(), listing("read"), ok("Behind the boiler.")), **NAMED)
    assert shows("served-by-name", trace(ok(), listing("read"), ok('[{"name": "ada", "role": "admin"}]')), **NAMED)


@pytest.mark.parametrize(
    "seen",
    [
        trace(ok(), listing("read"), NO),
        trace(ok(), listing("find_safe"), ok("Behind the boiler.")),
        trace(ok(), listing("read", nextCursor="2"), ok("Behind the boiler.")),
        trace(ok(), listing("read"), ok("Only administrators may do that.")),
    ],
    ids=["refused", "told of", "a page", "refused in words"],
)
def test_what_is_refused_or_may_be_told_of_is_none(seen: Trace) -> None:
    assert not shows("served-by-name", seen, **NAMED)


def test_names_are_told_apart_only_where_every_answer_says_so() -> None:
    params = {"steps": 4, "known": [0, 2], "unknown": [1, 3], "name": "ada"}
    assert shows("told-apart", trace(FORBIDDEN, NO, FORBIDDEN, NO), **params)
    assert not shows("told-apart", trace(NO, NO, NO, NO), **params)
    assert not shows("told-apart", trace(FORBIDDEN, NO, NO, NO), **params)
    assert not shows("told-apart", trace(ok("Welcome."), NO, ok("Welcome."), NO), **params)


def test_thirty_refusals_alike_are_no_limit_unless_they_speak_of_one() -> None:
    later = {"content": [{"type": "text", "text": "Too many tries, wait."}], "isError": True}
    assert shows("unthrottled", trace(*[NO] * 30), steps=30)
    assert not shows("unthrottled", trace(*[later] * 30), steps=30)
    assert not shows("unthrottled", trace(*[NO] * 5, *[FORBIDDEN] * 25), steps=30)


def refused(status: int = 401, took_s: float = 0.002, body: bytes = b"wrong", header: str = "x-a") -> Exchange:
    return Exchange(step=0, sent=b"", status=status, took_s=took_s, body=body, headers=((header, "1"),))


def logins(*tried: Exchange) -> Trace:
    steps = Conversation.of(*[Http("POST", "/login")] * len(tried), Open())
    said = tuple(replace(exchange, step=step) for step, exchange in enumerate(tried))
    return Trace(conversation=steps, exchanges=said)


def test_wrong_passwords_that_are_all_refused_alike_are_no_limit() -> None:
    params = {"tries": 25, "steps": 26}
    assert shows("never-slowed", logins(*[refused()] * 25), **params)
    limits = [refused(429), refused(423), refused(body=b"locked"), refused(header="retry-after"), refused(200)]
    for limited in limits:
        assert not shows("never-slowed", logins(*[refused()] * 10, *[limited] * 15), **params)
        assert not shows("never-slowed", logins(*[limited] * 25), **params)
    slow = refused(took_s=0.9)
    assert not shows("never-slowed", logins(*[refused()] * 10, *[slow] * 15), **params)
    assert shows("never-slowed", logins(*[slow] * 25), **params)  # the first took as long: it is no slowing
    locked = replace(logins(*[refused()] * 25), ending=Ending(kind="closed", serves=True))
    assert not shows("never-slowed", locked, **params)


def test_anothers_list_that_holds_what_is_ones_own_is_proof() -> None:
    params = {"steps": 3, "made": 0, "own": 1, "foreign": 2, "canary": "1"}
    assert shows("crossed-list", trace(MADE, SEEN, SEEN), **params)
    assert not shows("crossed-list", trace(MADE, SEEN, ok("[]")), **params)
    assert not shows("crossed-list", trace(MADE, ok("[]"), SEEN), **params)


def test_an_effect_is_what_a_later_reading_shows() -> None:
    params = {"steps": 3, "act": 1, "reads": [2], "canary": "1"}
    assert shows("took-effect", trace(ok(), ok("It is up."), SEEN), **params)
    assert not shows("took-effect", trace(ok(), ok("It is up."), ok("as before")), **params)
    assert not shows("took-effect", trace(ok(), NO, SEEN), **params)


def test_a_refusal_where_the_policy_allows_is_a_deviation() -> None:
    assert shows("refused-to", trace(ok(), NO), step=1, steps=2)
    assert not shows("refused-to", trace(ok(), ok("yes")), step=1, steps=2)


# ---- sessions


def answered(*replies: tuple[int, dict[str, Any] | None]) -> Trace:
    """A trace of HTTP statuses, with results."""
    seen = trace(*[result or {} for _, result in replies])
    exchanges = tuple(
        replace(exchange, status=status, answer=exchange.answer if result is not None else None)
        for exchange, (status, result) in zip(seen.exchanges, replies, strict=True)
    )
    return replace(seen, exchanges=exchanges)


YES, GONE, DONE = (200, ok("here")), (404, None), (204, None)


def test_the_clients_id_is_served_and_no_other() -> None:
    params = {"steps": 4, "made": 1, "chosen": 2, "unknown": 3}
    assert shows("fixed", answered(DONE, YES, YES, GONE), **params)
    assert not shows("fixed", answered(DONE, YES, YES, YES), **params)
    assert not shows("fixed", answered(DONE, GONE, GONE, GONE), **params)


@pytest.mark.parametrize(
    ("kind", "proof", "sound"),
    [("goes-on", (YES, DONE, YES), (YES, DONE, GONE)), ("ended-by-other", (YES, DONE, GONE), (YES, (401, None), YES))],
)
def test_the_end_of_a_session_is_its_end_and_its_owners(kind: str, proof: Any, sound: Any) -> None:
    params = {"steps": 4, "before": 1, "end": 2, "after": 3}
    assert shows(kind, answered(DONE, *proof), **params)
    assert not shows(kind, answered(DONE, *sound), **params)
    assert not shows(kind, answered(DONE, GONE, DONE, GONE), **params)


def identified(*ids: Any) -> Trace:
    """A trace of answers under these ids, to requests below the session; None: no answer."""
    seen = trace(*[ok() for _ in ids])
    exchanges = [
        replace(exchange, answer=None if own is None else Frame(b"", {"jsonrpc": "2.0", "id": own, "result": {}}))
        for exchange, own in zip(seen.exchanges, ids, strict=True)
    ]
    return replace(seen, exchanges=tuple(exchanges), canaries={"own": MINE})


def test_a_replayed_stream_is_known_by_the_id_of_its_request() -> None:
    params = {"steps": 4, "asked": 1, "replayed": 3}
    assert shows("stream-replayed", identified(1, MINE, 2, MINE), **params)
    assert not shows("stream-replayed", identified(1, MINE, 2, None), **params)
    assert not shows("stream-replayed", identified(1, MINE, 2, THEIRS), **params)
    assert not shows("stream-replayed", identified(1, None, 2, MINE), **params)


def test_a_believed_state_is_known_by_a_text_that_nothing_else_carried() -> None:
    params = {"steps": 2, "step": 1, "canary": "1"}
    assert shows("state-believed", trace(ok(), SEEN), **params)
    assert not shows("state-believed", trace(ok(), SEEN, sent=MINE.encode()), **params)
    assert not shows("state-believed", trace(ok(), ok(f"text {THEIRS}")), **params)
    assert not shows("state-believed", trace(SEEN, NO), **params)
    assert not shows("state-believed", trace(ok(), {**SEEN, "isError": True}), **params)
    assert not shows("state-believed", trace(ok(), {**SEEN, "resultType": "input_required"}), **params)


# ---- session ids

EPOCH = 1_790_000_000_000
SOUND: dict[str, Callable[[int], str]] = {
    "uuid4": lambda n: str(uuid.uuid4()),
    "uuid4 hex": lambda n: uuid.uuid4().hex,
    "urlsafe": lambda n: secrets.token_urlsafe(24),
    "with a prefix": lambda n: f"session-{secrets.token_hex(16)}",
    "uuid7": lambda n: f"{EPOCH + n:012x}7{secrets.token_hex(10)[:19]}",
}
WEAK: dict[str, Callable[[int], str]] = {
    "counted": lambda n: str(41_000 + n),
    "counted in hex": lambda n: f"session-{41_000 + 3 * n:08x}",
    "the time": lambda n: f"{time.time_ns() + n * 1000}",
    "four digits": lambda n: f"s{secrets.randbelow(10_000):04d}",
    "eight hex digits": lambda n: secrets.token_hex(4),
    "one for all": lambda n: "the-session",
    "a few": lambda n: hashlib.sha256(bytes([n % 40])).hexdigest(),
}


@pytest.mark.parametrize("name", SOUND)
def test_ids_of_enough_chance_are_not_guessable(name: str) -> None:
    assert weakness_of([SOUND[name](number) for number in range(200)]) is None


@pytest.mark.parametrize("name", WEAK)
def test_ids_without_chance_are_guessable(name: str) -> None:
    assert weakness_of([WEAK[name](number) for number in range(200)]) is not None


def test_a_few_ids_tell_nothing() -> None:
    assert weakness_of([str(number) for number in range(20)]) is None


# ---- the policy


def test_a_policy_is_what_was_seen_and_can_be_read_again(tmp_path: Path) -> None:
    path = str(tmp_path / "policy.json")
    write_policy(path, [{"kind": "tool", "name": "add", "callers": {"alice": "served", "garbage": "refused"}}])
    assert read_policy(path) == {("tool", "add"): {"alice": "served", "garbage": "refused"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "mcpfuzz-policy/1"),
        ('{"schema": "mcpfuzz-policy/1", "operations": [{"kind": "tool"}]}', "operation 1"),
        ('{"schema": "mcpfuzz-policy/1", "operations": [{"kind": "a", "name": "b", "callers": {"c": "yes"}}]}', "'c'"),
    ],
)
def test_what_is_no_policy_is_a_usage_error_that_says_where(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text(text)
    with pytest.raises(UsageError, match=said):
        read_policy(str(tmp_path / "policy.json"))


def test_without_callers_there_is_no_policy_to_write(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nobody.s calls were seen"):
        write_policy(str(tmp_path / "policy.json"), None)


@pytest.mark.parametrize(
    ("line", "lacks"),
    [
        ("session=8f2c; Path=/", "HttpOnly and SameSite"),
        ("connect.sid=8f2c; HttpOnly", "SameSite"),
        ("auth_token=e30; SameSite=Lax", "HttpOnly"),
        ("session=8f2c; HttpOnly; SameSite=Lax", ""),
        ("csrf_session=8f2c", ""),
        ("theme=dark", ""),
        ("session=; Max-Age=0", ""),
    ],
)
def test_a_cookie_that_holds_a_session_is_guarded(line: str, lacks: str) -> None:
    said = bare_cookie(line, encrypted=False) or ""
    assert said.partition(" lacks ")[2] == lacks


def test_over_https_a_cookie_is_for_https_alone() -> None:
    assert bare_cookie("session=8f2c; HttpOnly; SameSite=Lax", encrypted=True) == "the cookie session lacks Secure"


def test_a_credential_in_the_log_is_seen_and_a_short_one_is_not() -> None:
    logged = replace(trace(ok()), stderr="token alice-token-6113\nab")
    bench = Bench(revision="2025-11-25", secrets=("alice-token-6113",))
    proof = Proof(kind="credential-logged", expected="", params={"steps": 1})
    assert observe(proof, logged, bench) is not None
    assert observe(proof, logged, Bench(revision="2025-11-25", secrets=("ab", "bob-token-90427"))) is None


def streams(*paths: str) -> Trace:
    """GETs, each answered with an event stream that names a path first."""
    kind = (("content-type", "text/event-stream; charset=utf-8"),)
    said = [
        Exchange(step=step, sent=b"GET /sse HTTP/1.1\r\n\r\n", status=200, headers=kind, body=path.encode(), due=False)
        for step, path in enumerate(paths)
    ]
    steps = [Http("GET", "{address}")] * len(paths)
    return Trace(conversation=Conversation.of(*steps), exchanges=tuple(said))


@pytest.mark.parametrize(
    ("paths", "weak"),
    [
        ([f"/messages?sessionId={number}" for number in range(4100, 4160)], True),
        ([f"/messages/?session_id={secrets.token_hex(4)}" for _ in range(60)], True),
        ([f"/messages/?session_id={uuid.uuid4().hex}" for _ in range(60)], False),
        ([f"http://127.0.0.1:1/m?sid={secrets.token_urlsafe(24)}" for _ in range(60)], False),
        (["/messages"] * 60, False),
        (["/messages?sessionId=1", "/messages?sessionId=2"] * 30, True),
    ],
    ids=["counted", "short", "uuid", "a whole URL", "none", "repeated"],
)
def test_over_an_event_stream_the_path_to_post_to_tells_the_session(paths: list[str], weak: bool) -> None:
    assert shows("guessable", streams(*paths), steps=len(paths)) is weak


@pytest.mark.parametrize("text", ["a" * 40_000 + "!", "\n" * 40_000 + "!", "a-" * 10_000 + "!"])
def test_no_answer_is_long_in_being_judged(text: str) -> None:
    """Each of them took from seconds to minutes."""
    began, found = time.process_time(), {"steps": 1, "step": 0}
    assert bare(text) == text
    assert shows("served-by-name", trace(ok(text)), **found)
    with pytest.raises(KeyError):
        gained({"result": ok(text)}, "memo")
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("text", "said"),
    [("memo-77ab01 of 12:30, 5.", "# of # #"), ("no-such thing", "no-such thing"), ("a1b-c2 d", "# d"), ("x=7", "x=#")],
)
def test_ids_and_numbers_are_taken_out_of_what_is_said(text: str, said: str) -> None:
    assert bare(text) == said
