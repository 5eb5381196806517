"""Every robustness weakness of the lab shows when it is driven by hand, and its hardened twin does not.

A demonstration drives one lab by canonical names and says whether the mistake was seen. It knows the kind of
value that brings the mistake out and takes the rest (names, bounds, letters) from the listing, as a stranger would.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mcpfuzz.lab import weaknesses
from mcpfuzz.lab.drive import ENVELOPE, Late, Named

WAIT_S = 2.5
"""Seconds without an answer that count as none: ten times the slowest honest call."""


Demonstration = Callable[[Named], bool]
DEMONSTRATIONS: dict[str, Demonstration] = {}


def demonstrates(name: str) -> Callable[[Demonstration], Demonstration]:
    def register(demonstration: Demonstration) -> Demonstration:
        DEMONSTRATIONS[name] = demonstration
        return demonstration

    return register


@demonstrates("crash-number")
def a_number_at_the_edge_of_its_schema_kills(lab: Named) -> bool:
    schema, sku = lab.argument("order_article", "quantity"), lab.example("order_article", "sku")
    edges = (schema["maximum"], schema["minimum"])
    return lab.dies(lambda: [lab.tell("order_article", sku=sku, quantity=edge) for edge in edges])


@demonstrates("crash-depth")
def deep_nesting_kills(lab: Named) -> bool:
    outline: dict[str, Any] = {"title": "leaf"}
    for _ in range(400):
        outline = {"title": "twig", "children": [outline]}
    return lab.dies(lambda: lab.post_call("render_outline", outline=outline))


@demonstrates("crash-frame")
def a_line_that_is_no_utf8_kills(lab: Named) -> bool:
    return lab.dies(lambda: lab.raw(b'{"jsonrpc": "2.0", "id": 1, "method": "\xc3\x28"}\n'))


@demonstrates("crash-surrogate")
def a_lone_surrogate_kills(lab: Named) -> bool:
    return lab.dies(lambda: lab.post_call("echo", text="\ud834"))


@demonstrates("crash-exit")
def an_unknown_option_kills(lab: Named) -> bool:
    return lab.dies(lambda: lab.tell("list_articles", options="--colour red"))


@demonstrates("batch-crash")
def an_array_of_numbers_kills(lab: Named) -> bool:
    return lab.dies(lambda: lab.send([1, 2, 3]))


@demonstrates("hang-regex")
def a_long_tag_hangs_everything(lab: Named) -> bool:
    good = lab.example("check_tags", "tags")
    asked = lab.post_call("check_tags", tags=good[:1] * 60 + "!")
    barrier = lab.post("ping")
    try:
        lab.answer(asked, WAIT_S)
    except Late:
        return True
    lab.answer(barrier)
    return False


@demonstrates("hang-call")
def one_call_is_never_answered_and_the_rest_is(lab: Named) -> bool:
    lost = lab.post_call("export_notes", tag="nosuchtag")
    lab.answer(lab.post_call("export_notes", tag="kiln"))
    if any(isinstance(other, dict) and other.get("id") == lost for other in lab.others):
        return False
    try:
        lab.answer(lost, WAIT_S / 2)
    except Late:
        return "result" in lab.request("ping")
    return False


@demonstrates("poison-malformed")
def a_refused_request_spoils_the_next(lab: Named) -> bool:
    good = lab.say("echo", text="hello")
    for _ in range(3):
        lab.request("tools/call", {"name": lab.names["echo"][0], "arguments": [1]})
    answer = lab.tell("echo", text="hello")
    return "error" in answer or answer["result"]["content"][0]["text"] != good


@demonstrates("memory-leak")
def searches_add_up(lab: Named) -> bool:
    for _ in range(20):
        lab.say("search_notes", query="clay")
    before = lab.rss()
    for _ in range(200):
        lab.say("search_notes", query="clay")
    return lab.rss() - before > 200 * 50_000


@demonstrates("no-shutdown")
def it_outlives_its_input(lab: Named) -> bool:
    try:
        return lab.end(WAIT_S) != 0
    except Late:
        return True


@demonstrates("leak-trace")
def a_trace_is_shown(lab: Named) -> bool:
    return "Traceback (most recent call last)" in lab.say("convert_units", value=1, from_="kg", to="m")


@demonstrates("leak-path")
def a_path_is_shown(lab: Named) -> bool:
    return "/templates/" in lab.say("render_report", template="nosuch")


@demonstrates("leak-secret")
def a_token_is_shown(lab: Named) -> bool:
    digits = len(lab.example("stock_lookup", "sku").rsplit("-")[1])
    return "sk_test_4711" in lab.say("stock_lookup", sku=lab.example("stock_lookup", "sku")[:-digits] + "0" * digits)


@demonstrates("huge-answer")
def a_small_request_has_a_huge_answer(lab: Named) -> bool:
    most = lab.argument("label_sheet", "copies")["maximum"]
    return len(lab.say("label_sheet", text="x", copies=most)) > 20_000_000


@demonstrates("stdout-noise")
def noise_is_on_stdout(lab: Named) -> bool:
    lab.others = []
    lab.tell("list_notes", tag="nosuchtag")
    return any(isinstance(other, bytes) for other in lab.others)


@demonstrates("nan-out")
def nan_is_on_stdout(lab: Named) -> bool:
    names = lab.names["add"][1]
    params = lab.params({"name": lab.names["add"][0], "arguments": {names["a"]: float("nan"), names["b"]: 1}})
    return any(
        isinstance(other, bytes)
        for other in lab.meanwhile({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params})
    )


@demonstrates("id-type")
def the_id_changes_its_type(lab: Named) -> bool:
    asked = lab.post_call("restock_forecast", sku=lab.example("restock_forecast", "sku"))
    message = lab.next()
    return type(message["id"]) is not int or message["id"] != asked


@demonstrates("duplicate-answer")
def a_second_read_is_answered_twice(lab: Named) -> bool:
    read = {"jsonrpc": "2.0", "id": 5, "method": "resources/read", "params": lab.params({"uri": "shop://hours"})}
    return [len(lab.meanwhile(read)), len(lab.meanwhile(read))] == [1, 2]


@demonstrates("answers-notification")
def a_notification_is_answered(lab: Named) -> bool:
    return lab.meanwhile({"jsonrpc": "2.0", "method": "notifications/unknown"}) != []


@demonstrates("executes-notification")
def a_request_without_id_has_an_effect(lab: Named) -> bool:
    name, names = lab.names["create_note"]
    params = lab.params({"name": name, "arguments": {names["title"]: "zebra"}})
    lab.meanwhile({"jsonrpc": "2.0", "method": "tools/call", "params": params})
    return "zebra" in lab.say("search_notes", query="zebra", limit=5).replace('"zebra"', "")


@demonstrates("unknown-method-result")
def an_unknown_method_succeeds(lab: Named) -> bool:
    return "result" in lab.request("no/such")


@demonstrates("error-shape")
def an_error_has_no_integer_code(lab: Named) -> bool:
    ref = {"type": "ref/prompt", "name": "no_such"}
    error = lab.request("completion/complete", {"ref": ref, "argument": {"name": "a", "value": ""}})["error"]
    return type(error.get("code")) is not int


@demonstrates("result-and-error")
def an_answer_is_both(lab: Named) -> bool:
    return {"result", "error"} <= set(lab.request("prompts/get", {"name": "no_such"}))


@demonstrates("asks-undeclared")
def nobody_said_they_can_be_asked(lab: Named) -> bool:
    served, names = lab.names["book_kiln"]
    arguments = {names["day"]: "Monday", names["remark"]: "four bowls"}
    told = lab.request("tools/call", {"name": served, "arguments": arguments, "_meta": ENVELOPE})
    return told.get("result", {}).get("resultType") == "input_required"


@demonstrates("output-schema")
def the_structured_answer_breaks_its_schema(lab: Named) -> bool:
    counts = json.loads(lab.say("text_statistics", text="  "))
    return not isinstance(counts["mean_length"], (int, float))


@demonstrates("unvalidated-arguments")
def arguments_are_not_checked(lab: Named) -> bool:
    return all(
        not lab.tell("set_reminder", **given)["result"]["isError"]
        for given in (
            {},
            {"minutes": "soon"},
            {"minutes": -5},
            {"minutes": 5, "more": 1},
            {"minutes": 5, "channel": []},
        )
    )


@demonstrates("fabricated-success")
def what_does_not_exist_succeeds(lab: Named) -> bool:
    tool = lab.request("tools/call", {"name": "no_such", "arguments": {}})
    note = lab.request("resources/read", {"uri": "note://no-such"})
    assert ("result" in tool) is ("result" in note)
    return "result" in tool


ROBUSTNESS = [weakness.name for weakness in weaknesses() if weakness.group == "robustness"]
SECRETS = {"API_TOKEN": "sk_test_4711"}


@pytest.mark.parametrize("seed", [None, "amber"])
@pytest.mark.parametrize("name", ROBUSTNESS)
def test_a_weakness_shows_and_its_hardened_twin_does_not(name: str, seed: str | None) -> None:
    show = DEMONSTRATIONS[name]
    with Named("--weakness", name, shuffle=seed, env=SECRETS) as weak:
        assert show(weak)
    with Named(shuffle=seed, env=SECRETS) as hardened:
        assert not show(hardened)
        if name != "no-shutdown":
            assert hardened.end() == 0
        assert hardened.stderr == ""


@pytest.mark.parametrize("name", ROBUSTNESS)
def test_a_weakness_shows_among_all_others(name: str) -> None:
    with Named("--weakness", "all", env=SECRETS) as lab:
        assert DEMONSTRATIONS[name](lab)


@pytest.mark.parametrize("name", ROBUSTNESS)
def test_the_other_weaknesses_do_not_show_it(name: str) -> None:
    with Named("--weakness", "all", "--except", name, env=SECRETS) as lab:
        assert not DEMONSTRATIONS[name](lab)
