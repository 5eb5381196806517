"""Opening a WebSocket, ws and wss: TCP, TLS, the upgrade with the user's headers and subprotocols, and one clear line
for each way in which that fails.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence

import trio
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, NegotiationError
from websockets.http11 import Response
from websockets.uri import parse_uri

from mcpfuzz.errors import HandshakeError, Late, TargetError, Unauthorized
from mcpfuzz.transports.channel import Sent
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.process import Process
from mcpfuzz.transports.tcp import connect_tcp
from mcpfuzz.transports.ws_channel import CLOSE_S, WebSocketChannel, moment, short
from mcpfuzz.transports.ws_connection import Connection, Protocol

__all__ = ["WebSocketChannel", "open_websocket"]

CONNECT_S = 30.0
"""For TCP alone; the deadline of the whole is the caller's."""
AGENT = "mcpfuzz"


async def open_websocket(
    endpoint: Endpoint, nursery: trio.Nursery, deadline: float, process: Process | None = None
) -> WebSocketChannel:
    """Connect, shake hands, say the first message where there is one.

    Args:
        nursery: where the task that reads lives, until the channel is closed.
        deadline: `time.monotonic()`, for all of it.
        process: the server's, where mcpfuzz started it.

    Raises:
        LaunchError: nobody listens there.
        HandshakeError: somebody does, but TLS or the upgrade fails; says what to do about it.
        Late: it takes too long.
    """
    offers: list[Sequence[str]] = [tuple(name for name in endpoint.subprotocols if name)]
    if not endpoint.subprotocols:
        offers = [("mcp",), ()]  # some servers refuse a subprotocol that they do not know
    failure: TargetError | None = None
    for subprotocols in offers:
        scope = trio.CancelScope(deadline=moment(deadline))
        with scope:
            try:
                connection = await _connected(endpoint, nursery, subprotocols)
            except InvalidStatus as error:
                failure = failure or _refused(endpoint, error.response)
                if error.response.status_code != 400:
                    break
                continue
        if scope.cancelled_caught:
            raise Late(f"{endpoint.origin} accepts connections but did not open a WebSocket in time")
        channel = WebSocketChannel(connection, endpoint, process)
        if endpoint.first_message is not None:
            await channel.send((Sent(endpoint.first_message.encode()),), deadline)
        return channel
    assert failure is not None
    raise failure


async def _connected(endpoint: Endpoint, nursery: trio.Nursery, subprotocols: Sequence[str]) -> Connection:
    """One attempt. Raises InvalidStatus for an answer that is no upgrade, else as `open_websocket`."""
    stream = await _dialled(endpoint)
    try:
        protocol = Protocol(parse_uri(endpoint.url), endpoint, subprotocols)
        connection = Connection(nursery, stream, protocol, ping_interval=None, close_timeout=CLOSE_S, max_queue=None)
        connection.begin(stream.socket.fileno() if isinstance(stream, trio.SocketStream) else None)
        await connection.handshake(user_agent_header=AGENT)
    except InvalidStatus:
        await trio.aclose_forcefully(stream)
        raise
    except NegotiationError as error:
        await trio.aclose_forcefully(stream)
        raise HandshakeError(
            f"{endpoint.origin} selects a subprotocol that was not offered: {short(str(error))}"
        ) from None
    except (InvalidHandshake, ConnectionClosed, OSError, EOFError) as error:
        await trio.aclose_forcefully(stream)
        why = error.__cause__ or error
        raise HandshakeError(
            f"{endpoint.origin} does not open a WebSocket: {short(str(why))}; is it an MCP endpoint over WebSocket?"
        ) from None
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return connection


async def _dialled(endpoint: Endpoint) -> trio.abc.Stream:
    """TCP, and TLS where the scheme asks for it."""
    sock = await connect_tcp(endpoint, time.monotonic() + CONNECT_S)
    tcp = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
    if not endpoint.secure:
        return tcp
    tls = trio.SSLStream(tcp, endpoint.context(), server_hostname=endpoint.host, https_compatible=True)
    try:
        await tls.do_handshake()
    except BaseException as error:
        await trio.aclose_forcefully(tls)
        if not isinstance(error, trio.BrokenResourceError | ssl.SSLError | OSError):
            raise
        raise HandshakeError(_tls_words(endpoint, error.__cause__ or error)) from None
    return tls


def _tls_words(endpoint: Endpoint, error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = "trust its authority with --cacert FILE, or give --insecure"
        return f"{endpoint.origin}: its certificate is not trusted: {error.verify_message}; {advice}"
    why = error.reason if isinstance(error, ssl.SSLError) and error.reason else short(str(error))
    return f"{endpoint.origin} does not speak TLS as we do: {why}; is it ws:// rather than wss://?"


def _refused(endpoint: Endpoint, response: Response) -> HandshakeError:
    """One line for an answer that is no upgrade."""
    status, where = response.status_code, f"{endpoint.origin}{endpoint.target.partition('?')[0]}"
    headers = response.headers
    if status == 401:
        challenges = ", ".join(headers.get_all("WWW-Authenticate")) or "no challenge"
        return Unauthorized(f"{where} wants authorization (401: {short(challenges)}); give --identity or --header")
    if 300 <= status < 400:
        return HandshakeError(f"{where} redirects ({status}) to {short(headers.get('Location', '?'))}; give that URL")
    advice = {
        403: "a credential, or an Origin, may be missing: --identity, --header",
        404: "check the path of --url",
        426: "the server wants another version of WebSocket",
        200: "that is a page, not a WebSocket: check the path of --url",
    }.get(status, "check --url")
    said = short(bytes(response.body or b"")[:200].decode("utf-8", "replace").strip())
    error = Unauthorized if status == 403 else HandshakeError
    return error(f"{where} refuses the upgrade with {status}{f' ({said})' if said else ''}; {advice}")
