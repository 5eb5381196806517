"""A report read back into the events of its run, for whoever goes on with it: `merge`, the corpus.

A report is untrusted input: it is held against the schema first, and what cannot be read is a UsageError
that names the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from mcpfuzz.errors import UsageError
from mcpfuzz.events import Discovered, Finished, LaunchRecord, Started
from mcpfuzz.model import Finding, Operation, OperationStats, Place, ScenarioResult, Surface
from mcpfuzz.reports.document import SCHEMA, Document, proof_of
from mcpfuzz.reports.schema import REPORT_SCHEMA
from mcpfuzz.reports.steps import conversation_of

__all__ = ["finding_of", "finished_of", "read_report", "started_of", "surface_of"]

_EXTRA = ("baseline", "growth")


def read_report(path: str) -> Document:
    """A JSON report, whole and valid.

    Raises:
        UsageError: it cannot be read, or is none.
    """
    import jsonschema

    try:
        loaded = orjson.loads(Path(path).read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path}: not JSON ({error})") from None
    if not isinstance(loaded, dict) or loaded.get("schema") != SCHEMA:
        raise UsageError(f"{path}: is no mcpfuzz report (schema {SCHEMA})")
    wrong = jsonschema.Draft202012Validator(REPORT_SCHEMA).descend(loaded, dict(REPORT_SCHEMA))
    first = next(iter(wrong), None)
    if first is not None:
        raise UsageError(f"{path}: is no valid report: {first.json_path}: {first.message[:200]}")
    return loaded


def started_of(document: Document) -> Started:
    """How the run began."""
    run, target = document["run"], document["target"]
    launch = target["launch"]
    return Started(
        seed=run["seed"],
        started=run["started"],
        profile=run["profile"],
        max_time=run.get("max_time_s", 0.0),
        sandbox=run.get("sandbox", "off"),
        writable=run.get("writable", ""),
        launch=LaunchRecord(
            command=tuple(launch["command"]),
            url=launch["url"],
            transport=target["transport"],
            insisted=launch.get("transport"),
            cwd=launch["cwd"],
            workspace=tuple(launch["workspace"]),
            env=launch["env"],
            headers=launch["headers"],
            identities={name: tuple(specs) for name, specs in launch["identities"].items()},
        ),
    )


def surface_of(document: Document) -> Discovered | None:
    """What was discovered, as far as a report tells it; None where nothing was."""
    target = document["target"]
    if target["revision"] is None:
        return None
    operations = tuple(
        Operation(kind=one["kind"], name=one["name"], schema={}, skipped=None if one["calls"] else one.get("reason"))
        for one in document["operations"]
    )
    surface = Surface(
        revision=target["revision"],
        revisions=tuple(target["revisions"]),
        server={name: value for name, value in target["server"].items() if value is not None},
        capabilities={},
        operations=operations,
        good={},
    )
    return Discovered(surface=surface, sendable=sum(one.skipped is None for one in operations))


def finished_of(document: Document) -> Finished:
    """How the run ended, findings included.

    Raises:
        UsageError: a finding's steps or proof cannot be read.
    """
    run = document["run"]
    return Finished(
        outcome=run["outcome"],
        reason=run["reason"],
        complete=run["complete"],
        duration_s=run["duration_s"],
        requests=run["requests"],
        cases=run.get("cases", 0),
        restarts=run["restarts"],
        operations=tuple(
            OperationStats(reason=one.get("reason"), **{name: one[name] for name in _STATS})
            for one in document["operations"]
        ),
        scenarios=tuple(
            ScenarioResult(id=one["id"], status=one["status"], reason=one["reason"], cases=one["cases"])
            for one in document["scenarios"]
        ),
        findings=tuple(map(finding_of, document["findings"])),
        extra={name: document[name] for name in _EXTRA if name in document},
    )


_STATS = ("kind", "name", "calls", "accepted", "rejected", "reached")


def finding_of(told: Mapping[str, Any]) -> Finding:
    """One finding.

    Raises:
        UsageError: its steps or its proof cannot be read.
    """
    steps = [{key: value for key, value in step.items() if key != "cut"} for step in told["reproducer"]["steps"]]
    operation, standing = told["operation"], told.get("baseline") or {}
    return Finding(
        rule=told["rule"],
        cwe=told["cwe"],
        severity=told["severity"],
        confidence=told["confidence"],
        place=Place(kind=operation["kind"], name=operation["name"], argument=operation["argument"]),
        title=told["title"],
        proof=proof_of(told),
        observed=told["proof"]["observed"],
        conversation=conversation_of(steps),
        receive=tuple(step.get("receive") for step in steps),
        minimal=told["reproducer"]["minimal"],
        fingerprint=told["fingerprint"],
        references=tuple(told["references"]),
        scenario=told.get("scenario", ""),
        stderr=told.get("stderr", ""),
        note=told.get("note", ""),
        standing=standing.get("status", ""),
        excuse=standing.get("reason") or "",
    )
