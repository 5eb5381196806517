"""Any value made fit for a report: bounded, JSON-safe, and never deeper than a reader's stack.

Evidence is whatever a hostile server sent: 64 MiB of text, 900 nested arrays, NaN, half a surrogate
pair, an integer of 200,000 digits. It comes out small and plain, and says what was cut. Stimuli are not
cut here: `mapped` changes their strings only, without recursion, whatever their depth.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from mcpfuzz.model import Json

__all__ = ["MAX_DEPTH", "Caps", "bytes_json", "evidence", "harmless", "is_plain", "json_text", "mapped", "scrub"]

MAX_DEPTH = 40
"""Levels of nesting evidence may have. jq stops at 256, orjson at 254, Python's stack a little later."""

_LONE = re.compile("[\ud800-\udfff]")
_HUGE_BITS = 1024
"""Longer integers are told by their size: printing is quadratic, and Python refuses 4,300 digits."""
_PLAIN_INTS = range(-(1 << 63), 1 << 64)
"""What orjson, and most readers, take for an integer; others become floats there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How much of one piece of evidence is kept."""

    text: int = 4096
    """Characters of one string."""
    key: int = 200
    """Characters of one member's name."""
    items: int = 200
    """Members of one array or object."""
    nodes: int = 5000
    """Values in all."""
    total: int = 65536
    """Characters in all."""
    depth: int = MAX_DEPTH
    """Levels of nesting."""


_WIDE = Caps(text=1 << 30, key=1 << 30, items=1 << 30, nodes=1 << 30, total=1 << 60, depth=100)


def scrub(text: str) -> str:
    """`text` without lone surrogates: each is shown as its escape."""
    return _LONE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def bytes_json(data: bytes) -> dict[str, str]:
    """Bytes as the report writes them: `{"utf8": ...}` where that is exact, else `{"base64": ...}`."""
    try:
        return {"utf8": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


class _Cutter:
    """One walk over one value; what is left of its budget."""

    def __init__(self, text: Callable[[str], str], caps: Caps, slack: int) -> None:
        self._text = text
        self._caps = caps
        self._slack = slack
        self._nodes = caps.nodes
        self._total = caps.total

    def cut(self, value: Json, depth: int = 0) -> Json:
        self._nodes -= 1
        if isinstance(value, str):
            return self.string(value, self._caps.text)
        if value is None or isinstance(value, bool | int | float):
            return self._number(value)
        if isinstance(value, bytes | bytearray):
            return self._bytes(bytes(value))
        if not isinstance(value, Mapping | list | tuple):
            return self.string(repr(value), self._caps.text)
        if depth >= self._caps.depth:
            return "… (nested deeper)" if value else ({} if isinstance(value, Mapping) else [])
        return self._object(value, depth) if isinstance(value, Mapping) else self._array(value, depth)

    def string(self, text: str, cap: int) -> str:
        """Redacts before it cuts, so that no secret survives in halves."""
        cap = max(0, min(cap, self._total))
        head = scrub(self._text(text[: cap + self._slack]))
        self._total -= min(len(head), cap)
        size = max(len(text), len(head))
        if len(text) <= cap + self._slack and len(head) <= cap:
            return head
        return f"{head[:cap]}… ({size - cap} more characters)"

    def _bytes(self, data: bytes) -> Json:
        cap = self._caps.text + self._slack
        shown: Json = bytes_json(data) if len(data) <= cap else {"utf8": data[:cap].decode("utf-8", "backslashreplace")}
        return {name: self.string(text, self._caps.text) for name, text in shown.items()} | (
            {"of": len(data)} if len(data) > cap else {}
        )

    def _number(self, value: Json) -> Json:
        if isinstance(value, float) and not math.isfinite(value):
            return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int) and value.bit_length() > _HUGE_BITS:
            return f"… (an integer of {value.bit_length()} bits)"
        if isinstance(value, int) and value not in _PLAIN_INTS:
            return self.string(str(value), self._caps.text)
        plain = repr(value)
        return value if self._text(plain) == plain else self._text(plain)

    def _object(self, value: Mapping[Json, Json], depth: int) -> dict[str, Json]:
        made: dict[str, Json] = {}
        for key, item in islice(value.items(), self._caps.items):
            if self._nodes <= 0 or self._total <= 0:
                break
            made[self.string(str(key), self._caps.key)] = self.cut(item, depth + 1)
        if len(made) < len(value):
            made["…"] = f"({len(value) - len(made)} more members)"
        return made

    def _array(self, value: list[Json] | tuple[Json, ...], depth: int) -> list[Json]:
        made: list[Json] = []
        for item in islice(value, self._caps.items):
            if self._nodes <= 0 or self._total <= 0:
                break
            made.append(self.cut(item, depth + 1))
        if len(made) < len(value):
            made.append(f"… ({len(value) - len(made)} more items)")
        return made


def evidence(value: Json, text: Callable[[str], str], caps: Caps, *, slack: int = 0) -> Json:
    """A copy of `value` that is plain JSON and within `caps`, each string passed through `text`.

    Args:
        text: what redacts; it sees the kept part of a string and `slack` characters more.
        slack: length of the longest thing that `text` must not see cut in halves.
    """
    return _Cutter(text, caps, slack).cut(value)


def harmless(value: Json) -> Json:
    """A copy of `value` that any JSON reader takes: no NaN, no lone surrogate, at most 100 levels deep."""
    return _Cutter(str, _WIDE, 0).cut(value)


def mapped(value: Json, text: Callable[[str], str]) -> Json:
    """A copy of `value` with each string and each key passed through `text`; any depth."""
    top: list[Json] = [None]
    todo: list[tuple[Json, Json, Json]] = [(value, top, 0)]
    while todo:
        node, parent, slot = todo.pop()
        if isinstance(node, str):
            parent[slot] = text(node)
        elif isinstance(node, Mapping):
            keys = {key: text(key) if isinstance(key, str) else key for key in node}
            made: Json = dict.fromkeys(keys.values())
            parent[slot] = made
            todo.extend((node[key], made, keys[key]) for key in node)
        elif isinstance(node, list | tuple):
            parent[slot] = made = [None] * len(node)
            todo.extend((item, made, index) for index, item in enumerate(node))
        else:
            parent[slot] = node
    return top[0]


def _nodes(value: Json) -> Iterator[tuple[Json, int]]:
    todo = [(value, 0)]
    while todo:
        node, depth = todo.pop()
        yield node, depth
        if isinstance(node, Mapping):
            todo.extend((part, depth + 1) for pair in node.items() for part in pair)
        elif isinstance(node, list | tuple):
            todo.extend((item, depth + 1) for item in node)


def is_plain(value: Json) -> bool:
    """Whether `value` can stand in a report as it is, and be read back the same by any reader."""
    for node, depth in _nodes(value):
        if depth > MAX_DEPTH or (isinstance(node, str) and _LONE.search(node)):
            return False
        if isinstance(node, float) and not math.isfinite(node):
            return False
        if isinstance(node, int) and node not in _PLAIN_INTS:
            return False
    return True


def json_text(value: Json, *, indent: int | None = None) -> str:
    """`value`, already harmless, as ASCII JSON: fit for a pipe, a terminal and a CI log alike.

    Control characters, bidirectional marks and CI commands can only stand inside strings, and there
    they are escaped.
    """
    return json.dumps(value, ensure_ascii=True, allow_nan=False, indent=indent).replace("##", "#\\u0023")
