"""Events of a made-up run, for tests of sinks: yours too.

`sample_run()` is a run as people see them; `hostile_run(text)` puts one string into every field that a
server can write to. Whatever sink takes both, and shows neither raw, keeps the promises of this package.
`written` gives what one format makes of such a run.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mcpfuzz.events import Discovered, Event, Finished, Found, LaunchRecord, Noted, Progress, Restarted, Started
from mcpfuzz.model import (
    Call,
    Close,
    Conversation,
    Finding,
    Http,
    Json,
    Open,
    Operation,
    OperationStats,
    Place,
    Proof,
    Raw,
    ScenarioResult,
    Send,
    Step,
    Surface,
    Wait,
    Ws,
)
from mcpfuzz.reports.gate import Gate
from mcpfuzz.reports.opening import Reports, Setting, open_sinks
from mcpfuzz.reports.texts import PlainRule, RuleText

__all__ = ["EVIL_TEXTS", "SAMPLE_RULES", "hostile_run", "opened", "sample_finding", "sample_run", "written"]

EVIL_TEXTS: Sequence[str] = (
    "\x1b[2J\x1b]0;owned\x07\x1b]8;;http://evil.test\x1b\\click\x1b]8;;\x1b\\",
    "\x9b31m\x9d0;title\x9c\x7f\x08",
    "\u202egnp.exe\u2066\u200b\ufeff\u2028\u2029",
    "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><svg/onload=alert(1)>",
    "]]></system-out><!ENTITY x SYSTEM 'file:///etc/passwd'>",
    "[click](javascript:alert(1)) ![x](http://evil.test/p.png) @everyone #1 http://evil.test www.evil.test",
    "```\n# heading\n<b>bold</b>\n````\n| a | b |",
    "` <b>owned</b> [owned](http://evil.test) `` <i>owned</i> ``` **owned** ` `",
    "\n::error file=x,line=1,title=owned::pwned\n##[error]pwned\n##vso[task.complete]\n ::stop-commands::x",
    "[bold red]markup[/bold red] [link=http://evil.test]x[/link] [/]",
    "=cmd|' /C calc'!A0",
    "../../../../tmp/owned\0.json",
    "\ud800 half a pair \udfff",
    "{0} {{1}} %s %n ${HOME} $(id) `id`",
    "name\r\nSet-Cookie: x=1",
    "x" * 100_000,
)
"""What hostile servers put into names, results and error messages."""

SAMPLE_RULES: Mapping[str, RuleText] = {
    "path-traversal": PlainRule(
        title="A path leads out of the folder",
        mend="Resolve the path, links too, and compare it with the folder before it is opened.",
        references=("CWE-22", "OWASP-API8"),
    ),
    "crash": PlainRule(
        title="A message ends the server",
        mend="Answer what cannot be read with a JSON-RPC error; let no parser's exception end the loop.",
    ),
}
"""Texts for two of the three rules of the sample run."""

_LAUNCH = LaunchRecord(
    command=("node", "server.js", "{workspace}"),
    workspace=("demo",),
    env={"API_TOKEN": "${API_TOKEN}", "LOG_LEVEL": "debug"},
    headers={},
    identities={"alice": ("header:Authorization: Bearer ${ALICE}",)},
)
_STARTED = Started(
    seed=42,
    started="2026-11-20T10:00:00Z",
    profile="standard",
    max_time=60.0,
    launch=_LAUNCH,
    sandbox="on",
    writable="/tmp/mcpfuzz-1/workspace",
)


def sample_finding(
    name: str = "read_file", *, text: str | None = None, severity: str = "high", confidence: str = "proved"
) -> Finding:
    """One finding, with every kind of step; `text`, if given, stands wherever a server may write."""
    steps = (
        Step(action=Call("tools/call", {"name": name, "arguments": {"path": text or "{workspace}/../{canary:a}.txt"}})),
        Step(action=Send({"jsonrpc": "2.0", "id": 7, "method": "ping", "params": {"x": text or "x"}}), as_="bob"),
        Step(action=Raw(text or '{"jsonrpc": "2.0"\n'), on="c2", group="g"),
        Step(action=Raw(b"\xff\xfe{}\n"), on="c2", group="g"),
        Step(action=Http("POST", "/mcp", (("X-Test", text or "1"),), text or "{}")),
        Step(action=Ws(1, text or "{}", fin=False)),
        Step(action=Open(handshake=False, headers=(("Origin", text or "x"),)), on="c3"),
        Step(action=Close(), on="c3"),
        Step(action=Wait(0.5)),
    )
    answer = {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text or "c0ffee in decoy"}]}}
    return Finding(
        rule="path-traversal",
        cwe=22,
        severity=severity,  # type: ignore[arg-type]
        confidence=confidence,  # type: ignore[arg-type]
        place=Place(kind="tool", name=text or name, argument=text or "/path"),
        title=text or f"{name} reads files outside the folder it is meant to stay inside",
        proof=Proof(
            kind="file-read",
            expected=text or "an error, or nothing of the decoy beside the workspace",
            params={"canary": "a", "text": text or "decoy"},
        ),
        observed=text or 'the decoy\'s canary "c0ffee" in the answer',
        conversation=Conversation(steps),
        receive=(answer, None, {"bytes": {"utf8": text or "oops\n"}}),
        minimal=True,
        fingerprint="5f1c0a77e2b94d10",
        references=("CWE-22", "OWASP-API8", "MCP RS-11"),
        scenario="path-traversal",
        stderr=text or "Traceback (most recent call last):\nOSError: [Errno 2]\n",
        note=text or "",
    )


def _operations(extra: str | None) -> tuple[OperationStats, ...]:
    names = ("read_file", "write_file", "search", "list_directory", "get_file_info")
    made = [
        OperationStats(kind="tool", name=name, calls=120 - 20 * i, accepted=40, rejected=80 - 20 * i, reached=True)
        for i, name in enumerate(names)
    ]
    made.append(OperationStats(kind="tool", name="deploy", reason="destructive; --allow-destructive calls it"))
    made.append(OperationStats(kind="resource", name=extra or "file:///notes.txt", calls=30, rejected=30, reason=extra))
    return tuple(made)


_SCENARIOS = (
    ScenarioResult(id="path-traversal", status="findings", cases=96),
    ScenarioResult(id="command-injection", status="clean", cases=210),
    ScenarioResult(id="malformed-messages", status="findings", cases=400),
    ScenarioResult(id="sql-injection", status="partial", cases=30, reason="its time was spent"),
    ScenarioResult(id="authorization-bola", status="not-run", reason="needs two identities"),
    ScenarioResult(id="authorization-bfla", status="not-run", reason="needs two identities"),
    ScenarioResult(id="http-session", status="not-run", reason="stdio has no HTTP"),
)


def _discovered(text: str | None) -> Discovered:
    read = Operation(
        kind="tool",
        name=text or "read_file",
        schema={"type": "object", "properties": {text or "path": {"type": "string", "description": text or "a path"}}},
        description=text or "Reads a file.",
    )
    server: dict[str, Json] = {"name": text or "files-server", "version": text or "1.4.0"}
    surface = Surface(
        revision="2025-11-25",
        revisions=("2025-11-25", "2025-06-18"),
        server=server,
        capabilities={"tools": {}},
        operations=(read,),
        good={},
        notes=(text,) if text else (),
    )
    return Discovered(surface=surface, sendable=1)


def _run(findings: tuple[Finding, ...], text: str | None) -> list[Event]:
    scenarios = _SCENARIOS if text is None else (*_SCENARIOS, ScenarioResult(id="odd", status="not-run", reason=text))
    progress = Progress(
        phase="attacking", elapsed_s=3.2, requests=410, cases=90, restarts=1, findings=1, what=text or "tool read_file"
    )
    return [
        replace(_STARTED, writable=text or _STARTED.writable),
        _discovered(text),
        progress,
        Restarted(reason=text or "it ended with SIGSEGV"),
        Noted(text=text or "tool deploy is not called: its name says that it changes things"),
        *(Found(finding=finding) for finding in findings),
        Finished(
            outcome="findings",
            reason=text,
            complete=False,
            duration_s=31.24,
            requests=4210,
            cases=736,
            restarts=2,
            operations=_operations(text),
            scenarios=scenarios,
            findings=findings,
        ),
    ]


def sample_run() -> list[Event]:
    """A run with three findings of different weight, one of them a suspect."""
    crash = replace(
        sample_finding("search", severity="critical"),
        rule="crash",
        cwe=248,
        title="one message ends the server (SIGSEGV)",
        place=Place(kind="tool", name="search"),
        proof=Proof(kind="exit", expected="an error response", params={}),
        observed="the process ended with signal 11 (SIGSEGV)",
        conversation=Conversation.of(Raw('{"jsonrpc": "2.0", "id": {repeat:64:[}\n')),
        receive=(None,),
        scenario="malformed-messages",
        fingerprint="a0b1c2d3e4f50617",
    )
    leak = replace(
        sample_finding("get_file_info", severity="low", confidence="suspect"),
        rule="error-disclosure",
        title="an error message tells the server's source path",
        scenario="malformed-messages",
        conversation=Conversation.of(Call("tools/call", {"name": "get_file_info", "arguments": {"path": 7}})),
        fingerprint="99aa88bb77cc66dd",
        minimal=False,
        note="not minimal: the time was spent",
        stderr="",
    )
    short = replace(sample_finding(), conversation=Conversation(sample_finding().conversation.steps[:1]))
    return _run((crash, short, leak), None)


def hostile_run(text: str) -> list[Event]:
    """A run in which every field that a server can write to holds `text`."""
    return _run((sample_finding(text=text), sample_finding("b", text=text, confidence="suspect")), text)


def opened(specs: Sequence[str], *secrets: str, **setting: Any) -> Reports:
    """`open_sinks` with streams and an environment of its own; `setting` overrides parts of `Setting`."""
    kept = {"rules": SAMPLE_RULES, "out": io.StringIO(), "err": io.StringIO(), "environ": {}, **setting}
    return open_sinks(specs, Gate(secrets), version="0.1.0", setting=Setting(**kept))


def written(kind: str, events: Iterable[Event], folder: Path, *secrets: str, **setting: Any) -> str:
    """What a report of this kind says of the events; the file stays in `folder`."""
    path = folder / f"report.{kind}"
    with opened([f"{kind}={path}"], *secrets, **setting) as reports:
        for event in events:
            reports.on(event)
    return path.read_text(encoding="utf-8")
