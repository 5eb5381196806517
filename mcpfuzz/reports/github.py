"""Annotations of GitHub Actions, and the job's summary; only where `GITHUB_ACTIONS` is `true`.

Escaping: made visible first (so no line can begin a command of the server's), then the percent escapes
of workflow commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from mcpfuzz.events import Event, Finished
from mcpfuzz.reports.document import Document
from mcpfuzz.reports.markdown import append_step_summary
from mcpfuzz.reports.sarif import artifact_of
from mcpfuzz.reports.sinks import About, Recorder
from mcpfuzz.reports.texts import RuleText, clip, visible, where
from mcpfuzz.reports.words import standing

__all__ = ["GithubSink", "annotation_lines"]

MAX_ANNOTATIONS = 10
"""GitHub shows ten errors and ten warnings of a step; the worst come first."""


def annotation_lines(document: Document, artifact: str) -> list[str]:
    """The workflow commands that show the document's findings on a pull request, worst first."""
    open_ = [finding for finding in document["findings"] if standing(finding) != "known"]
    lines = [_annotation(finding, artifact) for finding in open_[:MAX_ANNOTATIONS]]
    run = document["run"]
    if run["outcome"] not in ("clean", "findings"):
        lines.append(f"::error title=mcpfuzz {run['outcome']}::{_data(run['reason'] or run['outcome'])}")
    return lines


def _annotation(finding: Mapping[str, Any], artifact: str) -> str:
    proved = finding["confidence"] == "proved"
    level = "error" if proved and finding["severity"] in ("critical", "high", "medium") else "warning"
    title = f"{finding['severity']} {finding['rule']}{'' if proved else ' (suspect)'}"
    place = f"file={_property(artifact)},line=1,title={_property(title)}"
    command = finding["reproducer"]["command"]
    said = f"{where(finding['operation'])}: {finding['title']} (observed: {clip(finding['proof']['observed'], 200)})"
    return f"::{level} {place}::{_data(said)}%0A{_data(command)}"


def _data(text: str) -> str:
    return visible(clip(text, 1000)).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


class GithubSink:
    """Prints annotations to `stream` and appends the summary when the run has finished."""

    def __init__(
        self, about: About, rules: Mapping[str, RuleText], stream: TextIO, environ: Mapping[str, str], folder: Path
    ) -> None:
        self._recorder = Recorder(about)
        self._rules = rules
        self._stream = stream
        self._environ = environ
        self._folder = folder

    def on(self, event: Event) -> None:
        self._recorder.on(event)
        if isinstance(event, Finished):
            self._tell()

    def close(self) -> None:
        if self._recorder.finished is None:
            self._tell()

    def _tell(self) -> None:
        document = self._recorder.document()
        if document is None or self._environ.get("GITHUB_ACTIONS") != "true":
            return
        for line in annotation_lines(document, artifact_of(document, self._folder)):
            self._stream.write(line + "\n")
        self._stream.flush()
        append_step_summary(document, self._rules, self._environ)
