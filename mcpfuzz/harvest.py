"""What an answer gives away for later calls: the id of what was made, the name of an argument that is missing.

Reading strangers' answers is guessing; here the guesses are made, once, by rules of form. What cannot be
guessed raises KeyError, so that a slot stays unfilled rather than naming something else.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from typing import Any

from mcpfuzz.answers import result_of
from mcpfuzz.model import Json
from mcpfuzz.tasks import task_of

__all__ = ["gained", "members", "missing", "refusals", "similar"]

MAX_MEMBERS = 300
MAX_DEPTH = 4
MAX_ID = 120
MAX_TEXT = 20_000
MAX_DRAWS = 40
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_HANDLE = re.compile(r"^(?:id|uuid|guid|key|code|handle|slug|token|ref|reference|number|uri|url|name)$")
_ALONE = re.compile(r"[\w:./@+=-]*\d[\w:./@+=-]*")
"""A text that is nothing but an id."""
_TOKENS = (
    re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE),
    re.compile(r"(?i)\b(?:id|uuid|code|key|handle|number|ticket|token|ref(?:erence)?)\b[\s:=#\"'`(]{1,4}([\w][\w.:-]{0,80}\w|\w)"),
    re.compile(r"\b(?=[\w-]{0,60}\d)[A-Za-z]{1,20}[-_][0-9A-Za-z]{3,40}\b"),
    re.compile(r"#(\d{1,18})\b"),
    re.compile(r"\b[0-9a-f]{12,64}\b"),
)  # fmt: skip
_MISSING = (
    re.compile(r"[\"'`]([\w.$-]{1,60})[\"'`] is (?:a )?(?:required|missing)"),
    re.compile(r"(?i)(?:missing|requires?|required)\b[^\"'`\n]{0,60}[\"'`]([\w$-]{1,60})[\"'`]"),
    re.compile(r"(?im)^([\w$-]{1,60})\n\s+(?:Field required|Missing required)"),
    re.compile(r"(?i)(?:missing|required)[\w ]{0,40}(?:argument|parameter|property|field|member)s?:? ([\w$-]{1,60})"),
    re.compile(r"(?i)\b([\w$-]{1,60}) (?:is required|is missing|must be given)"),
    re.compile(r'"path":\s*\[\s*"([\w$-]{1,60})"\s*\]'),
)


def gained(answer: Json, name: str) -> Json:
    """What an answer gives for an argument called `name`: a member of that name, or the id in it.

    Raises:
        KeyError: nothing of the kind.
    """
    result = result_of(answer)
    if result is None or result.get("isError") is True:
        raise KeyError(name)
    found = [(key, value) for key, value in members(result) if _usable(value)]
    wish = _words(name)
    best = max(found, key=lambda item: _fit(item[0], wish), default=None)
    if best is not None and _fit(best[0], wish) > 0:
        return best[1]
    if len(found) == 1:
        return found[0][1]
    for text in _texts(result):
        if len(text) <= MAX_ID and _ALONE.fullmatch(text.strip()):
            return text.strip()
        for token in _TOKENS:
            match = token.search(text[:MAX_TEXT])
            if match:
                return match.group(match.lastindex or 0)
    raise KeyError(name)


def members(result: Json) -> Iterator[tuple[str, Json]]:
    """Members (name, value) of a call's result, however it tells them: structured, or as JSON in a text; outermost
    first, bounded. Lists are gone into, under their own name."""
    todo: list[tuple[str, Json, int]] = []
    if isinstance(result, dict):
        todo.append(("", result.get("structuredContent"), 0))
        todo.append(("", task_of(result), 0))
        todo += [("", _parsed(text), 0) for text in _texts(result)]
    count = 0
    while todo and count < MAX_MEMBERS:
        name, value, depth = todo.pop(0)
        if name:
            count += 1
            yield name, value
        if depth >= MAX_DEPTH:
            continue
        if isinstance(value, dict):
            todo += [(str(key), item, depth + 1) for key, item in value.items()]
        elif isinstance(value, list):
            todo += [(name, item, depth + 1) for item in value[:20]]


def missing(answer: Json) -> str:
    """The argument that a refusal asks for.

    Raises:
        KeyError: it names none.
    """
    for text in refusals(answer):
        for pattern in _MISSING:
            match = pattern.search(text[:4_000])
            if match:
                return match.group(1)
    raise KeyError("wanted")


def similar(value: Json) -> Json:
    """A value of the same form that is made up, never the value itself: letters and digits of its last part are
    others."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value + 1_000_000 + secrets.randbelow(1_000_000)
    if not isinstance(value, str):
        raise KeyError("like")
    body = value.rstrip("-_")  # an id of chance may end so
    cut = max(body.rfind(sign) for sign in "-_:/.") + 1
    tail = value[cut:]
    hexadecimal = re.fullmatch(r"[0-9a-f]+", tail) is not None
    for _ in range(MAX_DRAWS):  # of a short part the draw may be what was there
        made = value[:cut] + "".join(_other(sign, hexadecimal=hexadecimal) for sign in tail)
        if made != value:
            return made
    return value + "a"  # nothing in it is a letter or a digit of ours


def _other(sign: str, *, hexadecimal: bool) -> str:
    for alphabet in (
        ("0123456789abcdef",)
        if hexadecimal and not sign.isdigit()
        else ("0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    ):
        if sign in alphabet:
            return secrets.choice(alphabet)
    return sign


def _usable(value: Json) -> bool:
    return (isinstance(value, str) and 0 < len(value) <= MAX_ID) or (
        isinstance(value, int) and not isinstance(value, bool)
    )


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name)]


def _fit(key: str, wish: list[str]) -> int:
    """How well a member's name suits the argument's."""
    words = _words(key)
    if words == wish:
        return 5
    if words and set(words) == {word for word in wish if not _HANDLE.match(word)}:
        return 4
    if words and _HANDLE.match(words[-1]) and words[-1] != "name":
        shared = len(set(words) & set(wish))
        return 2 + min(shared, 1)
    if words and wish and words[-1] == wish[-1]:
        return 1
    return 0


def _texts(result: Any) -> list[str]:
    content = result.get("content")
    blocks = content if isinstance(content, list) else []
    return [block["text"] for block in blocks[:5] if isinstance(block, dict) and isinstance(block.get("text"), str)]


def refusals(answer: Json) -> list[str]:
    """What an answer says that may be a refusal: the texts of an error or of a result."""
    if not isinstance(answer, dict):
        return []
    error, result = answer.get("error"), answer.get("result")
    told = [_said(error.get("message", "")), _said(error.get("data"))] if isinstance(error, dict) else []
    return told + (_texts(result) if isinstance(result, dict) else [])


def _said(value: Json) -> str:
    """A text as it is, anything else as JSON; empty where it is nested too deep to be written."""
    try:
        return value if isinstance(value, str) else json.dumps(value)
    except RecursionError:
        return ""


def _parsed(text: str) -> Json:
    if text[:200].lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text[: 1 << 20])
    except (ValueError, RecursionError):
        return None
