"""What a server offers: operations, and all that discovery learned of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mcpfuzz.model.conversations import Http
from mcpfuzz.model.values import Json

__all__ = [
    "AuthorizationServer",
    "Check",
    "HttpFailure",
    "Operation",
    "OperationKind",
    "OperationStats",
    "Place",
    "Surface",
]

OperationKind = Literal["tool", "resource", "prompt", "completion", "transport", "session", "endpoint"]
Check = Literal["server-error", "response-schema", "lost"]
"""What was wrong with an HTTP answer: its status, its body, or that there was none."""


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
    task: str = ""
    """What a tool says of its calls becoming tasks (2025-11-25): forbidden, optional, required; empty: nothing."""
    template: str | None = None
    """RFC 6570 template of a templated resource."""
    skipped: str | None = None
    """Why it is never called (destructive without leave ...); None: it is."""

    @property
    def key(self) -> tuple[str, str]:
        return (self.kind, self.name)

    @property
    def members(self) -> Mapping[str, Json]:
        """Argument -> its schema, as declared at the root; none where that cannot be read: it is a stranger's."""
        declared = self.schema.get("properties")
        return declared if isinstance(declared, Mapping) else {}

    @property
    def required(self) -> tuple[str, ...]:
        """Arguments that must be given."""
        named = self.schema.get("required")
        return tuple(name for name in named if isinstance(name, str)) if isinstance(named, list) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a finding lives: the report's `operation`."""

    kind: OperationKind
    name: str
    argument: str | None = None
    """JSON pointer into the arguments (RFC 6901), or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFailure:
    """A request that an HTTP operation of the same server answers wrongly, as the survey saw it: still to be proved."""

    operation: str
    """Method and path template, as the OpenAPI document has them."""
    check: Check
    request: Http
    passed: Http | None = None
    """Another request to the same operation, which it answered well."""
    status: int | None = None
    schema: Mapping[str, Json] = field(default_factory=dict)
    """response-schema: the JSON Schema of such a response's body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationServer:
    """The endpoints of an authorization server on the same origin (RFC 8414): paths, "" where there is none."""

    authorize: str
    token: str
    register: str
    methods: tuple[str, ...] = ()
    """`code_challenge_methods_supported`."""
    resource: str = ""
    """What a token is asked for (RFC 8707), as the resource's metadata names it, `{authority}` in it."""


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
    """Slots that this run can fill (`slots`): what an attack may aim at; `network`, `encrypted`, `credential`,
    `second` for a networked server, one over TLS, a caller with a credential, two of them; `authenticated` for one
    that tells callers apart, `jwt` and `jwt-key` for a first caller with a token of that form, and with the key that
    signs it; `stream` for a server of HTTP+SSE, `pages` for one over HTTP, `openapi` and `schemathesis` where its
    other operations are described and can be looked at; `read-only` and `loopback-only` for a server that is told to
    write nothing, and not told to face a network."""
    likely: Mapping[tuple[str, str], tuple[Mapping[str, Json], ...]] = field(default_factory=dict)
    """Operation key -> arguments that were tried first and rejected, of operations without a good call, or whose good
    calls say nothing (an empty list): the user's example, or the schema's simplest. An attack may be built on them
    all the same."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers of the user's whose value is an address (networked servers)."""
    within: float | None = None
    """Seconds that the server gives for the first message of a WebSocket (`first-message` is among the places where
    that is how a caller is known); None: nobody said."""
    callers: tuple[str, ...] = ()
    """Names of the identities that were given, in order."""
    roles: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    """Operation key -> caller -> served, refused or untried (`campaign.roles`); empty where no identity was given."""
    listed: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)
    """Caller -> keys of the operations that they are told of (`campaign.roles`)."""
    hidden: tuple[Operation, ...] = ()
    """Operations that other named callers are told of, and the first is not."""
    policy: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    """The same as `--policy` says that it should be."""
    tasks: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Operation key -> seconds until a task of it ended, infinite where that was not waited for; of tools that were
    seen to answer with one (`campaign.tasks`)."""
    pages: Mapping[str, int] = field(default_factory=dict)
    """Method of a listing -> pages it came in."""
    pools: Mapping[tuple[str, str], tuple[tuple[str, Json], ...]] = field(default_factory=dict)
    """Operation key -> arguments that another generator made (`campaign.pools`), each with what it says they are."""
    failures: tuple[HttpFailure, ...] = ()
    """What the survey of the HTTP side surface saw (`campaign.side_surface`)."""

    authorization: AuthorizationServer | None = None
    """Which authorization server the server is itself, or stands before."""
    sign_in: Http | None = None
    """The first caller's login with `{canary:password}` for the password, where such requests may be tried."""

    def operation(self, kind: str, name: str) -> Operation | None:
        return next((o for o in self.operations if o.kind == kind and o.name == name), None)


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
