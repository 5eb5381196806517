"""What an HTTP answer that ends a handshake means for whoever typed the URL: one line each; and whether it was the
credential that was refused.
"""

from __future__ import annotations

from http import HTTPStatus

from mcpfuzz.errors import HandshakeError, TargetError, Unauthorized
from mcpfuzz.model import Json
from mcpfuzz.transports.channel import Reply
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.wire import decode

__all__ = ["NotStreamable", "refusal", "turned_away"]

CLOSED = (1008, 3000, 3003, 4001, 4003, 4401, 4403)
"""Close codes of a WebSocket that say: who are you? (RFC 6455, 7.4.1; IANA's registry; and what people write, after the
statuses of HTTP)"""

OLD_STYLE = (400, 404, 405)
"""What a server of 2024-11-05 says to a POST at its event stream's URL (2025-03-26, backwards compatibility)."""


class NotStreamable(HandshakeError):
    """`initialize` was refused as a server of HTTP+SSE refuses it."""


def turned_away(error: TargetError) -> bool:
    """Whether a connection did not come about because of what was shown, by its status or its close code."""
    return isinstance(error, Unauthorized) or error.code in CLOSED


def refusal(endpoint: Endpoint, reply: Reply, said: str = "initialize") -> HandshakeError:
    """The error for an answer that brought no MCP.

    Args:
        said: what was answered so.
    """
    url = endpoint.origin + endpoint.target.partition("?")[0]
    status, kind = reply.status, _header(reply, "content-type").partition(";")[0].strip().lower()
    if status is None:
        return HandshakeError(f"{url} does not answer {said}: {reply.problem or 'nothing came'}")
    words = f"{status} {_phrase(status)}".rstrip()
    if status in (401, 403):
        challenge = _header(reply, "www-authenticate")
        asked = f", WWW-Authenticate: {_short(challenge)}" if challenge else _told(reply)
        return (Unauthorized if status == 401 else HandshakeError)(
            f'{url} refuses {said}: {words}{asked}; give an identity, or --header "Authorization: ..."'
        )
    if 300 <= status < 400:
        return HandshakeError(f"{url} answers {said} with {words}: {reply.problem or 'no redirect that is followed'}")
    if status < 300:
        if kind == "text/html":
            return HandshakeError(f"{url} answers {said} with a web page ({words}), not MCP; is the path right?")
        what = f"{kind or 'nothing'}{_told(reply)}"
        return HandshakeError(f"{url} answers {said} with {words}, but not as MCP does: {reply.problem or what}")
    hint = "; is the path right?" if status in (404, 405) else ""
    why = f", {reply.problem}" if reply.problem else _told(reply)
    error = NotStreamable if status in OLD_STYLE else HandshakeError
    return error(f"{url} answers {said} with {words}{why}{hint}")


def _told(reply: Reply) -> str:
    """The server's own words, where it spoke JSON-RPC, or in plain text."""
    for raw in reply.messages[:1]:
        value: Json = decode(raw).value
        error = value.get("error") if isinstance(value, dict) else None
        if isinstance(error, dict):
            return f", {_short(error.get('message'))}"
        return f": {_short(raw.decode('utf-8', 'replace'))}"
    said = reply.page.decode("utf-8", "replace").strip()
    return f", {_short(said)!r}" if said and not said.startswith("<") else ""


def _header(reply: Reply, name: str) -> str:
    return next((value for key, value in reply.headers if key == name), "")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _short(value: Json) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 160 else text[:157] + "..."
