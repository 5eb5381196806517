"""What is no JSON, row F1: a well-formed message, hurt at one of its tokens. It knows where JSON's tokens are
and nothing of what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import orjson

from mcpfuzz.model import Json
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.messages import (
    CONSONANTS,
    UNREADABLE,
    Base,
    Context,
    Malformed,
    base_of,
    framed,
    fresh_id,
    message_of,
    word,
)
from mcpfuzz.wire import encode

__all__ = ["TOKEN", "Hurt", "Text", "not_json", "text_of"]

Hurt: TypeAlias = tuple[str, str]
"""The text as it became, and why it is wrong."""


class Text(NamedTuple):
    """A base message as text, with its tokens."""

    text: str
    tokens: tuple[tuple[int, int], ...]
    """Start and end of each JSON token."""
    base: Base
    id: Json

    def token(self, index: int) -> str:
        start, end = self.tokens[index]
        return self.text[start:end]


TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')


def text_of(choices: Choices, context: Context) -> Text:
    base = base_of(choices, context, unknown=10)
    request_id = fresh_id(choices)
    text = encode(message_of(choices, context, base, request_id, vary=60)).decode("utf-8")
    return Text(text, tuple(match.span() for match in TOKEN.finditer(text)), base, request_id)


def _truncated(choices: Choices, it: Text) -> Hurt:
    cut = choices.integer(1, len(it.text) - 1)
    return it.text[:cut], f"truncated after {cut} of {len(it.text)} characters"


def _trailing_comma(choices: Choices, it: Text) -> Hurt:
    closers = [index for index, (start, _) in enumerate(it.tokens) if it.text[start] in "}]"]
    index = choices.pick(closers[::-1])  # the message's own end is the simplest
    at = it.tokens[index][0]
    last = _last_key(it, index)
    where = f"after {last}" if last else f"before {it.text[at]!r} at character {at}"
    return f"{it.text[:at]},{it.text[at:]}", f"trailing comma {where}"


def _last_key(it: Text, closer: int) -> str | None:
    """The key of the last member of the object that token `closer` ends."""
    depth = 0
    for index in range(closer - 1, 0, -1):
        token = it.token(index)
        if token in "}]":
            depth += 1
        elif token in "{[":
            if depth == 0:
                return None
            depth -= 1
        elif token == ":" and depth == 0:
            return it.token(index - 1)
    return None


CONTROLS = "".join(chr(code) for code in range(32) if code not in (10, 13))
"""No line feed and no carriage return: readers with universal newlines (Python's) would see two lines."""


def _control_in_string(choices: Choices, it: Text) -> Hurt:
    start, end = choices.pick([span for span in it.tokens if it.text[span[0]] == '"'])
    at = choices.integer(start + 1, end - 1)
    if it.text[at - 1] == "\\":
        at = start + 1  # not between a backslash and what it escapes
    char = choices.pick(CONTROLS)
    return it.text[:at] + char + it.text[at:], f"raw control byte 0x{ord(char):02x} in the string {it.text[start:end]}"


BETWEEN = CONTROLS.replace("\t", "") + "\x7f\xa0\u2028\u3000\ufeff"
"""What looks like white space to some reader, and is none in JSON."""


def _control_between(choices: Choices, it: Text) -> Hurt:
    at = choices.pick(it.tokens)[1]
    char = choices.pick(BETWEEN)
    return it.text[:at] + char + it.text[at:], f"U+{ord(char):04X} between two tokens, at character {at}"


def _token_lost(choices: Choices, it: Text) -> Hurt:
    index = choices.integer(0, len(it.tokens) - 1)
    start, end = it.tokens[index]
    return it.text[:start] + it.text[end:], f"{it.token(index)} missing at character {start}"


def _token_twice(choices: Choices, it: Text) -> Hurt:
    index = choices.integer(0, len(it.tokens) - 1)
    end = it.tokens[index][1]
    token = it.token(index)
    return it.text[:end] + token + it.text[end:], f"{token} twice in a row at character {end}"


QUOTES = (
    ("", "", "without quotes"), ("'", "'", "in single quotes"), ("`", "`", "in backticks"),
    ("\u201c", "\u201d", "in typographic quotes"),
    ('"', "", "without its closing quote"), ("", '"', "without its opening quote"),
)  # fmt: skip


def _quotes(choices: Choices, it: Text) -> Hurt:
    start, end = choices.pick([span for span in it.tokens if it.text[span[0]] == '"'])
    inner = it.text[start + 1 : end - 1]
    left, right, how = choices.pick(QUOTES)
    return f"{it.text[:start]}{left}{inner}{right}{it.text[end:]}", f"the string {it.text[start:end]} {how}"


LITERALS = (
    "undefined", "None", "True", "False", "01", "+1", ".5", "1.", "1e", "0x1F", "--1", "1_000", "-", "nul", "1n", "#1",
)  # fmt: skip


def _literal(choices: Choices, it: Text) -> Hurt:
    values = [index for index in range(2, len(it.tokens)) if it.token(index - 1) == ":" and it.token(index) not in "{["]
    index = choices.pick(values)
    start, end = it.tokens[index]
    odd = choices.pick(LITERALS)
    why = f"the value of {it.token(index - 2)} is {odd}, which is no JSON literal"
    return it.text[:start] + odd + it.text[end:], why


ESCAPES = ("\\x41", "\\q", "\\u12G4", "\\U0001F600", "\\'", "\\0", "\\u", "\\a", "\\ ")


def _escape(choices: Choices, it: Text) -> Hurt:
    start, end = choices.pick([span for span in it.tokens if it.text[span[0]] == '"'])
    odd = choices.pick(ESCAPES)
    return it.text[: end - 1] + odd + it.text[end - 1 :], f"the escape {odd} in the string {it.text[start:end]}"


def _comment(choices: Choices, it: Text) -> Hurt:
    at = choices.pick(it.tokens)[1]
    note = choices.pick(("/* {} */", "// {}", "# {}", "<!-- {} -->", "-- {}")).format(word(choices))
    return it.text[:at] + note + it.text[at:], f"the comment {note} at character {at}"


GARBAGE = ("}", "]", ";", '"', "\x00", "x", "data: ", "event: message", ")]}',", "Content-Length: 99", "id: 1")


def _around(choices: Choices, it: Text) -> Hurt:
    extra = choices.pick(GARBAGE) + choices.text(0, 6, CONSONANTS + "}];,")
    if choices.chance(50):
        return extra + it.text, f"{extra!r} before the message"
    return it.text + extra, f"{extra!r} after the message"


NO_JSON = (
    ("x {0}", "plain text"), ("{1} {0}", "the method's bare name"), ("jsonrpc: 2.0, method: {1} {0}", "YAML"),
    ("jsonrpc=2.0&method={1}&{0}x=1", "a form"), ("<method>{1}</method> {0}", "XML"),
    ("\x16\x03\x01{0}", "a TLS greeting"),
)  # fmt: skip


def _no_json_at_all(choices: Choices, it: Text) -> Hurt:
    odd = choices.text(0, 12, CONSONANTS + " ")
    form, what = choices.pick(NO_JSON)
    return form.format(odd, it.base.method), f"no JSON at all: {what}"


_HURTS: tuple[Callable[[Choices, Text], Hurt], ...] = (
    _truncated, _trailing_comma, _control_in_string, _control_between, _token_lost, _token_twice,
    _quotes, _literal, _escape, _comment, _around, _no_json_at_all,
)  # fmt: skip


def not_json(choices: Choices, context: Context) -> Malformed:
    it = text_of(choices, context)
    text, why = choices.pick(_HURTS)(choices, it)
    if _is_json(text):  # a lost comma in [1,2] leaves [12]
        text, why = _truncated(choices, it)
    return framed("F1", text, why, it.base, it.id if _carries(text, it.id) else UNREADABLE)


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except ValueError:
        return False
    return True


def _carries(text: str, request_id: Json) -> bool:
    """Whether the id still stands there for a lenient reader, whole and ended."""
    written = f'"id":{encode(request_id).decode("ascii")}'
    at = text.find(written)
    return at >= 0 and text[at + len(written) : at + len(written) + 1] in (",", "}")
