"""The handshake comes to terms on a revision, or says why not; it needs no clock and no server to be tested."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpfuzz.errors import UsageError
from mcpfuzz.revisions import BY_DATE, LATEST_LEGACY, LATEST_MODERN, META, METHODS, REVISIONS, Revision, revision
from mcpfuzz.session import FIRST_ID, Handshake, Session, envelope, unagreed
from mcpfuzz.wire import decode

LEGACY = [item for item in REVISIONS if item.era == "legacy"]
MODERN = [item for item in REVISIONS if item.era == "modern"]
UNSUPPORTED = -32022
IDS = [item.date for item in REVISIONS]


class Dialogue:
    """A handshake and what it said last."""

    def __init__(self, wanted: Revision | None = None) -> None:
        self.handshake = Handshake(wanted)
        self.said = self._read(self.handshake.start())

    @staticmethod
    def _read(frames: list[bytes]) -> list[dict[str, Any]]:
        return [orjson.loads(frame) for frame in frames]

    def hear(self, message: Any) -> list[dict[str, Any]]:
        self.said = self._read(self.handshake.receive(decode(orjson.dumps(message))))
        return self.said

    def answer(self, request_id: int | None = None, **members: Any) -> list[dict[str, Any]]:
        """Answer the last request that was sent, or the one of `request_id`."""
        return self.hear({"jsonrpc": "2.0", "id": self.said[-1]["id"] if request_id is None else request_id, **members})

    def discover(self, *versions: str, **more: Any) -> list[dict[str, Any]]:
        return self.answer(result={"supportedVersions": list(versions), "capabilities": {"tools": {}}, **more})

    def initialize(self, version: Any, **more: Any) -> list[dict[str, Any]]:
        return self.answer(result={"protocolVersion": version, "capabilities": {}, "serverInfo": {"name": "s"}, **more})

    def unsupported(self, *supported: str) -> list[dict[str, Any]]:
        return self.answer(error={"code": UNSUPPORTED, "message": "version", "data": {"supported": list(supported)}})

    def error(self, code: Any = -32601, message: Any = "no") -> list[dict[str, Any]]:
        return self.answer(error={"code": code, "message": message})

    @property
    def methods(self) -> list[str]:
        return [message["method"] for message in self.said]

    @property
    def agreed(self) -> str | None:
        return self.handshake.session.revision.date if self.handshake.session else None

    @property
    def failure(self) -> str:
        assert self.handshake.session is None
        assert self.handshake.failure is not None
        assert "\n" not in self.handshake.failure
        return self.handshake.failure


# ---- the five revisions


@pytest.mark.parametrize("wanted", LEGACY, ids=[item.date for item in LEGACY])
def test_a_legacy_revision_that_is_insisted_on_is_agreed(wanted: Revision) -> None:
    talk = Dialogue(wanted)
    assert talk.methods == ["initialize"]
    assert talk.said[0]["params"]["protocolVersion"] == wanted.date
    talk.initialize(wanted.date)
    assert talk.agreed == wanted.date
    assert talk.said == [{"jsonrpc": "2.0", "method": "notifications/initialized"}]


@pytest.mark.parametrize("wanted", MODERN, ids=[item.date for item in MODERN])
def test_a_modern_revision_that_is_insisted_on_is_agreed(wanted: Revision) -> None:
    talk = Dialogue(wanted)
    assert talk.methods == ["server/discover"]
    assert talk.discover(wanted.date) == []
    assert talk.agreed == wanted.date


@pytest.mark.parametrize("date", [item.date for item in LEGACY])
def test_an_old_server_that_refuses_the_probe_is_asked_to_initialize(date: str) -> None:
    talk = Dialogue()
    assert talk.methods == ["server/discover"]
    talk.error(-32601)
    assert talk.methods == ["initialize"]
    assert talk.said[0]["params"]["protocolVersion"] == LATEST_LEGACY.date
    talk.initialize(date)
    assert talk.agreed == date


def test_the_probe_goes_out_at_the_newest_modern_revision() -> None:
    (probe,) = Dialogue().said
    assert probe["params"]["_meta"][META + "protocolVersion"] == LATEST_MODERN.date


@pytest.mark.parametrize("date", [*IDS, "1999-01-01"])
def test_insisting_fails_where_another_revision_is_offered(date: str) -> None:
    for wanted in LEGACY:
        if wanted.date == date:
            continue
        talk = Dialogue(wanted)
        assert talk.initialize(date) == []
        assert repr(date) in talk.failure or date in talk.failure


@pytest.mark.parametrize("date", ["2024-11-05", "2030-01-01"])
def test_insisting_on_the_modern_era_never_falls_back(date: str) -> None:
    talk = Dialogue(LATEST_MODERN)
    assert talk.discover(date) == []
    assert LATEST_MODERN.date in talk.failure


# ---- era negotiation


def test_a_server_of_both_eras_is_spoken_to_in_the_modern_one() -> None:
    talk = Dialogue()
    assert talk.discover("2025-11-25", LATEST_MODERN.date) == []
    assert talk.agreed == LATEST_MODERN.date
    assert talk.handshake.session is not None
    assert talk.handshake.session.offered == ("2025-11-25", LATEST_MODERN.date)


@pytest.mark.parametrize(
    ("listed", "asked"),
    [
        (["2024-11-05"], "2024-11-05"),
        (["2024-11-05", "2025-06-18", "2025-03-26"], "2025-06-18"),
        (["1999-01-01", "2025-03-26"], "2025-03-26"),
        ([], LATEST_LEGACY.date),
        (["1999-01-01"], LATEST_LEGACY.date),
    ],
)
def test_discover_that_lists_no_modern_version_is_followed_by_initialize_at_the_best_listed(
    listed: list[str], asked: str
) -> None:
    talk = Dialogue()
    talk.discover(*listed)
    assert talk.methods == ["initialize"]
    assert talk.said[0]["params"]["protocolVersion"] == asked


@pytest.mark.parametrize(
    "members",
    [
        {"result": None},
        {"result": 7},
        {"result": []},
        {"result": "2026-07-28"},
        {"result": {"supportedVersions": "2026-07-28"}},
        {"result": {"supportedVersions": {"2026-07-28": 1}}},
        {"result": {"supportedVersions": [7, None, ["2026-07-28"]]}},
        {"result": {}},
        {"error": "boom"},
        {"error": None},
        {"error": []},
        {"error": {"code": "-32022"}},
        {"error": {"code": UNSUPPORTED}},
        {"error": {"code": UNSUPPORTED, "data": 7}},
        {"error": {"code": UNSUPPORTED, "data": {"supported": "2026-07-28"}}},
        {"error": {"code": UNSUPPORTED, "data": {"supported": [None, 7]}}},
        {"error": {"code": -32600, "message": "Missing session ID"}},
        {"error": {"code": -32602}},
        {"error": {"code": 401}},
        {},
    ],
    ids=repr,
)
def test_a_probe_answered_in_any_unreadable_way_is_followed_by_initialize(members: dict[str, Any]) -> None:
    talk = Dialogue()
    talk.answer(**members)
    assert talk.methods == ["initialize"]


def test_a_server_that_sends_back_what_it_is_sent_is_told_apart() -> None:
    handshake = Handshake()
    (asked,) = handshake.start()
    assert handshake.receive(decode(asked)) == []
    assert handshake.failure == "it sends back what it is sent; is it an MCP server?"


def test_a_version_refusal_that_names_a_shared_version_is_answered_by_one_more_probe() -> None:
    talk = Dialogue()
    talk.unsupported("2030-01-01", LATEST_MODERN.date)
    assert talk.methods == ["server/discover"]
    talk.discover(LATEST_MODERN.date)
    assert talk.agreed == LATEST_MODERN.date


def test_a_second_version_refusal_of_the_probe_is_not_probed_again() -> None:
    talk = Dialogue()
    talk.unsupported(LATEST_MODERN.date)
    talk.unsupported(LATEST_MODERN.date)
    assert talk.methods == ["initialize"]


def test_a_version_refusal_that_names_only_foreign_versions_is_an_incompatibility() -> None:
    talk = Dialogue()
    assert talk.unsupported("2031-01-01", "from mars") == []
    assert "2031-01-01" in talk.failure


def test_a_version_refusal_that_names_legacy_versions_is_followed_by_initialize() -> None:
    talk = Dialogue()
    talk.unsupported("2024-11-05")
    assert talk.methods == ["initialize"]


def test_initialize_refused_for_its_version_is_asked_once_more_with_the_best_shared() -> None:
    talk = Dialogue()
    talk.error()
    talk.unsupported("2024-11-05", "2025-03-26", "1999-01-01")
    assert talk.methods == ["initialize"]
    assert talk.said[0]["params"]["protocolVersion"] == "2025-03-26"
    talk.initialize("2025-03-26")
    assert talk.agreed == "2025-03-26"


def test_initialize_refused_in_favour_of_a_modern_version_is_followed_by_a_probe() -> None:
    talk = Dialogue()
    talk.error()
    talk.unsupported(LATEST_MODERN.date)
    assert talk.methods == ["server/discover"]


def test_initialize_refused_twice_is_a_failure() -> None:
    talk = Dialogue()
    talk.error()
    talk.unsupported("2024-11-05")
    assert talk.unsupported("2025-03-26") == []
    assert str(UNSUPPORTED) in talk.failure


def test_initialize_refused_otherwise_is_a_failure_that_quotes_the_refusal() -> None:
    talk = Dialogue(LATEST_LEGACY)
    assert talk.error(-32603, "the database is down") == []
    assert "-32603" in talk.failure
    assert "the database is down" in talk.failure


# ---- initialize answered badly


@pytest.mark.parametrize("version", ["from mars", "", None, 7, ["2025-11-25"], {}, True, LATEST_MODERN.date], ids=repr)
def test_a_version_that_is_no_legacy_revision_is_a_failure(version: Any) -> None:
    talk = Dialogue(LATEST_LEGACY)
    assert talk.initialize(version) == []
    assert repr(version) in talk.failure


@pytest.mark.parametrize(
    "members",
    [{"result": 7}, {"result": None}, {"result": []}, {"result": "x"}, {"error": "boom"}, {"error": 7}, {}],
    ids=repr,
)
def test_an_answer_without_a_result_object_is_a_failure(members: dict[str, Any]) -> None:
    talk = Dialogue(LATEST_LEGACY)
    assert talk.answer(**members) == []
    assert talk.failure


def test_a_failure_quotes_an_error_that_is_a_string() -> None:
    talk = Dialogue(LATEST_LEGACY)
    talk.answer(error="the database is down")
    assert "the database is down" in talk.failure


def test_a_huge_version_is_shortened_in_the_failure() -> None:
    talk = Dialogue(LATEST_LEGACY)
    talk.initialize("x" * 1_000_000)
    assert len(talk.failure) < 400


def test_wrongly_typed_members_of_a_good_answer_are_read_as_empty() -> None:
    talk = Dialogue(LATEST_LEGACY)
    talk.initialize(LATEST_LEGACY.date, capabilities=[1], serverInfo="s", instructions=7)
    session = talk.handshake.session
    assert session is not None
    assert (session.capabilities, session.server, session.instructions) == ({}, {}, "")


@pytest.mark.parametrize(
    "more",
    [
        {"_meta": {META + "serverInfo": {"name": "s"}}},
        {"_meta": {"serverInfo": {"name": "s"}}},
        {"serverInfo": {"name": "s"}},
        {"serverInfo": {"name": "s"}, "_meta": 7},
    ],
)
def test_server_info_of_the_modern_era_is_found(more: dict[str, Any]) -> None:
    talk = Dialogue()
    talk.discover(LATEST_MODERN.date, **more)
    assert talk.handshake.session is not None
    assert talk.handshake.session.server == {"name": "s"}


# ---- time and noise


def test_a_probe_that_is_overdue_is_followed_by_initialize() -> None:
    talk = Dialogue()
    assert talk.handshake.probing
    (asked,) = (orjson.loads(frame) for frame in talk.handshake.overdue())
    assert asked["method"] == "initialize"
    assert not talk.handshake.probing


def test_overdue_is_told_once() -> None:
    handshake = Handshake()
    handshake.start()
    handshake.overdue()
    assert handshake.overdue() == []


@pytest.mark.parametrize("wanted", REVISIONS, ids=IDS)
def test_overdue_changes_nothing_where_a_revision_is_insisted_on(wanted: Revision) -> None:
    talk = Dialogue(wanted)
    assert talk.handshake.overdue() == []


def test_overdue_after_an_agreement_asks_nothing() -> None:
    talk = Dialogue()
    talk.discover(LATEST_MODERN.date)
    assert talk.handshake.overdue() == []


def test_overdue_after_a_failure_asks_nothing() -> None:
    talk = Dialogue()
    talk.unsupported("from mars")
    assert talk.handshake.overdue() == []


def test_a_late_refusal_of_the_probe_does_not_ask_initialize_twice() -> None:
    talk = Dialogue()
    probe = talk.said[0]["id"]
    (asked,) = (orjson.loads(frame) for frame in talk.handshake.overdue())
    assert talk.answer(probe, error={"code": -32601, "message": "no"}) == []
    talk.answer(asked["id"], result={"protocolVersion": "2025-06-18"})
    assert talk.agreed == "2025-06-18"


@pytest.mark.parametrize("noise", [7, None, "x", [], [{"id": 1, "result": {}}], {}, {"id": 99, "result": {}}], ids=repr)
def test_noise_before_the_answer_is_passed_over(noise: Any) -> None:
    talk = Dialogue(LATEST_LEGACY)
    asked = talk.said[0]["id"]
    assert talk.hear(noise) == []
    talk.answer(asked, result={"protocolVersion": LATEST_LEGACY.date})
    assert talk.agreed == LATEST_LEGACY.date


@pytest.mark.parametrize("other", [1.0, "1", True, None, [1], {"id": 1}], ids=repr)
def test_an_answer_whose_id_has_another_type_is_not_taken(other: Any) -> None:
    talk = Dialogue(LATEST_LEGACY)
    assert talk.said[0]["id"] == 1
    assert talk.hear({"jsonrpc": "2.0", "id": other, "result": {"protocolVersion": LATEST_LEGACY.date}}) == []
    assert talk.handshake.session is None
    assert talk.handshake.failure is None


def test_a_server_request_under_our_own_id_is_answered_and_the_answer_still_awaited() -> None:
    talk = Dialogue(LATEST_LEGACY)
    asked = talk.said[0]["id"]
    (reply,) = talk.hear({"jsonrpc": "2.0", "id": asked, "method": "ping"})
    assert reply == {"jsonrpc": "2.0", "id": asked, "result": {}}
    talk.answer(asked, result={"protocolVersion": LATEST_LEGACY.date})
    assert talk.agreed == LATEST_LEGACY.date


def test_a_notification_draws_no_reply() -> None:
    assert Dialogue().hear({"jsonrpc": "2.0", "method": "notifications/message", "params": {}}) == []


def test_a_second_answer_to_the_same_id_is_passed_over() -> None:
    talk = Dialogue(LATEST_LEGACY)
    asked = talk.said[0]["id"]
    talk.initialize("2025-11-25")
    assert talk.answer(asked, result={"protocolVersion": "2024-11-05"}) == []
    assert talk.agreed == "2025-11-25"


json_scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([*IDS, "from mars", ""])
members = st.dictionaries(
    st.sampled_from(["result", "error", "method", "jsonrpc"]),
    st.recursive(
        json_scalars,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["supportedVersions", "protocolVersion", "code", "data", "supported", "message", "_meta"]
                ),
                inner | st.just(UNSUPPORTED),
                max_size=4,
            )
        ),
        max_leaves=8,
    ),
    max_size=3,
)


@given(st.sampled_from([None, *REVISIONS]), st.lists(st.tuples(st.integers(1, 6), members), max_size=12))
@settings(deadline=None)
def test_whatever_is_answered_the_handshake_asks_a_bounded_number_of_times(
    wanted: Revision | None, answers: list[tuple[int, dict[str, Any]]]
) -> None:
    talk = Dialogue(wanted)
    asked = 1
    for request_id, more in answers:
        said = talk.hear({"id": request_id, **more})
        asked += sum(message.get("method") in ("initialize", "server/discover") for message in said)
    assert asked <= 6


# ---- the session


def session_of(date: str) -> Session:
    return Session(BY_DATE[date], server={}, capabilities={}, offered=())


@pytest.mark.parametrize("date", [item.date for item in LEGACY])
def test_a_legacy_request_carries_nothing_but_what_it_was_given(date: str) -> None:
    assert session_of(date).message("tools/list", {"cursor": "c"}, 5) == {
        "jsonrpc": "2.0",
        "id": 5,
        "method": "tools/list",
        "params": {"cursor": "c"},
    }


def test_a_legacy_request_without_params_has_no_such_member() -> None:
    assert "params" not in session_of("2025-11-25").message("ping", None, 5)


@pytest.mark.parametrize("params", [None, {}, {"cursor": "c"}, {"_meta": {"progressToken": 1}}], ids=repr)
def test_every_modern_request_carries_the_envelope(params: Any) -> None:
    made = session_of(LATEST_MODERN.date).message("tools/list", params, 5)["params"]
    assert made["_meta"].items() >= envelope(LATEST_MODERN).items()
    assert made["_meta"][META + "protocolVersion"] == LATEST_MODERN.date


def test_what_a_case_says_in_meta_wins_over_the_envelope() -> None:
    key = META + "protocolVersion"
    made = session_of(LATEST_MODERN.date).message("tools/list", {"_meta": {key: "x", "a": 1}}, 5)
    assert made["params"]["_meta"][key] == "x"
    assert made["params"]["_meta"]["a"] == 1


@pytest.mark.parametrize("meta", [None, 7, [], "x"], ids=repr)
def test_a_meta_that_is_no_object_gives_way_to_the_envelope(meta: Any) -> None:
    made = session_of(LATEST_MODERN.date).message("tools/list", {"_meta": meta}, 5)
    assert made["params"]["_meta"] == envelope(LATEST_MODERN)


def test_making_a_request_leaves_the_callers_params_alone() -> None:
    params = {"_meta": {"a": 1}}
    session_of(LATEST_MODERN.date).message("tools/list", params, 5)
    assert params == {"_meta": {"a": 1}}


@pytest.mark.parametrize("item", REVISIONS, ids=IDS)
def test_the_barrier_is_a_method_that_the_revision_has(item: Revision) -> None:
    made = session_of(item.date).barrier(9)
    assert any(method.name == made["method"] and item.letter in method.letters for method in METHODS)
    assert made["id"] == 9


def test_ids_are_fresh_and_above_the_handshakes() -> None:
    session = unagreed(None)
    ids = [session.next_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert min(ids) > FIRST_ID


def test_a_ping_is_answered_with_an_empty_result() -> None:
    assert Session.reply({"id": "p", "method": "ping"}) == {"jsonrpc": "2.0", "id": "p", "result": {}}


@pytest.mark.parametrize("method", ["sampling/createMessage", "elicitation/create", "roots/list", "no/such", 7, None])
def test_whatever_else_a_server_asks_is_refused(method: Any) -> None:
    reply = Session.reply({"id": 3, "method": method, "params": {}})
    assert reply["id"] == 3
    assert reply["error"]["code"] == -32601
    assert "result" not in reply


def test_an_unknown_date_is_a_usage_error_that_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="2025-11-25") as caught:
        revision("2025-11-26")
    assert "2025-11-26" in str(caught.value)
