"""Attack payloads: each aims at what a run lays out itself, and at nothing else of the machine."""

from __future__ import annotations

import base64
import pickle
import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from xml.parsers import expat

import pytest

from mcpfuzz.slots import Filler
from mcpfuzz.strategies import addresses, commands, documents, evaluations, markup, operators, paths, queries
from mcpfuzz.strategies.payload import Payload
from mcpfuzz.strategies.points import aim, points, put

PLACES = {
    "workspace": "/t/ws/0/shop", "folder": "shop", "outside": "/t/ws/0", "watch": "/t/watch",
    "rebind": "rebind.mcpfuzz.test", "bait_port": "18999", "bait": "http://127.0.0.1:18999", "listener": "http://127.0.0.1:18998",
}  # fmt: skip
BASES = ("readme.txt", "{workspace}/docs/a.md", "cat ok.txt", "", "https://example.com/a/b", "42")
ALL = [
    payload
    for base in BASES
    for make in (
        *(paths.reads, paths.writes, commands.shell, commands.options, addresses.addresses),
        *(queries.unions, evaluations.code, evaluations.templates),
        *(documents.packed, documents.xml, documents.breaks, markup.markup),
    )
    for payload in make(base)
] + [*addresses.climbs(), *queries.files("")]


def filled(payload: Payload) -> str:
    return str(Filler(PLACES).fill(payload.text))


def test_every_payload_fills_and_holds_the_pieces_it_keeps() -> None:
    for payload in ALL:
        assert payload.why
        assert all(piece in payload.text for piece in payload.keep)
        assert "{watch}" not in filled(payload)


def test_an_absolute_path_always_lies_in_the_scratch_tree() -> None:
    for payload in ALL:
        if payload.rule in ("path-traversal", "symlink-escape", "file-write"):
            for path in re.findall(r"(?:^|[\s\"':=])(/[^\s\"'\0]+)", filled(payload)):
                # what a quote or a blank in a folder's name leaves over is a name that cannot be there
                assert path.lstrip("/").startswith(("t/", "c")) or path == "/secret.txt", payload


def test_a_url_always_names_loopback() -> None:
    fine = re.compile(
        r"(?:example\.com@)?(?:127\.|localhost|rebind\.mcpfuzz\.test|\[::ffff:127\.0\.0\.1\]|2130706433|0x7f000001|0177\.0\.0\.1|0\.0\.0\.0|0:)",
        re.IGNORECASE,
    )
    for payload in (*addresses.addresses("https://example.com/a"), *addresses.addresses("")):
        text = filled(payload)
        for host in re.findall(r"//([^/\\]+)", text):
            assert fine.match(host) or host.startswith(("example.com", "t")), text


@pytest.mark.parametrize("base", BASES)
def test_payloads_of_one_place_differ_from_each_other(base: str) -> None:
    for make in (paths.reads, paths.writes, commands.shell, commands.options):
        texts = [payload.text for payload in make(base)]
        assert len(texts) == len(set(texts)) >= 14


def test_a_command_line_keeps_its_words_before_the_path() -> None:
    assert all(payload.text.startswith("cat ") for payload in paths.reads("cat ok.txt"))


def test_a_path_keeps_the_extension_that_was_wanted() -> None:
    assert any(payload.text == "../secret.md" for payload in paths.reads("{workspace}/docs/a.md"))
    assert any(payload.text == "../{canary:1}.md" for payload in paths.writes("docs/a.md"))


SCHEMA = {
    "type": "object",
    "properties": {
        "path": {"type": "string"},
        "mode": {"type": "string", "enum": ["a", "b"]},
        "files": {"type": "array", "items": {"type": "string"}},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "depth": {"type": "integer"},
    },
}


def test_points_are_the_texts_of_the_good_call_then_those_it_leaves_out() -> None:
    found = points(SCHEMA, {"path": "a.txt", "depth": 3})
    assert [point.pointer for point in found] == ["/path", "/mode", "/files/0", "/note"]


def test_the_likely_place_comes_first_and_every_other_follows() -> None:
    found = points(SCHEMA, {"path": "a.txt"})
    order = [aim(found, "path", index) for index in range(40)]
    assert order[0] is not None
    assert order[0][0].pointer in ("/path", "/files/0")
    assert {place[0].pointer for place in order if place} == {"/path", "/mode", "/files/0", "/note"}


def test_a_place_takes_every_turn_once() -> None:
    found = points(SCHEMA, {"path": "a.txt"})
    for pointer in ("/path", "/note"):
        turns = [
            place[1] for place in (aim(found, "path", index) for index in range(200)) if place[0].pointer == pointer
        ]  # type: ignore[index]
        assert turns == list(range(len(turns)))


def test_a_value_is_put_where_the_point_is_and_nothing_else_changes() -> None:
    good = {"path": "a.txt", "depth": 3}
    files = next(point for point in points(SCHEMA, good) if point.pointer == "/files/0")
    assert put(good, files, "x") == {"path": "a.txt", "depth": 3, "files": ["x"]}
    assert good == {"path": "a.txt", "depth": 3}


# ---- statements, code, documents ---------------------------------------------------------------------

STATEMENT = "SELECT name FROM customers LIMIT 2"
PAIRS = [pair for base in ("ada", "42", "Ada Brandt") for make in (queries.pairs, operators.operators)
         for pair in make(base)]  # fmt: skip


def test_no_payload_takes_anything_away() -> None:
    texts = [payload.text for payload in ALL] + [payload.text for payload, _ in queries.writes(STATEMENT)]
    harm = re.compile(
        r"\b(drop|delete|update|truncate|alter|replace|remove|unlink|rmdir|rm|kill|shutdown)\b", re.IGNORECASE
    )
    assert not [text for text in texts if harm.search(text)]
    assert not [pair for pair in PAIRS if harm.search(repr(pair))]


@pytest.mark.parametrize(
    "pair", [pair for pair in PAIRS if "condition" in pair.why], ids=lambda pair: f"{pair.rule} {pair.why}"
)
def test_what_holds_and_what_does_not_differ_in_random_numbers_alone(pair: queries.Pair) -> None:
    plain = {re.sub(r"number:[12]", "number:N", str(text)) for text in (*pair.true, *pair.false)}
    assert len(plain) == 1
    assert len({str(text) for text in (*pair.true, *pair.false)}) == 4


@pytest.mark.parametrize("make", [queries.unions, queries.pairs])
def test_a_place_that_takes_statements_on_purpose_gets_none_of_our_own(
    make: Callable[[str], tuple[object, ...]],
) -> None:
    assert make("ada") and not make(STATEMENT)


def test_a_union_is_what_a_database_computes() -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE people(name TEXT, city TEXT)")
        filler = Filler(PLACES)
        found = []
        for payload in queries.unions("ada"):
            with suppress(sqlite3.Error):
                sql = f"SELECT name, city FROM people WHERE (name LIKE '%{filler.fill(payload.text)}%') ORDER BY name"
                found += db.execute(sql).fetchall()
        product = int(filler.canaries["number.1"]) * int(filler.canaries["number.2"])
        assert (product, product) in found


@pytest.mark.parametrize("text", [payload.text for payload in documents.packed("") if "pickle" in payload.why])
def test_a_pickle_makes_a_folder_and_nothing_else(text: str, tmp_path: Path) -> None:
    filler = Filler({**PLACES, "watch": str(tmp_path)})
    data = str(filler.fill(text)).encode()
    pickle.loads(base64.b64decode(data) if text.startswith("{base64") else data)
    assert [path.name for path in tmp_path.iterdir()] == [filler.canaries["1"]]


@pytest.mark.parametrize(
    "base", ["", "<feed><item>a</item></feed>", "<?xml version='1.0'?><!DOCTYPE r><r><a/>\n b</r>"]
)
def test_xml_is_well_formed_and_keeps_the_good_document(base: str) -> None:
    for payload in documents.xml(base):
        text = str(Filler(PLACES).fill(payload.text))
        parser = expat.ParserCreate()
        parser.Parse(text, True)
        assert "feed" not in base or "feed" in text or "svg" in text


def test_code_runs_where_it_is_evaluated(tmp_path: Path) -> None:
    made = 0
    for payload in evaluations.code("1"):
        if payload.why in ("Python", "Python beside the good value"):
            filler = Filler({**PLACES, "watch": str(tmp_path)})
            eval(str(filler.fill(payload.text)))
            assert (tmp_path / filler.canaries["1"]).exists()
            made += 1
    assert made == 2


def test_a_product_in_braces_has_a_control_without_them() -> None:
    for payload in evaluations.templates("Dear you"):
        assert payload.benign and payload.benign != payload.text
        assert "{number:1}" in payload.text and "{number:2}" in payload.text


def test_an_option_that_shows_a_file_has_a_word_that_is_none_for_its_control() -> None:
    shown = [payload for payload in commands.options("x") if "{outside}" in payload.text]
    assert shown and all(payload.benign == payload.text.replace("files0-from", "{canary:unknown}") for payload in shown)
    assert all(payload.benign is None for payload in commands.options("x") if "{outside}" not in payload.text)


@pytest.mark.parametrize("context", ["cat {}", 'cat "{}"', "cat '{}'", 'curl -L "{}" -o x', "git -C '{}' log"])
def test_the_first_command_runs_in_every_quoting_context(context: str, tmp_path: Path) -> None:
    text = commands.shell("x")[0].text
    made = text.replace("{watch}", str(tmp_path)).replace("{canary:1}", "made")
    line = context.replace("cat", "true").replace("curl", "true").replace("git", "true").format(made)
    subprocess.run(["/bin/sh", "-c", line], check=False, cwd=tmp_path)
    assert (tmp_path / "made").exists()
