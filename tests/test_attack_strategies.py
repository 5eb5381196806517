"""Attack payloads: each aims at what a run lays out itself, and at nothing else of the machine."""

from __future__ import annotations

import re

import pytest

from mcpfuzz.slots import Filler
from mcpfuzz.strategies import addresses, commands, paths
from mcpfuzz.strategies.payload import Payload
from mcpfuzz.strategies.points import aim, points, put

PLACES = {
    "workspace": "/t/ws/0/shop", "folder": "shop", "outside": "/t/ws/0", "watch": "/t/watch",
    "bait_port": "18999", "bait": "http://127.0.0.1:18999", "listener": "http://127.0.0.1:18998",
}  # fmt: skip
BASES = ("readme.txt", "{workspace}/docs/a.md", "cat ok.txt", "", "https://example.com/a/b", "42")
ALL = [
    payload
    for base in BASES
    for make in (paths.reads, paths.writes, commands.shell, commands.options, addresses.addresses)
    for payload in make(base)
] + list(addresses.climbs())


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
        r"(?:example\.com@)?(?:127\.|localhost|\[::ffff:127\.0\.0\.1\]|2130706433|0x7f000001|0177\.0\.0\.1|0\.0\.0\.0|0:)",
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
