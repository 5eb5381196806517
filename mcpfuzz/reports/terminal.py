"""The report for people at a terminal, readable in ten seconds: what is tested, what was found, how sure,
how to see it again, how to mend it, what was not tested, and what the exit code means.

Escaping: every string goes through `visible` and is printed as rich `Text`, which knows no markup; no
escape sequence but rich's own styles can reach the terminal.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO, TypeAlias

from rich.cells import set_cell_size
from rich.console import Console
from rich.text import Text

from mcpfuzz.events import Discovered, Event, Finished, Found, Noted, Progress, Restarted
from mcpfuzz.model import Json
from mcpfuzz.reports.sinks import About, Recorder
from mcpfuzz.reports.texts import RuleText, clip, counted, rule_text, visible, where
from mcpfuzz.reports.words import (
    LOAD_HEAD,
    by_reason,
    load_rows,
    policy_words,
    settings,
    since,
    standing,
    step_words,
    target_words,
    unreached,
    verdict,
)

__all__ = ["Look", "TerminalSink"]

_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "blue"}
_OUTCOMES = {"clean": "bold green", "findings": "bold red"}
_MAX_PROVED = 50
_MAX_SUSPECTS = 10
_MAX_STEPS = 6
_MAX_LISTED = 6
_CURE = re.compile(r" give |pip install")
"""A reason that tells what would bring a scenario about."""
_ERASE = "\r\x1b[2K"

_Part: TypeAlias = tuple[str, str] | str
"""A piece of a line, with a style or without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How the terminal report looks."""

    quiet: bool = False
    """Findings and the verdict only."""
    verbose: bool = False
    """Restarts and every unreached operation too."""
    color: bool = True
    """False, or a NO_COLOR that is not empty: no styles at all."""


class TerminalSink:
    """Prints the report to `out`, progress and notes to `err`.

    Args:
        rules: rule id -> its text, for the `mend:` line.
        environ: where NO_COLOR and TERM are read.
    """

    def __init__(
        self,
        about: About,
        rules: Mapping[str, RuleText],
        *,
        out: TextIO,
        err: TextIO,
        look: Look = Look(),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        environ = os.environ if environ is None else environ
        self._recorder = Recorder(about)
        self._about = about
        self._rules = rules
        self._look = look
        color = look.color and not environ.get("NO_COLOR")
        self._out = _console(out, color)
        self._err = _console(err, color)
        self._live = _Live(self._err, shown=not look.quiet and err.isatty() and environ.get("TERM") != "dumb")
        self._introduced = False

    def on(self, event: Event) -> None:
        self._recorder.on(event)
        match event:
            case Progress():
                self._live.show(event)
            case Discovered():
                self._introduce()
            case Noted(text=text):
                self._note("note", text)
            case Restarted(reason=reason) if self._look.verbose:
                self._note("restarted", reason)
            case Found(finding=finding):
                place = {"kind": finding.place.kind, "name": finding.place.name, "argument": finding.place.argument}
                label = "found" if finding.confidence == "proved" else "suspected"
                self._note(label, f"{finding.severity} {finding.rule} · {where(place)}")
            case Finished():
                self._report()

    def close(self) -> None:
        self._live.clear()
        if self._recorder.started is not None and self._recorder.finished is None:
            self._report()

    # ---- lines ------------------------------------------------------------------------------------

    def _line(self, *parts: _Part) -> None:
        """One line of the report: (text, style) pieces, each made visible."""
        self._live.clear()
        _print(self._out, parts)

    def _note(self, label: str, text: str) -> None:
        if not self._look.quiet:
            self._live.clear()
            _print(self._err, ((f"{label}: ", "dim"), text))

    def _introduce(self) -> None:
        document = self._recorder.document()
        if self._introduced or self._look.quiet or document is None:
            return
        self._introduced = True
        self._line(
            ("mcpfuzz tests ", ""), (target_words(document), "bold"), " · ", (" · ".join(settings(document)), "")
        )

    def _report(self) -> None:
        self._introduce()
        document = self._recorder.document()
        if document is None:
            return
        self._findings(document["findings"])
        if not self._look.quiet and (document["operations"] or document["findings"]):
            self._reach(document["operations"])
            self._scenarios(document["scenarios"])
            self._since(since(document))
            if "load" in document:
                self._load(document["load"])
            elif document["findings"] and not self._about.kept:
                name, seed = self._about.report, document["run"]["seed"]
                self._line(f"to replay them, have a report written: --report json={name}, with --seed {seed}")
        outcome = document["run"]["outcome"]
        self._line((verdict(document, seed=self._look.quiet), _OUTCOMES.get(outcome, "bold yellow")))

    # ---- findings ---------------------------------------------------------------------------------

    def _findings(self, findings: Iterable[Mapping[str, Any]]) -> None:
        kinds: dict[str, list[Mapping[str, Any]]] = {"proved": [], "suspect": [], "known": []}
        for finding in findings:
            kinds["known" if standing(finding) == "known" else finding["confidence"]].append(finding)
        for kind, most in (("proved", _MAX_PROVED), ("suspect", _MAX_SUSPECTS)):
            for finding in kinds[kind][:most]:
                self._finding(finding)
            if len(kinds[kind]) > most:
                self._line(f"… and {len(kinds[kind]) - most:,} more {kind}, in the report file")
        if kinds["known"] and not self._look.quiet:
            self._line("")
            for finding in kinds["known"]:
                self._known(finding)

    def _known(self, finding: Mapping[str, Any]) -> None:
        """One line: it was judged before."""
        reason = finding["baseline"]["reason"]
        self._line(("known  ", "dim"), (finding["rule"], "bold"), f"  {where(finding['operation'])}: {reason}")

    def _finding(self, finding: Mapping[str, Any]) -> None:
        severity, suspect = finding["severity"], finding["confidence"] == "suspect"
        expired = " (known until its expiry)" if standing(finding) == "expired" else ""
        self._line("")
        self._line(
            (f"{severity.upper()}{' suspect (not proved)' if suspect else ''}{expired}", _STYLES[severity]),
            ("  ", ""),
            (finding["rule"], "bold"),
            ("  ", ""),
            where(finding["operation"]),
        )
        self._line("  ", clip(finding["title"], 200))
        self._steps(finding["reproducer"])
        proof = finding["proof"]
        self._field("expected", clip(proof["expected"], 300))
        self._field("observed", clip(proof["observed"], 300), "bold")
        for line in finding["stderr"].splitlines()[-3:]:
            self._field("stderr", clip(line, 200))
        if finding["note"]:
            self._field("note", finding["note"])
        self._field("replay:", finding["reproducer"]["command"])
        mend = rule_text(self._rules, finding["rule"]).mend
        if mend:
            self._field("mend:", mend, "green")

    def _field(self, name: str, text: str, style: str = "") -> None:
        self._line((f"  {name:<10}", "dim"), (text, style))

    def _steps(self, reproducer: Mapping[str, Any]) -> None:
        steps = reproducer["steps"]
        for index, step in enumerate(steps[:_MAX_STEPS]):
            number = f"{index + 1}. " if len(steps) > 1 else ""
            self._field("input" if index == 0 else "", number + step_words(step, 240))
        if len(steps) > _MAX_STEPS:
            self._field("", f"… and {counted(len(steps) - _MAX_STEPS, 'more step')}")

    # ---- what was tested --------------------------------------------------------------------------

    def _reach(self, operations: list[Mapping[str, Json]]) -> None:
        missed = unreached(operations)
        self._line("")
        self._line(f"reached {len(operations) - len(missed)} of {counted(len(operations), 'operation')}")
        most = len(missed) if self._look.verbose else _MAX_LISTED
        for kind, name, why in missed[:most]:
            self._line(("  not reached  ", "dim"), f"{kind} {clip(name, 80)}: {clip(why, 160)}")
        if len(missed) > most:
            self._line(("  not reached  ", "dim"), f"… and {len(missed) - most:,} more")

    def _scenarios(self, scenarios: list[Mapping[str, Any]]) -> None:
        foreign = 0  # what no option would bring about is a number, unless it is asked for
        for status in ("partial", "not-run"):
            label = status.replace("-", " ")
            for reason, names in by_reason(scenarios, status):
                if reason.startswith("not applicable") and not (self._look.verbose or _CURE.search(reason)):
                    foreign += len(names)
                    continue
                more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
                self._line((f"  {label:<13}", "dim"), f"{', '.join(names[:_MAX_LISTED])}{more}: {clip(reason, 200)}")
        if foreign:
            self._line(("  not run      ", "dim"), f"{foreign} that do not apply to this target: --verbose lists them")

    def _since(self, lines: list[tuple[str, str]]) -> None:
        most = len(lines) if self._look.verbose else 4 * _MAX_LISTED
        for label, text in lines[:most]:
            self._line((f"  {label:<17}", "dim"), clip(text, 240))
        if len(lines) > most:
            self._line(("  ", ""), f"… and {len(lines) - most:,} more")

    def _load(self, load: Mapping[str, Any]) -> None:
        rows = [LOAD_HEAD, *load_rows(load)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(LOAD_HEAD))]
        self._line("")
        for row in rows:
            words = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
            figures = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
            self._line("  ".join([*words, *figures]).rstrip())
        for policy in load["policies"]:
            self._line(policy_words(policy))


class _Live:
    """The progress line: one, rewritten in place, and only where a person can see it."""

    def __init__(self, console: Console, *, shown: bool) -> None:
        self._console = console
        self._shown = shown
        self._drawn = False

    def show(self, event: Progress) -> None:
        if self._shown:
            width = max(20, self._console.width - 1)
            self._write(_ERASE + set_cell_size(visible(_progress_line(event)), width).rstrip())
            self._drawn = True

    def clear(self) -> None:
        if self._drawn:
            self._write(_ERASE)
            self._drawn = False

    def _write(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()


def _progress_line(event: Progress) -> str:
    parts = [f"{event.elapsed_s:.0f} s", counted(event.requests, "request"), counted(event.findings, "finding")]
    parts += [counted(event.restarts, "restart")] if event.restarts else []
    return f"{event.phase} · {' · '.join(parts)}" + (f" · {event.what}" if event.what else "")


class _Console(Console):
    """A console whose reader may leave (`| head`): what it would still be told goes nowhere, and the run goes on to its
    other reports and its exit code. The library's own would end the process in the middle of it."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


def _console(stream: TextIO, color: bool) -> Console:
    """A console that has no styles where no colour is wanted, and no character that it cannot write."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return _Console(
        file=stream, color_system="auto" if color else None, markup=False, highlight=False, emoji=False, soft_wrap=True
    )


def _print(console: Console, parts: Iterable[_Part]) -> None:
    """One line of the pieces, each made visible."""
    line = Text()
    for part in parts:
        text, style = (part, "") if isinstance(part, str) else part
        line.append(visible(text), style)
    console.print(line, soft_wrap=True)
    try:
        console.file.flush()
    except BrokenPipeError:
        console.on_broken_pipe()
