"""Sound JSON-RPC that asks for what is not there, or asks it wrongly: rows M, P, N, S and L. It knows the
methods of MCP and, from the context, the server's own names and schemas.

Where a row calls a tool, it is one of the context's with its good arguments, but for the one point that the
row is about (P3: a value of a wrong type; P4: one more argument).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from mcpfuzz.errors import UsageError
from mcpfuzz.model import Action, Json, Open, Send
from mcpfuzz.revisions import BY_DATE, META, METHODS
from mcpfuzz.slots import quote
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.messages import (
    CONSONANTS,
    UNREADABLE,
    WILD,
    Base,
    Context,
    Malformed,
    Offer,
    base_of,
    fresh_id,
    junk,
    message_of,
    scalar,
    word,
)
from mcpfuzz.wire import encode

__all__ = ["METHOD_ROWS", "drawable"]

NOSUCH = "nosuch-"
"""Begins every made-up tool, prompt and resource name."""
KNOWN = frozenset(method.name for method in METHODS)
REMOVED = ("ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "initialize")
"""What revision E took away (M2)."""
PARAMS: Mapping[str, dict[str, Json]] = {
    "tools/call": {"name": NOSUCH + "tool", "arguments": {}},
    "resources/read": {"uri": "mcpfuzz:nosuch"},
    "resources/subscribe": {"uri": "mcpfuzz:nosuch"},
    "resources/unsubscribe": {"uri": "mcpfuzz:nosuch"},
    "prompts/get": {"name": NOSUCH + "prompt"},
    "completion/complete": {"ref": {"type": "ref/prompt", "name": NOSUCH + "prompt"}, "argument": {"name": "x", "value": ""}},
    "logging/setLevel": {"level": "error"},
    "subscriptions/listen": {"notifications": {}},
}  # fmt: skip
"""Well-formed parameters of methods that are asked for although nobody offers them."""


def brief(value: Json) -> str:
    text = encode(value).decode("utf-8")
    return text if len(text) <= 60 else text[:57] + "..."


def _asked(
    choices: Choices, context: Context, row: str, why: str, base: Base, *, due: bool = True, trap: Json = None, vary: int = 60
) -> Malformed:
    request_id = fresh_id(choices)
    message = message_of(choices, context, base, request_id, vary=vary)
    return Malformed(row=row, why=why, action=Send(message), id=request_id, expects_answer=due,
                     method=base.method, name=base.name, trap=trap)  # fmt: skip


# ---- M: methods -------------------------------------------------------------------------------------


def _m1(choices: Choices, context: Context) -> Malformed:
    form = choices.integer(0, 3)
    known = choices.pick(tuple(method.name for method in METHODS))
    if form == 0:
        method, why = "x-" + word(choices, 3, 12), "a made-up method"
    elif form == 1:
        method, why = "rpc." + word(choices, 3, 12), "a method of the reserved rpc. space"
    elif form == 2:
        letters = [char.upper() if choices.chance(50) else char for char in known]
        letters[at] = letters[at].upper() if (at := choices.integer(0, 2)) >= 0 else ""
        method, why = "".join(letters), f"{known} in another case"
    else:
        odd = choices.pick(("/", "s", ".", "//", "-", *(() if context.modern else (" ", "\t", "\x00", "\u200b"))))
        tail = word(choices, 0, 6)
        method, why = known + odd + tail, f"{known} with {odd + tail!r} behind it"
    if method in KNOWN:
        method, why = method + "-x", f"{known} with '-x' behind it"
    params = PARAMS.get(known) if form > 1 and choices.chance(50) else None
    return _asked(choices, context, "M1", f"{why}: {method!r}", Base(method, params))


def _m2_methods(context: Context) -> tuple[str, ...]:
    removed = tuple(name for name in REMOVED if name != "initialize" or not context.dual_era) if context.modern else ()
    return removed + tuple(name for name in context.undeclared if name not in removed and name not in context.methods)


def _m2(choices: Choices, context: Context) -> Malformed:
    method = choices.pick(_m2_methods(context))
    params = _initialize(choices, "2025-11-25") if method == "initialize" else PARAMS.get(method)
    name = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}.get(method)
    base = Base(method, params, params[name] if params and name else None)
    why = f"{method}, which revision E removed" if context.modern and method in REMOVED else f"{method}, not declared"
    return _asked(choices, context, "M2", why, base, vary=97)


def _initialize(choices: Choices, version: str) -> dict[str, Json]:
    info = {"name": "mcpfuzz-" + word(choices), "version": str(choices.integer(0, 999))}
    return {"protocolVersion": version, "capabilities": {}, "clientInfo": info}


# ---- P: parameters ----------------------------------------------------------------------------------


def _some_tool(choices: Choices, context: Context) -> Offer:
    return choices.pick(context.tools) if context.tools else Offer(NOSUCH + word(choices), {})


def _p1(choices: Choices, context: Context) -> Malformed:
    tool = _some_tool(choices, context)
    arguments = dict(tool.arguments)
    forms = ("no-name", "name", "arguments") if context.modern else ("no-params", "no-name", "name", "arguments")
    match choices.pick(forms) if not choices.chance(75) else choices.pick(("name", "arguments")):
        case "no-params":
            return _asked(choices, context, "P1", "tools/call without params", Base("tools/call"), vary=0)
        case "no-name":
            base, why = Base("tools/call", {"arguments": arguments}), "tools/call without a name"
        case "name":
            wrong = junk(choices, "number", "array", "object", "real", "bool", "null")
            base = Base("tools/call", {"name": wrong, "arguments": arguments})
            why = f"tools/call with the name {brief(wrong)}"
        case _:
            wrong = junk(choices, "array", "text", "number", "real", "bool")
            base = Base("tools/call", {"name": quote(tool.name), "arguments": wrong}, tool.name)
            why = f"{tool.name} called with {brief(wrong)} as arguments"
    return _asked(choices, context, "P1", why, base)


def _p2(choices: Choices, context: Context) -> Malformed:
    if context.tools and choices.chance(40):
        tool = choices.pick(context.tools)
        name, arguments = f"{tool.name}-{NOSUCH}{word(choices, 3, 8)}", dict(tool.arguments)
    else:
        name, arguments = NOSUCH + word(choices, 3, 12), {}
    base = Base("tools/call", {"name": quote(name), "arguments": arguments}, name)
    return _asked(choices, context, "P2", f"the unknown tool {name!r}", base)


WRONG: Mapping[str, tuple[str, ...]] = {
    "string": ("number", "array", "object", "real"),
    "integer": ("array", "object", "real"),
    "number": ("array", "object"),
    "boolean": ("array", "object", "number"),
    "array": ("number", "object"),
    "object": ("number", "array"),
}
"""JSON Schema type -> kinds of `junk` that no reading of it admits; text is left out, as some servers read
"5" as 5, and that is worth no report."""


class Breach(NamedTuple):
    """One way to violate a tool's inputSchema that is certain from the schema alone."""

    how: str
    key: str
    detail: Json = None


def breaches(offer: Offer) -> list[Breach]:
    """What of a schema can be violated for sure: anything behind `$ref`, `anyOf` and the like is left alone."""
    schema = offer.schema
    properties = schema.get("properties") if isinstance(schema.get("properties"), Mapping) else {}
    found = [Breach("missing", key) for key in schema.get("required", ()) if isinstance(key, str)]
    for key, rules in (properties or {}).items():
        if not isinstance(rules, Mapping) or not isinstance(rules.get("type"), str):
            continue
        if rules["type"] in WRONG:
            found.append(Breach("type", key, rules["type"]))
        if isinstance(rules.get("enum"), list) and rules["type"] == "string":
            found.append(Breach("enum", key))
        for bound in ("minimum", "maximum"):
            if rules["type"] in ("integer", "number") and type(rules.get(bound)) in (int, float):
                found.append(Breach(bound, key, rules[bound]))
        if rules["type"] == "string" and type(rules.get("maxLength")) is int and rules["maxLength"] <= 10_000:
            found.append(Breach("maxLength", key, rules["maxLength"]))
    if schema.get("additionalProperties") is False and not schema.get("patternProperties"):
        found.append(Breach("extra", ""))
    return found


def _broken(choices: Choices, arguments: dict[str, Json], breach: Breach) -> tuple[dict[str, Json], str]:
    key, detail = breach.key, breach.detail
    match breach.how:
        case "missing":
            return {name: value for name, value in arguments.items() if name != key}, f"required {key} is missing"
        case "type":
            arguments[key] = junk(choices, *WRONG[detail])
            return arguments, f"{key} is {brief(arguments[key])}, not of type {detail}"
        case "enum":
            arguments[key] = NOSUCH + word(choices)
            return arguments, f"{key} is {arguments[key]!r}, not in its enum"
        case "minimum":
            arguments[key] = int(detail) - choices.integer(1, 1 << 40)
            return arguments, f"{key} is {arguments[key]}, below its minimum {detail}"
        case "maximum":
            arguments[key] = int(detail) + choices.integer(1, 1 << 40)
            return arguments, f"{key} is {arguments[key]}, above its maximum {detail}"
        case "maxLength":
            arguments[key] = choices.text(detail + 1, detail + 16, CONSONANTS)
            return arguments, f"{key} has {len(arguments[key])} characters, more than its maxLength {detail}"
        case _:
            extra = "x" + word(choices, 3, 8)
            arguments[extra] = scalar(choices)
            return arguments, f"the argument {extra}, which the closed schema does not name"


def _p3(choices: Choices, context: Context) -> Malformed:
    tool = choices.pick([tool for tool in context.tools if breaches(tool)])
    arguments, why = _broken(choices, dict(tool.arguments), choices.pick(breaches(tool)))
    base = Base("tools/call", {"name": quote(tool.name), "arguments": arguments}, tool.name)
    return _asked(choices, context, "P3", f"{tool.name}: {why}", base)


def is_open(offer: Offer) -> bool:
    """Whether the schema lets arguments pass that it does not name."""
    return offer.schema.get("additionalProperties", True) is True and "unevaluatedProperties" not in offer.schema


def _p4(choices: Choices, context: Context) -> Malformed:
    tool = choices.pick([tool for tool in context.tools if is_open(tool)])
    extra = "x" + word(choices, 3, 8)
    arguments = {**tool.arguments, extra: junk(choices, "text", "number", "array", "object", "bool", "null")}
    base = Base("tools/call", {"name": quote(tool.name), "arguments": arguments}, tool.name)
    return _asked(choices, context, "P4", f"{tool.name}: the argument {extra}, which its open schema does not name", base)


FETCHED = frozenset({"http", "https", "ftp", "ftps", "ws", "wss", "data", "javascript", "mailto", "ssh", "git"})
"""Schemes whose resources could lie elsewhere: nothing of ours is asked for under them."""


def _p5(choices: Choices, context: Context) -> Malformed:
    schemes = {uri.partition(":")[0] for uri in context.resources if ":" in uri} - FETCHED
    scheme = choices.pick(("mcpfuzz", *sorted(schemes)))
    uri = f"{scheme}:{choices.pick(('', '///'))}{NOSUCH}{word(choices, 3, 12)}"
    return _asked(choices, context, "P5", f"the unknown resource {uri}", Base("resources/read", {"uri": quote(uri)}, uri))


def _p6(choices: Choices, context: Context) -> Malformed:
    odd = word(choices, 1, 8)
    uri, why = choices.pick((
        (odd, "without a scheme"), ("", "the empty string"), (f":{odd}", "with an empty scheme"),
        (f"9{odd}:{odd}", "whose scheme begins with a digit"), (f"mcpfuzz:%{odd[0]}x{odd}", "with a broken escape"),
        (f"mcpfuzz:{odd} {odd}", "with a space"), (f"mcpfuzz:[{odd}", "with an open bracket"),
        (f"mcpfuzz:{odd}\t", "with a tab"), (f"mcpfuzz:<{odd}>", "with angle brackets"),
        (f"mcpfuzz:{odd}\\{odd}", "with a backslash"), (f"mcpfuzz:\u00e9{odd}", "with a letter beyond ASCII"),
        (f"mcp_fuzz:{odd}", "with an underscore in its scheme"), (f"mcpfuzz:{odd}\x00", "with a NUL"),
    ))  # fmt: skip
    return _asked(choices, context, "P6", f"the URI {uri!r}, {why}", Base("resources/read", {"uri": uri}, uri))


def _p7(choices: Choices, context: Context) -> Malformed:
    strict = [prompt for prompt in context.prompts if prompt.schema.get("required")]
    if strict and choices.chance(50):
        prompt = choices.pick(strict)
        key = choices.pick(prompt.schema["required"])
        arguments = {name: value for name, value in prompt.arguments.items() if name != key}
        base = Base("prompts/get", {"name": quote(prompt.name), "arguments": arguments}, prompt.name)
        return _asked(choices, context, "P7", f"prompt {prompt.name} without its required argument {key}", base, vary=90)
    name = NOSUCH + word(choices, 3, 12)
    return _asked(choices, context, "P7", f"the unknown prompt {name}", Base("prompts/get", {"name": name}, name))


BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+_-="


def _p8(choices: Choices, context: Context) -> Malformed:
    method = choices.pick(context.lists)
    cursor, why = choices.pick((
        (choices.text(0, 16, WILD), "made-up text"), (choices.text(4, 40, BASE64), "made-up base64"),
        (str(choices.integer(0, 1 << 60) - 5), "a number as text"), (f'["{word(choices)}",0]', "JSON as text"),
        (choices.text(200, 400, "x"), "long"),
    ))  # fmt: skip
    return _asked(choices, context, "P8", f"{method} with a bogus cursor: {why}", Base(method, {"cursor": cursor}))


def _p9(choices: Choices, context: Context) -> Malformed:
    base, request_id = base_of(choices, context), fresh_id(choices)
    message = message_of(choices, context, base, request_id)
    token = junk(choices, "real", "array", "object", "bool", "null")
    params = message.get("params", {})
    message["params"] = {**params, "_meta": {**params.get("_meta", {}), "progressToken": token}}
    return Malformed(row="P9", why=f"the progress token {brief(token)}", action=Send(message), id=request_id,
                     method=base.method, name=base.name, trap=token)  # fmt: skip


LEVELS = frozenset({"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"})


def _p10(choices: Choices, context: Context) -> Malformed:
    if choices.chance(50):
        level: Json = choices.pick(("loud", "warn", "fatal", "trace", "INFO", "Error", " error", "verbose", "off")) + word(
            choices, 0, 3
        )
    else:
        level = junk(choices, "text", "number", "array", "object", "real", "bool", "null")
    if isinstance(level, str) and level in LEVELS:
        level += "x"
    if not context.modern:
        return _asked(choices, context, "P10", f"the log level {brief(level)}", Base("logging/setLevel", {"level": level}))
    base, request_id = base_of(choices, context), fresh_id(choices)
    message = message_of(choices, context, base, request_id)
    params = message["params"]
    message["params"] = {**params, "_meta": {**params["_meta"], META + "logLevel": level}}
    return Malformed(row="P10", why=f"the log level {brief(level)} in _meta", action=Send(message), id=request_id,
                     expects_answer=True, method=base.method, name=base.name)  # fmt: skip


def _p11(choices: Choices, context: Context) -> Malformed:
    base, request_id = base_of(choices, context), fresh_id(choices)
    message = message_of(choices, context, base, request_id, vary=97)
    params = message["params"]
    lost = choices.pick(((META + "protocolVersion",), (META + "clientCapabilities",),
                         (META + "protocolVersion", META + "clientCapabilities")))  # fmt: skip
    meta = {key: value for key, value in params["_meta"].items() if key not in lost}
    why = f"_meta without {' and '.join(lost)}"
    message["params"] = {**params, "_meta": meta}
    if choices.chance(8):
        message["params"], why = {key: value for key, value in params.items() if key != "_meta"}, "params without _meta"
    elif choices.chance(4):
        del message["params"]
        why = "no params, so no _meta"
    return Malformed(row="P11", why=why, action=Send(message), id=request_id, expects_answer=True,
                     method=base.method, name=base.name)  # fmt: skip


def _bad_version(choices: Choices) -> str:
    year = choices.pick((1999, 2099, 1970, 2024, 2025, 2026, 9999))
    date = f"{year}-{choices.integer(1, 13):02d}-{choices.integer(1, 31):02d}"
    version = date if choices.chance(60) else choices.pick(("", "draft", "1", "2025-11-25 ", "v2025-11-25", "latest"))
    if version != date:
        version += choices.text(0, 6, CONSONANTS + "0123456789")
    return version if version not in BY_DATE else "1999-01-01"


def _p12(choices: Choices, context: Context) -> Malformed:
    version = _bad_version(choices)
    if not context.modern:
        request_id = fresh_id(choices)
        base = Base("initialize", _initialize(choices, version))
        message = message_of(choices, context, base, request_id)
        actions: tuple[Action, ...] = (Open(handshake=False), Send(message))
        return Malformed(row="P12", why=f"initialize with the version {version!r}", action=actions, id=request_id,
                         expects_answer=True, method="initialize", trap=version)  # fmt: skip
    base, request_id = base_of(choices, context), fresh_id(choices)
    message = message_of(choices, context, base, request_id)
    params = message["params"]
    message["params"] = {**params, "_meta": {**params["_meta"], META + "protocolVersion": version}}
    return Malformed(row="P12", why=f"the version {version!r} in _meta", action=Send(message), id=request_id,
                     expects_answer=True, method=base.method, name=base.name, trap=version)  # fmt: skip


def _p13(choices: Choices, context: Context) -> Malformed:
    tool = choices.pick(context.needing)
    base = Base("tools/call", {"name": quote(tool.name), "arguments": dict(tool.arguments)}, tool.name)
    return _asked(choices, context, "P13", f"{tool.name}, with no client capability declared", base, vary=97)


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
        params = junk(choices, "array", "object", "text", "number", "real", "bool", "null")
        why = f"{method} with the params {brief(params)}"
    message = {"jsonrpc": "2.0", "method": method, **({} if params is None and form == 0 else {"params": params})}
    return Malformed(row="N1", why=why, action=Send(message), method=method)


def _n2(choices: Choices, context: Context) -> Malformed:
    base = base_of(choices, context)
    message = message_of(choices, context, base, None, vary=97)
    del message["id"]
    return Malformed(row="N2", why=f"{base.method} without an id", action=Send(message), method=base.method, name=base.name)


def _n3(choices: Choices, context: Context) -> Malformed:
    known = ("notifications/cancelled", "notifications/progress", "notifications/x-" + word(choices, 3, 8),
             "notifications/roots/list_changed", "notifications/initialized")  # fmt: skip
    method = choices.pick(known[:3] if context.modern else known)
    params: dict[str, Json] | None = None
    if method.endswith("cancelled"):
        params = {"requestId": fresh_id(choices)}
    elif method.endswith("progress"):
        params = {"progressToken": fresh_id(choices), "progress": choices.integer(0, 99)}
    return _asked(choices, context, "N3", f"{method} with an id", Base(method, params), vary=97)


# ---- S: responses that nobody asked for, L: lifecycle -----------------------------------------------


def _response(choices: Choices, row: str, why: str, *, result: bool, error: bool) -> Malformed:
    """The id it carries is one that nobody asked with; an answer that echoes it is an answer to a response."""
    message: dict[str, Json] = {"jsonrpc": "2.0", "id": fresh_id(choices)}
    if result:
        message["result"] = {word(choices): scalar(choices) for _ in range(choices.integer(0, 2))}
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
    base = Base("initialize", _initialize(choices, version))
    return _asked(choices, context, "L2", f"a second initialize, with version {version}", base, due=False)


METHOD_ROWS: dict[str, Callable[[Choices, Context], Malformed]] = {
    "M1": _m1, "M2": _m2, "P1": _p1, "P2": _p2, "P3": _p3, "P4": _p4, "P5": _p5, "P6": _p6, "P7": _p7, "P8": _p8,
    "P9": _p9, "P10": _p10, "P11": _p11, "P12": _p12, "P13": _p13, "N1": _n1, "N2": _n2, "N3": _n3,
    "S1": _s1, "S2": _s2, "L1": _l1, "L2": _l2,
}  # fmt: skip
"""Row -> its generator."""

NEEDS: Mapping[str, tuple[Callable[[Context], bool], str]] = {
    "M2": (lambda it: bool(_m2_methods(it)), "methods of an undeclared capability, or revision E"),
    "P1": (lambda it: it.offers("tools"), "tools"),
    "P2": (lambda it: it.offers("tools"), "tools"),
    "P3": (lambda it: any(map(breaches, it.tools)), "a tool whose inputSchema forbids something"),
    "P4": (lambda it: any(map(is_open, it.tools)), "a tool whose inputSchema is open"),
    "P5": (lambda it: it.offers("resources"), "resources"),
    "P6": (lambda it: it.offers("resources"), "resources"),
    "P7": (lambda it: it.offers("prompts"), "prompts"),
    "P8": (lambda it: bool(it.lists), "a declared list method"),
    "P11": (lambda it: it.modern, "revision E"),
    "P13": (lambda it: it.modern and bool(it.needing), "revision E and a tool that needs a client capability"),
    "L1": (lambda it: not it.modern, "a revision with initialize"),
    "L2": (lambda it: not (it.modern and it.dual_era), "one era only"),
}
"""Row -> whether a context has what it takes, and that in words. Rows not named need nothing."""


def drawable(row: str, context: Context) -> bool:
    """Whether the row can be drawn for such a server."""
    return row not in NEEDS or NEEDS[row][0](context)


def missing(row: str) -> UsageError:
    """What to raise where it cannot."""
    return UsageError(f"row {row} needs {NEEDS[row][1]}; catalogue(context) lists the rows that can be drawn")


_ = UNREADABLE
