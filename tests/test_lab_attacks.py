"""Every attack weakness of the lab shows when it is driven by hand, and its hardened twin does not.

Each demonstration works inside a temporary folder, on the loopback interface, and harms nothing.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mcpfuzz.archives import packed
from mcpfuzz.lab import weaknesses
from mcpfuzz.lab.drive import ENVELOPE, Ended, Late, Named
from mcpfuzz.rounds import altered

WAIT_S = 2.5
SECRET = "canary-4711"


@dataclass
class World:
    """What lies around the lab: a workspace, a decoy beside it, a listener."""

    folder: Path
    upstream: str
    answer: bytes = SECRET.encode()
    heard: list[bytes] = field(default_factory=list)

    @property
    def workspace(self) -> Path:
        return self.folder / "shop"

    @property
    def decoy(self) -> Path:
        return self.folder / "decoy.txt"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop-private").mkdir()
    for name in ("decoy.txt", "shop-private/decoy.txt"):
        (tmp_path / name).write_text(f"{SECRET}\n", encoding="utf-8")
    (tmp_path / "shop" / "readme.txt").write_text("b\na\n", encoding="utf-8")
    (tmp_path / "shop" / "link").symlink_to(tmp_path / "decoy.txt")
    server = socket.create_server(("127.0.0.1", 0))
    made = World(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}")

    def listen() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                made.heard.append(connection.recv(65536))
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
                    % (len(made.answer), made.answer)
                )

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield made
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)


Demonstration = Callable[[Named, World], bool]
DEMONSTRATIONS: dict[str, Demonstration] = {}


def demonstrates(name: str) -> Callable[[Demonstration], Demonstration]:
    def register(demonstration: Demonstration) -> Demonstration:
        DEMONSTRATIONS[name] = demonstration
        return demonstration

    return register


# ---- files and programs ------------------------------------------------------------------------------


@demonstrates("path-traversal")
def a_file_outside_is_read(lab: Named, world: World) -> bool:
    assert lab.say("read_file", path="readme.txt") == "b\na\n"
    up, absolute = lab.say("read_file", path="../decoy.txt"), lab.say("read_file", path=str(world.decoy))
    assert (SECRET in up) is (SECRET in absolute)
    return SECRET in up


@demonstrates("prefix-escape")
def a_neighbour_folder_is_read(lab: Named, world: World) -> bool:
    assert SECRET not in lab.say("read_document", path="../decoy.txt")
    return SECRET in lab.say("read_document", path="../shop-private/decoy.txt")


@demonstrates("symlink-escape")
def a_link_is_followed(lab: Named, world: World) -> bool:
    assert SECRET not in lab.say("preview_file", path="../decoy.txt")
    return SECRET in lab.say("preview_file", path="link")


@demonstrates("path-write")
def a_file_outside_is_written(lab: Named, world: World) -> bool:
    lab.say("save_file", path="inside/new.txt", text="x")
    assert (world.workspace / "inside" / "new.txt").read_text(encoding="utf-8") == "x"
    lab.say("save_file", path="../made.txt", text=SECRET)
    return (world.folder / "made.txt").exists()


@demonstrates("command-injection")
def a_second_command_runs(lab: Named, world: World) -> bool:
    assert lab.say("count_lines", path="readme.txt").startswith("2")
    lab.say("count_lines", path="readme.txt; echo x > made.txt")
    return (world.workspace / "made.txt").exists()


@demonstrates("argument-injection")
def a_file_name_is_an_option(lab: Named, world: World) -> bool:
    assert lab.say("sort_lines", path="readme.txt") == "a\nb\n"
    lab.say("sort_lines", path="-omade.txt")
    return (world.workspace / "made.txt").exists()


# ---- SQL ---------------------------------------------------------------------------------------------


@demonstrates("sql-injection")
def a_quote_opens_the_statement(lab: Named, world: World) -> bool:
    assert "Ada" in lab.say("find_customer", name="Ada Brandt")
    assert "Edda" not in lab.say("find_customer", name="Edda Falk")
    true, false = (lab.say("find_customer", name=f"Ada Brandt' AND '1'='{digit}") for digit in "12")
    assert (true != false) is ("Edda" in lab.say("find_customer", name="x' OR hidden = 1 --"))
    return true != false


@demonstrates("sql-injection-number")
def a_condition_follows_the_number(lab: Named, world: World) -> bool:
    number = lab.example("get_invoice", "number")
    assert number in lab.say("get_invoice", number=number)
    true, false = (lab.say("get_invoice", number=f"{number} AND 1={digit}") for digit in "12")
    assert "cents" not in false
    return "cents" in true


@demonstrates("sql-read-only")
def a_query_writes(lab: Named, world: World) -> bool:
    count = "SELECT count(*) FROM customers"
    before = lab.say("query_records", sql=count)
    assert before == '[["6"]]'
    lab.say("query_records", sql="DROP TABLE customers")
    lab.say("query_records", sql="SELECT 1; DELETE FROM customers WHERE id = 1")
    lab.say("query_records", sql="WITH two AS (SELECT 2) DELETE FROM customers WHERE id = 2")
    after = lab.say("query_records", sql=count)
    assert after in ('[["6"]]', '[["4"]]')
    return before != after


@demonstrates("sql-injection-like")
def a_pattern_opens_the_statement(lab: Named, world: World) -> bool:
    assert "Ada" in lab.say("customers_in", text="Kiel")
    return str(1234 * 4321) in lab.say("customers_in", text="0%') UNION ALL SELECT 1234 * 4321, 1-- -")


@demonstrates("sql-attach")
def a_statement_makes_a_file(lab: Named, world: World) -> bool:
    assert lab.say("try_statement", sql="CREATE TABLE kept(a)") == "[]"
    lab.say("try_statement", sql=f"ATTACH DATABASE '{world.folder}/made.db' AS other")
    lab.say("try_statement", sql=f"VACUUM INTO '{world.folder}/copy.db'")
    made = [(world.folder / name).exists() for name in ("made.db", "copy.db")]
    assert made[0] is made[1]
    return made[0]


@demonstrates("read-only-mode")
def a_server_that_writes_nothing_writes(lab: Named, world: World) -> bool:
    with Named(*lab.options, "--read-only", shuffle=lab.shuffle) as locked:
        assert "read-only" in locked.say("create_note", id="a", title="a", text="a", tags=[])
        locked.say("save_file", path="kept.txt", text="kept")
        locked.say("read_file", path="readme.txt")
    return (world.workspace / "kept.txt").exists()


# ---- archives ----------------------------------------------------------------------------------------


@demonstrates("zip-slip")
def an_entry_climbs_out(lab: Named, world: World) -> bool:
    for form in ("zip", "tar", "tgz"):
        for trick in ("climb", "absolute", "link", "plain"):
            made = packed(form, trick, str(world.folder), f"{trick}-{form}.txt")
            (world.workspace / "sent").write_bytes(made)
            lab.say("unpack_archive", archive="sent")
    assert (world.workspace / "unpacked" / "plain-tgz.txt").exists()
    shown = {path.name for path in world.folder.glob("*-*.txt")}
    expected = {f"{trick}-{form}.txt" for trick in ("climb", "absolute") for form in ("zip", "tar", "tgz")}
    assert shown in (set(), expected)
    return shown == expected


@demonstrates("archive-link")
def an_entry_lies_behind_a_link(lab: Named, world: World) -> bool:
    for form in ("zip", "tar"):
        for trick in ("climb", "absolute", "link", "plain"):
            made = packed(form, trick, str(world.folder), f"{trick}-{form}.txt")
            lab.say("install_theme", data=base64.b64encode(made).decode())
    assert (world.workspace / "themes" / "plain-tar.txt").exists()
    shown = {path.name for path in world.folder.glob("*-*.txt")}
    assert shown in (set(), {"link-zip.txt", "link-tar.txt"})
    return bool(shown)


# ---- other stores ------------------------------------------------------------------------------------


@demonstrates("nosql-injection")
def an_object_is_an_operator(lab: Named, world: World) -> bool:
    assert "celadon" in lab.say("find_pot", name="mug")
    shown = str(lab.tell("find_pot", name={"$ne": "x"}))
    return "celadon" in shown and "tenmoku" in shown


@demonstrates("xpath-injection")
def a_name_is_a_predicate(lab: Named, world: World) -> bool:
    assert lab.say("guild_member", name="Gita") == "Gita throws."
    assert "Ines" not in lab.say("guild_member", name="Ines")
    return lab.say("guild_member", name="Gita'][@craft='throwing") == "Gita throws."


@demonstrates("ldap-injection")
def a_login_is_a_filter(lab: Named, world: World) -> bool:
    assert lab.say("phone_of", login="jonas") == "100-11"
    return lab.say("phone_of", login="*") == "100-11\n100-12"


@demonstrates("code-script")
def a_rule_is_python(lab: Named, world: World) -> bool:
    assert lab.say("price_rule", rule="price = cost * 2") == "The price is 900."
    return lab.say("price_rule", rule="import os; price = os.getpid()") == f"The price is {lab.process.pid}."


@demonstrates("unsafe-output")
def a_name_is_an_element(lab: Named, world: World) -> bool:
    assert "Welcome, Ada!" in lab.say("welcome_card", name="Ada")
    return "<b>" in lab.say("welcome_card", name="<b>Ada</b>")


@demonstrates("mass-assignment")
def a_role_is_assigned(lab: Named, world: World) -> bool:
    lab.say("update_profile", user="ada", city="Ulm", role="admin")
    shown = json.loads(lab.say("get_profile", user="ada"))
    return bool(shown["role"] == "admin")


@demonstrates("data-exposure")
def a_hash_is_shown(lab: Named, world: World) -> bool:
    return "pbkdf2" in lab.say("get_profile", user="bruno")


@demonstrates("unbounded-limit")
def an_answer_grows_with_the_limit(lab: Named, world: World) -> bool:
    return len(lab.say("price_history", days=200_000)) > 1_000_000


# ---- formats and evaluation --------------------------------------------------------------------------


@demonstrates("code-evaluation")
def an_expression_is_python(lab: Named, world: World) -> bool:
    assert lab.say("calculate", expression="7*7") == "49"
    return lab.say("calculate", expression="__import__('os').getpid()") == str(lab.process.pid)


@demonstrates("template-injection")
def a_template_is_python(lab: Named, world: World) -> bool:
    assert lab.say("render_message", template="To {{name}}", name="Ada") == "To Ada"
    return lab.say("render_message", template="{{ 1234 * 4321 }}", name="Ada") == str(1234 * 4321)


class Touch:
    """Pickles to a call that makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (self.path,))


@demonstrates("deserialisation")
def a_pickle_is_run(lab: Named, world: World) -> bool:
    assert lab.say("restore_snapshot", data=lab.say("take_snapshot", heading="May")) == 'Restored "May".'
    lab.say("restore_snapshot", data=base64.b64encode(pickle.dumps(Touch(world.folder / "made"))).decode())
    return (world.folder / "made").exists()


@demonstrates("xml-entity")
def an_entity_is_fetched(lab: Named, world: World) -> bool:
    assert lab.say("import_feed", xml="<feed><item>a</item></feed>") == "a"
    entity = f'<!DOCTYPE feed [<!ENTITY x SYSTEM "{world.decoy.as_uri()}">]>'
    return SECRET in lab.say("import_feed", xml=f"{entity}<feed><item>&x;</item></feed>")


@demonstrates("redos")
def a_pattern_takes_years(lab: Named, world: World) -> bool:
    lab.say("match_pattern", pattern="k*n", text="kiln")
    asked = lab.post_call("match_pattern", pattern="(a+)+$", text="a" * 60 + "!")
    try:
        lab.answer(asked, WAIT_S)
    except Late:
        return True
    return False


@demonstrates("zip-bomb")
def packed_zeros_are_unpacked(lab: Named, world: World) -> bool:
    bomb = base64.b64encode(zlib.compress(bytes(50_000_000), 9)).decode()
    return "50000000 bytes" in lab.say("unpack", data=bomb)


# ---- other servers -----------------------------------------------------------------------------------


@demonstrates("ssrf")
def a_loopback_url_is_fetched(lab: Named, world: World) -> bool:
    assert "nine" in lab.say("fetch_page", url="https://pottery.example/hours")
    return SECRET in lab.say("fetch_page", url=f"{world.upstream}/x") and world.heard[0].startswith(b"GET /x ")


@demonstrates("upstream-path")
def an_id_leaves_its_path(lab: Named, world: World) -> bool:
    assert SECRET in lab.say("article_details", article="A-100") and b"GET /articles/A-100 " in world.heard[0]
    lab.say("article_details", article="../admin")
    lab.say("article_details", article="1?all=1")
    return any(b"/../admin " in request for request in world.heard) and any(b"?all=1" in line for line in world.heard)


@demonstrates("header-injection")
def a_topic_is_two_headers(lab: Named, world: World) -> bool:
    assert "passed on" in lab.say("pass_note", topic="Prices", text="Hello")
    assert b"X-Topic: Prices\r\n" in world.heard[0]
    lab.say("pass_note", topic="a\r\nX-Admin: yes", text="Hello")
    return any(b"\r\nX-Admin: yes\r\n" in request for request in world.heard)


@demonstrates("upstream-trusted")
def a_list_ends_it(lab: Named, world: World) -> bool:
    world.answer = b'{"total": 450}'
    assert lab.say("wholesale_price", article="A-100") == "4.5 a piece."
    world.answer = b"[]"
    return lab.dies(lambda: lab.say("wholesale_price", article="A-100"))


# ---- state and listing -------------------------------------------------------------------------------


@demonstrates("use-after-delete")
def a_deleted_document_answers(lab: Named, world: World) -> bool:
    key = lab.say("create_document", text=SECRET)
    assert SECRET in lab.say("get_document", id=key)
    lab.say("delete_document", id=key)
    return SECRET in lab.say("get_document", id=key)


@demonstrates("replay")
def a_voucher_is_good_twice(lab: Named, world: World) -> bool:
    code = lab.say("issue_voucher", amount=20)
    assert lab.say("redeem_voucher", code=code) == "Redeemed 20, the credit is 20."
    return "the credit is 40" in lab.say("redeem_voucher", code=code)


@demonstrates("race")
def a_ticket_lets_several_in(lab: Named, world: World) -> bool:
    code = lab.say("issue_ticket")
    asked = {lab.post_call("use_ticket", code=code) for _ in range(4)}
    answers = [message for message in (lab.next() for _ in range(4)) if message["id"] in asked]
    assert len(answers) == 4 and lab.tell("use_ticket", code=code)["result"]["isError"]
    return sum(not answer["result"]["isError"] for answer in answers) > 1


@demonstrates("dry-run-writes")
def a_dry_run_is_not_dry(lab: Named, world: World) -> bool:
    assert lab.say("tidy_drafts", dry_run=True) == "3 drafts."
    return lab.say("tidy_drafts", dry_run=True) == "0 drafts."


@demonstrates("annotation-lies")
def a_reader_leaves_a_mark(lab: Named, world: World) -> bool:
    key = lab.say("create_document", text="text")
    before = lab.say("get_document", id=key)
    lab.say("document_info", id=key)
    return before != lab.say("get_document", id=key)


@demonstrates("hidden-tool")
def an_unlisted_tool_answers(lab: Named, world: World) -> bool:
    assert lab.names["grant_credit"][0] not in lab.schemas
    return "Granted" in str(lab.tell("grant_credit", amount=5).get("result"))


@demonstrates("poisoned-description")
def a_description_holds_orders(lab: Named, world: World) -> bool:
    text = description(lab, "greet")
    spelt = "".join(chr(ord(letter) - 0xE0000) if ord(letter) > 0xE0000 else letter for letter in text)
    return "id_rsa" in spelt.replace("\u200b", "")


@demonstrates("listing-changes")
def a_description_changes(lab: Named, world: World) -> bool:
    return len({description(lab, "daily_special") for _ in range(4)}) > 1


@demonstrates("poisoned-schema")
def an_argument_holds_orders(lab: Named, world: World) -> bool:
    return "id_rsa" in str(lab.argument("leave_message", "text").get("description"))


@demonstrates("forgotten-tool")
def a_developers_tool_answers(lab: Named, world: World) -> bool:
    assert lab.names["debug_info"][0] not in lab.schemas
    return "accounts" in str(lab.tell("debug_info").get("result"))


# ---- the desk ----------------------------------------------------------------------------------------


@demonstrates("stale-read")
def an_account_is_shown_as_it_was(lab: Named, world: World) -> bool:
    key = json.loads(lab.say("open_account", remark="one"))["account"]
    assert "one" in lab.say("show_account", account=key)
    assert lab.say("change_account", account=key, remark="two") == "Changed."
    return "one" in lab.say("show_account", account=key)


@demonstrates("idempotence-lies")
def repeating_adds_up(lab: Named, world: World) -> bool:
    for _ in range(2):
        lab.say("keep_pieces", name="Ada", pieces=2)
    return "Ada: 4" in lab.say("kept_pieces")


@demonstrates("unconfirmed-action")
def nobody_confirmed_it(lab: Named, world: World) -> bool:
    key = json.loads(lab.say("open_account", remark=SECRET))["account"]
    lab.say("clear_account", account=key, confirm=False)
    return SECRET not in lab.say("show_account", account=key)


@demonstrates("token-exposure")
def a_session_is_shown(lab: Named, world: World) -> bool:
    return "session_token" in lab.say("at_the_desk")


# ---- the kiln ----------------------------------------------------------------------------------------


def kiln_round(lab: Named, remark: str, **more: Any) -> dict[str, Any]:
    """One round of a booking, by a client that can be asked; the whole answer."""
    served, names = lab.names["book_kiln"]
    meta = {**ENVELOPE, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}
    arguments = {names["day"]: "Monday", names["remark"]: remark}
    return lab.request("tools/call", {"name": served, "arguments": arguments, "_meta": meta, **more})


@demonstrates("state-unsigned")
def a_changed_state_is_believed(lab: Named, world: World) -> bool:
    asked = kiln_round(lab, "four bowls")["result"]
    assert asked["resultType"] == "input_required" and list(asked["inputRequests"]) == ["confirm"]
    yes = {"confirm": {"action": "accept", "content": {"yes": True}}}
    honest = kiln_round(lab, "four bowls", inputResponses=yes, requestState=asked["requestState"])
    assert honest["result"]["structuredContent"]["remark"] == "four bowls"
    forged = altered(asked["requestState"], "four bowls", SECRET)
    told = kiln_round(lab, "four bowls", inputResponses=yes, requestState=forged)
    return SECRET in json.dumps(told.get("result"))


def description(lab: Named, tool: str) -> str:
    """What the listing says of a tool now."""
    cursor: dict[str, str] = {}
    while True:
        page = lab.request("tools/list", cursor)["result"]
        for entry in page["tools"]:
            if entry["name"] == lab.names[tool][0]:
                return str(entry["description"])
        cursor = {"cursor": page["nextCursor"]}


ATTACKS = [weakness.name for weakness in weaknesses() if weakness.group == "attack"]


# the hardened twin shuffled only: that the demonstration finds its tools there is what the weak rows show
@pytest.mark.parametrize(("weak", "seed"), [(True, None), (True, "amber"), (False, "amber")])
@pytest.mark.parametrize("name", ATTACKS)
def test_a_weakness_shows_and_its_hardened_twin_does_not(world: World, name: str, seed: str | None, weak: bool) -> None:
    switch = ("--weakness", name) if weak else ("--toolset", "all")
    with Named(*switch, "--workspace", str(world.workspace), shuffle=seed, env={"UPSTREAM": world.upstream}) as lab:
        assert DEMONSTRATIONS[name](lab, world) is weak


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("weak", [True, False])
def test_a_weakness_shows_among_all_others_and_they_do_not_show_it(world: World, name: str, weak: bool) -> None:
    switches = ["--weakness", "all"] if weak else ["--weakness", "all", "--except", name]
    with Named(*switches, "--workspace", str(world.workspace), env={"UPSTREAM": world.upstream}) as lab:
        try:
            shown = DEMONSTRATIONS[name](lab, world)
        except Ended:
            pytest.fail(lab.stderr)
        assert shown is weak
