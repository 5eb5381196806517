"""Known findings: a file that people edit, one entry per fingerprint, with a reason and, if they like, a last day.

    [[known]]
    fingerprint = "a21dd27ea9f37d14"
    rule = "unvalidated-arguments"
    scenario = "invalid-arguments"
    operation = { kind = "tool", name = "order_article", argument = "/quantity" }
    title = "order_article accepts what its schema forbids"
    reason = "the warehouse takes negative orders for returns; SHOP-112"
    expires = 2027-01-31

A known finding is told, and does not count for `--fail-on`; after its last day it counts again. What the file
names and the run did not show is gone where its scenario ran to the end, and merely not seen where it did not.
The same as JSON (`{"known": [{...}]}`) where the file's name ends in .json.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from mcpfuzz.errors import UsageError
from mcpfuzz.events import Event, Finished, Found
from mcpfuzz.model import Finding, Json, replace
from mcpfuzz.reports import visible, write_atomically

__all__ = ["Baseline", "Entry"]

NOT_JUDGED = "not judged yet"
"""The reason of an entry that `--update-baseline` added: somebody is to say why it may stay."""
_HEAD = """\
# Findings that are known and accepted (mcpfuzz run --baseline FILE; --update-baseline adds new ones and takes out
# what is gone). Say in `reason` why one may stay; after the day `expires = 2027-01-31` it counts again.
"""
_KEYS = ("fingerprint", "rule", "scenario", "operation", "title", "reason", "expires")
_ENTRY = re.compile(r"^\[\[[ \t]*known[ \t]*\]\]", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One known finding."""

    fingerprint: str
    reason: str
    rule: str = ""
    scenario: str = ""
    kind: str = ""
    name: str = ""
    argument: str | None = None
    title: str = ""
    expires: date | None = None
    """The last day on which it does not count; None: for good."""

    @property
    def json(self) -> dict[str, Json]:
        """As the report tells it."""
        return {
            "fingerprint": self.fingerprint,
            "rule": self.rule,
            "operation": {"kind": self.kind, "name": self.name, "argument": self.argument},
            "title": self.title,
            "reason": self.reason,
            "expires": None if self.expires is None else self.expires.isoformat(),
        }


class Baseline:
    """The known findings of one run.

    Args:
        update: `save` adds what is new to the file and takes out what is gone.
        whole: whether the run covers all of its scenarios; a shard does not, and nothing is gone for it.
        today: in UTC; entries whose last day is before it count again.
    """

    def __init__(
        self,
        path: Path,
        entries: Iterable[Entry],
        *,
        update: bool = False,
        whole: bool = True,
        today: date | None = None,
    ) -> None:
        self.path = path
        self.entries = {entry.fingerprint: entry for entry in entries}
        self.update = update
        self._whole = whole
        self._today = today or datetime.now(UTC).date()
        self._added: list[Entry] = []
        self._gone: set[str] = set()

    @classmethod
    def load(cls, file: str, *, update: bool = False, whole: bool = True) -> Baseline:
        """Read the file; with `update` it need not be there yet.

        Raises:
            UsageError: it is missing, cannot be read, or an entry is wrong; which one is told.
        """
        path = Path(file)
        if not path.exists() and update:
            return cls(path, (), update=True, whole=whole)
        return cls(path, _entries(path, _read(path)), update=update, whole=whole)

    @property
    def known(self) -> frozenset[str]:
        """Fingerprints that do not count."""
        return frozenset(mark for mark, entry in self.entries.items() if not self._expired(entry))

    def _expired(self, entry: Entry) -> bool:
        return entry.expires is not None and entry.expires < self._today

    def marked(self, finding: Finding) -> Finding:
        """The finding with what the file says of it."""
        entry = self.entries.get(finding.fingerprint)
        if entry is None:
            return replace(finding, standing="new")
        return replace(finding, standing="expired" if self._expired(entry) else "known", excuse=entry.reason)

    def listen(
        self, emit: Callable[[Event], None], covers: Callable[[Entry, Finished], bool] | None = None
    ) -> Callable[[Event], None]:
        """What stands between the engine and `emit`: marks findings, and compares at the end.

        Args:
            covers: whether the run tried what an entry is about to the end; None: by its scenario's status.
        """

        def on(event: Event) -> None:
            if isinstance(event, Found):
                event = Found(finding=self.marked(event.finding))
            elif isinstance(event, Finished):
                event = self._compared(event, covers or _covers)
            emit(event)

        return on

    def _compared(self, finished: Finished, covers: Callable[[Entry, Finished], bool]) -> Finished:
        findings = tuple(map(self.marked, finished.findings))
        shown = {finding.fingerprint for finding in findings}
        missing = [entry for mark, entry in self.entries.items() if mark not in shown]
        gone = [entry for entry in missing if self._whole and covers(entry, finished)]
        told = {
            "file": str(self.path),
            **{
                standing: sum(finding.standing == standing for finding in findings)
                for standing in ("new", "known", "expired")
            },
            "gone": [entry.json for entry in gone],
            "not_seen": [entry.json for entry in missing if entry not in gone],
            "updated": self.update,
        }
        if self.update:
            added = [finding for finding in findings if finding.standing == "new" and finding.confidence == "proved"]
            self._added = [_entry_of(finding) for finding in added]
            self._gone = {entry.fingerprint for entry in gone}
        return replace(finished, findings=findings, extra={**finished.extra, "baseline": told})

    # ---- writing

    def save(self) -> None:
        """Write what the finished run changed; nothing without `update`.

        Raises:
            UsageError: the disk refuses; the file is then as it was.
        """
        gone, added = self._gone, self._added
        if not self.update or not (gone or added or not self.path.exists()):
            return
        kept = [entry for mark, entry in self.entries.items() if mark not in gone]
        try:
            if self.path.suffix == ".json":
                rows = [_plain(entry) for entry in (*kept, *added)]
                write_atomically(self.path, json.dumps({"known": rows}, indent=1, ensure_ascii=False) + "\n")
            else:
                write_atomically(self.path, self._toml(gone, kept, added))
        except OSError as error:
            raise UsageError(f"--baseline {self.path} could not be written: {error.strerror or error}") from None

    def _toml(self, gone: set[str], kept: list[Entry], added: list[Entry]) -> str:
        """What people wrote stays as it stands, comments too; only whole entries come and go."""
        source = self.path.read_text(encoding="utf-8") if self.path.exists() else _HEAD
        head, blocks = _blocks(source)
        if len(blocks) == len(self.entries):
            pairs = zip(self.entries, blocks, strict=True)
            parts = [head.rstrip(), *(block.strip() for mark, block in pairs if mark not in gone)]
        else:  # a text that only looks like an entry (in a long string): written anew
            parts = [_HEAD.rstrip(), *(_toml_entry(entry) for entry in kept)]
        parts += [_toml_entry(entry) for entry in added]
        return "\n\n".join(part for part in parts if part) + "\n"


def _covers(entry: Entry, finished: Finished) -> bool:
    statuses = {result.id: result.status for result in finished.scenarios}
    return finished.outcome in ("clean", "findings") and statuses.get(entry.scenario) in ("clean", "findings")


def _entry_of(finding: Finding) -> Entry:
    place = finding.place
    return Entry(
        fingerprint=finding.fingerprint,
        rule=finding.rule,
        scenario=finding.scenario,
        kind=place.kind,
        name=visible(place.name)[:200],
        argument=None if place.argument is None else visible(place.argument)[:200],
        title=visible(finding.title)[:200],
        reason=NOT_JUDGED,
    )


# ---- reading --------------------------------------------------------------------------------------


def _read(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        hint = "; make it with --update-baseline" if isinstance(error, FileNotFoundError) else ""
        raise UsageError(f"--baseline {path}: {why}{hint}") from None
    try:
        return json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise UsageError(f"--baseline {path}: not {kind} ({error})") from None


def _entries(path: Path, loaded: Any) -> list[Entry]:
    rows = loaded.get("known", []) if isinstance(loaded, dict) else None
    other = [key for key in loaded if key != "known"] if isinstance(loaded, dict) else []
    if not isinstance(rows, list) or other:
        raise UsageError(f"--baseline {path}: must hold an array `known` and nothing else")
    made: list[Entry] = []
    for number, row in enumerate(rows, 1):
        entry = _entry(f"--baseline {path}, entry {number}", row)
        if any(entry.fingerprint == one.fingerprint for one in made):
            raise UsageError(f"--baseline {path}, entry {number}: {entry.fingerprint} is there twice")
        made.append(entry)
    return made


def _entry(where: str, row: Any) -> Entry:
    if not isinstance(row, Mapping):
        raise UsageError(f"{where}: must be a table")
    for key in row:
        if key not in _KEYS:  # `expire` instead of `expires` would be known for good
            near = difflib.get_close_matches(str(key), _KEYS, n=1)
            raise UsageError(f"{where}: no key {key!r}; did you mean {near[0] if near else ' or '.join(_KEYS)}?")
    for key in ("fingerprint", "reason"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise UsageError(f"{where}: needs a {key}" + ("; say why it may stay" if key == "reason" else ""))
    operation = row.get("operation") or {}
    texts = [row.get("rule", ""), row.get("scenario", ""), row.get("title", "")]
    if not isinstance(operation, Mapping) or not all(isinstance(text, str) for text in texts):
        raise UsageError(f"{where}: rule, scenario and title are strings, operation a table")
    return Entry(
        fingerprint=row["fingerprint"],
        reason=row["reason"],
        rule=texts[0],
        scenario=texts[1],
        title=texts[2],
        kind=str(operation.get("kind", "")),
        name=str(operation.get("name", "")),
        argument=None if operation.get("argument") is None else str(operation["argument"]),
        expires=_day(where, row.get("expires")),
    )


def _day(where: str, value: Any) -> date | None:
    if value is None:
        return None
    try:
        if isinstance(value, datetime):
            return value.date()
        return value if isinstance(value, date) else date.fromisoformat(value)
    except (TypeError, ValueError):
        raise UsageError(f"{where}: expires = {value!r}: must be a day such as 2027-01-31") from None


# ---- TOML, written --------------------------------------------------------------------------------


def _blocks(source: str) -> tuple[str, list[str]]:
    """What stands before the first entry, and the entries, each with the comment lines right above it."""
    starts = [_with_comment(source, match.start()) for match in _ENTRY.finditer(source)]
    ends = [*starts[1:], len(source)] if starts else []
    return source[: starts[0]] if starts else source, [source[a:b] for a, b in zip(starts, ends, strict=True)]


def _with_comment(source: str, start: int) -> int:
    while start:
        line = source.rfind("\n", 0, start - 1) + 1
        if not source[line:start].lstrip().startswith("#") or (line == 0 and source.startswith(_HEAD)):
            break
        start = line
    return start


def _plain(entry: Entry) -> dict[str, Json]:
    made: dict[str, Json] = {name: getattr(entry, name) for name in ("fingerprint", "rule", "scenario")}
    operation = {"kind": entry.kind, "name": entry.name, "argument": entry.argument}
    made["operation"] = {name: value for name, value in operation.items() if value is not None}
    made |= {"title": entry.title, "reason": entry.reason}
    return made if entry.expires is None else {**made, "expires": entry.expires.isoformat()}


def _toml_entry(entry: Entry) -> str:
    rows = []
    for key, value in _plain(entry).items():
        if key == "expires":
            rows.append(f"expires = {value}")
        elif isinstance(value, dict):
            rows.append(f"{key} = {{ {', '.join(f'{name} = {_string(text)}' for name, text in value.items())} }}")
        else:
            rows.append(f"{key} = {_string(value)}")
    return "\n".join(["[[known]]", *rows])


def _string(text: str) -> str:
    """A TOML basic string: JSON's escapes are among TOML's once nothing invisible is left."""
    return json.dumps(visible(text), ensure_ascii=False)
