"""Which tools are not called without leave, and which write files: by their annotations, else by their words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from mcpfuzz.model import Json, Operation

__all__ = ["file_writers", "looks_destructive", "takes_away"]

_DESTROYS = re.compile(
    r"(?<![a-z])(delet|drop|remov|overwrit|send|pay(?!load)|publish|deploy|execut|eras|purg|destroy|truncat|wip(?:e|ing)"
    r"|kill|terminat|uninstall|revok|transfer|refund|charg(?:e|ing)|shutdown|reboot|format(?:s)? (?:the )?dis[ck])"
    r"|(?<!un)(?:delet|destroy|overwrit|uninstall)",  # also at the end of a compound: no other word holds these
    re.IGNORECASE,
)
_WRITES = re.compile(
    r"(?<![a-z])(writ(?:e|es|ing)|creat(?:e|es|ing)|sav(?:e|es|ing)|edit|append|mov(?:e|es|ing)|cop(?:y|ies)|renam"
    r"|upload|download|export|stor(?:e|es|ing)|mkdir|patch|init|commit|delet|remov|overwrit)",
    re.IGNORECASE,
)
_TAKES_AWAY = re.compile(
    r"(?<![a-z])(delet|remov|eras|purg|destroy|wip(?:e|ing)|clean|clear|truncat|drop|reset|prune|trash|unlink"
    r"|mov(?:e|es|ing)|renam|mv|rm|rmdir)",
    re.IGNORECASE,
)
_FILES = re.compile(r"(?<![a-z])(file|folder|director(?:y|ies)|path|disk|repo)", re.IGNORECASE)


def looks_destructive(tool: Mapping[str, Json]) -> bool:
    """Whether a tool says, or its words say, that it destroys or sends something.

    An annotation decides where there is one; without, name, title and description are read.
    """
    hints = tool.get("annotations")
    hints = hints if isinstance(hints, dict) else {}
    if hints.get("readOnlyHint") is True:
        return False
    if isinstance(hints.get("destructiveHint"), bool):
        return bool(hints["destructiveHint"])
    words = " ".join(str(tool.get(name) or "") for name in ("name", "title", "description"))[:4_000]
    return _DESTROYS.search(_spaced(words)) is not None


def file_writers(operations: Iterable[Operation]) -> tuple[str, ...]:
    """Names of the tools to be called whose words, or whose arguments' names, say that they write files."""
    found = []
    for operation in operations:
        if operation.kind != "tool" or operation.skipped or operation.annotations.get("readOnlyHint") is True:
            continue
        words = _spaced(f"{operation.name} {operation.description}"[:4_000])
        named = _spaced(" ".join(operation.members)[:4_000])
        if _WRITES.search(words) and _FILES.search(f"{words} {named}"):
            found.append(operation.name)
    return tuple(found)


def takes_away(operation: Operation) -> bool:
    """Whether by its name a tool takes away what others may need (deletes, moves, resets)."""
    return operation.kind == "tool" and _TAKES_AWAY.search(_spaced(operation.name[:200])) is not None


def _spaced(words: str) -> str:
    """camelCase and snake_case as words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", words).replace("_", " ")
