"""Discovery: what a server offers, listed within caps, and turned into operations that all look alike.

Lists are the server's word and not trusted: pages are capped, a cursor that comes back ends the listing,
entries that cannot be read are told as notes. Nothing is called here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mcpfuzz.answers import result_of
from mcpfuzz.caution import looks_destructive
from mcpfuzz.client import Client
from mcpfuzz.errors import Gone, Late, TargetError
from mcpfuzz.model import Call, Json, Operation, OperationKind, Surface, brief
from mcpfuzz.slots import quote
from mcpfuzz.transports.headers import learn

__all__ = ["MAX_OPERATIONS", "Leave", "bind", "discover"]

TEMPLATES = "resources/templates/list"
UNKNOWN_METHOD = -32601
MAX_PAGES = 40
MAX_OPERATIONS = 1_000
"""Operations that one run looks at; more are told as a note."""

_OPERATORS: Mapping[str, tuple[str, str, bool]] = {
    "": ("", ",", False), "+": ("", ",", False), "#": ("#", ",", False), ".": (".", ".", False),
    "/": ("/", "/", False), ";": (";", ";", True), "?": ("?", "&", True), "&": ("&", "&", True),
}  # fmt: skip
"""RFC 6570, appendix A: what stands first, what between, whether names are told."""
_TEMPLATE_VARIABLE = re.compile(r"\{[+#./;?&]?([\w,.%*:]+)\}")


@dataclass(frozen=True, slots=True)
class Leave:
    """What the user allows (contract, `--allow-destructive`)."""

    destructive: bool = False
    contained: bool = False
    """mcpfuzz started the server and a workspace copy or the lab is behind it."""


def bind(operation: Operation, arguments: Mapping[str, Json]) -> Call:
    """The request that calls an operation with these arguments."""
    if operation.kind == "tool":
        return Call("tools/call", {"name": quote(operation.name), "arguments": arguments})
    if operation.kind == "prompt":
        return Call("prompts/get", {"name": quote(operation.name), "arguments": arguments})
    if operation.kind == "completion":
        ref, _, argument = operation.name.rpartition("#")
        kind, _, name = ref.partition(":")
        argument = argument.replace("%23", "#").replace("%25", "%")
        target = {"type": f"ref/{kind}", "name" if kind == "prompt" else "uri": name}
        return Call(
            "completion/complete", {"ref": target, "argument": {"name": argument, "value": arguments.get("value", "")}}
        )
    return Call("resources/read", {"uri": _expand(operation, arguments)})


def _expand(operation: Operation, arguments: Mapping[str, Json]) -> str:
    """A resource's URI; values are put in as they stand, since a strict expander would hide attacks. What an
    operator puts around them (RFC 6570, 3.2) is kept: `{/name}` begins with a slash."""
    if operation.template is None:
        return quote(str(arguments.get("uri", operation.name)))

    def fill(match: re.Match[str]) -> str:
        operator = match.group(0)[1] if match.group(0)[1] in _OPERATORS else ""
        first, between, named = _OPERATORS[operator]
        made = []
        for name in (item.rstrip("*").partition(":")[0] for item in match.group(1).split(",")):
            if operator and name not in arguments:
                continue
            value = str(arguments.get(name, ""))
            made.append(f"{name}={value}" if named else value)
        return first + between.join(made) if made else ""

    return _TEMPLATE_VARIABLE.sub(fill, operation.template)


async def discover(client: Client, *, timeout: float, leave: Leave) -> Surface:
    """List everything.

    Raises:
        Gone: the server ended meanwhile.
        TargetError: a listing that was declared was never answered.
    """
    session = client.session
    notes: list[str] = []
    pages: dict[str, int] = {}
    operations: list[Operation] = []
    seen: set[tuple[str, str]] = set()
    listings = (
        ("tools", "tools/list", "tools", _tool),
        ("resources", "resources/list", "resources", _resource),
        ("resources", TEMPLATES, "resourceTemplates", _template),
        ("prompts", "prompts/list", "prompts", _prompt),
    )
    for capability, method, member, read in listings:
        if capability not in session.capabilities and session.capabilities:
            continue
        entries = await _pages(client, method, member, timeout, notes, pages)
        if member == "tools" and client.endpoint is not None:
            learn(client.endpoint.learned, entries)  # arguments that are repeated in headers (2026-07-28)
        for entry in entries:
            operation = read(entry, leave)
            if operation is None:
                notes.append(f"{method}: an entry that cannot be used: {brief(entry, 80)}")
            elif operation.key in seen:
                notes.append(f"{method}: {operation.name[:80]!r} is listed twice")
            else:
                seen.add(operation.key)
                operations.append(operation)
    operations += _completions(session.capabilities, operations)
    if len(operations) > MAX_OPERATIONS:
        notes.append(f"{len(operations)} operations are offered; the first {MAX_OPERATIONS} are tested")
    return Surface(
        revision=session.revision.date,
        revisions=tuple(sorted({session.revision.date, *session.offered})),
        server=session.server,
        capabilities=session.capabilities,
        operations=tuple(operations[:MAX_OPERATIONS]),
        good={},
        notes=tuple(notes[:40]),
        pages=pages,
    )


def _unknown_method(value: Json) -> bool:
    error = value.get("error") if isinstance(value, dict) else None
    return isinstance(error, dict) and error.get("code") == UNKNOWN_METHOD


async def _pages(
    client: Client, method: str, member: str, timeout: float, notes: list[str], pages: dict[str, int]
) -> list[Json]:
    """All entries of a listing, page by page, within caps; how many there were goes to `pages`."""
    entries: list[Json] = []
    cursors: set[str] = set()
    params: dict[str, Json] = {}
    for _ in range(MAX_PAGES):
        try:
            frame = await client.ask(method, params, timeout=timeout)
        except Late:
            notes.append(f"{method} was not answered within {timeout:g} s")
            return entries
        except Gone as gone:
            raise Gone(f"{gone} at {method}", returncode=gone.returncode) from None
        except TargetError as error:
            notes.append(f"{method}: {error}")
            return entries
        result = result_of(frame.value)
        if result is None or not isinstance(result.get(member), list):
            if method == TEMPLATES and _unknown_method(frame.value):
                return entries  # resources and no templates: both Python SDKs say so
            notes.append(f"{method} gave no list of {member}")
            return entries
        entries += result[member]
        pages[method] = pages.get(method, 0) + 1
        cursor = result.get("nextCursor")
        if cursor is None or len(entries) > MAX_OPERATIONS:
            return entries
        if not isinstance(cursor, str):
            notes.append(f"{method}: nextCursor is no string")
            return entries
        if cursor in cursors:
            notes.append(f"{method}: the cursor {cursor[:40]!r} came back; the listing has no end")
            return entries
        cursors.add(cursor)
        params = {"cursor": cursor}
    notes.append(f"{method}: over {MAX_PAGES} pages; the rest is not read")
    return entries


def _text(entry: Mapping[str, Json], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _tool(entry: Json, leave: Leave) -> Operation | None:
    if not isinstance(entry, dict) or not _text(entry, "name"):
        return None
    schema, output, hints = entry.get("inputSchema"), entry.get("outputSchema"), entry.get("annotations")
    execution = entry.get("execution")
    skipped = None
    if looks_destructive(entry) and not (leave.destructive or leave.contained):
        skipped = "may destroy or send something: give --workspace or --allow-destructive"
    return Operation(
        kind="tool",
        name=entry["name"],
        description=_text(entry, "description") or _text(entry, "title"),
        schema=schema if isinstance(schema, dict) else {},
        output_schema=output if isinstance(output, dict) else None,
        annotations=hints if isinstance(hints, dict) else {},
        task=_text(execution, "taskSupport") if isinstance(execution, dict) else "",
        skipped=skipped,
    )


def _resource(entry: Json, leave: Leave) -> Operation | None:
    if not isinstance(entry, dict) or not _text(entry, "uri"):
        return None
    schema = {"type": "object", "properties": {"uri": {"const": entry["uri"]}}, "required": ["uri"]}
    return Operation(kind="resource", name=entry["uri"], description=_text(entry, "description"), schema=schema)


def _template(entry: Json, leave: Leave) -> Operation | None:
    if not isinstance(entry, dict) or not _text(entry, "uriTemplate"):
        return None
    template = entry["uriTemplate"]
    names = [
        name.rstrip("*").partition(":")[0]
        for group in _TEMPLATE_VARIABLE.findall(template)
        for name in group.split(",")
    ]
    return Operation(
        kind="resource",
        name=template,
        template=template,
        description=_text(entry, "description"),
        schema=_string_schema(names, names),
    )


def _prompt(entry: Json, leave: Leave) -> Operation | None:
    if not isinstance(entry, dict) or not _text(entry, "name"):
        return None
    given = entry.get("arguments")
    arguments = (
        [item for item in given if isinstance(item, dict) and _text(item, "name")] if isinstance(given, list) else []
    )
    names = [item["name"] for item in arguments]
    required = [item["name"] for item in arguments if item.get("required") is True]
    return Operation(
        kind="prompt",
        name=entry["name"],
        description=_text(entry, "description"),
        schema=_string_schema(names, required),
    )


def _string_schema(names: list[str], required: list[str]) -> dict[str, Json]:
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}, "required": required}


def _completions(capabilities: Mapping[str, Json], operations: list[Operation]) -> list[Operation]:
    """One operation per argument that can be completed."""
    if "completions" not in capabilities:
        return []
    kinds: dict[str, OperationKind] = {"prompt": "prompt", "resource": "resource"}
    made = []
    for operation in operations:
        if operation.kind not in kinds or (operation.kind == "resource" and operation.template is None):
            continue
        for name in operation.members:
            name = name.replace("%", "%25").replace("#", "%23")  # `bind` splits at the last "#"
            made.append(
                Operation(
                    kind="completion",
                    name=f"{operation.kind}:{operation.name}#{name}",
                    schema=_string_schema(["value"], ["value"]),
                )
            )
    return made[:50]
