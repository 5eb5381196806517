"""Sound JSON-RPC with the wrong method, direction or moment: rows M (methods), N (notifications), S (responses
that nobody asked for) and L (lifecycle). It knows the methods of MCP and no transport.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mcpfuzz.model import Action, Json, Open, Send
from mcpfuzz.revisions import METHODS
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.messages import (
    NOSUCH,
    WILD,
    Base,
    Context,
    Malformed,
    asked,
    base_of,
    brief,
    fresh_id,
    initialize,
    junk,
    message_of,
    scalar,
    word,
)

__all__ = ["LIFECYCLE", "NOTICES", "UNKNOWN", "absent_methods"]

KNOWN = frozenset(method.name for method in METHODS)
REMOVED = ("ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "initialize")
"""What revision E took away (M2)."""
SAMPLES: Mapping[str, dict[str, Json]] = {
    "tools/call": {"name": NOSUCH + "tool", "arguments": {}},
    "resources/read": {"uri": "mcpfuzz:nosuch"},
    "resources/subscribe": {"uri": "mcpfuzz:nosuch"},
    "resources/unsubscribe": {"uri": "mcpfuzz:nosuch"},
    "prompts/get": {"name": NOSUCH + "prompt"},
    "completion/complete": {"ref": {"type": "ref/prompt", "name": NOSUCH}, "argument": {"name": "x", "value": ""}},
    "logging/setLevel": {"level": "error"},
    "subscriptions/listen": {"notifications": {}},
}  # fmt: skip
"""Well-formed parameters of methods that are asked for although nobody offers them."""


# ---- M: methods -------------------------------------------------------------------------------------


def _m1(choices: Choices, context: Context) -> Malformed:
    form = choices.integer(0, 3)
    known = choices.pick(tuple(method.name for method in METHODS))
    if form == 0:
        method, why = "x-" + word(choices, 3, 12), "a made-up method"
    elif form == 1:
        method, why = "rpc." + word(choices, 3, 12), "a method of the reserved rpc. space"
    elif form == 2:
        letters = [char.upper() if choices.chance(50) else char for char in known[1:]]
        method, why = known[0].upper() + "".join(letters), f"{known} in another case"
    else:
        odd = choices.pick(("/", "s", ".", "//", "-", *(() if context.modern else (" ", "\t", "\x00", "\u200b"))))
        tail = word(choices, 0, 6)
        method, why = known + odd + tail, f"{known} with {odd + tail!r} behind it"
    if method in KNOWN:
        method, why = method + "-x", f"{known} with '-x' behind it"
    params = SAMPLES.get(known) if form > 1 and choices.chance(50) else None
    return asked(choices, context, "M1", f"{why}: {method!r}", Base(method, params))


def absent_methods(context: Context) -> tuple[str, ...]:
    """What such a server does not have: removed by the revision, or of a capability it did not declare."""
    removed = tuple(name for name in REMOVED if name != "initialize" or not context.dual_era) if context.modern else ()
    return removed + tuple(name for name in context.undeclared if name not in removed and name not in context.methods)


def _m2(choices: Choices, context: Context) -> Malformed:
    method = choices.pick(absent_methods(context))
    params = initialize(choices, "2025-11-25") if method == "initialize" else SAMPLES.get(method)
    name = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}.get(method)
    base = Base(method, params, params[name] if params and name else None)
    why = f"{method}, which revision E removed" if context.modern and method in REMOVED else f"{method}, not declared"
    return asked(choices, context, "M2", why, base, vary=97)


# ---- N: notifications -------------------------------------------------------------------------------


def _n1(choices: Choices, context: Context) -> Malformed:
    form = choices.integer(0, 3)
    if form == 0:
        method, why = "notifications/x-" + word(choices, 3, 12), "an unknown notification"
        params: Json = {word(choices): scalar(choices)} if choices.chance(50) else None
    elif form == 1:
        method, why = "notifications/cancelled", "the cancellation of an unknown request"
        params = {"requestId": fresh_id(choices)}
    else:
        known = ("notifications/cancelled", "notifications/progress", "notifications/roots/list_changed")
        method = choices.pick(known[:1] if context.modern else known)
        params = junk(choices, "object")  # of another kind it is no notification but an invalid request: R14
        why = f"{method} with the params {brief(params)}"
    message = {"jsonrpc": "2.0", "method": method, **({} if params is None and form == 0 else {"params": params})}
    return Malformed(row="N1", why=why, action=Send(message), method=method)


def _n2(choices: Choices, context: Context) -> Malformed:
    base = base_of(choices, context)
    message = message_of(choices, context, base, None, vary=97)
    del message["id"]
    return Malformed(row="N2", why=f"{base.method} without an id", action=Send(message),
                     method=base.method, name=base.name)  # fmt: skip


def _n3(choices: Choices, context: Context) -> Malformed:
    known = ("notifications/cancelled", "notifications/progress", "notifications/x-" + word(choices, 3, 8),
             "notifications/roots/list_changed", "notifications/initialized")  # fmt: skip
    method = choices.pick(known[:3] if context.modern else known)
    params: dict[str, Json] | None = None
    if method.endswith("cancelled"):
        params = {"requestId": fresh_id(choices)}
    elif method.endswith("progress"):
        params = {"progressToken": fresh_id(choices), "progress": choices.integer(0, 99)}
    return asked(choices, context, "N3", f"{method} with an id", Base(method, params), vary=97)


# ---- S: responses that nobody asked for, L: lifecycle -----------------------------------------------


def _response(choices: Choices, row: str, why: str, *, result: bool, error: bool) -> Malformed:
    """The id it carries is one that nobody asked with; an answer that echoes it is an answer to a response."""
    message: dict[str, Json] = {"jsonrpc": "2.0", "id": fresh_id(choices)}
    if result:
        message["result"] = junk(choices, "object")
    if error:
        message["error"] = {"code": -choices.integer(1, 33_000), "message": choices.text(0, 12, WILD)}
    if choices.chance(20):
        message[word(choices, 3)] = scalar(choices)
    return Malformed(row=row, why=why, action=Send(message), id=message["id"])


def _s1(choices: Choices, context: Context) -> Malformed:
    failed = choices.chance(60)
    why = f"{'an error' if failed else 'a result'} that nobody asked for"
    return _response(choices, "S1", why, result=not failed, error=failed)


def _s2(choices: Choices, context: Context) -> Malformed:
    return _response(choices, "S2", "a response with both result and error", result=True, error=True)


def _l1(choices: Choices, context: Context) -> Malformed:
    base, request_id = base_of(choices, context), fresh_id(choices)
    actions: tuple[Action, ...] = (Open(handshake=False), Send(message_of(choices, context, base, request_id, vary=97)))
    return Malformed(row="L1", why=f"{base.method} before initialize", action=actions, id=request_id,
                     method=base.method, name=base.name)  # fmt: skip


def _l2(choices: Choices, context: Context) -> Malformed:
    version = choices.pick(("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2026-07-28"))
    base = Base("initialize", initialize(choices, version))
    return asked(choices, context, "L2", f"a second initialize, with version {version}", base, due=False)


UNKNOWN: dict[str, Callable[[Choices, Context], Malformed]] = {"M1": _m1, "M2": _m2}
NOTICES: dict[str, Callable[[Choices, Context], Malformed]] = {"N1": _n1, "N2": _n2, "N3": _n3, "S1": _s1, "S2": _s2}
LIFECYCLE: dict[str, Callable[[Choices, Context], Malformed]] = {"L1": _l1, "L2": _l2}
"""Row -> its generator."""
