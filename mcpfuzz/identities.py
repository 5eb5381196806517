"""Callers: who a connection claims to be, and by which means. Read from `--identity NAME=SPEC`.

    header:Name: value      on every request of the connection      query:key=value   in the URL
    env:KEY=VALUE           of a stdio server's process             subprotocol:value WebSocket only
    first-message:JSON      WebSocket only, before anything else
    key:SECRET              never sent: what signs the caller's JSON Web Token, for tests of its claims; PEM text of a
                            public key where that is the one it is verified with
    login:JSON              a request that signs the caller in (`mcpfuzz.logins`); what it gives is the credential
    ticket:JSON             WebSocket only: a request, made as the caller, that gives a ticket for one connection
    within:SECONDS          never sent: how long a socket may stay open on which the first message does not come
    issuer:SUBJECT          a token of the test authorization server (`mcpfuzz.effects.issuer`); JSON: its claims

`anonymous` (no credential at all) and `garbage` (a credential of the same shape that is nobody's) always exist.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from mcpfuzz.errors import UsageError
from mcpfuzz.model import Json
from mcpfuzz.rsa import RsaKey

__all__ = ["ANONYMOUS", "GARBAGE", "NOBODIES", "PASSWORD", "Identity", "read_identities"]

ANONYMOUS, GARBAGE = "anonymous", "garbage"
NOBODIES = (ANONYMOUS, GARBAGE)
LONGEST_S = 60.0
"""Of `within`."""
PASSWORD = re.compile(r"pass(?:word|wd|code|phrase)?$|^pwd$|^pin$|secret$", re.IGNORECASE)
"""Names of what holds a password, where somebody signs in."""
_SPECS = (
    "header:Name: value, query:key=value, env:KEY=VALUE, subprotocol:value, first-message:JSON, key:SECRET, "
    "login:JSON, ticket:JSON, within:SECONDS or issuer:SUBJECT"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One caller."""

    name: str
    headers: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    subprotocols: tuple[str, ...] = ()
    first_message: str | None = None
    key: str | RsaKey = ""
    login: Mapping[str, Json] | None = None
    """How the caller signs in, as written; `mcpfuzz.logins` reads it."""
    ticket: Mapping[str, Json] | None = None
    claims: Mapping[str, Json] | None = None
    """Of the token that the test authorization server gives."""
    within: float | None = None
    """Seconds that the server gives for the first message; None: it was not said."""

    @classmethod
    def of(cls, name: str, specs: Iterable[str], expand: Callable[[str], str] = str) -> Identity:
        """Read the specs of one name.

        Args:
            expand: fills `${NAME}`.

        Raises:
            UsageError: a spec is none.
        """
        found: dict[str, list[tuple[str, str]]] = {"header": [], "query": [], "env": []}
        subprotocols: list[str] = []
        objects: dict[str, Mapping[str, Json]] = {}
        first: str | None = None
        within: float | None = None
        signing = ""
        for spec in specs:
            kind, colon, rest = spec.partition(":")
            if kind in _OBJECTS:
                objects[kind] = _object(name, kind, rest, expand)
                continue
            rest = expand(rest)
            key, mark, value = rest.partition(":" if kind == "header" else "=")
            if colon and kind in found and mark and key.strip():
                found[kind].append((key.strip(), value.strip() if kind == "header" else value))
            elif colon and kind == "subprotocol" and rest:
                subprotocols.append(rest)
            elif colon and kind == "key" and rest:
                signing = rest
            elif colon and kind == "within" and (seconds := _seconds(rest)) is not None:
                within = seconds
            elif colon and kind == "first-message" and _is_json(rest):
                first = rest
            else:
                raise UsageError(f"--identity {name}={kind}:...: must be NAME=SPEC, SPEC one of {_SPECS}")
        return cls(
            name=name, headers=tuple(found["header"]), query=tuple(found["query"]), env=tuple(found["env"]),
            subprotocols=tuple(subprotocols), first_message=first, key=signing,
            login=objects.get("login"), ticket=objects.get("ticket"), claims=objects.get("issuer"), within=within,
        )  # fmt: skip

    def with_(self, other: Identity) -> Identity:
        """This caller with what another shows besides; cookies of both go into one header (RFC 6265, 5.4)."""
        cookies = [value for name, value in (*self.headers, *other.headers) if name.lower() == "cookie"]
        plain = tuple(pair for pair in (*self.headers, *other.headers) if pair[0].lower() != "cookie")
        return replace(
            self,
            headers=(*plain, ("Cookie", "; ".join(cookies))) if cookies else plain,
            query=(*self.query, *other.query),
            subprotocols=(*self.subprotocols, *other.subprotocols),
            first_message=other.first_message or self.first_message,
            key=other.key or self.key,
        )

    @property
    def said(self) -> tuple[str, ...]:
        """Every text that is sent."""
        pairs = (*self.headers, *self.query, *self.env)
        return (*(value for _, value in pairs), *self.subprotocols, self.first_message or "")

    def anonymous(self) -> Identity:
        """Nobody."""
        return Identity(name=ANONYMOUS)

    def turned(self, name: str, change: Callable[[str], str]) -> Identity:
        """The same caller with every text that is sent changed, under another name."""

        def pairs(given: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
            return tuple((key, change(value)) for key, value in given)

        return replace(
            self, name=name, headers=pairs(self.headers), query=pairs(self.query), env=pairs(self.env),
            subprotocols=tuple(map(change, self.subprotocols)),
            first_message=change(self.first_message) if self.first_message is not None else None,
        )  # fmt: skip

    def in_url(self, name: str) -> Identity:
        """The bearer token of the Authorization header in the URL instead (RFC 6750, 2.3); without one, nobody."""
        tokens = [value.split(" ", 1)[-1] for key, value in self.headers if key.lower() == "authorization"]
        return Identity(name=name, query=(("access_token", tokens[0]), ("token", tokens[0])) if tokens else ())

    def spelled(self, name: str, form: str) -> Identity:
        """A false bearer token whose header is spelled otherwise.

        Args:
            form: the scheme before it, none where that is empty; `empty`: a scheme alone; `null` and `undefined`: what
                a script writes that has no token.
        """
        words = {"empty": "Bearer", "null": "Bearer null", "undefined": "Bearer undefined"}

        def turned(value: str) -> str:
            return words[form] if form in words else f"{form} {_spoilt(value).split(' ', 1)[-1]}".strip()

        headers = tuple(
            (key, turned(value) if key.lower() == "authorization" else value) for key, value in self.headers
        )
        return Identity(name=name, headers=headers)

    def garbage(self) -> Identity:
        """The same shape with values that are nobody's: the last characters of each are others."""
        return Identity(
            name=GARBAGE, headers=_spoilt_all(self.headers), query=_spoilt_all(self.query), env=_spoilt_all(self.env),
            subprotocols=tuple(map(_spoilt, self.subprotocols)),
            first_message=_spoilt_json(self.first_message) if self.first_message is not None else None,
            ticket=self.ticket,
        )  # fmt: skip


def read_identities(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """`NAME=SPEC` words -> name -> its specs, in order.

    Raises:
        UsageError: a word is no NAME=SPEC, or names one of those that always exist.
    """
    found: dict[str, list[str]] = {}
    for word in words:
        name, mark, spec = word.partition("=")
        if not mark or not name or ":" in name:
            raise UsageError(f"--identity {name or word}: must be NAME=SPEC, SPEC one of {_SPECS}")
        if name in (ANONYMOUS, GARBAGE):
            raise UsageError(f"--identity {name}=...: {name!r} always exists and has no credential of its own")
        Identity.of(name, (spec,))
        found.setdefault(name, []).append(spec)
    return {name: tuple(specs) for name, specs in found.items()}


_OBJECTS = ("login", "ticket", "issuer")
"""Kinds whose text is an object; `${NAME}` is filled within its strings, so that no value can change its shape."""


def _object(name: str, kind: str, text: str, expand: Callable[[str], str]) -> Mapping[str, Json]:
    """Raises UsageError for a text that is no object."""
    if kind == "issuer" and text.strip() and not text.lstrip().startswith("{"):
        return {"sub": expand(text.strip())}
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        shape = "a subject or a JSON object of claims" if kind == "issuer" else "a JSON object"
        raise UsageError(f"--identity {name}={kind}:...: must be {shape}")

    def filled(item: Json) -> Json:
        if isinstance(item, str):
            return expand(item)
        if isinstance(item, dict):
            return {key: filled(member) for key, member in item.items()}
        return [filled(member) for member in item] if isinstance(item, list) else item

    return {key: filled(member) for key, member in value.items()}


def _seconds(text: str) -> float | None:
    """A number of seconds that a run can wait; None for anything else."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 < found <= LONGEST_S else None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _spoilt_all(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((key, _spoilt(value)) for key, value in pairs)


_SIGNED = re.compile(r"eyJ[\w-]{4,}\.[\w-]{2,}\.(?=[\w-]{12})")


def _spoilt(value: str) -> str:
    """Other letters and digits at the end, the shape kept. Of a signed token the beginning of the signature: with
    another last letter base64 may be none, and be refused for that by who verifies nothing."""
    signed = _SIGNED.search(value)
    if signed is not None:
        cut = signed.end() + 6
        return _spoilt(value[signed.end() : cut]).join((value[: signed.end()], value[cut:]))
    turned = []
    left = 6
    for char in reversed(value):
        if left and char.isascii() and char.isalnum():
            left -= 1
            char = "x" if char.isalpha() and char not in "xX" else "q" if char.isalpha() else str((int(char) + 5) % 10)
        turned.append(char)
    return "".join(reversed(turned))


def _spoilt_json(text: str) -> str:
    def walk(value: object, name: str) -> object:
        if isinstance(value, Mapping):
            return {key: walk(item, str(key)) for key, item in value.items()}
        if isinstance(value, str) and name not in ("jsonrpc", "method", "type", "id"):
            return _spoilt(value)
        return value

    return json.dumps(walk(json.loads(text), ""))
