"""Known methods with parameters that a server must not accept, rows P1 to P13.

Where a row calls a tool, it is one of the context's with its good arguments, but for the one point that the
row is about (P3: one value that the schema forbids; P4: one more argument). It knows no transport.
"""

from __future__ import annotations

from collections.abc import Callable

from mcpfuzz.model import Action, Json, Open, Send
from mcpfuzz.revisions import BY_DATE, META
from mcpfuzz.slots import quote
from mcpfuzz.strategies.breaches import WRONG, Breach, is_open
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.messages import (
    CONSONANTS,
    NOSUCH,
    WILD,
    Base,
    Context,
    Malformed,
    Offer,
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

__all__ = ["PARAMS"]


# ---- P: parameters ----------------------------------------------------------------------------------


def _some_tool(choices: Choices, context: Context) -> Offer:
    return choices.pick(context.tools) if context.tools else Offer(NOSUCH + word(choices), {})


def _p1(choices: Choices, context: Context) -> Malformed:
    tool = _some_tool(choices, context)
    arguments = dict(tool.arguments)
    forms = ("no-name", "name", "arguments") if context.modern else ("no-params", "no-name", "name", "arguments")
    match choices.pick(forms) if not choices.chance(75) else choices.pick(("name", "arguments")):
        case "no-params":
            return asked(choices, context, "P1", "tools/call without params", Base("tools/call"), vary=0)
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
    return asked(choices, context, "P1", why, base)


def _p2(choices: Choices, context: Context) -> Malformed:
    if context.tools and choices.chance(40):
        tool = choices.pick(context.tools)
        name, arguments = f"{tool.name}-{NOSUCH}{word(choices, 3, 8)}", dict(tool.arguments)
    else:
        name, arguments = NOSUCH + word(choices, 3, 12), {}
    base = Base("tools/call", {"name": quote(name), "arguments": arguments}, name)
    return asked(choices, context, "P2", f"the unknown tool {name!r}", base)


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
    tool, known = choices.pick(context.breakable)
    arguments, why = _broken(choices, dict(tool.arguments), choices.pick(known))
    base = Base("tools/call", {"name": quote(tool.name), "arguments": arguments}, tool.name)
    return asked(choices, context, "P3", f"{tool.name}: {why}", base, vary=90)


def _p4(choices: Choices, context: Context) -> Malformed:
    tool = choices.pick([tool for tool in context.tools if is_open(tool.schema)])
    extra = "x" + word(choices, 3, 8)
    arguments = {**tool.arguments, extra: junk(choices, "text", "number", "array", "object", "bool", "null")}
    base = Base("tools/call", {"name": quote(tool.name), "arguments": arguments}, tool.name)
    why = f"{tool.name}: the argument {extra}, which its open schema does not name"
    return asked(choices, context, "P4", why, base)


FETCHED = frozenset({"http", "https", "ftp", "ftps", "ws", "wss", "data", "javascript", "mailto", "ssh", "git"})
"""Schemes whose resources could lie elsewhere: nothing made up is asked for under them."""


def _p5(choices: Choices, context: Context) -> Malformed:
    near = [uri for uri in context.resources if uri.partition(":")[0].lower() not in FETCHED]
    stem = choices.pick(("mcpfuzz:", *(f"{uri}-" for uri in near)))  # beside a resource that the server itself named
    uri = f"{stem}{NOSUCH}{word(choices, 3, 12)}"
    base = Base("resources/read", {"uri": quote(uri)}, uri)
    return asked(choices, context, "P5", f"the unknown resource {uri}", base)


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
    return asked(choices, context, "P6", f"the URI {uri!r}, {why}", Base("resources/read", {"uri": uri}, uri))


def _p7(choices: Choices, context: Context) -> Malformed:
    strict = [prompt for prompt in context.prompts if prompt.schema.get("required")]
    if strict and choices.chance(50):
        prompt = choices.pick(strict)
        key = choices.pick(prompt.schema["required"])
        arguments = {name: value for name, value in prompt.arguments.items() if name != key}
        base = Base("prompts/get", {"name": quote(prompt.name), "arguments": arguments}, prompt.name)
        why = f"prompt {prompt.name} without its required argument {key}"
        return asked(choices, context, "P7", why, base, vary=97)
    name = NOSUCH + word(choices, 3, 12)
    return asked(choices, context, "P7", f"the unknown prompt {name}", Base("prompts/get", {"name": name}, name))


BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+_-="


def _p8(choices: Choices, context: Context) -> Malformed:
    method = choices.pick(context.lists)
    match choices.integer(0, 4):
        case 0:
            cursor, why = choices.text(0, 16, WILD), "made-up text"
        case 1:
            cursor, why = choices.text(4, 40, BASE64), "made-up base64"
        case 2:
            cursor, why = str(choices.integer(0, 1 << 60) - 5), "a number as text"
        case 3:
            cursor, why = f'["{word(choices)}",{choices.integer(0, 99)}]', "JSON as text"
        case _:
            cursor, why = word(choices, 4, 8).ljust(choices.integer(200, 2_000), "x"), "a long text"
    return asked(choices, context, "P8", f"{method} with a bogus cursor: {why}", Base(method, {"cursor": cursor}))


def _p9(choices: Choices, context: Context) -> Malformed:
    base, request_id = base_of(choices, context), fresh_id(choices)
    message = message_of(choices, context, base, request_id)
    token = junk(choices, "real", "array", "object", "bool", "null")
    params = message.get("params", {})
    message["params"] = {**params, "_meta": {**params.get("_meta", {}), "progressToken": token}}
    return Malformed(row="P9", why=f"the progress token {brief(token)}", action=Send(message), id=request_id,
                     method=base.method, name=base.name, trap=token)  # fmt: skip


LEVELS = frozenset({"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"})


ODD_LEVELS = ("loud", "warn", "fatal", "trace", "INFO", "Error", " error", "verbose", "off")


def _p10(choices: Choices, context: Context) -> Malformed:
    if choices.chance(50):
        level: Json = choices.pick(ODD_LEVELS) + word(choices, 0, 3)
    else:
        level = junk(choices, "text", "number", "array", "object", "real", "bool", "null")
    if isinstance(level, str) and level in LEVELS:
        level += "x"
    if not context.modern:
        base = Base("logging/setLevel", {"level": level})
        return asked(choices, context, "P10", f"the log level {brief(level)}", base)
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
    if choices.chance(5):
        message["params"], why = {key: value for key, value in params.items() if key != "_meta"}, "params without _meta"
    elif choices.chance(3):
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
        base = Base("initialize", initialize(choices, version))
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
    return asked(choices, context, "P13", f"{tool.name}, with no client capability declared", base, vary=97)


PARAMS: dict[str, Callable[[Choices, Context], Malformed]] = {
    "P1": _p1, "P2": _p2, "P3": _p3, "P4": _p4, "P5": _p5, "P6": _p6, "P7": _p7, "P8": _p8, "P9": _p9, "P10": _p10,
    "P11": _p11, "P12": _p12, "P13": _p13,
}  # fmt: skip
"""Row -> its generator."""
