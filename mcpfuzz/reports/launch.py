"""How the target was started, as a report may tell it: `${NAME}` as written, every literal secret gone.

Headers and identities are secret whatever they hold; an environment value, a query member or an option
of the command is secret where its name says so. A value that refers to `${NAME}` is the user's way of
keeping the secret outside, and stays as written.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl, unquote, urlsplit

from mcpfuzz.events import LaunchRecord
from mcpfuzz.model import Json
from mcpfuzz.reports.redact import REDACTED, Redactor

__all__ = ["known_secrets", "looks_secret", "stored"]

_SECRET_NAME = re.compile(
    r"token|secret|passw|passphrase|(?<!com)(?<!by)pass(?:[^a-z]|$)|pwd$|auth(?!or(?!iz))|credential|cookie|session|dsn"
    r"|(?<!mon)key(?!board|word)",
    re.IGNORECASE,
)
_SECRET_OPTION = re.compile(
    r"(?:^|[-_.])(?:token|secret|password|passwd|passphrase|api-?key|access-?key|secret-?key|credentials?|cookie|dsn)$",
    re.IGNORECASE,
)
"""Stricter: `--key server.pem` and `--session-dir DIR` name files, and a replay has to find them."""
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PUBLIC_HEADERS = frozenset(
    {"accept", "accept-encoding", "accept-language", "cache-control", "connection", "content-type", "host"}
    | {"mcp-protocol-version", "origin", "referer", "user-agent"}
)
"""Their values are stored as `<redacted>` like the rest, but are not hunted for by value: taking out every
`application/json` would break each HTTP step of a reproducer."""
_SCHEMES = frozenset({"apikey", "basic", "bearer", "digest", "negotiate", "token"})
_OPTION = re.compile(r"^--?([A-Za-z][\w.-]*)(?:=(.*))?$", re.DOTALL)


def looks_secret(name: str) -> bool:
    """Whether a variable, option or query member of this name holds a secret."""
    # the shell's own: a folder, though it ends like a password
    return name.upper() not in ("PWD", "OLDPWD") and _SECRET_NAME.search(name) is not None


# ---- which values are secret ----------------------------------------------------------------------


def known_secrets(launch: LaunchRecord, environ: Mapping[str, str]) -> frozenset[str]:
    """Every secret value that a launch record names or holds, `${NAME}` read from `environ`."""
    found: set[str] = set()
    for raw in _raw(launch):
        names = _VARIABLE.findall(raw)
        found.update(environ.get(name, "") for name in names)
        if all(name in environ for name in names):
            found.update(_parts(_VARIABLE.sub(lambda match: environ[match[1]], raw)))
    return frozenset(value for value in found if value and value != REDACTED)


def _raw(launch: LaunchRecord) -> Iterator[str]:
    """Secret values as written."""
    for name, value in launch.headers.items():
        if name.lower() not in _PUBLIC_HEADERS:
            yield value
    for specs in launch.identities.values():
        for spec in specs:
            yield from _identity_values(spec)
    for name, value in launch.env.items():
        if looks_secret(name) or any(looks_secret(variable) for variable in _VARIABLE.findall(value)):
            yield value
    yield from _url_values(launch.url or "")
    yield from _option_values(launch.command)


def _identity_values(spec: str) -> Iterator[str]:
    kind, _, rest = spec.partition(":")
    if kind == "header":
        yield rest.partition(":")[2].strip()
    elif kind in ("query", "env"):
        yield rest.partition("=")[2]
    elif kind == "first-message":
        yield from _secret_leaves(rest)
    elif kind in _REQUESTS:
        yield from _sent_leaves(rest)
    else:
        yield rest


_REQUESTS = ("login", "ticket", "issuer")
"""Kinds of SPEC that describe how a credential is got: a name in them is none, a password is."""
_PLACES = ("token", "use", "url")
"""Members of theirs that name a place or a form."""


def _sent_leaves(text: str) -> Iterator[str]:
    """What a request for a credential sends under a secret's name."""
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        return
    found: list[str] = []
    _replaced("", value, found.append)
    yield from found


def _replaced(name: str, value: Json, secret: Callable[[str], object]) -> Json:
    """`value` with every string under a secret's name gone; `secret` is told of each."""
    if isinstance(value, dict):
        return {key: item if key in _PLACES else _replaced(key, item, secret) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(name, item, secret) for item in value]
    if isinstance(value, str) and name and looks_secret(name):
        secret(value)
        return value if _refers(value) else REDACTED
    return value


def _secret_leaves(text: str) -> Iterator[str]:
    """The strings of a first message, without those that only name the protocol."""
    try:
        todo: list[tuple[str, Json]] = [("", json.loads(text))]
    except (ValueError, RecursionError):
        yield text
        return
    while todo:
        name, node = todo.pop()
        if isinstance(node, dict):
            todo.extend((str(key), item) for key, item in node.items())
        elif isinstance(node, list):
            todo.extend((name, item) for item in node)
        elif isinstance(node, str) and name not in ("jsonrpc", "method", "type", "id"):
            yield node


def _url_values(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    for value in (parts.password, parts.username if parts.password is None else None):
        if value:
            yield from (value, unquote(value))
    for name, value in parse_qsl(parts.query):
        if looks_secret(name):
            yield value


def _option_values(command: Sequence[str]) -> Iterator[str]:
    for index, word in enumerate(command):
        option = _OPTION.match(word)
        if option and _SECRET_OPTION.search(option[1]):
            following = command[index + 1] if index + 1 < len(command) else ""
            yield option[2] if option[2] is not None else following


def _parts(value: str) -> Iterator[str]:
    """A header's value, and what of it is a secret by itself: `Bearer X` gives X, a cookie its values."""
    yield value
    scheme, _, rest = value.strip().partition(" ")
    if rest and scheme.lower() in _SCHEMES:
        yield rest.strip()
        if scheme.lower() == "basic":
            yield from _basic(rest.strip())
    if "=" in value and ";" in value:
        yield from (pair.partition("=")[2].strip() for pair in value.split(";"))


def _basic(coded: str) -> Iterator[str]:
    try:
        pair = base64.b64decode(coded, validate=True).decode("utf-8")
    except ValueError:
        return
    yield from (pair, pair.partition(":")[2])


# ---- how it is stored -----------------------------------------------------------------------------


def stored(launch: LaunchRecord, redactor: Redactor) -> LaunchRecord:
    """`launch` without any literal secret."""
    plain = redactor.by_value
    return replace(
        launch,
        command=_stored_command(launch.command, plain),
        url=None if launch.url is None else _stored_url(launch.url, plain),
        cwd=plain(launch.cwd),
        workspace=tuple(map(plain, launch.workspace)),
        env={name: _stored_value(value, looks_secret(name), plain) for name, value in launch.env.items()},
        headers={name: _stored_value(value, True, plain) for name, value in launch.headers.items()},
        identities={
            name: tuple(_stored_identity(spec, plain) for spec in specs) for name, specs in launch.identities.items()
        },
    )


def _refers(value: str) -> bool:
    """Whether `value` is written with `${NAME}`, and what stands around it is words, not a secret too."""
    around = re.findall(r"[^\s.:=;,{}\"']+", _VARIABLE.sub(" ", value))
    return bool(_VARIABLE.search(value)) and all(word.isalpha() and len(word) <= 16 for word in around)


def _stored_value(value: str, secret: bool, plain: Callable[[str], str]) -> str:
    if not secret or _refers(value) or not value:
        return plain(value)
    return REDACTED


def _stored_identity(spec: str, plain: Callable[[str], str]) -> str:
    """The spec with its value gone, so that a reader knows what must be given again."""
    kind, colon, rest = spec.partition(":")
    if kind in _REQUESTS:
        return f"{kind}:{plain(_stored_request(rest))}"
    mark = {"header": ":", "query": "=", "env": "="}.get(kind, "")
    if not mark or mark not in rest:
        return f"{kind}{colon}{_stored_value(rest, True, plain)}"
    name, _, value = rest.partition(mark)
    gap = " " if value.startswith(" ") else ""
    return f"{kind}:{name}{mark}{gap}{_stored_value(value.strip(), True, plain)}"


def _stored_request(text: str) -> str:
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        return text  # an issuer's subject
    return json.dumps(_replaced("", value, lambda _: None))


def _stored_url(url: str, plain: Callable[[str], str]) -> str:
    def member(match: re.Match[str]) -> str:
        keep = not looks_secret(match[2]) or _refers(match[3]) or not match[3]
        return match.group() if keep else f"{match[1]}{match[2]}={REDACTED}"

    def user(match: re.Match[str]) -> str:
        return match.group() if _refers(match.group()) else REDACTED

    url = re.sub(r"(?<=://)[^/?#]+(?=@)", user, plain(url))
    return re.sub(r"([?&])([^=&#]*)=([^&#]*)", member, url)


def _stored_command(command: Sequence[str], plain: Callable[[str], str]) -> tuple[str, ...]:
    """The words of a command; the value of an option with a secret's name is gone, known or not."""
    words: list[str] = []
    pending = False
    for word in command:
        option = _OPTION.match(word)
        if pending and not option:
            words.append(_stored_value(word, True, plain))
        elif option and option[2] is not None and _SECRET_OPTION.search(option[1]):
            words.append(word[: len(word) - len(option[2])] + _stored_value(option[2], True, plain))
        else:
            words.append(plain(word))
        pending = bool(option and option[2] is None and _SECRET_OPTION.search(option[1]))
    return tuple(words)
