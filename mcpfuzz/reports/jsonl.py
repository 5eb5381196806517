"""The run as it goes: one JSON object a line, each flushed, so that whatever stops the run loses nothing.

Each line has `event`: `started`, `discovered`, `progress`, `restarted`, `found`, `noted`; the last one is
`finished` and holds the report's `run` beside `operations` and `scenarios`, also after an interruption.
"""

from __future__ import annotations

from typing import TextIO

from mcpfuzz.events import Discovered, Event, Finished, Found, Noted, Progress, Restarted, Started
from mcpfuzz.model import Json
from mcpfuzz.reports.document import SCHEMA, Document, finding_json
from mcpfuzz.reports.safe import harmless, json_text
from mcpfuzz.reports.sinks import About, Recorder

__all__ = ["JsonlSink"]

_STARTED = ("seed", "started", "profile", "max_time_s", "sandbox", "writable")
_PROGRESS = ("phase", "elapsed_s", "requests", "cases", "restarts", "findings", "what")


class JsonlSink:
    """Streams events.

    Args:
        stream: where the lines go.
        owned: close the stream at the end (a file; not stdout).
    """

    def __init__(self, about: About, stream: TextIO, *, owned: bool) -> None:
        self._recorder = Recorder(about)
        self._about = about
        self._stream = stream
        self._owned = owned

    def on(self, event: Event) -> None:
        self._recorder.on(event)
        document = self._recorder.document() if isinstance(event, Started | Finished) else None
        if isinstance(event, Finished):
            self._last(document)
        else:
            self._line(_line_of(event, document, self._about))

    def close(self) -> None:
        try:
            if self._recorder.finished is None:
                self._last(self._recorder.document())
        finally:
            if self._owned:
                self._stream.close()

    def _last(self, document: Document | None) -> None:
        if document is not None:
            names = ("schema", "run", "operations", "scenarios", "baseline", "growth")
            shown = {name: document[name] for name in names if name in document}
            self._line({"event": "finished", **shown})

    def _line(self, line: Json) -> None:
        self._stream.write(json_text(harmless(line)) + "\n")
        self._stream.flush()


def _line_of(event: Event, document: Document | None, about: About) -> dict[str, Json]:
    match event:
        case Started():
            begun = document or {}
            run, target = begun.get("run", {}), begun.get("target", {})
            shown = {name: run.get(name) for name in _STARTED}
            launch = {"transport": target.get("transport"), "launch": target.get("launch")}
            return {"event": "started", "schema": SCHEMA, "tool": begun.get("tool"), **shown, **launch}
        case Discovered(surface=surface, sendable=sendable):
            operations = [{"kind": one.kind, "name": one.name, "skipped": one.skipped} for one in surface.operations]
            return {
                "event": "discovered",
                "server": dict(surface.server),
                "revision": surface.revision,
                "revisions": list(surface.revisions),
                "sendable": sendable,
                "operations": operations,
                "notes": list(surface.notes),
            }
        case Progress():
            return {"event": "progress", **{name: getattr(event, name) for name in _PROGRESS}}
        case Restarted(reason=reason):
            return {"event": "restarted", "reason": reason}
        case Found(finding=finding):
            return {"event": "found", "finding": finding_json(finding, report=about.report)}
        case Noted(text=text):
            return {"event": "noted", "text": text}
        case Finished():
            return {"event": "finished"}
