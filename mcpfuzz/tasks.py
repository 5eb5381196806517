"""Tasks: calls that answer with a handle at once, and with their result when asked for it. Pure.

2025-11-25 has them in its core: the client asks for one (`task` beside the arguments) of tools that declare
`execution.taskSupport`. In 2026-07-28 they are the extension `io.modelcontextprotocol/tasks`: the client declares it
with each request, and the server alone decides what becomes a task.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcpfuzz.model import Json
from mcpfuzz.revisions import BY_DATE, META

__all__ = ["ENDED", "EXTENSION", "STATES", "asked_for", "augmented", "offered", "task_of"]

EXTENSION = META + "tasks"
CAPABILITIES = META + "clientCapabilities"
SINCE = "2025-11-25"
TTL_MS = 60_000
"""How long a task that we ask for is to be kept."""
STATES = ("working", "input_required", "completed", "failed", "cancelled")
ENDED = ("completed", "failed", "cancelled")


def offered(capabilities: Mapping[str, Json], revision: str) -> Mapping[str, Json] | None:
    """What a server declares of tasks for `tools/call`; None where it has none."""
    if BY_DATE[revision].era == "modern":
        extensions = capabilities.get("extensions")
        found = extensions.get(EXTENSION) if isinstance(extensions, dict) else None
        return found if isinstance(found, dict) else None
    found = capabilities.get("tasks") if revision >= SINCE else None
    requests = found.get("requests") if isinstance(found, dict) else None
    tools = requests.get("tools") if isinstance(requests, dict) else None
    called = isinstance(tools, dict) and isinstance(tools.get("call"), dict)
    return found if isinstance(found, dict) and called else None


def augmented(params: Mapping[str, Json], revision: str, *, new: bool = False) -> dict[str, Json]:
    """Params of a request about tasks, as the revision has them.

    Args:
        new: it is a call that is to become a task.
    """
    if BY_DATE[revision].era == "modern":
        return {**params, "_meta": {CAPABILITIES: {"extensions": {EXTENSION: {}}}}}
    return {**params, "task": {"ttl": TTL_MS}} if new else dict(params)


def asked_for(params: Json) -> bool:
    """Whether a request lets its answer be a task."""
    given = params if isinstance(params, dict) else {}
    if isinstance(given.get("task"), dict):
        return True
    meta = given.get("_meta")
    known = meta.get(CAPABILITIES) if isinstance(meta, dict) else None
    extensions = known.get("extensions") if isinstance(known, dict) else None
    return isinstance(extensions, dict) and EXTENSION in extensions


def task_of(result: Json) -> Mapping[str, Json] | None:
    """The task that a result stands for, of either form; None where it stands for none."""
    if not isinstance(result, dict):
        return None
    found = result if result.get("resultType") == "task" else result.get("task")
    return found if isinstance(found, dict) and isinstance(found.get("taskId"), str) else None
