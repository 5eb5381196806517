"""The network rows of the table of weaknesses (see `weaknesses`): what goes wrong between the socket and the core."""

from __future__ import annotations

from typing import Any, Final

from mcpfuzz.lab.weakness import Weakness

__all__ = ["NETWORK"]

_WEB: Final = ("http", "sse")
_SOCKETS: Final = ("ws", "wss")
_ALL: Final = (*_WEB, *_SOCKETS)


def _row(name: str, cwe: int, rule: str, transports: tuple[str, ...], where: str, **more: Any) -> Weakness:
    return Weakness(
        name=name,
        cwe=cwe,
        expected=(rule,),
        group="network",
        transports=transports,
        where=where,
        **{"kind": "transport", **more},
    )


NETWORK: Final[tuple[Weakness, ...]] = (
    # ---- pages in somebody's browser ----
    _row(
        *("origin-unchecked", 346, "origin-unchecked", _ALL, "Origin"),
        title="Pages of any origin may ask",
        trigger="Origin: http://attacker.example, on any method and on the upgrade",
    ),
    _row(
        *("origin-prefix", 346, "origin-unchecked", _ALL, "Origin"),
        title="An origin is compared by its beginning",
        trigger="Origin: http://127.0.0.1.attacker.example",
    ),
    _row(
        *("origin-suffix", 346, "origin-unchecked", _ALL, "Origin"),
        title="An origin is compared by its end",
        trigger="Origin: http://attacker-localhost:PORT",
    ),
    _row(
        *("origin-is-host", 350, "host-unchecked", _ALL, "Host"),
        title="A page of the same origin is ours, and the Host header says which origin that is",
        trigger="Host: attacker.example:PORT together with the Origin that equals it (DNS rebinding)",
    ),
    _row(
        *("host-unchecked", 350, "host-unchecked", _ALL, "Host"),
        title="Any name may lead here, and its pages count as ours",
        trigger="Host: attacker.example:PORT, with the Origin that goes with it (DNS rebinding)",
        implied={"origin-unchecked": "an Origin that equals a foreign Host is foreign, too"},
    ),
    _row(
        *("cors-any-with-credentials", 942, "cors-credentials", _WEB, "OPTIONS"),
        title="Every origin may read the answers, with credentials",
        trigger="a preflight with Origin: http://attacker.example",
    ),
    _row(
        *("redirect-leak", 601, "open-redirect", _WEB, "redirect"),
        title="A redirect goes where a header of the client says",
        trigger="the endpoint's path with / at its end, and X-Forwarded-Host: attacker.example",
    ),
    _row(
        *("redirect-next", 601, "open-redirect", ("http",), "redirect"),
        title="Who has logged out goes wherever the link says",
        trigger="/logout?next=https://attacker.example/",
        kind="endpoint",
    ),
    # ---- what else is served ----
    _row(
        *("debug-endpoint", 489, "debug-endpoint", ("http",), "other path"),
        title="A page for developers shows the last requests, and where every thread is",
        trigger="/debug, without a token",
        kind="endpoint",
    ),
    _row(
        *("bound-everywhere", 1327, "bound-everywhere", _ALL, "socket"),
        title="Every address of the machine is listened on",
        trigger="0.0.0.0 in /proc/net/tcp (only the loopback interface is behind it, and others are turned away)",
    ),
    # ---- who is who ----
    _row(
        *("session-hijack", 639, "session-hijack", _WEB, "Mcp-Session-Id"),
        title="A session's id is all that its use takes",
        trigger="the session id of one identity with the token of another; needs two --token",
        kind="session",
    ),
    _row(
        *("stream-replay", 488, "stream-replay", ("http",), "Last-Event-ID"),
        title="Streams can be taken up by anybody in any session",
        trigger="a session of one's own, GET, and the event id of somebody else's stream; needs two --token",
        kind="session",
    ),
    _row(
        *("guessable-session", 330, "guessable-session", _WEB, "Mcp-Session-Id"),
        title="Session ids are counted",
        trigger="a few sessions, one after the other",
        kind="session",
    ),
    _row(
        *("session-kept", 613, "session-not-ended", ("http",), "DELETE"),
        title="A session that was ended goes on",
        trigger="DELETE, and a request with the same session id",
        kind="session",
    ),
    _row(
        *("query-token", 598, "query-token", _WEB, "access_token"),
        title="The token may be in the URL",
        trigger="?access_token=TOKEN without Authorization; needs --token",
        kind="endpoint",
    ),
    _row(
        *("auth-missing-on-get", 306, "auth-missing", ("http",), "GET"),
        title="Only POST asks for a token",
        trigger="GET or DELETE with a session id and no token; needs --token",
        kind="endpoint",
    ),
    _row(
        *("auth-missing-on-legacy", 306, "auth-missing", ("http",), "MCP-Protocol-Version"),
        title="Only the latest revision asks for a token",
        trigger="initialize (legacy revisions) without a token; needs --token",
        kind="endpoint",
    ),
    _row(
        *("old-endpoint", 306, "old-endpoint", _WEB, "other path"),
        title="The endpoint of another transport is still there and asks for no token",
        trigger="/sse beside /mcp, or /mcp beside /sse, without a token; needs --token",
        kind="endpoint",
    ),
    _row(
        *("served-before-auth", 306, "auth-missing", _SOCKETS, "first message"),
        title="Messages are served before the one that says who is there",
        trigger="tools/list as the first message; needs --token and --auth first-message",
        kind="endpoint",
        implied={"result-shape": "who was served is then turned away in words that are no MCP"},
    ),
    # ---- how much ----
    _row(
        *("rate-limit-off", 770, "rate-limit-missing", _ALL, "requests"),
        title="Nobody counts the requests",
        trigger="more requests than --rate and --burst allow",
    ),
    _row(
        *("rate-limit-per-session", 770, "rate-limit-bypass", ("http",), "Mcp-Session-Id"),
        title="A new session has a new limit",
        trigger="requests up to the limit, a new session, more requests",
    ),
    _row(
        *("rate-limit-spoofed", 348, "rate-limit-bypass", _ALL, "X-Forwarded-For"),
        title="The client says which address is counted",
        trigger="another X-Forwarded-For in every request (over WebSocket: in every upgrade)",
    ),
    _row(
        *("slow-client-block", 400, "load-starvation", _ALL, "request head"),
        title="A client that is slow to ask blocks all others",
        trigger="a connection that says nothing, or half a request",
        implied={"no-answer": "nobody is answered meanwhile", "hang": "nobody is answered meanwhile"},
    ),
    _row(
        *("slowloris", 772, "load-starvation", _ALL, "request head"),
        title="Half a request is waited for, for ever",
        trigger="as many half requests as connections are taken, some 260, kept open",
        implied={"no-answer": "no connection is left for others"},
    ),
    _row(
        *("connections-unbounded", 770, "unbounded-concurrency", _ALL, "connections"),
        title="Every connection gets a thread",
        trigger="a thousand connections",
    ),
    _row(
        *("session-leak", 772, "session-leak", ("http",), "initialize"),
        title="Sessions are kept for ever",
        trigger="initialize some thousand times: the first session still works, and memory has grown",
        kind="session",
        implied={"memory-growth": "every session is kept"},
    ),
    _row(
        *("places-lost", 772, "no-recovery", ("http",), "tools/call"),
        title="A client that leaves before its answer takes a place along",
        trigger="some seventy slow calls whose connections are cut; from then on everybody waits and gets 503",
        implied={"no-answer": "nobody is answered any more", "hang": "everybody waits for a place"},
    ),
    # ---- what is said wrongly ----
    _row(
        *("malformed-init-poison", 460, "poisoned", ("http",), "initialize"),
        title="A malformed initialize leaves half a session, over which every later request trips",
        trigger="initialize without clientInfo; from then on everybody gets 500 (legacy revisions)",
        kind="session",
    ),
    _row(
        *("headers-unchecked", 436, "header-mismatch", ("http",), "Mcp-Method"),
        title="What the headers say is not held against the body",
        trigger="Mcp-Method: tools/list on a tools/call (2026-07-28, row H11)",
    ),
    _row(
        *("leak-http-trace", 209, "stack-trace-leak", ("http",), "Content-Type"),
        title="An error page shows a stack trace",
        trigger="Content-Type: application/json; charset=nonsense",
        kind="endpoint",
        implied={"path-leak": "a stack trace names source files by their absolute path"},
    ),
    _row(
        *("binary-frame-crash", 248, "websocket-protocol", _SOCKETS, "frame"),
        title="A binary frame ends the connection without a word",
        trigger="a binary frame (row W1)",
    ),
    _row(
        *("frames-unchecked", 1286, "websocket-protocol", _SOCKETS, "frame"),
        title="Frames are read by hand, and nothing of them is checked",
        trigger="a request in a frame without a mask, with reserved bits or a reserved opcode (row W2a)",
        implied={"message-unbounded": "who checks nothing counts nothing, either"},
    ),
    _row(
        *("subprotocol-unoffered", 436, "websocket-protocol", _SOCKETS, "Sec-WebSocket-Protocol"),
        title="A subprotocol is selected that was not offered",
        trigger="an upgrade that offers none (row W3)",
    ),
    _row(
        *("message-unbounded", 770, "message-unbounded", _SOCKETS, "fragments"),
        title="Fragments are kept, however many",
        trigger="a message of 128 MiB in fragments of 64 KiB, the last of which never comes",
    ),
    _row(
        *("pong-crash", 248, "crash", _SOCKETS, "pong"),
        title="A pong that nobody asked for ends the process",
        trigger="a pong whose payload is no number",
    ),
    _row(
        *("error-ends-all", 460, "client-cut", _SOCKETS, "frame"),
        title="A broken frame on one connection ends all others",
        trigger="any frame that ends its connection with 1002 (row W2a)",
    ),
)
