"""The one point between the engine and every sink: what passes here holds no secret and is bounded.

Evidence (whatever a server said) is redacted by value and by shape, and cut. A stimulus (a conversation,
a proof's parameters) is redacted by value only and kept whole up to a megabyte: it must still mean the
same when a report is replayed. What mcpfuzz itself coined (rule ids, fingerprints, numbers) passes as is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

from mcpfuzz import events
from mcpfuzz.model import (
    Action,
    Call,
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
    Ws,
)
from mcpfuzz.reports.launch import stored
from mcpfuzz.reports.redact import Redactor
from mcpfuzz.reports.safe import Caps, evidence, mapped, scrub
from mcpfuzz.reports.texts import clip

__all__ = ["MAX_EVIDENCE", "MAX_NAME", "MAX_STIMULUS", "Gate"]

MAX_EVIDENCE = 4096
"""Characters kept of one string that a server sent."""
MAX_NAME = 200
"""Characters kept of a tool's name, an argument's pointer, a title."""
MAX_STIMULUS = 1 << 20
"""Characters kept of one string that mcpfuzz sends; longer ones are written as `{repeat:N:X}` slots."""

_SLACK = 8192
"""A credential that straddles a cut is still seen whole up to this length."""
_NAME_SLACK = 512
"""The same for names: there may be 10,000 of a megabyte each."""

_E = TypeVar("_E", bound=events.Event)


class Gate:
    """Redacts and bounds events.

    Args:
        secrets: values that must appear in no sink (`reports.known_secrets` finds those of a launch).
        max_evidence: characters kept of one string that a server sent.
    """

    def __init__(self, secrets: Iterable[str] = (), *, max_evidence: int = MAX_EVIDENCE) -> None:
        self._redactor = Redactor(secrets)
        self._max = max_evidence
        self._caps = Caps(text=max_evidence, total=16 * max_evidence)
        self._small = Caps(text=300, items=50, nodes=300, total=20_000, depth=12)

    def learn(self, *secrets: str) -> None:
        """Redact these too, from the next event on: session ids, tokens met on the way."""
        self._redactor.learn(*secrets)

    def pass_(self, event: _E) -> _E:
        """The event as sinks may see it. Never raises for what a server sent."""
        return self._passed(event)  # type: ignore[return-value]

    def _passed(self, event: events.Event) -> events.Event:
        match event:
            case events.Started():
                return replace(event, launch=stored(event.launch, self._redactor), writable=self._value(event.writable))
            case events.Discovered():
                return replace(event, surface=self._surface(event.surface))
            case events.Progress():
                return replace(event, what=self._text(event.what, MAX_NAME))
            case events.Restarted():
                return replace(event, reason=self._text(event.reason))
            case events.Noted():
                return replace(event, text=self._text(event.text))
            case events.Found():
                return replace(event, finding=self._finding(event.finding))
            case events.Finished():
                return self._finished(event)

    # ---- strings ----------------------------------------------------------------------------------

    def _text(self, text: str, cap: int | None = None) -> str:
        """Evidence in one string."""
        cap = self._max if cap is None else cap
        slack = self._slack if cap > MAX_NAME else max(_NAME_SLACK, self._redactor.longest)
        return str(evidence(text, self._redactor.text, Caps(text=cap, total=cap), slack=slack))

    def _evidence(self, value: Json, caps: Caps | None = None) -> Json:
        return evidence(value, self._redactor.text, caps or self._caps, slack=self._slack)

    def _value(self, text: str) -> str:
        """A string of ours: known secrets only."""
        return scrub(self._redactor.by_value(text))

    @property
    def _slack(self) -> int:
        return max(_SLACK, self._redactor.longest)

    def _tail(self, text: str) -> str:
        """The end of a log; a secret at its first kept character is seen whole."""
        kept = scrub(self._redactor.text(text[-(self._max + self._slack) :]))
        return kept if len(text) <= self._max else f"({len(text) - self._max} more characters) …{kept[-self._max :]}"

    # ---- what a server offers ---------------------------------------------------------------------

    def _surface(self, surface: Surface) -> Surface:
        """What sinks show of a surface; schemas and good values are the engine's and stay with it."""
        return replace(
            surface,
            server=self._evidence(surface.server, self._small),
            capabilities=self._evidence(surface.capabilities, self._small),
            operations=tuple(map(self._operation, surface.operations)),
            good={},
            roles={},
            policy={},
            notes=tuple(map(self._text, surface.notes[:100])),
        )

    def _operation(self, operation: Operation) -> Operation:
        return replace(
            operation,
            name=self._text(operation.name, MAX_NAME),
            schema={},
            description=self._text(operation.description, MAX_NAME),
            output_schema=None,
            annotations={},
            template=None,
            skipped=None if operation.skipped is None else self._text(operation.skipped, MAX_NAME),
        )

    def _stats(self, stats: OperationStats) -> OperationStats:
        reason = None if stats.reason is None else self._text(stats.reason)
        return replace(stats, name=self._text(stats.name, MAX_NAME), reason=reason)

    def _place(self, place: Place) -> Place:
        argument = None if place.argument is None else self._text(place.argument, MAX_NAME)
        return replace(place, name=self._text(place.name, MAX_NAME), argument=argument)

    # ---- findings ---------------------------------------------------------------------------------

    def _finding(self, finding: Finding) -> Finding:
        cut: list[int] = []
        conversation = Conversation(tuple(self._step(step, cut) for step in finding.conversation.steps))
        params = self._stimulus(finding.proof.params, cut)
        note = self._text(finding.note)
        if cut:
            lost = f"the reproducer was cut: a string of {max(cut)} characters is over the cap of {MAX_STIMULUS}"
            note = f"{note}; {lost}" if note else lost
        return replace(
            finding,
            place=self._place(finding.place),
            title=self._text(finding.title, 2 * MAX_NAME),
            proof=Proof(kind=finding.proof.kind, expected=self._text(finding.proof.expected), params=params),
            observed=self._text(finding.observed),
            conversation=conversation,
            receive=self._receive(finding.receive),
            stderr=self._tail(finding.stderr),
            note=note,
            excuse=self._text(finding.excuse),
        )

    def _receive(self, answers: tuple[Json, ...]) -> tuple[Json, ...]:
        """The answers, which share one budget: a thousand steps are no thousand times the evidence."""
        share = max(1024, min(self._caps.total, 4 * self._caps.total // max(1, len(answers))))
        caps = replace(self._caps, total=share)
        return tuple(self._evidence(answer, caps) for answer in answers)

    def _stimulus(self, value: Any, cut: list[int]) -> Any:
        def text(part: str) -> str:
            if len(part) > MAX_STIMULUS:
                cut.append(len(part))
            return clip(self._redactor.by_value(part), MAX_STIMULUS)

        def data(part: bytes) -> bytes:
            if len(part) > MAX_STIMULUS:
                cut.append(len(part))
            return self._redactor.data(part)[:MAX_STIMULUS]

        return data(value) if isinstance(value, bytes) else mapped(value, text)

    def _step(self, step: Step, cut: list[int]) -> Step:
        return replace(step, action=self._action(step.action, cut))

    def _action(self, action: Action, cut: list[int]) -> Action:
        match action:
            case Call():
                return Call(self._stimulus(action.method, cut), self._stimulus(action.params, cut))
            case Send():
                return Send(self._stimulus(action.message, cut))
            case Raw():
                return Raw(self._stimulus(action.data, cut))
            case Http():
                headers = tuple((self._value(name), self._value(value)) for name, value in action.headers)
                path, body = self._value(action.path), self._stimulus(action.body, cut)
                return Http(self._value(action.method), path, headers, body)
            case Open():
                pairs = tuple((self._value(name), self._value(value)) for name, value in action.headers)
                return replace(action, headers=pairs)
            case Ws():
                return replace(action, payload=self._stimulus(action.payload, cut))
            case _:
                return action

    # ---- the end ----------------------------------------------------------------------------------

    def _scenario(self, result: ScenarioResult) -> ScenarioResult:
        return result if result.reason is None else replace(result, reason=self._text(result.reason))

    def _finished(self, event: events.Finished) -> events.Finished:
        return replace(
            event,
            reason=None if event.reason is None else self._text(event.reason),
            operations=tuple(map(self._stats, event.operations)),
            scenarios=tuple(map(self._scenario, event.scenarios)),
            findings=tuple(map(self._finding, event.findings)),
            extra={name: self._evidence(value) for name, value in event.extra.items()},
        )
