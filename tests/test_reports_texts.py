"""What is shown of a stranger's text: nothing invisible, nothing active, nothing lost."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from mcpfuzz.reports import PlainRule, visible
from mcpfuzz.reports.testing import EVIL_TEXTS
from mcpfuzz.reports.texts import clip, rule_text
from mcpfuzz.reports.words import step_words


def test_no_character_without_a_glyph_is_left() -> None:
    unseen = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    for code in range(sys.maxunicode + 1):
        letter = chr(code)
        if unicodedata.category(letter) in unseen:
            assert visible(letter) != letter, f"U+{code:04X} passes"
            assert visible(letter).isascii()


def test_letters_of_every_script_stay() -> None:
    text = "naïve Ω ж 漢字 हिन्दी עברית 😀 <b>&amp;</b> #1 a::b"
    assert visible(text) == text


def test_escapes_are_the_ones_people_know() -> None:
    assert visible("\x1b[31m\x9b\u202e\U000e0041\n\t\r") == r"\x1b[31m\x9b\u202e\U000e0041\n\t\r"
    assert visible("a\n\tb\r\x00", lines=True) == "a\n\tb\\r\\x00"


@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize("text", EVIL_TEXTS)
def test_no_ci_command_is_left(text: str, lines: bool) -> None:
    shown = visible(text, lines=lines)
    assert not any(line.lstrip().startswith("::") for line in shown.splitlines())
    assert not any(mark in shown for mark in ("##[", "##vso[", "##teamcity["))


def test_to_make_visible_twice_is_to_make_visible_once() -> None:
    for text in EVIL_TEXTS:
        assert visible(visible(text)) == visible(text)


def test_a_cut_says_how_much_is_missing() -> None:
    assert clip("abc", 3) == "abc"
    assert clip("abcd", 3) == "abc… (1 more characters)"


def test_the_usual_envelope_is_told_in_three_words_and_an_odd_one_in_full() -> None:
    space = "io.modelcontextprotocol/"
    client = {"name": "mcpfuzz", "version": "0.1.0"}
    meta = {f"{space}protocolVersion": "2026-07-28", f"{space}clientCapabilities": {}, f"{space}clientInfo": client}
    message = {"method": "x", "params": {"a": 1, "_meta": meta}}
    assert step_words({"send": message}) == 'send {"method": "x", "params": {"a": 1}} (+ _meta of 2026-07-28)'
    for odd in (
        {**meta, "more": 1},
        {**meta, f"{space}clientCapabilities": []},
        {**meta, f"{space}clientInfo": None},
        7,
    ):
        assert "_meta" in step_words({"send": {"method": "x", "params": {"_meta": odd}}}).split("(+")[0]


def test_a_step_says_who_where_and_how_often() -> None:
    step = {"as": "bob", "on": "c2", "group": "g", "times": 1000, "close": True}
    assert step_words(step) == "[bob] (c2) ‖g ×1,000 close"


def test_a_rule_that_nobody_described_has_its_id_for_a_title() -> None:
    assert rule_text({}, "odd").title == "odd"
    assert rule_text({"odd": PlainRule(title="An odd thing", mend="Mend it.")}, "odd").mend == "Mend it."
