"""JSON that is well-formed and no sound JSON-RPC request, rows R1 to R16: the base message is right but for
one member of its envelope. It knows JSON-RPC 2.0 and nothing of methods or tools.
"""

from __future__ import annotations

from collections.abc import Callable

from mcpfuzz.model import Action, Json, Raw, Send
from mcpfuzz.slots import quote
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.messages import (
    UNREADABLE,
    WILD,
    Base,
    Context,
    Malformed,
    base_of,
    brief,
    fresh_id,
    junk,
    message_of,
    scalar,
    shuffled,
    word,
)
from mcpfuzz.wire import encode

__all__ = ["ENVELOPES"]

EXACT = 1 << 53
"""Beyond this a reader that keeps numbers as doubles rounds (JR-01)."""


def _told(row: str, why: str, message: Json, base: Base | None, request_id: Json, *, due: bool = False) -> Malformed:
    return Malformed(
        row=row, why=why, action=Send(message), id=request_id, expects_answer=due,
        method=base and base.method, name=base and base.name,
    )  # fmt: skip


def _request(choices: Choices, context: Context, *, vary: int = 30) -> tuple[dict[str, Json], Base, int | str]:
    base, request_id = base_of(choices, context), fresh_id(choices)
    return message_of(choices, context, base, request_id, vary=vary), base, request_id


def _r1(choices: Choices, context: Context) -> Malformed:
    if choices.chance(20):
        message, _, _ = _request(choices, context)
        text = quote(encode(message).decode("utf-8"))
        return _told("R1", "a string that holds a whole message", text, None, UNREADABLE)
    value = junk(choices, "number", "text", "real", "bool", "null")
    return _told("R1", f"{brief(value)} instead of an object", value, None, UNREADABLE)


MISSPELT = ("Method", "METHOD", "methods", "method ", "mthod", "name", "action", "type", "op", "\u043cethod")


def _r2(choices: Choices, context: Context) -> Malformed:
    message, base, request_id = _request(choices, context, vary=95)
    method = message.pop("method")
    form = choices.integer(0, 9)
    if form == 0:
        kept = [key for key in message if choices.chance(40)]
        message = {key: message[key] for key in kept}
        why = f"only {', '.join(kept)}" if kept else "an empty object"
    elif form < 5:
        key = choices.pick(MISSPELT)
        message[key] = method
        why = f'"{key}" instead of "method"'
    else:
        extra = {word(choices): scalar(choices) for _ in range(choices.integer(0, 3))}
        message.update((key, value) for key, value in extra.items() if key not in message)
        why = "no method"
    return _told("R2", why, message, base, request_id if "id" in message else UNREADABLE)


def _r3(choices: Choices, context: Context) -> Malformed:
    before, inside, after = (choices.text(0, 9, " \t") for _ in range(3))
    white = "" if before == inside == after == "" else " with white space"
    return Malformed(row="R3", why=f"an empty array{white}", action=Raw(f"{before}[{inside}]{after}\n"))


def _r4(choices: Choices, context: Context) -> Malformed:
    one, base, first = _request(choices, context, vary=60)
    two, _, second = _request(choices, context, vary=60)
    batch: list[Json] = [one, two]
    why = f"a batch of two requests, {one['method']} and {two['method']}"
    if choices.chance(15):
        notice = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": fresh_id(choices)}}
        batch.insert(choices.integer(0, 2), notice)
        why += ", and a notification"
    return _told("R4", why, batch, base, (first, second), due=context.letter == "B")


def _r5(choices: Choices, context: Context) -> Malformed:
    items = [junk(choices, "number", "text", "real", "bool", "null", "array") for _ in range(choices.integer(1, 5))]
    return _told("R5", f"an array of {len(items)} that are no messages", items, None, UNREADABLE)


def _r6(choices: Choices, context: Context) -> Malformed:
    message, base, request_id = _request(choices, context, vary=90)
    form = choices.integer(0, 9)
    if form == 0:
        del message["jsonrpc"]
        return _told("R6", "no jsonrpc", message, base, request_id)
    if form == 1:
        value: Json = choices.pick(("1.0", 2.0, 2, "2", "", "2.0 ", " 2.0", "2.00", "2.1", "3.0", "\uff12.0"))
    else:
        value = junk(choices, "number", "text", "real", "bool", "null", "array", "object")
    message["jsonrpc"] = value
    return _told("R6", f"jsonrpc is {brief(value)}", message, base, request_id)


def _r7(choices: Choices, context: Context) -> Malformed:
    message, base, request_id = _request(choices, context, vary=60)
    if choices.chance(20):
        value: Json = choices.pick(([message["method"]], {"name": message["method"]}, {message["method"]: {}}))
    else:
        value = junk(choices, "number", "array", "object", "real", "bool", "null")
    message["method"] = value
    return _told("R7", f"method is {brief(value)}", message, base, request_id)


def _r8(choices: Choices, context: Context) -> Malformed:
    message, base, request_id = _request(choices, context, vary=97)
    message["method"] = ""
    return _told("R8", "method is the empty string", message, base, request_id)


def _r9(choices: Choices, context: Context) -> Malformed:
    message, base, _ = _request(choices, context, vary=97)
    message["id"] = None
    return _told("R9", "id is null", message, base, UNREADABLE)


def _r10(choices: Choices, context: Context) -> Malformed:
    message, base, token = _request(choices, context, vary=60)
    value: Json = choices.pick((choices.integer(10**9, 10**12) + 0.5, [token], {"id": token}, [], {}, True, False))
    if value in ([], {}, True, False) and choices.chance(60):
        value = [scalar(choices), token]
    message["id"] = value
    return _told("R10", f"id is {brief(value)}", message, base, value)


PLAIN_ODD: tuple[tuple[int | str, str], ...] = (
    (0, "0"), (-1, "-1"), ("", "the empty string"), (EXACT - 1, "2^53 - 1"), (1 - EXACT, "-(2^53 - 1)"),
)  # fmt: skip
"""The ids of row R11 that are one value each: they repeat within a session, unlike all others."""


def _r11(choices: Choices, context: Context) -> Malformed:
    token = fresh_id(choices)
    base = Base(choices.pick(context.methods))  # a declared method without parameters: nothing but the id is odd
    message = message_of(choices, context, base, token, vary=90)
    form = choices.integer(0, 4)
    if form == 0:
        value, why = choices.pick(PLAIN_ODD)
    elif form == 1:
        value, why = -choices.integer(2, EXACT - 1), "a negative integer"
    elif form == 2:
        value, why = f"{choices.text(1, 8, WILD)}{token}", "odd characters"
    elif form == 3:
        value, why = str(choices.integer(10**10, EXACT)), "a string of digits"
    else:
        size = choices.integer(1_000, 10_000)
        value, why = f"{word(choices, 1, 2)}{token}".ljust(size, "x"), f"a string of {size} characters"
    message["id"] = value
    return _told("R11", f"a legal but odd id: {why}", message, base, value, due=True)


def _r12(choices: Choices, context: Context) -> Malformed:
    message, base, _ = _request(choices, context)
    # not beyond 64 bits: there our own reader (orjson) would be the one that rounds
    low, high = choices.pick(((EXACT, 2 * EXACT), (1 << 62, 1 << 63), (1 << 63, 1 << 64)))
    value = choices.integer(low, high - 2) | 1  # odd: a double cannot hold it, so rounding shows
    message["id"] = -value if choices.chance(20) and value < 1 << 63 else value
    return _told("R12", f"id is {message['id']}", message, base, message["id"])


def _r13(choices: Choices, context: Context) -> Malformed:
    one, base, request_id = _request(choices, context, vary=60)
    other = base_of(choices, context)
    two = message_of(choices, context, other, request_id, vary=60)
    why = f"one id for two requests in flight, {base.method} and {other.method}"
    actions: tuple[Action, ...] = (Send(one), Send(two))
    return Malformed(row="R13", why=why, action=actions, id=(request_id, request_id), together=True,
                     method=base.method, name=base.name)  # fmt: skip


def _r14(choices: Choices, context: Context) -> Malformed:
    """Of a request; or without an id, which then is no notification either: JSON-RPC answers it under the id null."""
    if choices.chance(20):
        method = choices.pick(("notifications/cancelled", "notifications/x-" + word(choices, 3, 8)))
        value: Json = junk(choices, "array", "text", "number", "real", "bool")
        said: dict[str, Json] = {"jsonrpc": "2.0", "method": method, "params": value}
        why = f"{method}, without an id, has the params {brief(value)}"
        return Malformed(row="R14", why=why, action=Send(said), method=method)
    message, base, request_id = _request(choices, context)
    if base.params and choices.chance(30):
        value = [*base.params.values(), scalar(choices)]
    else:
        value = junk(choices, "array", "text", "number", "real", "bool")
    message["params"] = value
    return _told("R14", f"params is {brief(value)}", message, base, request_id)


def _r15(choices: Choices, context: Context) -> Malformed:
    message, base, request_id = _request(choices, context, vary=0)
    message["params"] = None
    parts = [f"{encode(key).decode()}:{white(choices)}{encode(value).decode()}" for key, value in message.items()]
    text = "{" + f",{white(choices)}".join(parts) + white(choices) + "}"
    return Malformed(row="R15", why="params is null", action=Raw(text + "\n"), id=request_id,
                     method=base.method, name=base.name)  # fmt: skip


def white(choices: Choices) -> str:
    """White space that JSON allows between tokens, often none."""
    return choices.text(0, 3, " \t") if choices.chance(60) else ""


def _r16(choices: Choices, context: Context) -> Malformed:
    message, base, request_id = _request(choices, context)
    form = choices.integer(0, 2)
    if form == 0:
        key, value = word(choices, 3), junk(choices, "text", "number", "array", "object")
        why = f'the unknown member "{key}"'
    elif form == 1:
        key, value, why = "result", {word(choices): scalar(choices)}, "a request that also has a result"
    else:
        error = {"code": -choices.integer(1, 32_000), "message": word(choices)}
        key, value, why = "error", error, "a request that also has an error"
    message[key] = value
    return _told("R16", why, shuffled(choices, message), base, request_id)


ENVELOPES: dict[str, Callable[[Choices, Context], Malformed]] = {
    "R1": _r1, "R2": _r2, "R3": _r3, "R4": _r4, "R5": _r5, "R6": _r6, "R7": _r7, "R8": _r8,
    "R9": _r9, "R10": _r10, "R11": _r11, "R12": _r12, "R13": _r13, "R14": _r14, "R15": _r15, "R16": _r16,
}  # fmt: skip
"""Row -> its generator."""
