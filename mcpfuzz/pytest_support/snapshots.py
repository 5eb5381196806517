"""`mcp_snapshot`: the surface that a model is shown (tools, prompts, templates, instructions), pinned in a file beside
the tests. A tool whose description or schema changes after people agreed to it is how a rug pull looks; so any
change fails, with a diff that can be read in review, until it is accepted with `--mcp-snapshot-update`.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from mcpfuzz.errors import TargetError, UsageError
from mcpfuzz.model import Json, pointer
from mcpfuzz.pytest_support.facade import Session
from mcpfuzz.reports import visible, write_atomically

__all__ = ["Snapshot", "changes", "surface_of"]

FOLDER = "mcp_snapshots"
_LISTS = {
    "tools": ("tools/list", "tool", "name"),
    "prompts": ("prompts/list", "prompt", "name"),
    "resourceTemplates": ("resources/templates/list", "resource template", "uriTemplate"),
}
"""Member of the snapshot and of the answer -> method, what one entry is called, what it is told apart by."""
_RESOURCES = {"resources": ("resources/list", "resource", "uri")}
MAX_PAGES = 1_000
MAX_LINES = 200
_SHORT = 60


class Snapshot:
    """Called in a test: `mcp_snapshot()`, or with a name where one test pins several servers."""

    def __init__(self, session: Session, folder: Path, default: str, *, update: bool) -> None:
        self._session = session
        self._folder = folder
        self._default = default
        self._update = update

    def __repr__(self) -> str:
        return "<mcp_snapshot>"

    def __call__(self, name: str | None = None, *, resources: bool = False) -> None:
        """Fail where the server's surface is not the pinned one.

        Args:
            name: of the snapshot, without folder or ending; None: the test file's.
            resources: pin the single resources too; as a rule they are data, and change.

        Raises:
            UsageError: the name is no plain file name.
            TargetError: the server does not answer its listings.
        """
        __tracebackhide__ = True
        name = self._default if name is None else name
        if not name or Path(name).name != name or name.startswith("."):
            raise UsageError(f"mcp_snapshot({name!r}): the name must be a plain file name")
        path = self._folder / FOLDER / f"{name}.json"
        now = surface_of(self._session, resources=resources)
        text = json.dumps(now, indent=1, sort_keys=True, ensure_ascii=True) + "\n"
        if self._update:
            path.parent.mkdir(exist_ok=True)
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                write_atomically(path, text)
            return
        pinned = _pinned(path)
        lines = list(changes(pinned, now))
        if lines:
            more = [f"... and {len(lines) - MAX_LINES} more lines"] if len(lines) > MAX_LINES else []
            raise pytest.fail.Exception(
                "\n".join([
                    f"the server's surface is not what {path} pins:",
                    *lines[:MAX_LINES],
                    *more,
                    "where the change is meant: --mcp-snapshot-update, and commit the file",
                ]),
                pytrace=False,
            )  # fmt: skip


def _pinned(path: Path) -> Json:
    __tracebackhide__ = True
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        # never made in passing: in CI it would pin whatever the server says today
        raise pytest.fail.Exception(f"no snapshot {path} yet: --mcp-snapshot-update makes it", pytrace=False) from None
    except (OSError, ValueError) as error:
        raise pytest.fail.Exception(f"snapshot {path} cannot be read: {error}", pytrace=False) from None


def surface_of(session: Session, *, resources: bool = False) -> dict[str, Json]:
    """All that the server lists, entry by entry as it sent them, by name; sorted, so that order is no change."""
    made: dict[str, Json] = {"instructions": session.instructions}
    for member, (method, _, key) in {**_LISTS, **(_RESOURCES if resources else {})}.items():
        entries = list(_listed(session, method, member))
        made[member] = {_key(entry, key, number): entry for number, entry in enumerate(entries)}
    return made


def _key(entry: Json, key: str, number: int) -> str:
    name = entry.get(key) if isinstance(entry, dict) else None
    return name if isinstance(name, str) else f"(entry {number} without {key})"


def _listed(session: Session, method: str, member: str) -> Iterator[Json]:
    params: dict[str, Json] = {}
    for _ in range(MAX_PAGES):
        answer = session.request(method, params)
        if answer.error is not None:
            if isinstance(answer.error, dict) and answer.error.get("code") == -32601:
                return
            raise TargetError(f"{method} was answered with an error: {visible(str(answer.error))[:200]}")
        result = answer.result if isinstance(answer.result, dict) else {}
        entries = result.get(member)
        yield from entries if isinstance(entries, list) else ()
        cursor = result.get("nextCursor")
        if cursor is None or cursor == params.get("cursor"):
            return
        params = {"cursor": cursor}
    raise TargetError(f"{method} has no end: {MAX_PAGES} pages, and another cursor")


# ---- what changed, for people ---------------------------------------------------------------------


def changes(pinned: Json, now: Json) -> Iterator[str]:
    """The differences of two surfaces as lines; all that a server said is made visible."""
    pinned = pinned if isinstance(pinned, Mapping) else {}
    yield from _value("instructions", pinned.get("instructions"), now.get("instructions"))
    for member, (_, noun, _) in {**_LISTS, **_RESOURCES}.items():
        if member not in now:
            continue
        before, after = pinned.get(member) or {}, now[member]
        for name in sorted({*before, *after}):
            label = f"{noun} {visible(name)}"
            if name not in after:
                yield f"- {label}: gone"
            elif name not in before:
                yield f"+ {label}: new"
                yield from (f"    {line}" for line in _shown(after[name]))
            else:
                yield from _value(label, before[name], after[name])


def _value(label: str, before: Json, after: Json, path: str = "") -> Iterator[str]:
    """Where two values differ, down to the member."""
    if json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True):  # True == 1 in Python, not in JSON
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            where = path + pointer(key)
            if key not in after:
                yield f"- {label} {visible(where)}: gone, was {_short(before[key])}"
            elif key not in before:
                yield f"+ {label} {visible(where)}: new: {_short(after[key])}"
            else:
                yield from _value(label, before[key], after[key], where)
        return
    at = f"{label} {visible(path)}".strip()
    if isinstance(before, str) and isinstance(after, str) and max(len(before), len(after)) > _SHORT:
        yield f"! {at}: changed"
        yield from _text(before, after)
    else:
        yield f"! {at}: {_short(before)} -> {_short(after)}"


def _text(before: str, after: str) -> Iterator[str]:
    """Two texts line by line, without the lines that are the same."""
    # ndiff would also guess at words: its time is cubic in what a server may send
    for line in difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1):
        if not line.startswith(("---", "+++")):
            yield f"    {visible(line)[:400]}"


def _shown(entry: Json) -> list[str]:
    if not isinstance(entry, dict):
        return [_short(entry)]
    return [f"{visible(key)}: {_short(value)}" for key, value in entry.items() if key not in ("name", "uri")]


def _short(value: Json) -> str:
    return visible(json.dumps(value, ensure_ascii=False))[:300]
