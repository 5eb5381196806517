"""What mode a server is told to run in, as far as its command and its environment say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["is_read_only"]

_READ_ONLY = re.compile(
    r"^(?:read_?only(?:_mode)?|ro|no_?writes?|safe_?mode|(?:disable|disallow|deny|block|forbid)_?(?:writes?|writing)"
    r"|(?:mcp|server|app)?_?read_?only(?:_mode)?)$"
)
_WRITES = re.compile(r"^(?:(?:allow|enable)_?(?:writes?|writing)|writ(?:e|es|able)(?:_mode|_access)?)$")
_MODE = re.compile(r"^(?:\w+_)?(?:mode|access|access_mode|permissions?)$")
_NO = frozenset({"", "0", "false", "no", "off", "none"})
_YES = frozenset({"1", "true", "yes", "on"})


def is_read_only(words: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether the command or the environment tells the server to write nothing: `--read-only`, `--mode read-only`,
    `--allow-write=false`, `READ_ONLY=1` and their like."""
    named = [(_plain(name), value.strip().lower()) for name, value in env.items()]
    for word, following in zip(words, (*words[1:], ""), strict=False):
        if word.startswith("-"):
            name, mark, value = word.partition("=")
            given = (
                value if mark else following if following.lower() in _NO | _YES or _MODE.match(_plain(name)) else "1"
            )
            named.append((_plain(name), (given or "1").strip().lower()))
    return any(_says(name, value) for name, value in named)


def _says(name: str, value: str) -> bool:
    bare = name.rpartition("__")[2]
    if _READ_ONLY.match(name) or re.search(r"_read_?only(?:_mode)?$", bare):
        return value not in _NO
    if _WRITES.match(name):
        return value in _NO - {""}
    return bool(_MODE.match(name)) and _plain(value) in ("read_only", "readonly", "ro", "read")


def _plain(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.lstrip("-")).lower().replace("-", "_")
