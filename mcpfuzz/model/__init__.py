"""The values that everything else passes around: frozen, slotted, without I/O and without opinion.

A *conversation* is what is said to a server; a *trace* is what came of it; a *proof* is the name of an
effect that can be looked for in any trace. Confirming, shrinking, replaying and reporting all work on
these same values, so a finding can be shown again from its report alone (docs/architecture.md, "The values").

Modules, each knowing only those above it:

    values              JSON, pointers into it, `replace`
    conversations       what is said
    traces, surfaces    what came of it; what a server offers
    cases               what is tried, and what is claimed of it
    findings            what is reported
"""

from __future__ import annotations

from mcpfuzz.model.cases import Case, Claim, Proof, Suspicion
from mcpfuzz.model.conversations import Action, Call, Close, Conversation, Http, Open, Raw, Send, Step, Wait, Ws
from mcpfuzz.model.findings import SEVERITIES, Confidence, Finding, ScenarioResult, Severity
from mcpfuzz.model.surfaces import (
    AuthorizationServer,
    Check,
    HttpFailure,
    Operation,
    OperationKind,
    OperationStats,
    Place,
    Surface,
)
from mcpfuzz.model.traces import STANDING, Effect, EffectKind, Ending, EndingKind, Exchange, Frame, Trace
from mcpfuzz.model.values import Json, at_pointer, brief, pointer, replace, unescaped

__all__ = [
    "SEVERITIES",
    "STANDING",
    "Action",
    "AuthorizationServer",
    "Call",
    "Case",
    "Check",
    "Claim",
    "Close",
    "Confidence",
    "Conversation",
    "Effect",
    "EffectKind",
    "Ending",
    "EndingKind",
    "Exchange",
    "Finding",
    "Frame",
    "Http",
    "HttpFailure",
    "Json",
    "Open",
    "Operation",
    "OperationKind",
    "OperationStats",
    "Place",
    "Proof",
    "Raw",
    "ScenarioResult",
    "Send",
    "Severity",
    "Step",
    "Surface",
    "Suspicion",
    "Trace",
    "Wait",
    "Ws",
    "at_pointer",
    "brief",
    "pointer",
    "replace",
    "unescaped",
]
