"""What listens to a run: the `Sink` protocol, the sink of every format that is one document, and where
bytes go. A document sink knows nothing of its format but a function from the document to text.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TextIO, TypeAlias

from mcpfuzz.events import Discovered, Event, Finished, Found, Noted, Progress, Started
from mcpfuzz.model import Finding, Json
from mcpfuzz.reports.document import Document, build

__all__ = ["About", "DocumentSink", "Recorder", "Sink", "Writer", "file_writer", "stream_writer", "write_atomically"]

MAX_NOTES = 1000
"""Notes kept for the document; a server that provokes more has made its point."""

MAX_TIMES = 240
"""Points of the timeline."""
_TIMED = ("elapsed_s", "requests", "restarts", "findings")
_EACH = 32

Writer: TypeAlias = Callable[[str], None]
"""Takes the whole text of a report and puts it where it belongs, replacing what was there."""


class Sink(Protocol):
    """One listener. Events come redacted and bounded, in the order of `mcpfuzz.events`."""

    def on(self, event: Event) -> None:
        """Take one event."""

    def close(self) -> None:
        """The run is over, whether or not a Finished came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a document says besides the events."""

    version: str
    """Of mcpfuzz."""
    report: str = "report.json"
    """The path that replay commands name."""
    kept: bool = True
    """Whether a report is written there."""
    extra: Mapping[str, Json] = field(default_factory=dict)
    """Further members (`load`); read when a document is built, so it may be filled while the run goes."""


class Recorder:
    """Keeps of the events what the document needs."""

    def __init__(self, about: About) -> None:
        self._about = about
        self.started: Started | None = None
        self.discovered: Discovered | None = None
        self.finished: Finished | None = None
        self._progress: Progress | None = None
        self._found: list[Finding] = []
        self._notes: list[str] = []
        self._times: list[Progress] = []

    def on(self, event: Event) -> None:
        match event:
            case Started():
                self.started = event
            case Discovered():
                self.discovered = event
            case Finished():
                self.finished = event
            case Progress():
                self._progress = event
                self._times.append(event)
                if len(self._times) > MAX_TIMES:
                    del self._times[1::2]  # half as dense, over the whole time
            case Found(finding=finding):
                self._found.append(finding)
            case Noted(text=text) if len(self._notes) < MAX_NOTES:
                self._notes.append(text)

    @property
    def found(self) -> int:
        """Findings so far."""
        return len(self._found)

    def document(self) -> Document | None:
        """The report as far as the run has come, `interrupted` where it is not over; None before Started."""
        if self.started is None:
            return None
        finished = self.finished or self._so_far()
        times = [{name: getattr(one, name) for name in _TIMED} for one in self._times]
        extra = {"notes": list(self._notes), "timeline": times, **self._about.extra, **finished.extra}
        about = self._about
        return build(self.started, self.discovered, finished, version=about.version, extra=extra, report=about.report)

    def _so_far(self) -> Finished:
        last = self._progress
        return Finished(
            outcome="interrupted",
            reason="the run did not come to its end; what is missing here was not tested",
            complete=False,
            duration_s=last.elapsed_s if last else 0.0,
            requests=last.requests if last else 0,
            cases=last.cases if last else 0,
            restarts=last.restarts if last else 0,
            findings=tuple(self._found),
        )


class DocumentSink:
    """Writes one document when the run is over.

    Args:
        early: write also at the start and after findings, so that a run that is killed leaves a
            readable report which says `interrupted` (and not last night's).
    """

    def __init__(self, about: About, render: Callable[[Document], str], write: Writer, *, early: bool = False) -> None:
        self._recorder = Recorder(about)
        self._render = render
        self._write = write
        self._early = early

    def on(self, event: Event) -> None:
        self._recorder.on(event)
        if isinstance(event, Finished) or (self._early and self._due(event)):
            self._flush()

    def _due(self, event: Event) -> bool:
        """At the start, after each of the first findings, and then after some: each time all are written."""
        found = self._recorder.found
        return isinstance(event, Started) or (isinstance(event, Found) and (found <= _EACH or found % _EACH == 0))

    def close(self) -> None:
        if self._recorder.finished is None:
            self._flush()

    def _flush(self) -> None:
        document = self._recorder.document()
        if document is not None:
            self._write(self._render(document))


# ---- where text goes ------------------------------------------------------------------------------


def stream_writer(stream: TextIO) -> Writer:
    """Writes to a stream that is open already (`-`)."""

    def write(text: str) -> None:
        stream.write(text)
        stream.flush()

    return write


def file_writer(path: Path) -> Writer:
    """Writes to a file: atomically where it is one, plainly where it is a pipe or a device."""

    def write(text: str) -> None:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
        else:
            write_atomically(path, text)

    return write


def write_atomically(path: Path, text: str) -> None:
    """Replace `path` by `text`, or leave it as it was: a reader never sees half a report.

    Raises:
        OSError: it could not be written; no temporary file is left behind.
    """
    path = Path(os.path.realpath(path))  # a link stays a link
    made = path.with_name(f".mcpfuzz-{secrets.token_hex(6)}.tmp")
    try:
        with open(made, "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(made, path)
    except BaseException:
        with contextlib.suppress(OSError):
            made.unlink()
        raise
