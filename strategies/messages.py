"""Well-formed base messages and the value that a malformed one is told as. What is wrong with a message is
decided elsewhere (`frames`, `envelopes`, `methods`); here is what is right with it. It knows no transport
and no oracle, and it only ever calls tools with the arguments it was given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mcpfuzz.errors import UsageError
from mcpfuzz.model import Action, Conversation, Json, Open, Raw, Send, Step, Surface
from mcpfuzz.revisions import BY_DATE, META, METHODS
from mcpfuzz.slots import Filler, has_slots, quote
from mcpfuzz.strategies.breaches import Breach, breaches
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.wire import encode

__all__ = ["UNREADABLE", "Base", "Context", "Malformed", "Offer", "base_of", "fresh_id", "junk", "message_of", "word"]

UNREADABLE = None
"""`Malformed.id` where no id can be read; the same None that `model.Exchange.id` has then."""

CONSONANTS = "bcfgjklnpqrstvwxz"
"""Made-up names come from these (no d, h and m either: dd, sh, rm), so that they spell nothing to act on."""
WILD = CONSONANTS + "0123456789 _-\"'\t\u00e9\u0153\u6f22\u2028\U0001f600"
"""Text that is legal JSON and seldom tested. No braces, which could look like a slot, and no dot,
slash or backslash, which could make a host or a path."""

NOSUCH = "nosuch-"
"""Begins every made-up tool, prompt and resource name."""
FIRST_FRESH_ID = 10_000_000_000
"""Far above what a session counts with; every JSON reader keeps integers up to 2^53 - 1 exactly."""
LAST_FRESH_ID = (1 << 53) - 1
QUIET_METHODS = {"legacy": ("ping", "tools/list"), "modern": ("server/discover", "tools/list")}
"""What is assumed to be declared where nobody says: no parameters, no side effect."""
SHOWN = 300
"""Characters of an action or an id that a repr shows."""


# ---- what is known of the server --------------------------------------------------------------------


class Offer(NamedTuple):
    """A tool or prompt that may be called, with arguments known to be good. A plain (name, arguments)
    tuple will do as well."""

    name: str
    arguments: Mapping[str, Json]
    schema: Mapping[str, Json] = {}


class Base(NamedTuple):
    """A well-formed request without its id and envelope."""

    method: str
    params: dict[str, Json] | None = None
    name: str | None = None
    """What the modern `Mcp-Name` header must say; None: no such header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the generators may know of a server. Every field has a default that suits any server."""

    revision: str = "2025-11-25"
    tools: tuple[Offer, ...] = ()
    """Only what may be called: base messages call these, with these arguments and no others."""
    resources: tuple[str, ...] = ()
    """URIs that may be read."""
    prompts: tuple[Offer, ...] = ()
    methods: tuple[str, ...] = ()
    """Declared methods that need no parameters and change nothing; the first is the simplest message."""
    undeclared: tuple[str, ...] = ()
    """Methods of capabilities that the server did not declare (M2)."""
    needing: tuple[Offer, ...] = ()
    """Modern: tools that are known to need a client capability (P13)."""
    dual_era: bool = False
    """The server speaks both eras: `initialize` is no removed method then."""
    bases: tuple[Base, ...] = field(init=False, repr=False, compare=False)
    """Every base message that the server is expected to serve."""
    plain: tuple[Base, ...] = field(init=False, repr=False, compare=False)
    """Those without slots: bytes are sent unfilled."""
    breakable: tuple[tuple[Offer, tuple[Breach, ...]], ...] = field(init=False, repr=False, compare=False)
    """Tools whose schema forbids something, with what (P3)."""
    envelope: dict[str, Json] | None = field(init=False, repr=False, compare=False)
    """`params._meta` of a modern request; never to be changed."""

    def __post_init__(self) -> None:
        if self.revision not in BY_DATE:
            raise UsageError(f"revision {self.revision!r}: no such MCP revision; one of {', '.join(BY_DATE)}")
        put: Any = object.__setattr__
        for name in ("tools", "prompts", "needing"):
            put(self, name, tuple(Offer(*offer) for offer in getattr(self, name)))
        put(self, "methods", self.methods or QUIET_METHODS[BY_DATE[self.revision].era])
        put(self, "bases", tuple(self._made()))
        put(self, "plain", tuple(base for base in self.bases if not has_slots(encode(base.params).decode("utf-8"))))
        known = ((tool, breaches(tool.schema)) for tool in self.tools)
        put(self, "breakable", tuple((tool, ways) for tool, ways in known if ways))
        modern = {
            META + "protocolVersion": self.revision,
            META + "clientCapabilities": {},
            META + "clientInfo": {"name": "mcpfuzz", "version": "0.1.0"},
        }
        put(self, "envelope", modern if self.modern else None)

    def _made(self) -> Iterator[Base]:
        yield from map(Base, self.methods)
        for tool in self.tools:
            yield Base("tools/call", {"name": quote(tool.name), "arguments": dict(tool.arguments)}, tool.name)
        for uri in self.resources:
            yield Base("resources/read", {"uri": quote(uri)}, uri)
        for prompt in self.prompts:
            yield Base("prompts/get", {"name": quote(prompt.name), "arguments": dict(prompt.arguments)}, prompt.name)

    @property
    def letter(self) -> str:
        """A to E, as the ORACLE table writes it."""
        return BY_DATE[self.revision].letter

    @property
    def modern(self) -> bool:
        return BY_DATE[self.revision].era == "modern"

    @property
    def lists(self) -> tuple[str, ...]:
        """Declared methods that take a cursor."""
        return tuple(method for method in self.methods if method.endswith("/list"))

    def offers(self, capability: str) -> bool:
        """Whether methods of "tools", "resources" or "prompts" are declared."""
        return bool(getattr(self, capability)) or any(method.startswith(capability + "/") for method in self.methods)

    @classmethod
    def of(cls, surface: Surface, *, needing: tuple[Offer, ...] = ()) -> Context:
        """What discovery learned, as far as it may be used: nothing that is skipped is ever called."""
        letter = BY_DATE[surface.revision].letter
        known = [method for method in METHODS if letter in method.letters and method.name != "initialize"]
        declared = [item.name for item in known if item.capability is None or item.capability in surface.capabilities]
        quiet: list[str] = [name for name in ("ping", "server/discover") if name in declared]
        quiet += [name for name in declared if name.endswith("/list")]
        usable = [operation for operation in surface.operations if operation.skipped is None]
        offers: dict[str, list[Offer]] = {"tool": [], "prompt": []}
        for item in usable:
            good = surface.good.get(item.key)
            if item.kind in offers and good:
                offers[item.kind].append(Offer(item.name, good[0], item.schema))
        return cls(
            revision=surface.revision,
            tools=tuple(offers["tool"]),
            resources=tuple(item.name for item in usable if item.kind == "resource" and item.template is None),
            prompts=tuple(offers["prompt"]),
            methods=tuple(quiet),
            undeclared=tuple(item.name for item in known if item.name not in declared),
            needing=needing,
            dual_era=len({BY_DATE[date].era for date in surface.revisions if date in BY_DATE}) > 1,
        )


# ---- what is handed on ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Malformed:
    """One malformed message (or the few messages that only together are one), and what is truly known of it."""

    row: str
    """Row of the ORACLE table that judges what comes of it."""
    why: str
    """What is wrong, in words."""
    action: Action | tuple[Action, ...]
    """What to send; a `Raw` ends with the line feed of stdio framing. Several go out in this order."""
    id: Json = UNREADABLE
    """The id that a reader finds; a tuple where there are several (R4, R13, some F7 and F10)."""
    expects_answer: bool = False
    """JSON-RPC owes it an answer: silence is not one of several sound outcomes."""
    method: str | None = None
    """The method it was made from, for the modern `Mcp-Method` header; None: there is none to tell."""
    name: str | None = None
    """Likewise for `Mcp-Name`."""
    trap: Json = None
    """A bad value that a sound server must not take at its word (P9, P10, P12)."""
    together: bool = False
    """The actions go out without waiting for each other."""

    @property
    def actions(self) -> tuple[Action, ...]:
        return self.action if isinstance(self.action, tuple) else (self.action,)

    @property
    def needs_new_connection(self) -> bool:
        """It begins by opening a connection of its own."""
        return isinstance(self.actions[0], Open)

    def steps(self, *, on: str = "c1", as_: str | None = None) -> tuple[Step, ...]:
        """As steps of a conversation; `on` must be a new connection where `needs_new_connection`."""
        group = "together" if self.together else None
        return tuple(Step(action=action, on=on, as_=as_, group=group) for action in self.actions)

    def conversation(self, *, on: str = "c1") -> Conversation:
        return Conversation(self.steps(on=on))

    def encoded(self, filler: Filler | None = None) -> tuple[bytes, ...]:
        """The lines that go out over stdio, slots filled: up to 64 MiB in row F9.

        Raises:
            KeyError: a good argument names a slot that `filler` does not have.
        """
        fill = (filler or Filler()).fill
        lines = []
        for action in self.actions:
            if isinstance(action, Send):
                lines.append(encode(fill(action.message)) + b"\n")
            elif isinstance(action, Raw):
                lines.append(fill(action.data).encode("utf-8") if isinstance(action.data, str) else action.data)
        return tuple(lines)

    def __repr__(self) -> str:
        known = "" if self.id is UNREADABLE else f", id={_short(self.id)}"
        return f"Malformed(row={self.row!r}, why={self.why!r}, action={_short(self.action)}{known})"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}...({len(text) - SHOWN} more)"


# ---- drawing what is right --------------------------------------------------------------------------


def fresh_id(choices: Choices) -> int | str:
    """An id that thousands of frames of one session do not share (about 50 bits)."""
    token = choices.integer(FIRST_FRESH_ID, LAST_FRESH_ID)
    return f"z{token:x}" if choices.chance(40) else token


def word(choices: Choices, low: int = 1, high: int = 8) -> str:
    """A made-up name without a meaning."""
    return choices.text(low, high, CONSONANTS)


def base_of(choices: Choices, context: Context, *, unknown: int = 0, plain: bool = False) -> Base:
    """A base message: what the server is expected to serve, or an unknown method in `unknown` of a hundred."""
    if unknown and choices.chance(unknown):
        return Base("x-" + word(choices, 4, 10))
    return choices.pick(context.plain if plain else context.bases)


def message_of(choices: Choices, context: Context, base: Base, request_id: Json, *, vary: int = 30) -> dict[str, Json]:
    """The request as a message: with the modern envelope; in `vary` of a hundred with a harmless entry in
    `_meta` (legal in every revision), and with its members in any order."""
    params = params_of(choices, context, base, vary=vary)
    message: dict[str, Json] = {"jsonrpc": "2.0", "id": request_id, "method": base.method}
    if params is not None:
        message["params"] = params
    return shuffled(choices, message) if choices.chance(30) else message


def params_of(choices: Choices, context: Context, base: Base, *, vary: int = 0) -> dict[str, Json] | None:
    """The params of the request, a fresh dict; None where it has none."""
    extra = vary and choices.chance(vary)
    if context.envelope is None and not extra:
        return None if base.params is None else dict(base.params)
    meta = {**(context.envelope or {})}
    if extra:
        meta["mcpfuzz/" + word(choices)] = scalar(choices)
    return {**(base.params or {}), "_meta": meta}


def shuffled(choices: Choices, message: dict[str, Json]) -> dict[str, Json]:
    """The same members in another order."""
    rest = list(message.items())
    made = {}
    while rest:
        key, value = rest.pop(choices.integer(0, len(rest) - 1))
        made[key] = value
    return made


def scalar(choices: Choices) -> Json:
    """A boring but distinct scalar."""
    return choices.integer(0, 1 << 40) if choices.chance(50) else choices.text(3 if choices.chance(90) else 0, 10, WILD)


def _few(choices: Choices) -> int:
    """How many members; none is the simplest and, there being only one empty array, rare."""
    return choices.integer(1, 3) if choices.chance(90) else 0


KINDS = ("number", "text", "bool", "null", "array", "object", "real")


def junk(choices: Choices, *kinds: str) -> Json:
    """A JSON value of one of these kinds (`KINDS`); null and bool, of which there are few, are rare."""
    kind = choices.pick(kinds)
    if kind in ("null", "bool") and len(kinds) > 2 and choices.chance(80):
        kind = next(other for other in kinds if other not in ("null", "bool"))
    match kind:
        case "number":
            number = choices.integer(0, 1 << 40)
            return -number if choices.chance(30) else number
        case "text":
            return choices.text(4 if choices.chance(90) else 0, 12, WILD)
        case "bool":
            return choices.chance(50)
        case "null":
            return None
        case "array":
            return [scalar(choices) for _ in range(_few(choices))]
        case "object":
            return {word(choices): scalar(choices) for _ in range(_few(choices))}
        case "real":
            return choices.integer(0, 1 << 30) + 0.5
        case _:
            raise UsageError(f"junk of kind {kind!r}; one of {', '.join(KINDS)}")


def initialize(choices: Choices, version: str) -> dict[str, Json]:
    """Params of an `initialize`, sound but for the version, perhaps."""
    info = {"name": "mcpfuzz-" + word(choices), "version": str(choices.integer(0, 999))}
    return {"protocolVersion": version, "capabilities": {}, "clientInfo": info}


# ---- telling what is wrong --------------------------------------------------------------------------


def asked(
    choices: Choices, context: Context, row: str, why: str, base: Base, *, due: bool = True, vary: int = 60
) -> Malformed:
    """A case whose base message itself is what is wrong."""
    request_id = fresh_id(choices)
    message = message_of(choices, context, base, request_id, vary=vary)
    return Malformed(row=row, why=why, action=Send(message), id=request_id, expects_answer=due,
                     method=base.method, name=base.name)  # fmt: skip


def framed(row: str, text: str, why: str, base: Base, request_id: Json) -> Malformed:
    """A case whose text is what is wrong."""
    return Malformed(row=row, why=why, action=Raw(text + "\n"), id=request_id, method=base.method, name=base.name)


def brief(value: Json) -> str:
    """A value as a label shows it."""
    text = encode(value).decode("utf-8")
    return text if len(text) <= 60 else text[:57] + "..."
