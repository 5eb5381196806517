"""What came of a run: its outcome, which of its findings are worth telling, and why a scenario did not run. Nothing
is clean that was not played, and what tested nothing never exits 0.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from mcpfuzz.campaign.corpus import Corpus
from mcpfuzz.campaign.engine import TIME_SPENT, Engine
from mcpfuzz.campaign.merging import NOT_APPLICABLE, NOTHING_ACCEPTED, NOTHING_TESTED
from mcpfuzz.campaign.reach import Reach
from mcpfuzz.campaign.roles import matrix_json
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.campaign.supply import Supply
from mcpfuzz.events import Finished, Outcome
from mcpfuzz.model import SEVERITIES, Finding, ScenarioResult, Surface
from mcpfuzz.scenarios.base import Scenario

__all__ = ["NEEDED", "State", "counts", "finished", "lacking"]

NEEDED = {
    "workspace": "give the folder it is meant to stay inside with --workspace",
    "apart": "what this run makes lies where the server may write: give --state a folder outside of the server's",
    "upstream": "give the server {listener} as its upstream",
    "network": "it is about networked servers: --url",
    "endpoint": "it is about Streamable HTTP",
    "websocket": "it is about WebSocket: --url ws://...",
    "address-header": "give the header that names the server's upstream with --header",
    "process": "it reads the server's memory: let mcpfuzz start it, with --url URL -- COMMAND",
    "pages": "it is about servers over HTTP",
    "loopback-only": "mcpfuzz does not start the server, or its command says where it should listen",
    "read-only": "neither its command nor --env tells the server to write nothing",
    "schemathesis": "Schemathesis is not installed: pip install 'pytest-mcpfuzz[schema]'",
    "openapi": "no OpenAPI document with operations of its own is served beside the endpoint",
    "credential": "give a caller with --identity NAME=SPEC",
    "authenticated": "the server does not tell its callers apart",
    "jwt": "the first caller's credential is no JSON Web Token",
    "jwt-key": "give the key that signs the tokens with --identity NAME=key:SECRET",
    "bearer": "the first caller shows no bearer token",
    "ticket": "give the first caller tickets with --identity NAME=ticket:JSON",
    "ticket-life": "its answer, or lifetime in ticket:JSON, must tell that a ticket lives 10 s or less",
    "authorization-server": "no metadata names an authorization server on the server's own origin",
    "issuer": "point the server at the test authorization server, {issuer}",
    "registration": "its authorization server registers no clients, or mcpfuzz does not start it: --allow-destructive",
    "authorization-code": "no code can be had without a person who signs in",
    "authorization-token": "no code, or no token for it, can be had without a person who signs in",
    "sign-in": "give the first caller a password to sign in with at this server: --identity NAME=login:JSON; where "
    "mcpfuzz does not start the server, --allow-destructive too",
    "first-message": "the first caller's credential is no first message of a WebSocket",
    "within": "say how long the server waits for it with --identity NAME=within:SECONDS, or give --max-time 600",
    "second": "give two callers or more with --identity NAME=SPEC",
}
"""Slot -> what to give for it."""
ABOUT_CALLERS = frozenset({"authenticated", "bearer", "jwt", "jwt-key", "first-message"})
"""Needs that speak of callers; where none was given, that is what is missing."""
LASTING = frozenset({"file-read", "file-harmed"})
"""Kinds of proof about decoys, which lie elsewhere for good once a tool moved them."""
ORDER = {severity: index for index, severity in enumerate(reversed(SEVERITIES))}


class State:
    """What is known so far, so that an interruption can be told truthfully."""

    def __init__(self) -> None:
        self.surface: Surface | None = None
        self.engine: Engine | None = None
        self.supply: Supply | None = None
        self.reach = Reach()
        self.corpus: Corpus | None = None


def counts(finding: Finding, settings: Settings) -> bool:
    """Whether a finding counts for the exit code."""
    if settings.accept or finding.fingerprint in settings.known:
        return False
    if finding.confidence != "proved" and not settings.strict:
        return False
    return SEVERITIES.index(finding.severity) >= SEVERITIES.index(settings.fail_on)


def finished(settings: Settings, state: State, began: float, failure: str | None, *, interrupted: bool) -> Finished:
    """The end of a run, told from what is known of it.

    Args:
        began: `time.monotonic()` of its beginning.
        failure: why it could not go on, one line; None: it could.
    """
    engine, supply = state.engine, state.supply
    findings = tuple(sorted(_worth_telling(engine.findings if engine else []), key=_rank))
    why = failure or ("interrupted" if interrupted else None)
    scenarios = tuple(_result(scenario, engine, why, state.surface) for scenario in settings.scenarios)
    complete = not interrupted and all(
        result.status in ("clean", "findings") or (result.reason or "").startswith(NOT_APPLICABLE)
        for result in scenarios
    )
    reached = any(tally.accepted for tally in state.reach.tallies.values())
    tested = engine is not None and any(engine.tallies[story.id].cases for story in settings.scenarios)
    asks = [story.id for story in settings.scenarios if story.kinds and engine and engine.tallies[story.id].planned]
    outcome: Outcome = "clean"
    reason = failure
    if interrupted:
        outcome, reason = "interrupted", "interrupted; what was not run is told per scenario"
    elif any(counts(finding, settings) for finding in findings):
        outcome = "findings"
    elif failure is not None or engine is None:
        outcome = "could-not-test"
    elif not tested and scenarios:
        outcome, reason = "could-not-test", _nothing_tested(scenarios)
    elif not reached and asks:
        outcome, reason = "could-not-test", _nothing_accepted(asks, scenarios)
    elif engine.cut not in (None, TIME_SPENT):
        outcome, reason = "could-not-test", f"it was dead before the end: {engine.cut}"
    elif settings.require_complete and not complete:
        outcome, reason = "could-not-test", "scenarios were left partial or not run (--require-complete)"
    return Finished(
        outcome=outcome,
        reason=reason,
        complete=complete,
        duration_s=time.monotonic() - began,
        requests=supply.requests if supply else 0,
        cases=sum(tally.cases for tally in engine.tallies.values()) if engine else 0,
        restarts=supply.restarts if supply else 0,
        operations=state.reach.stats(state.surface),
        scenarios=scenarios,
        findings=findings,
        extra={"roles": matrix_json(state.surface.roles)} if state.surface is not None and state.surface.roles else {},
    )


def _worth_telling(findings: list[Finding]) -> list[Finding]:
    """All that is proved, and suspects of rules and sightings that nothing proved: the rest is its echo. A decoy that
    one tool took into the workspace is shown by others under any rule, until the next start."""
    sure = [finding for finding in findings if finding.confidence == "proved"]
    proved = {finding.rule for finding in sure}
    shown = {finding.proof.kind for finding in sure} & LASTING
    open_places = {
        finding.place for finding in sure
        if finding.rule == "path-traversal" and _anywhere(finding)
    }  # fmt: skip
    findings = [item for item in findings if item.rule != "symlink-escape" or item.place not in open_places]
    return [
        finding for finding in findings
        if finding.confidence == "proved" or not (finding.rule in proved or finding.proof.kind in shown)
    ]  # fmt: skip


def _anywhere(finding: Finding) -> bool:
    """Whether a traversal leads anywhere, links or not; a folder of a name that begins alike is another mistake."""
    said = repr(finding.conversation)
    return "{outside}" in said or ".." in said


def _rank(finding: Finding) -> tuple[bool, int, str, str]:
    return (finding.confidence != "proved", ORDER[finding.severity], finding.rule, finding.place.name)


def _unplanned(scenario: Scenario, surface: Surface | None) -> str:
    """Why a scenario that lacks nothing has nothing to be played on."""
    kinds = " or ".join(scenario.kinds)
    offered = [item for item in surface.operations if item.kind in scenario.kinds] if surface is not None else []
    if not offered:
        return f"{NOT_APPLICABLE}: the server offers no {kinds}"
    skipped = next((item.skipped for item in offered if item.skipped), None)
    return f"{NOT_APPLICABLE}: " + (f"no {kinds} is called: it {skipped}" if skipped else f"no {kinds} takes arguments")


def _nothing_tested(scenarios: Sequence[ScenarioResult]) -> str:
    """Why no scenario had a case: in the words of the first."""
    first = scenarios[0]
    return f"{NOTHING_TESTED}: none of {len(scenarios)} scenarios ran; {first.id}: {first.reason or 'it had no case'}"


def _nothing_accepted(asks: list[str], scenarios: tuple[ScenarioResult, ...]) -> str:
    """What a run without one accepted call tested, and what it did not."""
    ran = sum(result.cases > 0 and result.id not in asks for result in scenarios)
    return (
        f"{NOTHING_ACCEPTED}: {len(asks)} scenarios about what it offers tested little, {ran} that need no good call "
        "ran; give good calls with --example"
    )


def _result(scenario: Scenario, engine: Engine | None, failure: str | None, surface: Surface | None) -> ScenarioResult:
    """What came of one scenario."""
    if engine is None:
        return ScenarioResult(id=scenario.id, status="not-run", reason=failure)
    tally = engine.tallies[scenario.id]
    told = "; ".join(tally.reasons) or None
    if not tally.cases and not tally.done and (engine.cut or not tally.planned):
        unplanned = None if tally.planned else _unplanned(scenario, surface)
        reason = told or lacking(scenario, surface) or unplanned or failure or engine.cut
        return ScenarioResult(id=scenario.id, status="not-run", reason=reason)
    if not tally.cases and (tally.done >= tally.planned or told):
        return ScenarioResult(id=scenario.id, status="not-run", reason=told or f"{NOT_APPLICABLE} to what is offered")
    if tally.findings:
        return ScenarioResult(id=scenario.id, status="findings", reason=told, cases=tally.cases)
    if tally.done < tally.planned:
        why = failure or engine.cut or told
        return ScenarioResult(id=scenario.id, status="partial", reason=why, cases=tally.cases)
    return ScenarioResult(id=scenario.id, status="clean", reason=told, cases=tally.cases)


def lacking(scenario: Scenario, surface: Surface | None) -> str | None:
    """What has to be given for it; None where nothing is missing, or nobody knows."""
    missing = [need for need in scenario.needs if surface is not None and need not in surface.places]
    if surface is None or not missing:
        return None
    nobody = missing[0] in ABOUT_CALLERS and "credential" not in surface.places
    need = "credential" if nobody else missing[0]
    return f"{NOT_APPLICABLE}: {NEEDED.get(need, need)}"
