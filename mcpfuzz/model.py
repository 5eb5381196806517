"""The values that everything else passes around: frozen, slotted, without I/O and without opinion.

A *conversation* is what is said to a server; a *trace* is what came of it; a *proof* is the name of an
effect that can be looked for in any trace. Confirming, shrinking, replaying and reporting all work on
these same values, so a finding can be shown again from its report alone (docs/architecture.md, idea 5).

Templates: every string inside a step may hold slots, filled only when the step is sent (`mcpfuzz.slots`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

__all__ = [
    "SEVERITIES",
    "Action",
    "Call",
    "Case",
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
    "pointer",
    "replace",
    "unescaped",
]

Json: TypeAlias = Any
"""A JSON value as Python sees it: None, bool, int, float, str, list, dict."""

OperationKind = Literal["tool", "resource", "prompt", "completion", "transport", "session", "endpoint"]
Severity = Literal["info", "low", "medium", "high", "critical"]
Confidence = Literal["proved", "suspect"]
SEVERITIES: tuple[Severity, ...] = ("info", "low", "medium", "high", "critical")
"""From harmless to worst; `--fail-on` compares positions in it."""


# ---- what a caller does ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Call:
    """A well-formed request: the session adds the id and, in the modern era, the envelope."""

    method: str
    params: Json = None


@dataclass(frozen=True, slots=True)
class Send:
    """One JSON message, sent exactly as it stands (its id too; nothing is added)."""

    message: Json


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes, sent exactly as they stand; `str` may hold slots and is sent as UTF-8. The framing's line
    end is part of the data: over stdio the transport adds none."""

    data: bytes | str


@dataclass(frozen=True, slots=True)
class Http:
    """One HTTP request below the MCP session (networked targets only)."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str | bytes | None = None


@dataclass(frozen=True, slots=True)
class Ws:
    """One WebSocket frame below the library (ws and wss only); nothing of it is checked."""

    opcode: int
    """Four bits; 0x10, 0x20 and 0x40 above them set RSV3, RSV2 and RSV1."""
    payload: bytes | str
    fin: bool = True
    masked: bool = True
    """Clients mask (RFC 6455, 5.3)."""
    length: int | None = None
    """What the header says of the payload's length; None: the truth."""


@dataclass(frozen=True, slots=True)
class Open:
    """Open the step's connection. Without it a connection opens, handshake included, at its first use."""

    handshake: bool = True
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers of every HTTP request of it (of the upgrade, over WebSocket); one that we send ourselves is
    replaced. May hold slots; `{session}` is the session id of the connection that was opened last."""
    revision: str | None = None
    """Insist on this MCP revision; None: the one that the run agreed on."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the step's connection."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so many seconds."""

    seconds: float


Action: TypeAlias = Call | Send | Raw | Http | Ws | Open | Close | Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action, by one identity, on one connection."""

    action: Action
    as_: str | None = None
    """Identity's name; None is whoever the campaign runs as."""
    on: str = "c1"
    """Connection's name."""
    group: str | None = None
    """Neighbouring steps of one group go out together, without waiting for each other."""
    times: int = 1
    """How often the step is done; a Call is sent again and again, each time under a new id."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Steps in order: the unit that is sent, confirmed, shortened, replayed and written into a report."""

    steps: tuple[Step, ...]

    @classmethod
    def of(cls, *actions: Action) -> Conversation:
        """A conversation of one identity on one connection."""
        return cls(tuple(Step(action=action) for action in actions))

    def __len__(self) -> int:
        return len(self.steps)


# ---- what came back -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frame:
    """One message as it arrived, and what was wrong with it."""

    raw: bytes
    value: Json
    """The decoded value, None where it could not be decoded (then `faults` says why)."""
    faults: tuple[str, ...] = ()
    """Names from `wire.FAULTS`, in the order seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One step and all that came back for it."""

    step: int
    """Index into the conversation."""
    sent: bytes
    """As it went out, slots filled; empty for Open, Close, Wait."""
    id: Json = None
    """The id the message carried, where it could be read."""
    answer: Frame | None = None
    """The response with this step's id (typed comparison), or None."""
    others: tuple[Frame, ...] = ()
    """What else arrived between this step and the next: notifications, strays, noise."""
    took_s: float = 0.0
    """From the last byte sent to the answer; 0 without one."""
    status: int | None = None
    """HTTP status, where there is one."""
    headers: tuple[tuple[str, str], ...] = ()
    """Of the HTTP response, names in lower case, in order of arrival."""
    lost: bool = False
    """HTTP: the connection ended before there was a status."""
    due: bool = True
    """Whether an answer was owed and waited for."""
    rss: int = 0
    """Resident bytes of the server's tree after a step done many times over; 0 where not looked at."""


EndingKind = Literal["alive", "exited", "silent", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the server was after the last step: the barrier's verdict."""

    kind: EndingKind = "alive"
    at_step: int | None = None
    """Index of the last step that was sent before it happened."""
    returncode: int | None = None
    detail: str = ""
    code: int | None = None
    """WebSocket close code of a `closed`."""
    serves: bool = False
    """Only this connection ended: a fresh client was served afterwards."""


EffectKind = Literal["file", "harm", "hit", "upstream", "argv"]
"""file: something was made in a watched folder. harm: a decoy was changed or removed. hit: the bait listener
was asked. upstream: the listener that plays the server's upstream was asked. argv: a stand-in was run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Something that happened outside the channel, seen by what stands around the server (`effects.scene`)."""

    kind: EffectKind
    detail: str
    """The file's path below the scratch tree, the request line, the words of the command."""
    data: tuple[str, ...] = ()
    """hit, upstream: method, path and the header lines. argv: the words, the program's name first."""

    def tells(self, canary: str) -> bool:
        """Whether a canary is to be seen in it."""
        return canary in self.detail or any(canary in item for item in self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """All that one conversation brought to light on one server."""

    conversation: Conversation
    exchanges: tuple[Exchange, ...]
    ending: Ending = Ending()
    stderr: str = ""
    """What the server wrote to stderr meanwhile, bounded."""
    canaries: Mapping[str, str] = field(default_factory=dict)
    """Slot name -> the value that was filled in, for this run only; those of decoys begin with `decoy/`."""
    effects: tuple[Effect, ...] = ()
    """What happened outside the channel meanwhile."""


# ---- what the server offers -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing the server offers. Whatever its kind, its arguments are described by `schema` and
    `bind` turns arguments into the request, so that scenarios need not know the kinds."""

    kind: OperationKind
    name: str
    """Tool or prompt name, resource URI, URI template, or `ref-name#argument` for a completion."""
    schema: Mapping[str, Json]
    """JSON Schema of the arguments, as the server gave it; for templates and prompts made by us."""
    description: str = ""
    output_schema: Mapping[str, Json] | None = None
    annotations: Mapping[str, Json] = field(default_factory=dict)
    template: str | None = None
    """RFC 6570 template of a templated resource."""
    skipped: str | None = None
    """Why it is never called (destructive without leave ...); None: it is."""

    @property
    def key(self) -> tuple[str, str]:
        return (self.kind, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a finding lives: the report's `operation`."""

    kind: OperationKind
    name: str
    argument: str | None = None
    """JSON pointer into the arguments (RFC 6901), or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """What discovery learned of a server."""

    revision: str
    revisions: tuple[str, ...]
    server: Mapping[str, Json]
    """serverInfo, `{}` where it gave none."""
    capabilities: Mapping[str, Json]
    operations: tuple[Operation, ...]
    good: Mapping[tuple[str, str], tuple[Mapping[str, Json], ...]]
    """Operation key -> arguments believed to be good, best first; may be empty."""
    notes: tuple[str, ...] = ()
    """Odd things met on the way (page caps, repeated cursors, unreadable entries)."""
    places: frozenset[str] = frozenset()
    """Slots that this run can fill (`slots`): what an attack may aim at; `network`, `credential`, `second` for a
    networked server, a caller with a credential, two of them; `authenticated` for one that tells callers apart, `jwt`
    and `jwt-key` for a first caller with a token of that form, and with the key that signs it."""
    likely: Mapping[tuple[str, str], tuple[Mapping[str, Json], ...]] = field(default_factory=dict)
    """Operation key -> arguments that were tried first and rejected, of operations without a good call: the user's
    example, or the schema's simplest. An attack may be built on them all the same."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers of the user's whose value is an address (networked servers)."""
    callers: tuple[str, ...] = ()
    """Names of the identities that were given, in order."""
    roles: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    """Operation key -> caller -> served, refused or untried (`campaign.roles`); empty where no identity was given."""
    policy: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    """The same as `--policy` says that it should be."""
    pages: Mapping[str, int] = field(default_factory=dict)
    """Method of a listing -> pages it came in."""

    def operation(self, kind: str, name: str) -> Operation | None:
        return next((o for o in self.operations if o.kind == kind and o.name == name), None)


# ---- what is claimed ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The name of an effect, with what is needed to look for it in any trace (`oracles.observe`)."""

    kind: str
    """A key of `oracles.proofs.PROOFS`."""
    expected: str
    """What a sound server would have shown, for people."""
    params: Mapping[str, Json] = field(default_factory=dict)
    """Plain JSON, so that a report carries it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """An oracle's claim about one trace: not yet confirmed on a fresh server."""

    rule: str
    place: Place
    title: str
    proof: Proof
    observed: str
    cause: str
    """The normalised cause: equal causes are one finding (ids, numbers, paths and times taken out)."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What an attack would show, and under which rule that is told."""

    rule: str
    proof: Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One generated stimulus, with what is truly known of it."""

    scenario: str
    place: Place
    conversation: Conversation
    label: str
    """What it is, in words: "valid", "/age below minimum", "R4 batch of two requests"."""
    row: str | None = None
    """Row of the ORACLE table (F1 .. W4) that judges the answer; None: universal oracles only."""
    ids: Json = None
    """With `row`: the id a reader finds in it, a list where there are several, None where there is none."""
    trap: Json = None
    """With `row`: a bad value that a sound server must not take at its word."""
    valid: bool | None = None
    """Arguments: whether they obey the schema; None: not known, or there are none."""
    coercible: bool = False
    """Arguments: invalid, yet a reader that converts types the usual way could take them without harm."""
    silence_ok: bool = False
    """Deeply nested: the ORACLE (row F8) tolerates a reader that drops it."""
    claims: tuple[Claim, ...] = ()
    """Attacks: the effects that would prove them, besides what the universal oracles look for."""
    keep: tuple[str, ...] = ()
    """Attacks: pieces that shrinking leaves whole, so that a path never comes to name a real file."""
    control: Conversation | None = None
    """The benign twin; None: the campaign takes the operation's good call, or a listing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is reported."""

    rule: str
    cwe: int
    severity: Severity
    confidence: Confidence
    place: Place
    title: str
    proof: Proof
    observed: str
    conversation: Conversation
    receive: tuple[Json, ...]
    """Per step what came back in the confirming run (JSON, or `{"bytes": ...}`), None for nothing."""
    minimal: bool
    fingerprint: str
    references: tuple[str, ...]
    scenario: str
    stderr: str = ""
    note: str = ""
    """What a reader must know: "needs 40 steps", "not minimal: time was spent"."""
    standing: Literal["", "new", "known", "expired"] = ""
    """With a baseline: what it says of this one."""
    excuse: str = ""
    """The baseline's reason."""


# ---- what happens meanwhile -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationStats:
    """Reach of one operation."""

    kind: str
    name: str
    calls: int = 0
    accepted: int = 0
    rejected: int = 0
    reached: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """How one scenario fared."""

    id: str
    status: Literal["clean", "findings", "partial", "not-run"]
    reason: str | None = None
    cases: int = 0


_T = TypeVar("_T")


def replace(value: _T, **changes: Any) -> _T:
    """`dataclasses.replace`, under the name the package uses."""
    return dataclasses.replace(value, **changes)  # type: ignore[type-var]


def pointer(*parts: str | int) -> str:
    """A JSON pointer from unescaped parts (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def unescaped(part: str) -> str:
    """One part of a JSON pointer as the name that it stands for (RFC 6901)."""
    return part.replace("~1", "/").replace("~0", "~")


def at_pointer(value: Json, path: str) -> Json:
    """The value at an RFC 6901 pointer. Raises KeyError where there is none."""
    for part in map(unescaped, path.split("/")[1:]):
        if isinstance(value, Mapping):
            value = value[part]
        elif isinstance(value, Sequence) and not isinstance(value, str) and _is_index(part, len(value)):
            value = value[int(part)]
        else:
            raise KeyError(path)
    return value


def _is_index(part: str, length: int) -> bool:
    # isdigit() alone lets through what int() refuses: superscripts, and over 4,300 digits
    return part.isascii() and part.isdigit() and len(part) <= len(str(length)) and int(part) < length
