"""The identity rows of the table of weaknesses (see `weaknesses`): who may do what, and with what it is shown.

Those of the tools need two --token or more; those of the tokens need --jwt-key.
"""

from __future__ import annotations

from typing import Any, Final

from mcpfuzz.lab.weakness import Weakness

__all__ = ["PEOPLE"]

_NETWORK: Final = ("http", "sse", "ws", "wss")
_WEB: Final = ("http", "sse")
_SOCKETS: Final = ("ws", "wss")


def _tool(name: str, cwe: int, rule: str, where: str, argument: str | None, **more: Any) -> Weakness:
    return Weakness(
        name=name, cwe=cwe, expected=(rule,), group="identity", where=where, argument=argument,
        **{"transports": _NETWORK, "kind": "tool", "toolset": "tenants", **more},
    )  # fmt: skip


def _token(name: str, cwe: int, rule: str, **more: Any) -> Weakness:
    return Weakness(
        name=name, cwe=cwe, expected=(rule,), group="identity", kind="session", where="Authorization",
        **{"transports": _WEB, **more},
    )  # fmt: skip


def _ticket(name: str, cwe: int, rule: str, **more: Any) -> Weakness:
    return Weakness(
        name=name, cwe=cwe, expected=(rule,), group="identity", kind="session", where="ticket", transports=_SOCKETS,
        **more,
    )  # fmt: skip


def _first(name: str, cwe: int, rule: str, **more: Any) -> Weakness:
    more["trigger"] += "; needs --token, --login or --jwt-key, and --auth first-message"
    return Weakness(
        name=name, cwe=cwe, expected=(rule,), group="identity", kind="session", where="first message",
        transports=_SOCKETS, **more,
    )  # fmt: skip


PEOPLE: Final[tuple[Weakness, ...]] = (
    # ---- whose it is ----
    _tool(
        *("bola-read", 639, "bola", "get_memo", "memo"),
        title="Anybody who has a memo's id may read it",
        trigger="a memo of one identity, read by another",
    ),
    _tool(
        *("bola-write", 639, "bola", "change_memo", "memo"),
        title="Anybody who has a memo's id may change it",
        trigger="a memo of one identity, changed by another, read by the first",
    ),
    _tool(
        *("bola-delete", 639, "bola", "delete_memo", "memo"),
        title="Anybody who has a memo's id may delete it",
        trigger="a memo of one identity, deleted by another, read by the first",
    ),
    _tool(
        *("bola-list", 639, "bola", "list_memos", None),
        title="The list of one's own memos holds everybody's",
        trigger="a memo of one identity, and the list of another",
    ),
    _tool(
        *("bola-spelling", 639, "bola", "track_parcel", "parcel"),
        title="The owner of a parcel is not found where its number is spelled otherwise",
        trigger="a parcel of one identity, tracked by another in small letters or with a space behind",
    ),
    _tool(
        *("memo-oracle", 204, "existence-told", "get_memo", "memo"),
        title="What is forbidden is told from what does not exist",
        trigger="a memo of one identity, and a made-up id, read by another",
    ),
    _tool(
        *("bola-resource", 639, "bola", "resources/read", "memo"),
        title="A memo that its tool keeps to its owner is everybody's as a resource",
        trigger="a memo of one identity, read by another as memo://ID",
        kind="resource",
    ),
    _tool(
        *("bola-subscription", 639, "bola", "resources/subscribe", "memo"),
        title="Whoever knows a memo's id is told when it changes",
        trigger="memo://ID of one identity, subscribed to by another, and changed by the first",
        kind="resource",
    ),
    _tool(
        *("bola-completion", 639, "bola", "completion/complete", "memo"),
        title="Completing a memo's id tells everybody's ids",
        trigger="a memo of one identity, and memo://{memo} completed by another",
        kind="completion",
    ),
    _tool(
        *("task-read", 639, "bola", "fire_sample", None),
        title="Anybody who has a task's id may see how it fares and what came of it",
        trigger="a task of one identity, asked for by another with tasks/get or tasks/result",
        toolset="samples",
    ),
    _tool(
        *("task-list", 639, "bola", "fire_sample", None),
        title="The list of tasks holds everybody's",
        trigger="a task of one identity, and tasks/list of another (2025-11-25: --era legacy); needs two --token",
        toolset="samples",
    ),
    _tool(
        *("task-cancel", 639, "bola", "fire_sample", None),
        title="Anybody who has a task's id may cancel it",
        trigger="a task of one identity, cancelled by another, seen by the first",
        toolset="samples",
    ),
    _tool(
        *("log-shared", 639, "bola", "notifications/message", None),
        title="Log lines about one caller's calls go to all who listen",
        trigger="logging/setLevel by one identity, and a call by another",
        kind="session", transports=("sse", "ws", "wss"),
    ),
    _tool(
        *("bola-found", 639, "bola", "get_bill", "bill"),
        title="Anybody who has a bill's id may read it",
        trigger="a bill that was there already, and that one identity's list alone names, read by another",
    ),
    # ---- what one may do ----
    _tool(
        *("role-unlisted", 862, "bfla", "find_safe", None),
        title="A tool that only administrators are told of does not ask who calls",
        trigger="find_safe by another identity; needs --token admin=...",
    ),
    _tool(
        *("role-missing", 862, "bfla", "admin_set_notice", None),
        title="A tool for administrators does not ask who calls",
        trigger="the administrators' tool, called by another identity, and the notice",
    ),
    _tool(
        *("user-enumeration", 204, "user-enumeration", "sign_in", "name"),
        title="A wrong name is told from a wrong password",
        trigger="a wrong password for ada, and for a made-up name",
        transports=("stdio", *_NETWORK),
    ),
    _tool(
        *("brute-force", 307, "login-unthrottled", "sign_in", "password"),
        title="Passwords may be tried as fast as one likes",
        trigger="thirty wrong passwords for one name",
        transports=("stdio", *_NETWORK),
    ),
    Weakness(
        name="login-unlimited",
        cwe=307,
        expected=("login-unthrottled",),
        group="identity",
        kind="endpoint",
        where="/login",
        transports=("http",),
        title="Passwords may be tried at /login as fast as one likes",
        trigger="wrong passwords in a row for one name; needs --login",
    ),
    # ---- tokens ----
    _token(
        *("jwt-unverified", 347, "auth-unchecked"),
        title="A token is read and its signature is not",
        trigger="a token with other characters at its end; needs --jwt-key",
        implied={
            "token-unsigned": "no signature is a wrong one", "token-expired": "what nobody signed says nothing",
            "token-early": "what nobody signed says nothing", "token-claims": "what nobody signed says nothing",
            "token-guessable-key": "any key will do",
        },
    ),  # fmt: skip
    _token(
        *("jwt-alg-none", 347, "token-unsigned"),
        title="A token says by which algorithm it is verified, and that may be none",
        trigger='a token whose header says "none" and which has no signature; needs --jwt-key',
    ),
    _token(
        *("jwt-confused", 347, "token-unsigned"),
        title="The public key is taken for a secret where the token says so",
        trigger="a token signed by HMAC with the public key's PEM text; needs --issuer",
    ),
    _token(
        *("jwt-sample-key", 1391, "token-guessable-key"),
        title="The key of the tutorial is still among the keys",
        trigger="a token signed with a_super_secret_key_that_is_long_and_random; needs --jwt-key",
    ),
    _token(
        *("jwt-expired", 613, "token-expired"),
        title="A token's time is not looked at",
        trigger="a token that ended an hour ago; needs --jwt-key",
    ),
    _token(
        *("jwt-outlived", 613, "token-outlived"),
        title="A connection goes on after its token has ended",
        trigger="a call on a WebSocket that was opened before exp, or over HTTP a token that was seen before it; needs "
        "--jwt-key",
        transports=_NETWORK,
    ),
    _token(
        *("jwt-early", 287, "token-early"),
        title="A token that is not valid yet is taken",
        trigger="a token whose nbf is in an hour; needs --jwt-key",
    ),
    _token(
        *("jwt-audience", 287, "token-claims"),
        title="A token for another service is taken",
        trigger="a token with another aud; needs --jwt-key",
    ),
    _token(
        *("jwt-issuer", 287, "token-claims"),
        title="A token of another issuer is taken",
        trigger="a token with another iss; needs --jwt-key",
    ),
    # ---- sessions, and what stands in for them ----
    Weakness(
        name="state-shared", title="The state of one caller's booking is taken from any other", cwe=639,
        expected=("request-state-shared",), group="identity", kind="tool", toolset="kiln", where="book_kiln",
        argument="remark", transports=_NETWORK,
        trigger="the requestState that one identity was given, sent by another (2026-07-28)",
    ),
    _token(
        *("scheme-unchecked", 287, "scheme-unchecked"),
        title="A token is verified only where the scheme is spelled as expected",
        trigger='"bearer" or "Basic" before other characters; needs --token',
    ),
    _token(
        *("token-once", 613, "session-hijack"),
        title="The token is looked at when a session begins, and never again",
        trigger="a session's id and no token, or somebody else's; needs --token",
        transports=("http",),
        implied={"auth-missing": "to end a session, its id is enough as well"},
    ),
    _token(
        *("challenge-missing", 287, "challenge-missing"),
        title="A 401 does not say what it wants",
        trigger="a request without Authorization; needs --token",
        transports=("http",),
    ),
    _token(
        *("metadata-wrong", 346, "metadata-wrong"),
        title="The metadata of the resource is about another one",
        trigger="the document that the challenge names; needs --token",
        transports=("http",),
    ),
    # ---- tickets ----
    _ticket(
        *("ticket-reuse", 294, "ticket-reused"),
        title="A ticket opens as many WebSockets as one likes",
        trigger="the same ticket once more; needs --login and --auth ticket",
    ),
    _ticket(
        *("ticket-race", 367, "ticket-reused"),
        title="A ticket is looked up and then marked as used",
        trigger="the same ticket in 20 upgrades at once; needs --login and --auth ticket",
    ),
    _ticket(
        *("ticket-kept", 613, "ticket-expired"),
        title="A ticket's time is not looked at",
        trigger="a ticket that ended, with a short --ticket-life; needs --login and --auth ticket",
    ),
    Weakness(
        name="accepted-before-auth", title="The WebSocket is accepted, and then the credential is looked at", cwe=306,
        expected=("accepted-before-auth",), group="identity", kind="session", where="upgrade", transports=_SOCKETS,
        trigger="an upgrade without a credential; needs --token, not --auth first-message",
    ),
    # ---- first messages ----
    _first(
        *("introductions-unlimited", 307, "first-message-unthrottled"),
        title="A first message that is wrong may be said again",
        trigger="thirty false first messages and the right one on one WebSocket",
    ),
    _first(
        *("introduction-awaited", 770, "socket-unclaimed"),
        title="A first message is waited for without end",
        trigger="WebSockets on which nothing is said, with a short --introduction",
    ),
    _first(
        *("leak-close-reason", 209, "stack-trace-leak"),
        title="A close frame's reason says where in the code it went wrong",
        trigger="a first message without a token",
    ),
    # ---- sessions ----
    Weakness(
        name="cookie-bare", title="The session's id goes out as a cookie, too, without its flags", cwe=1004,
        expected=("cookie-flags",), group="identity", kind="session", where="Set-Cookie", transports=("http",),
        trigger="initialize (legacy revisions): Set-Cookie: session=ID",
    ),
    Weakness(
        name="credential-logged", title="Tokens are written to the log", cwe=532, expected=("credential-logged",),
        group="identity", kind="session", where="Authorization", transports=_NETWORK,
        trigger="a call with a token; needs --token",
    ),
    Weakness(
        name="shared-requests", title="Requests of all clients wait in one table, by their ids", cwe=362,
        expected=("cross-talk",), group="identity", kind="session", where="id", transports=_NETWORK,
        trigger="two clients call a slow tool at the same time under the same id",
        implied={"no-answer": "one of the two waits in vain"},
    ),
    Weakness(
        name="session-fixation", title="A session gets the id that the client asks for", cwe=384,
        expected=("session-fixation",), group="identity", kind="session", where="Mcp-Session-Id", transports=("http",),
        trigger="initialize with an Mcp-Session-Id of one's own",
    ),
)  # fmt: skip
