"""The shape of results, per method: our own small reading of the specification's schema, strict where a
validation library is lenient (null for optionals, coerced types, base64). Only what is certain in every
revision is a fault; fields the schema leaves open are not looked at.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping

from mcpfuzz.model import Json
from mcpfuzz.revisions import Revision
from mcpfuzz.rounds import REQUIRED, declared, undeclared
from mcpfuzz.tasks import STATES, asked_for, task_of

__all__ = ["shape_faults"]

_CACHED: Mapping[str, str] = {
    "server/discover": "CA-01", "tools/list": "CA-02", "prompts/list": "CA-03", "resources/list": "CA-04",
    "resources/templates/list": "CA-05", "resources/read": "CA-06",
}  # fmt: skip
"""Methods whose results must say how they may be kept, and the row that says so."""
_MAY_ASK = frozenset(("tools/call", "prompts/get", "resources/read"))
_TEXT_CONTENT = {"text": ("text",), "image": ("data", "mimeType"), "audio": ("data", "mimeType")}


def shape_faults(method: str, result: Json, revision: Revision, params: Json = None) -> list[str]:
    """What is wrong with a result, in words; empty where nothing is.

    Args:
        params: of the request: what it declares may be asked for in the result.
    """
    if not isinstance(result, dict):
        return [f"the result is {_kind(result)}, not an object"]
    faults = []
    if revision.result_type and not isinstance(result.get("resultType"), str):
        faults.append("no resultType (JR-20)")
    if result.get("resultType") == REQUIRED and revision.result_type:
        return [*faults, *_asking(method, result, declared(params))]
    if (
        method == "tools/call"
        and "content" not in result
        and "structuredContent" not in result
        and (result.get("resultType") == "task" or task_of(result) is not None)
    ):
        return [*faults, *_task(result, params)]
    if revision.result_type and method in _CACHED:
        faults += _hints(result, _CACHED[method])
    checker = _CHECKERS.get(method)
    if checker is not None:
        faults += checker(result)
    return faults


def _asking(method: str, result: Mapping[str, Json], known: Mapping[str, Json]) -> Iterator[str]:
    """A result that asks for input (2026-07-28, multi round-trip requests)."""
    if method not in _MAY_ASK:
        yield f"{method} may not ask for input (EL-11)"
    requests, state = result.get("inputRequests"), result.get("requestState")
    if requests is None and state is None:
        yield "it asks for input with neither inputRequests nor requestState (EL-05)"
    if state is not None and not isinstance(state, str):
        yield f"requestState is {_kind(state)}, not a string"
    if requests is not None and not isinstance(requests, dict):
        yield f"inputRequests is {_kind(requests)}, not an object"
        return
    for request in list((requests or {}).values())[:50]:
        if (asked := undeclared(request, known)) is not None:
            yield f"it asks for {asked} (EL-04, EL-06)"


def _task(result: Mapping[str, Json], params: Json) -> Iterator[str]:
    """A call that became a task (2025-11-25, tasks; 2026-07-28, the extension)."""
    if not asked_for(params):
        yield "it answers with a task that the request did not ask for"
    task = task_of(result)
    if task is None:
        yield "it answers with a task that has no string taskId (TK-03)"
        return
    if task.get("status") not in STATES:
        yield "the task's status is none of a task's (TK-05)"
    for name in ("createdAt", "lastUpdatedAt"):
        if not isinstance(task.get(name), str):
            yield f"the task's {name} is missing or no string (TK-07, TK-08)"


def _hints(result: Mapping[str, Json], row: str) -> Iterator[str]:
    """How long, and for whom, a result may be kept (2026-07-28, caching)."""
    for name in ("ttlMs", "cacheScope"):
        if name not in result:
            yield f"no {name} ({row})"
    keep, scope = result.get("ttlMs", 0), result.get("cacheScope", "public")
    if not isinstance(keep, int | float) or isinstance(keep, bool) or not keep >= 0:
        yield f"ttlMs is {keep if isinstance(keep, int | float) else _kind(keep)}, not a number from 0 on (CA-07)"
    if scope not in ("public", "private"):
        yield "cacheScope is neither public nor private (CA-08)"


def _kind(value: Json) -> str:
    return {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}.get(
        type(value), "a number"
    )


def _content(block: Json, where: str) -> Iterator[str]:
    if not isinstance(block, dict):
        yield f"{where} is {_kind(block)}, not an object"
        return
    kind = block.get("type")
    if not isinstance(kind, str):
        yield f"{where}.type is missing or no string"
        return
    for name in _TEXT_CONTENT.get(kind, ()):
        if not isinstance(block.get(name), str):
            yield f"{where}.{name} is missing or no string"
    if kind in ("image", "audio") and isinstance(block.get("data"), str) and not _is_base64(block["data"]):
        yield f"{where}.data is not base64 (PR-06)"
    if kind == "resource":
        yield from _embedded(block.get("resource"), where + ".resource")
    if kind == "resource_link" and not isinstance(block.get("uri"), str):
        yield f"{where}.uri is missing or no string"


def _embedded(resource: Json, where: str) -> Iterator[str]:
    if not isinstance(resource, dict):
        yield f"{where} is {_kind(resource)}, not an object"
        return
    if not isinstance(resource.get("uri"), str):
        yield f"{where}.uri is missing or no string"
    text, blob = resource.get("text"), resource.get("blob")
    if not isinstance(text, str) and not isinstance(blob, str):
        yield f"{where} has neither text nor blob"
    elif isinstance(blob, str) and not _is_base64(blob):
        yield f"{where}.blob is not base64 (RS-09)"


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text[: 1 << 16 & ~3], validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _call(result: Mapping[str, Json]) -> Iterator[str]:
    content = result.get("content")
    if not isinstance(content, list):
        yield "content is missing or no array" if "content" in result or "structuredContent" not in result else ""
    else:
        for index, block in enumerate(content[:50]):
            yield from _content(block, f"content[{index}]")
    if "isError" in result and not isinstance(result["isError"], bool):
        yield f"isError is {_kind(result['isError'])}, not a boolean"
    if "structuredContent" in result and not isinstance(result["structuredContent"], dict):
        yield f"structuredContent is {_kind(result['structuredContent'])}, not an object"


def _read(result: Mapping[str, Json]) -> Iterator[str]:
    contents = result.get("contents")
    if not isinstance(contents, list):
        yield "contents is missing or no array"
        return
    for index, item in enumerate(contents[:50]):
        yield from _embedded(item, f"contents[{index}]")


def _get_prompt(result: Mapping[str, Json]) -> Iterator[str]:
    messages = result.get("messages")
    if not isinstance(messages, list):
        yield "messages is missing or no array"
        return
    for index, message in enumerate(messages[:50]):
        if not isinstance(message, dict) or message.get("role") not in ("user", "assistant"):
            yield f"messages[{index}] has no role user or assistant"
        else:
            yield from _content(message.get("content"), f"messages[{index}].content")


def _complete(result: Mapping[str, Json]) -> Iterator[str]:
    completion = result.get("completion")
    values = completion.get("values") if isinstance(completion, dict) else None
    if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
        yield "completion.values is missing or no array of strings"
    elif len(values) > 100:
        yield f"completion.values has {len(values)} entries, at most 100 are allowed (CP-05)"


def _listing(member: str, needed: str) -> Callable[[Mapping[str, Json]], Iterator[str]]:
    def check(result: Mapping[str, Json]) -> Iterator[str]:
        items = result.get(member)
        if not isinstance(items, list):
            yield f"{member} is missing or no array"
            return
        for index, item in enumerate(items[:500]):
            if not isinstance(item, dict) or not isinstance(item.get("name"), str):
                yield f"{member}[{index}] has no string name"
            elif not isinstance(item.get(needed), dict if needed == "inputSchema" else str):
                yield f"{member}[{index}].{needed} is missing or of the wrong type"
        if "nextCursor" in result and not isinstance(result["nextCursor"], str):
            yield f"nextCursor is {_kind(result['nextCursor'])}, not a string"

    return check


_CHECKERS: Mapping[str, Callable[[Mapping[str, Json]], Iterator[str]]] = {
    "tools/call": lambda result: filter(None, _call(result)),
    "resources/read": _read,
    "prompts/get": _get_prompt,
    "completion/complete": _complete,
    "tools/list": _listing("tools", "inputSchema"),
    "resources/list": _listing("resources", "uri"),
    "resources/templates/list": _listing("resourceTemplates", "uriTemplate"),
    "prompts/list": _listing("prompts", "name"),
}
