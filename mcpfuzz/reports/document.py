"""The report as one value, `mcpfuzz-report/1`: built from events, read again by replay, merge and sinks.

`schema.REPORT_SCHEMA` says the same in JSON Schema. What is built here is plain JSON that any reader
takes, whatever the server sent; secrets are the gate's business and are gone before.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any, TypeAlias

from mcpfuzz.errors import Fault, UsageError
from mcpfuzz.events import Discovered, Finished, LaunchRecord, Started
from mcpfuzz.model import Finding, Json, OperationStats, Proof, ScenarioResult
from mcpfuzz.reports.safe import harmless, is_plain
from mcpfuzz.reports.steps import conversation_of, steps_json

__all__ = ["SCHEMA", "Document", "build", "conversation_of", "finding_json", "proof_of", "run_json"]

SCHEMA = "mcpfuzz-report/1"

Document: TypeAlias = dict[str, Json]
"""A whole report."""


def build(
    started: Started,
    discovered: Discovered | None,
    finished: Finished,
    *,
    version: str,
    extra: Mapping[str, Json] | None = None,
    report: str = "report.json",
) -> Document:
    """The whole report of one run.

    Args:
        discovered: None where discovery was never done; then the revision and the server are null.
        version: of mcpfuzz.
        extra: further members of the document (`load`, `notes` ...).
        report: the path that the replay commands name.

    Raises:
        Fault: `extra` would replace a member of the contract.
    """
    document = {
        "schema": SCHEMA,
        "tool": {"name": "mcpfuzz", "version": version},
        "run": run_json(started, finished),
        "target": _target(started.launch, discovered),
        "operations": [_operation(stats) for stats in finished.operations],
        "scenarios": [_scenario(result) for result in finished.scenarios],
        "findings": [finding_json(finding, report=report) for finding in finished.findings],
    }
    clash = sorted(set(document) & set(extra or ()))
    if clash:
        raise Fault(f"a report's extra members would replace {', '.join(clash)}")
    made: Document = harmless({**document, **(extra or {})})
    return made


def run_json(started: Started, finished: Finished) -> dict[str, Json]:
    """The report's `run`."""
    return {
        "seed": started.seed,
        "started": started.started,
        "duration_s": round(finished.duration_s, 3),
        "requests": finished.requests,
        "cases": finished.cases,
        "restarts": finished.restarts,
        "outcome": finished.outcome,
        "reason": finished.reason,
        "complete": finished.complete,
        "profile": started.profile,
        "max_time_s": started.max_time,
        "sandbox": started.sandbox,
        "writable": started.writable,
    }


def _target(launch: LaunchRecord, discovered: Discovered | None) -> dict[str, Json]:
    surface = discovered.surface if discovered else None
    server = surface.server if surface else {}
    return {
        "transport": (discovered.transport if discovered else None) or launch.transport,
        "revision": surface.revision if surface else None,
        "revisions": list(surface.revisions) if surface else [],
        "server": {name: _word(server.get(name)) for name in ("name", "version")},
        "launch": {
            "command": list(launch.command),
            "url": launch.url,
            **({} if launch.insisted is None else {"transport": launch.insisted}),
            "cwd": launch.cwd,
            "workspace": list(launch.workspace),
            "env": dict(launch.env),
            "headers": dict(launch.headers),
            "identities": {name: list(specs) for name, specs in launch.identities.items()},
        },
    }


def _operation(stats: OperationStats) -> dict[str, Json]:
    return {
        "kind": stats.kind,
        "name": stats.name,
        "calls": stats.calls,
        "accepted": stats.accepted,
        "rejected": stats.rejected,
        "reached": stats.reached,
        "reason": stats.reason,
    }


def _scenario(result: ScenarioResult) -> dict[str, Json]:
    return {"id": result.id, "status": result.status, "reason": result.reason, "cases": result.cases}


def _word(value: Json) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def finding_json(finding: Finding, *, report: str = "report.json") -> dict[str, Json]:
    """One finding as the report writes it."""
    place = finding.place
    return {
        "rule": finding.rule,
        "cwe": finding.cwe,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "operation": {"kind": place.kind, "name": place.name, "argument": place.argument},
        "title": finding.title,
        "proof": {
            "kind": finding.proof.kind,
            "expected": finding.proof.expected,
            "observed": finding.observed,
            **_params_json(finding.proof.params),
        },
        "reproducer": {
            "minimal": finding.minimal,
            "steps": steps_json(finding.conversation, finding.receive),
            "command": f"mcpfuzz replay {shlex.quote(report)} --finding {shlex.quote(finding.fingerprint)}",
        },
        "fingerprint": finding.fingerprint,
        "references": list(finding.references),
        "scenario": finding.scenario,
        "stderr": finding.stderr,
        "note": finding.note,
        **({"baseline": {"status": finding.standing, "reason": finding.excuse or None}} if finding.standing else {}),
    }


def _params_json(params: Mapping[str, Json]) -> dict[str, Json]:
    """What other readers of JSON would change or refuse is given as JSON text beside it."""
    if is_plain(params):
        return {"params": dict(params)}
    return {"params": {}, "params_json": json.dumps(dict(params), ensure_ascii=True)}


def proof_of(finding: Mapping[str, Any]) -> Proof:
    """The proof that a report's finding names, to look for its effect again.

    Raises:
        UsageError: the finding has no such proof.
    """
    proof = finding.get("proof")
    if not isinstance(proof, Mapping) or not isinstance(proof.get("kind"), str):
        raise UsageError("a finding of the report names no proof: there is nothing to look for")
    try:
        params = json.loads(proof["params_json"]) if "params_json" in proof else proof.get("params") or {}
        if not isinstance(params, Mapping):
            raise TypeError("they are no object")
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the parameters of a finding's proof {proof['kind']!r} cannot be read: {error}") from None
    return Proof(kind=proof["kind"], expected=str(proof.get("expected") or ""), params=dict(params))
