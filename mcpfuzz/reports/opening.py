"""From what the user asked for to the sinks of one run; every mistake is told before the run starts."""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO, TypeAlias

from mcpfuzz.errors import UsageError
from mcpfuzz.events import Event
from mcpfuzz.model import Finding, Json
from mcpfuzz.reports import csv_report, html, json_report, junit, markdown, sarif
from mcpfuzz.reports.document import Document, finding_json
from mcpfuzz.reports.gate import Gate
from mcpfuzz.reports.github import GithubSink
from mcpfuzz.reports.jsonl import JsonlSink
from mcpfuzz.reports.safe import harmless
from mcpfuzz.reports.sinks import About, DocumentSink, Sink, Writer, file_writer, stream_writer
from mcpfuzz.reports.terminal import Look, TerminalSink
from mcpfuzz.reports.texts import RuleText
from mcpfuzz.reports.words import finding_text, pasted

__all__ = ["FORMATS", "Reports", "Setting", "as_test", "describe", "open_sinks", "render", "write"]

FORMATS = ("json", "jsonl", "sarif", "junit", "html", "markdown", "csv")
"""What `--report FORMAT=PATH` takes."""

_Rules: TypeAlias = Mapping[str, RuleText]

_RENDERERS: Mapping[str, Callable[[Document, _Rules], str]] = {
    "json": lambda document, rules: json_report.render(document),
    "sarif": lambda document, rules: sarif.render(document, rules, artifact=sarif.artifact_of(document, Path.cwd())),
    "junit": junit.render,
    "html": html.render,
    "markdown": markdown.render,
    "csv": lambda document, rules: csv_report.render(document),
}
"""The formats that are one document; jsonl is a stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What surrounds the sinks of a run; each part has a sensible default."""

    rules: _Rules = field(default_factory=dict)
    """Rule id -> its text."""
    extra: Mapping[str, Json] = field(default_factory=dict)
    """Further members of the document (`load`); may be filled until the run has finished."""
    report: str | None = None
    """The path that replay commands name; None: the first `json=PATH` asked for, else `report.json`."""
    terminal: bool = True
    """Whether there is a report for people (not under pytest)."""
    look: Look = Look()
    out: TextIO | None = None
    """Standard output; None: sys.stdout as it is when the sinks are opened."""
    err: TextIO | None = None
    """Standard error, likewise."""
    environ: Mapping[str, str] | None = None
    """None: os.environ. GITHUB_ACTIONS, GITHUB_STEP_SUMMARY, NO_COLOR and TERM are read."""


class Reports:
    """All sinks of one run behind the gate. What one sink fails at keeps no other from its work.

    A context manager; leaving it closes the sinks, whatever happened.
    """

    def __init__(self, gate: Gate, sinks: Sequence[tuple[str, Sink]]) -> None:
        self._gate = gate
        self._sinks = list(sinks)
        self._failed: dict[str, OSError] = {}

    def on(self, event: Event) -> None:
        """Redact and bound the event once, then give it to every sink."""
        event = self._gate.pass_(event)
        self._each(lambda sink: sink.on(event))

    def close(self) -> None:
        """Close every sink; a second time does nothing.

        Raises:
            UsageError: a report could not be written (one line that names all of them).
        """
        self._each(lambda sink: sink.close(), last=True)
        self._sinks.clear()
        told = [f"{label}: {error.strerror or error}" for label, error in self._failed.items()]
        self._failed.clear()
        if told:
            raise UsageError(f"a report could not be written: {'; '.join(told)}")

    def _each(self, work: Callable[[Sink], None], *, last: bool = False) -> None:
        with contextlib.ExitStack() as stack:  # also runs the rest when one raises
            for label, sink in reversed(self._sinks):
                if last or label not in self._failed:
                    stack.callback(self._guarded, label, partial(work, sink))

    def _guarded(self, label: str, work: Callable[[], None]) -> None:
        try:
            work()
        except BrokenPipeError:
            pass  # the reader has seen enough (`| head`)
        except OSError as error:
            self._failed.setdefault(label, error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except UsageError:
            if error is None:
                raise


def open_sinks(specs: Sequence[str], gate: Gate, *, version: str, setting: Setting = Setting()) -> Reports:
    """The sinks that the `--report` options ask for, the terminal's, and GitHub's where it runs there.

    Args:
        specs: `FORMAT=PATH` each; PATH `-` is standard output, and then people read standard error.
        version: of mcpfuzz.

    Raises:
        UsageError: an unknown format, a folder that is not there or not writable, a path asked for twice.
    """
    asked = [_parsed(spec) for spec in specs]
    _check_twice(asked)
    out, err = setting.out or sys.stdout, setting.err or sys.stderr
    files = [path for kind, path in asked if kind == "json" and path != "-"]
    named = setting.report or next(iter(files), None)
    about = About(version=version, report=named or "report.json", kept=named is not None, extra=setting.extra)
    people = err if any(path == "-" for _, path in asked) else out
    sinks = [(f"{kind}={path}", _sink(kind, path, about, setting.rules, out)) for kind, path in asked]
    environ = os.environ if setting.environ is None else setting.environ
    if setting.terminal:
        shown = TerminalSink(about, setting.rules, out=people, err=err, look=setting.look, environ=environ)
        sinks.append(("the terminal", shown))
    if environ.get("GITHUB_ACTIONS") == "true":
        sinks.append(("GitHub's annotations", GithubSink(about, setting.rules, people, environ, Path.cwd())))
    return Reports(gate, sinks)


def describe(finding: Finding, rules: _Rules, *, report: str = "report.json") -> str:
    """A finding, as it came through the gate, as a block of plain text that is safe to print: where, expected,
    observed, the exchange, the end of stderr, the replay command, how to mend it. For a test's failure."""
    return finding_text(harmless(finding_json(finding, report=report)), rules)


def as_test(finding: Finding) -> str:
    """A finding, as it came through the gate, as a test to paste (`words.pasted`); empty where it is too long."""
    return pasted(harmless(finding_json(finding)))


def render(kind: str, document: Document, rules: _Rules) -> str:
    """A finished document (of `merge`, say; valid by REPORT_SCHEMA) in one of the formats but jsonl."""
    return _RENDERERS[kind](harmless(document), rules)


def write(spec: str, document: Document, rules: _Rules, *, out: TextIO | None = None) -> None:
    """Write a finished document to `FORMAT=PATH`, atomically.

    Raises:
        UsageError: as `open_sinks`; or a stream of events (jsonl) was asked for; or the disk refuses.
    """
    kind, path = _parsed(spec)
    if kind not in _RENDERERS:
        raise UsageError(
            f"--report {spec}: {kind} is a stream of events; a finished report can be {_listed(_RENDERERS)}"
        )
    try:
        _writer(path, out or sys.stdout)(render(kind, document, rules))
    except OSError as error:
        raise UsageError(f"--report {spec}: {error.strerror or error}") from None


# ---- one option -----------------------------------------------------------------------------------


def _sink(kind: str, path: str, about: About, rules: _Rules, out: TextIO) -> Sink:
    if kind == "jsonl":
        return _stream_sink(path, about, out)
    renderer = _RENDERERS[kind]
    early = kind == "json" and path != "-" and (not Path(path).exists() or Path(path).is_file())
    return DocumentSink(about, lambda document: renderer(document, rules), _writer(path, out), early=early)


def _stream_sink(path: str, about: About, out: TextIO) -> Sink:
    if path == "-":
        return JsonlSink(about, out, owned=False)
    try:
        return JsonlSink(about, open(path, "w", encoding="utf-8", newline="\n"), owned=True)
    except OSError as error:
        raise UsageError(f"--report jsonl={path}: {error.strerror or error}") from None


def _writer(path: str, out: TextIO) -> Writer:
    return stream_writer(out) if path == "-" else file_writer(Path(path))


def _parsed(spec: str) -> tuple[str, str]:
    kind, equals, path = spec.partition("=")
    if kind not in FORMATS:
        near = difflib.get_close_matches(kind, FORMATS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"there is {_listed(FORMATS)}"
        raise UsageError(f"--report {spec}: no format {kind!r}; {hint}")
    if not equals or not path:
        raise UsageError(f"--report {spec}: say where to, as {kind}=PATH (or {kind}=- for standard output)")
    if path != "-":
        _check_path(spec, Path(path))
    return kind, path


def _check_path(spec: str, path: Path) -> None:
    folder = path.resolve().parent
    if path.is_dir():
        raise UsageError(f"--report {spec}: {path} is a folder; name a file in it")
    if not folder.is_dir():
        raise UsageError(f"--report {spec}: there is no folder {folder}; make it first")
    device = path.exists() and not path.is_file()  # a pipe or /dev/stdout is written to, not replaced
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise UsageError(f"--report {spec}: {path if path.exists() else folder} is not writable; choose another place")
    if not device and not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"--report {spec}: {folder} is not writable; choose another place")


def _check_twice(asked: Sequence[tuple[str, str]]) -> None:
    seen: set[str] = set()
    for kind, path in asked:
        place = path if path == "-" else str(Path(path).resolve())
        if place in seen:
            raise UsageError(f"--report {kind}={path}: two reports cannot go to one place; choose another path")
        seen.add(place)


def _listed(names: Sequence[str] | Mapping[str, object]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}"
