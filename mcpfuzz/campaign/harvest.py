"""What answers teach: values that a server gave away and that another of its operations may want, and words
of its refusals ("must be one of ..."). A stranger's words: nothing is used that names the machine or destroys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import orjson

from mcpfuzz.answers import result_of
from mcpfuzz.model import Json
from mcpfuzz.slots import quote
from mcpfuzz.strategies.safety import destructive, is_safe

__all__ = ["QUOTED", "Harvest", "hints"]

MAX_NAMES = 400
MAX_VALUES = 12
MAX_WALK = 3_000
MAX_LENGTH = 200
_PAIR = re.compile(r"\b([A-Za-z][\w-]{0,30})\s*[:=]\s*[\"'`]?([\w./@:+-]{1,100})")
_LINE = re.compile(r"^[ \t\r*-]*([\w./@+-]{1,100})[ \t\r]*(?:$|[:,(|])", re.MULTILINE)
"""One line and no other: over empty lines it would look again from each of them."""
QUOTED = re.compile(r"[\"'`]([^\"'`\n]{1,100})[\"'`]")
_ONE_OF = re.compile(
    r"(?:one of|allowed(?: \w+){0,3}|(?<!in)valid \w+|(?<!un)expected|choose from|available(?: \w+)?"
    r"|supported(?: \w+)?)[:\s]+(.{1,400})",
    re.IGNORECASE,
)
_ITEM = r"[\"'`]?[\w-]{1,40}[\"'`]?"
_EITHER = re.compile(rf"must be (?:either )?({_ITEM}(?:, {_ITEM}){{0,20}},? or {_ITEM})", re.IGNORECASE)
_WORDS = re.compile(r"[\w./@+-]{1,60}")


class Harvest:
    """Values by the name under which a server gave them; earlier ones first, a few each."""

    def __init__(self, workspace: str | None = None) -> None:
        """Args: workspace: the copy's path; values below it become `{workspace}/...`."""
        self._workspace = workspace
        self._values: dict[str, dict[str, None]] = {}

    def take(self, operation: str, answer: Json) -> None:
        """Gather from one normal answer of an operation."""
        result = result_of(answer)
        if result is None:
            return
        self._walk(result.get("structuredContent"), operation)
        content = result.get("content")
        for item in content[:20] if isinstance(content, list) else ():
            text = item.get("text") if isinstance(item, Mapping) else None
            if isinstance(text, str):
                self._text(text[:20_000], operation)

    def _text(self, text: str, operation: str) -> None:
        if text[:1] in "{[":
            try:
                self._walk(orjson.loads(text), operation)
                return
            except ValueError:
                pass
        for name, value in _PAIR.findall(text):
            self._note(name, value, operation)
        for value in _LINE.findall(text)[:MAX_VALUES]:
            self._note("", value, operation)

    def _walk(self, value: Json, operation: str) -> None:
        todo: list[tuple[str, Json]] = [("", value)]
        for _ in range(MAX_WALK):
            if not todo:
                return
            name, item = todo.pop()
            if isinstance(item, Mapping):
                todo += [(str(key), member) for key, member in list(item.items())[::-1]]
            elif isinstance(item, list):
                todo += [(name, member) for member in list(item[:50])[::-1]]
            elif isinstance(item, str) or (isinstance(item, int) and not isinstance(item, bool)):
                self._note(name, str(item), operation)

    def _note(self, name: str, value: str, operation: str) -> None:
        made = self._usable(value)
        if made is None:
            return
        for key in (_plain(name), _plain(operation) + "." + _plain(name)):
            if key in self._values or len(self._values) < MAX_NAMES:
                kept = self._values.setdefault(key, {})
                if len(kept) < MAX_VALUES:
                    kept[made] = None

    def _usable(self, value: str) -> str | None:
        """The value as a template, or None for one that is not used."""
        if not 0 < len(value) <= MAX_LENGTH or destructive(value):
            return None
        if self._workspace and value.startswith(self._workspace):
            return "{workspace}" + quote(value[len(self._workspace) :])
        return quote(value) if is_safe(value) else None

    def values(self, argument: str) -> list[str]:
        """Values that an argument of this name may want, likeliest first."""
        plain = _plain(argument)
        made = list(self._values.get(plain, ()))
        stem = re.sub(r"(id|ids|name|key|uri|url|path)$", "", plain)
        for key, values in self._values.items():
            origin, dot, name = key.rpartition(".")
            if not dot:
                continue
            same = stem and (stem in origin or origin.rstrip("s").endswith(stem.rstrip("s")))
            if same and (name in ("id", "key", "name", "uri", "path", "") or name == plain[len(stem) :]):
                made += values
        if not made and plain in ("id", "key", "name"):
            made += [value for key, values in self._values.items() if key.endswith("." + plain) for value in values]
        return list(dict.fromkeys(made))[:MAX_VALUES]


def hints(refusal: Json) -> Iterator[str]:
    """Values that a refusal names as allowed, or in quotes."""
    try:
        text = str(refusal)[:4_000]
    except RecursionError:  # nested too deep to be told
        return
    for match in (*_ONE_OF.finditer(text), *_EITHER.finditer(text)):
        quoted = QUOTED.findall(match[1])
        for word in quoted or _WORDS.findall(match[1]):
            if word.lower() not in ("or", "and") and is_safe(word) and not destructive(word):
                yield quote(word)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
