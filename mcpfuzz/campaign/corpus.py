"""What one run leaves for the next, under `--state`: good calls, and the conversations that showed something.

    corpus/KEY/good-*.json     arguments that an operation answered normally
    corpus/KEY/case-*.json     a case and its suspicion, shrunk, named by the finding's fingerprint, with the edition of
                               mcpfuzz that claimed it
    corpus/KEY/journal-*.json  how far a run has come (`campaign.journal`)

KEY stands for the target as it was written. Every entry is a file of its own, put there whole, so that shards and
xdist workers may write at once and a run that is killed loses nothing. Entries are read as untrusted input:
only the values of `model` come out of them, and what cannot be read is left out. Paths of the scratch copy are
written as slots. The folder is private (mode 0700) and holds arguments as they are sent: it is no report.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mcpfuzz import __version__, model
from mcpfuzz.events import LaunchRecord
from mcpfuzz.model import Case, Conversation, Finding, Json, Place, Proof, Step, Surface, Suspicion, replace
from mcpfuzz.oracles.proofs import PROOFS
from mcpfuzz.scenarios.catalogue import catalogue

__all__ = ["UNREADABLE", "Corpus", "edition", "folder_of", "may_recall", "put"]

OPERATIONS = ("tool", "resource", "prompt", "completion")
MOST_CASES = 300
MOST_GOOD = 2_000
_KIND = "$"
_VALUES: dict[str, Any] = {
    name: value for name in model.__all__ if dataclasses.is_dataclass(value := getattr(model, name))
}
"""What an entry may be made of."""
UNREADABLE = (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What reading an entry may raise, whatever somebody put there."""


def folder_of(state: str, launch: LaunchRecord) -> Path:
    """Where a target's corpus lies: the same for the same command, URL and workspaces as written."""
    words = json.dumps([list(launch.command), launch.url, list(launch.workspace)])
    return Path(state) / "corpus" / hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclasses.dataclass(frozen=True, slots=True)
class Corpus:
    """One target's entries.

    Attributes:
        places: values of slots in this run, which are written as slots.
        read: whether earlier runs' entries are used; with `--seed` they are only written.
    """

    folder: Path
    places: Mapping[str, str]
    read: bool = True

    # ---- good calls

    def good(self) -> tuple[Mapping[str, Json], ...]:
        """As `--example` has them: `{"tool": name, "arguments": {...}}`."""
        if not self.read:
            return ()
        found = (_loaded(path) for path in sorted(self.folder.glob("good-*.json")))
        return tuple(one for one in found if isinstance(one, dict) and isinstance(one.get("arguments"), dict))

    def keep_good(self, good: Mapping[tuple[str, str], tuple[Mapping[str, Json], ...]]) -> None:
        """Keep each operation's calls."""
        for (kind, name), calls in good.items():
            for number, arguments in enumerate(calls):
                entry = {kind: name, "arguments": self._folded(arguments)}
                self._put(f"good-{_digest(kind, name)}-{number}.json", entry)
        self._prune("good-*.json", MOST_GOOD)

    # ---- cases

    def cases(self) -> list[tuple[Case, Suspicion]]:
        """What showed something in earlier runs, newest first. Of one that another edition left only the stimulus is
        taken: what that edition knew or claimed of it may have been its mistake."""
        if not self.read:
            return []
        made = []
        for path in self._newest("case-*.json"):
            with contextlib.suppress(*UNREADABLE):
                told = _loaded(path)
                case, suspicion = (_decoded(told[name]) for name in ("case", "suspicion"))
                if isinstance(case, Case) and isinstance(suspicion, Suspicion) and _whole(case, suspicion):
                    if told.get("edition") != edition(case.scenario, suspicion.proof.kind):
                        case = replace(case, claims=(), valid=None, coercible=False)
                    made.append((case, suspicion))
        return made

    def keep(self, case: Case, suspicion: Suspicion, finding: Finding) -> None:
        """Keep what showed a proved finding, as short as it is by now."""
        case, suspicion = replace(case, conversation=finding.conversation), replace(suspicion, title=finding.title)
        if not finding.minimal and (self.folder / f"case-{finding.fingerprint}.json").exists():
            return  # the one that is there may be shorter
        with contextlib.suppress(ValueError, RecursionError):  # an integer of 5,000 digits, 2,000 levels of nesting
            stamp = {"edition": edition(case.scenario, suspicion.proof.kind)}
            entry = {"case": _encoded(case), "suspicion": _encoded(suspicion)}
            self._put(f"case-{finding.fingerprint}.json", {**self._folded(entry), **stamp})
            self._prune("case-*.json", MOST_CASES)

    # ---- files

    def _newest(self, pattern: str) -> list[Path]:
        dated: list[tuple[float, Path]] = []
        for path in self.folder.glob(pattern):
            with contextlib.suppress(OSError):
                dated.append((path.stat().st_mtime, path))
        return [path for _, path in sorted(dated, reverse=True)]

    def _prune(self, pattern: str, most: int) -> None:
        for path in self._newest(pattern)[most:]:
            with contextlib.suppress(OSError):
                path.unlink()

    def _put(self, name: str, entry: Json) -> None:
        put(self.folder / name, entry)

    def _folded(self, value: Json) -> Json:
        """Text with this run's paths as slots again; those of the next run differ."""
        if isinstance(value, str):
            for slot, place in sorted(self.places.items(), key=lambda item: -len(item[1])):
                if place.startswith(("/", "http")):  # a port or a folder's bare name may stand for something else
                    value = value.replace(place, "{" + slot + "}")
            return value
        if isinstance(value, Mapping):
            return {key: self._folded(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._folded(item) for item in value]
        return value


def edition(scenario: str, proof: str) -> str:
    """What claims something: the version of mcpfuzz, and the text of the modules that draw such a case and see such a
    proof, so that one in the making is told apart, too."""
    story = catalogue().get(scenario)
    codes = [getattr(act, "__code__", None) for act in (story.draw if story else None, PROOFS.get(proof))]
    return f"{__version__} {_digest(*(_text(code.co_filename) for code in codes if code is not None))}"


@cache
def _text(module: str) -> str:
    """A module's text; empty where there is none."""
    with contextlib.suppress(OSError):
        return Path(module).read_text(encoding="utf-8", errors="replace")
    return ""


def may_recall(case: Case, surface: Surface, only: tuple[tuple[str, str], ...]) -> bool:
    """Whether an earlier run's case may be said in this one: its operation is offered and chosen, and none that
    must not be called now is named anywhere in it."""
    place = case.place
    if place.kind in OPERATIONS and surface.operation(place.kind, place.name) is None:
        return False
    if only and (place.kind, place.name) not in only:
        return False
    words = repr(case.conversation)
    return not any(one.name in words for one in surface.operations if one.skipped is not None)


def put(path: Path, entry: Json) -> None:
    """Write an entry whole, or not at all: a state folder that cannot be written to is no reason to stop."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        text = json.dumps(entry)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = path.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            made.write_text(text, encoding="utf-8")
            os.replace(made, path)
        finally:
            made.unlink(missing_ok=True)


def _whole(case: Case, suspicion: Suspicion) -> bool:
    """Whether what an entry holds is of the kinds that it says: whoever recalls it looks no further."""
    known = isinstance(case.place, Place) and isinstance(case.conversation, Conversation)
    return (
        known and isinstance(suspicion.proof, Proof) and all(isinstance(one, Step) for one in case.conversation.steps)
    )


def _loaded(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except UNREADABLE:
        return None


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


# ---- values as JSON, and back ---------------------------------------------------------------------


def _encoded(value: Any) -> Json:
    """A value of `model` as JSON that says what it is. Raises RecursionError for what is nested too deep."""
    if type(value).__name__ in _VALUES and dataclasses.is_dataclass(value):
        fields = {field.name: _encoded(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {_KIND: type(value).__name__, **fields}
    if isinstance(value, bytes):
        return {_KIND: "bytes", "base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, tuple):
        return {_KIND: "tuple", "items": [_encoded(item) for item in value]}
    if isinstance(value, Mapping):
        made = {str(key): _encoded(item) for key, item in value.items()}
        return {_KIND: "object", "members": made} if _KIND in made else made
    return [_encoded(item) for item in value] if isinstance(value, list) else value


def _decoded(value: Json) -> Any:
    """The inverse. Raises one of UNREADABLE for what is not of its making."""
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get(_KIND)
    if kind is None:
        return {key: _decoded(item) for key, item in value.items()}
    if kind == "bytes":
        return base64.b64decode(value["base64"], validate=True)
    if kind == "tuple":
        return tuple(_decoded(item) for item in value["items"])
    if kind == "object":
        return {key: _decoded(item) for key, item in value["members"].items()}
    return _VALUES[kind](**{key: _decoded(item) for key, item in value.items() if key != _KIND})
