"""A document in words, for every sink that people read: what was sent, what ran, how it ended.

Plain text without any format's quoting; whatever a server said is still as it was (a sink makes it
visible and escapes it).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mcpfuzz.model import SEVERITIES, Json
from mcpfuzz.reports.document import Document
from mcpfuzz.reports.texts import EXITS, RuleText, clip, counted, rule_text, visible, where

__all__ = [
    "LOAD_HEAD",
    "by_reason",
    "compact",
    "finding_text",
    "headline",
    "load_rows",
    "pasted",
    "policy_words",
    "settings",
    "since",
    "standing",
    "step_words",
    "target_words",
    "unreached",
    "verdict",
]

_VERDICTS = {
    "clean": "clean",
    "could-not-test": "could not test",
    "interrupted": "interrupted",
    "fault": "mcpfuzz failed",
}

_MAX_STEPS = 50
_MAX_PASTED = 6_000
_PASTED_WIDTH = 100
_SPACE = "io.modelcontextprotocol/"
_ENVELOPE = ("protocolVersion", "clientCapabilities", "clientInfo")


def compact(value: Json, limit: int = 400) -> str:
    """JSON on one line, as people read it, cut to `limit` characters."""
    return clip(json.dumps(value, ensure_ascii=False), limit)


# ---- one step -------------------------------------------------------------------------------------


def step_words(step: Mapping[str, Any], limit: int = 400) -> str:
    """What a report's step does: `tools/call read_file {"path": "/etc/passwd"}`."""
    who = [f"[{step['as']}]"] if step.get("as") else []
    if step.get("on", "c1") != "c1":
        who.append(f"({step['on']})")
    if step.get("group"):
        who.append(f"‖{step['group']}")
    often = [f"×{step['times']:,}"] if step.get("times", 1) > 1 else []
    return clip(" ".join([*who, *often, _action_words(step)]), limit)


def _action_words(step: Mapping[str, Any]) -> str:
    if "send" in step:
        return _call_words(step["send"]) if _is_call(step) else f"send {_send_words(step)}"
    if "bytes" in step:
        return f"bytes {_data_words(step['bytes'])}"
    if "http" in step:
        http = step["http"]
        headers = "".join(f" {name}: {value};" for name, value in http["headers"])
        body = f" {_data_words(http['body'])}" if http["body"] else ""
        return f"{http['method']} {http['path']}{headers}{body}"
    if "ws" in step:
        ws = step["ws"]
        return f"WebSocket frame, {_frame_words(ws)} {_data_words(ws['payload'])}"
    if "open" in step:
        return "open" if step["open"].get("handshake", True) else "open without a handshake"
    return f"wait {step['wait_s']:g} s" if "wait_s" in step else "close"


def _frame_words(ws: Mapping[str, Any]) -> str:
    """What is to be known of a frame's head: its opcode, and what is odd."""
    bits = ws["opcode"] >> 4
    odd = [
        *([] if ws["fin"] else ["not final"]),
        *([f"reserved bits {bits:03b}"] if bits else []),
        *([] if ws.get("masked", True) else ["not masked"]),
        *([] if ws.get("length") is None else [f"says {ws['length']} bytes"]),
    ]
    return f"opcode {ws['opcode'] & 15}" + (f" ({', '.join(odd)})" if odd else "")


def _is_call(step: Mapping[str, Any]) -> bool:
    return bool(step.get("call")) and not step.get("encoded") and isinstance(step["send"], Mapping)


def _send_words(step: Mapping[str, Any]) -> str:
    message = step["send"]
    if step.get("encoded"):
        return str(message)
    version = _plain_envelope(message)
    if version is None:
        return json.dumps(message, ensure_ascii=False)
    params = {name: value for name, value in message["params"].items() if name != "_meta"}
    return f"{json.dumps({**message, 'params': params}, ensure_ascii=False)} (+ _meta of {version})"


def _plain_envelope(message: Json) -> str | None:
    """The version that the modern era's envelope names, where it is as every client writes it: then it is no
    part of the attack, and three quarters of the line. None where there is none, or an odd one."""
    params = message.get("params") if isinstance(message, Mapping) else None
    meta = params.get("_meta") if isinstance(params, Mapping) else None
    if not isinstance(meta, Mapping) or set(meta) != {f"{_SPACE}{name}" for name in _ENVELOPE}:
        return None
    version, capabilities, client = (meta[f"{_SPACE}{name}"] for name in _ENVELOPE)
    usual = isinstance(client, Mapping) and set(client) == {"name", "version"} and client["name"] == "mcpfuzz"
    return version if usual and capabilities == {} and isinstance(version, str) else None


def _call_words(message: Mapping[str, Any]) -> str:
    method, params = str(message.get("method")), message.get("params")
    if not isinstance(params, Mapping):
        return method if params is None else f"{method} {json.dumps(params, ensure_ascii=False)}"
    target = next((str(params[name]) for name in ("name", "uri") if isinstance(params.get(name), str)), "")
    rest = {name: value for name, value in params.items() if name not in ("name", "uri", "_meta")}
    if set(rest) == {"arguments"}:
        rest = rest["arguments"]
    return " ".join([method, *([target] if target else []), *([json.dumps(rest, ensure_ascii=False)] if rest else [])])


def _data_words(data: Mapping[str, str]) -> str:
    """Text as it is; bytes that are no text with escapes, as people write them."""
    if "utf8" in data:
        return data["utf8"]
    try:
        return base64.b64decode(data["base64"], validate=True).decode("utf-8", "backslashreplace")
    except ValueError:  # cut, or redacted
        return f"(base64) {data['base64']}"


# ---- one finding ----------------------------------------------------------------------------------


def finding_text(finding: Mapping[str, Any], rules: Mapping[str, RuleText]) -> str:
    """A finding of a report as a block of plain text, made visible: for a test's failure."""
    proof, reproducer = finding["proof"], finding["reproducer"]
    lines = [
        f"{finding['severity']} {finding['rule']} (CWE-{finding['cwe']}): {finding['title']}",
        f"where:    {where(finding['operation'])}",
        f"expected: {proof['expected']}",
        f"observed: {proof['observed']}",
    ]
    for number, step in enumerate(reproducer["steps"][:_MAX_STEPS], start=1):
        lines.append(f"{number}. {step_words(step, 1000)}")
        if step["receive"] is not None:
            lines.append(f"   -> {compact(step['receive'], 1000)}")
    if len(reproducer["steps"]) > _MAX_STEPS:
        lines.append(f"… and {counted(len(reproducer['steps']) - _MAX_STEPS, 'more step')}")
    lines += [f"stderr: {line}" for line in finding.get("stderr", "").splitlines()[-20:]]
    lines += [f"note: {finding['note']}"] if finding.get("note") else []
    lines += [f"known:    {finding['baseline']['reason']}"] if standing(finding) == "known" else []
    lines += [f"replay: {reproducer['command']}"]
    mend = rule_text(rules, finding["rule"]).mend
    return "\n".join(visible(line) for line in [*lines, *([f"mend: {mend}"] if mend else [])])


def pasted(finding: Mapping[str, Any]) -> str:
    """The finding as a test of the suite, to be pasted: it fails while the effect shows. Empty where nobody would
    paste it for its length, where it holds what the report had to cut, or where it is not proved."""
    steps = [{name: step[name] for name in step if _told(name, step[name])} for step in finding["reproducer"]["steps"]]
    kept = ("kind", "expected", "params", "params_json")
    proof = {name: finding["proof"][name] for name in kept if finding["proof"].get(name)}
    call = [f"proof={_literal(proof, 8, 6)}", f"steps={_literal(steps, 8, 6)}"]
    name = re.sub(r"\W+", "_", f"{finding['rule']}_{finding['fingerprint']}", flags=re.ASCII)
    lines = [f"def test_{name}(mcp_replay):", "    mcp_replay(", *(f"        {part}," for part in call), "    )"]
    text = "\n".join(["test:", *(f"    {line}" for part in lines for line in part.split("\n"))])
    measured = finding["proof"].get("kind") == "load"
    whole = finding["confidence"] == "proved" and not measured and not any(step.get("cut") for step in steps)
    return visible(text, lines=True) if whole and len(text) <= _MAX_PASTED else ""


def _told(name: str, value: Json) -> bool:
    """Whether a step's member says anything: not what came back, and no default."""
    return name != "receive" and value is not None and (name, value) != ("on", "c1")


def _literal(value: Json, indent: int, used: int = 0) -> str:
    """A value as Python that a formatter leaves alone: on one line where that fits, else a member a line.

    Args:
        indent: of the line that it stands in.
        used: characters of that line that stand before and behind it.
    """
    flat = _flat(value)
    if len(flat) + indent + used + 1 <= _PASTED_WIDTH or not value or not isinstance(value, dict | list):
        return flat
    inside = " " * (indent + 4)
    if isinstance(value, dict):
        keys = {_flat(key): item for key, item in value.items()}
        lines = [f"{inside}{key}: {_literal(item, indent + 4, len(key) + 2)}," for key, item in keys.items()]
    else:
        lines = [f"{inside}{_literal(item, indent + 4)}," for item in value]
    first, last = "{}" if isinstance(value, dict) else "[]"
    return "\n".join([first, *lines, " " * indent + last])


def _flat(value: Json) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flat(key)}: {_flat(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flat, value)) + "]"
    shown = repr(value)
    return f'"{shown[1:-1]}"' if isinstance(value, str) and shown[0] == "'" and '"' not in shown else shown


# ---- the run --------------------------------------------------------------------------------------


def target_words(document: Document) -> str:
    """What was tested: the server's name and version, or how it was started."""
    server, launch = document["target"]["server"], document["target"]["launch"]
    named = " ".join(str(part) for part in (server["name"], server["version"]) if part)
    return named or launch["url"] or " ".join(launch["command"]) or "a server"


def settings(document: Document) -> list[str]:
    """How it was tested, in short pieces: revision, transport, seed, profile, sandbox, writable folder."""
    run, target = document["run"], document["target"]
    pieces = [f"MCP {target['revision']}" if target["revision"] else "", target["transport"], f"seed {run['seed']}"]
    pieces += [f"{run['profile']}, {run['max_time_s']:g} s", f"sandbox {run['sandbox']}"]
    pieces += [f"may write to {run['writable']}"] if run["writable"] else []
    return [piece for piece in pieces if piece]


def headline(document: Document) -> str:
    """Findings in numbers: `2 findings (1 critical, 1 low), 1 suspect`."""
    open_ = [one for one in document["findings"] if standing(one) != "known"]
    proved = [one["severity"] for one in open_ if one["confidence"] == "proved"]
    suspects, known = len(open_) - len(proved), len(document["findings"]) - len(open_)
    levels = [f"{proved.count(level)} {level}" for level in reversed(SEVERITIES) if level in proved]
    said = counted(len(proved), "finding") + (f" ({', '.join(levels)})" if levels else "")
    if proved and (document.get("baseline") or {}).get("updated"):
        said += " accepted"
    said += f", {counted(suspects, 'suspect')}" if suspects else ""
    return said + (f", {known:,} known" if known else "")


def standing(finding: Mapping[str, Any]) -> str:
    """What a baseline says of a finding: `new`, `known`, `expired`; empty where there is none."""
    told = finding.get("baseline")
    return str(told["status"]) if isinstance(told, Mapping) else ""


def since(document: Document) -> list[tuple[str, str]]:
    """What changed since the baseline and since earlier runs, as (label, line): findings that are gone or were
    not seen, operations that were never reached before, or are not any more."""
    told = document.get("baseline") or {}
    lines = [
        (label, f"{one['rule']} in {where(one['operation'])}: {why}{hint if not told.get('updated') else ''}")
        for name, label, why, hint in _MISSING
        for one in told.get(name, ())
    ]
    if told.get("updated"):
        added = sum(one["confidence"] == "proved" for one in document["findings"] if standing(one) == "new")
        entries = "entry" if added == 1 else "entries"
        lines.append(("baseline", f"{told['file']}: {added} {entries} added, {len(told['gone'])} taken out"))
    growth = document.get("growth") or {}
    before = counted(growth.get("runs", 0), "earlier run")
    for name, label, why in _GROWTH:
        lines += [(label, f"{one['kind']} {one['name']}: {why} {before}") for one in growth.get(name, ())]
    return lines


_MISSING = (
    ("gone", "gone", "it does not show any more", "; --update-baseline takes it out"),
    ("not_seen", "not seen", "its scenario did not run to the end, so nothing is known of it", ""),
)
_GROWTH = (
    ("first_reached", "first reached", "never in"),
    ("not_reached_now", "not reached now", "it was reached in one of"),
)


def verdict(document: Document, *, seed: bool = False) -> str:
    """The last line: outcome, findings, what was left out, and what the exit code will be.

    Args:
        seed: say it here, where no first line has.
    """
    run = document["run"]
    statuses = [one["status"] for one in document["scenarios"]]
    said = [headline(document)] if document["findings"] or run["outcome"] in ("clean", "findings") else []
    if run["outcome"] == "clean" and said[0][:2] != "0 ":
        said.append("none that counts")  # below --fail-on, not proved, or known
    elif run["outcome"] in _VERDICTS:
        label, reason = _VERDICTS[run["outcome"]], run["reason"] or ""
        said.insert(0, reason if reason.startswith(label) else ": ".join(filter(None, (label, reason))))
    ran = sum(status != "not-run" for status in statuses)
    said.append(f"{ran} of {counted(len(statuses), 'scenario')} ran")
    if statuses.count("partial"):
        said.append(f"{statuses.count('partial')} only in part")
    said.append(f"{counted(run['requests'], 'request')} in {run['duration_s']:.1f} s")
    told = f" · seed {run['seed']}" if seed else ""
    return f"{', '.join(said)}{told} · {EXITS[run['outcome']]}"


def by_reason(scenarios: Iterable[Mapping[str, Any]], status: str) -> list[tuple[str, list[str]]]:
    """Scenarios of one status, those with the same reason together."""
    groups: dict[str, list[str]] = {}
    for one in scenarios:
        if one["status"] == status:
            groups.setdefault(one["reason"] or "no reason given", []).append(one["id"])
    return list(groups.items())


def unreached(operations: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Operations that no call got into: kind, name and why."""
    return [(one["kind"], one["name"], _why_unreached(one)) for one in operations if not one["reached"]]


def _why_unreached(one: Mapping[str, Any]) -> str:
    if one.get("reason"):
        return str(one["reason"])
    return f"0 of {counted(one['calls'], 'call')} accepted" if one["calls"] else "never called"


LOAD_HEAD = ("scenario", "verdict", "requests", "failures", "per s", "p50 ms", "p95 ms", "p99 ms", "recovery s")


def load_rows(load: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The rows of a load run's table, under `LOAD_HEAD`; the last is the sum."""
    names = ("requests", "failures", "rps", "p50_ms", "p95_ms", "p99_ms", "recovery_s")
    rows = [
        (str(one["id"]), str(one["verdict"]), *(_figure(one.get(name)) for name in names)) for one in load["scenarios"]
    ]
    return [*rows, ("all", "", *(_figure(load.get(name)) for name in names))]


def policy_words(policy: Mapping[str, Any]) -> str:
    """A rate limit that was measured, in one line."""
    probed = f"{policy.get('probed_requests') or 0:,} requests, up to {policy.get('probed_per_s') or 0:,.0f} a second"
    if policy["scope"] == "none":
        return f"rate limit: none met ({probed})"
    sure = f"confidence {policy['confidence']:.0%}"
    rate = "an unknown number" if policy["per_s"] is None else f"{policy['per_s']:g}"
    burst = "an unknown burst" if policy["burst"] is None else f"a burst of {policy['burst']}"
    said = f"rate limit: {rate} a second, {burst}, scope {policy['scope']}, {sure}"
    if policy.get("form"):
        said += f"; refusals as {policy['form']}, Retry-After {policy.get('retry_after', 'none')}"
    if policy.get("starves"):
        said += "; one caller's excess shuts others out"
    around = policy.get("bypasses") or ()
    return said + (f"; stepped around by {', '.join(map(str, around))}" if around else "")


def _figure(value: Json) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
