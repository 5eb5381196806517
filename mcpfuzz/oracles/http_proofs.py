"""Proofs about the HTTP operations that a server offers beside MCP: what its OpenAPI document does not allow.

Pure, as all proofs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from mcpfuzz.model import Exchange, Http, Trace
from mcpfuzz.oracles.bench import Bench, Seen
from mcpfuzz.oracles.schema_proofs import broken_at

__all__ = ["HTTP", "TRUE_ERRORS"]

TRUE_ERRORS = frozenset(range(500, 600)) - {501, 502, 503, 504}
"""Statuses of a server that did not expect this. The others may be true: not built, or another server is not there,
as none is in a sandbox."""


def _asked(trace: Trace) -> Exchange | None:
    """The last plain request that was answered."""
    steps = trace.conversation.steps
    said = [item for item in trace.exchanges if isinstance(steps[item.step].action, Http) and item.status is not None]
    return said[-1] if said else None


def _fails(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    exchange = _asked(trace)
    if exchange is None or exchange.status not in TRUE_ERRORS:
        return None
    return f"step {exchange.step + 1} is answered with HTTP {exchange.status}"


def _breaks_schema(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The status that is meant, a body that says it is JSON, and another shape than is documented."""
    exchange = _asked(trace)
    if exchange is None or exchange.status != params["status"]:
        return None
    if not re.match(r"application/(?:[\w.+-]+\+)?json\b", dict(exchange.headers).get("content-type", "")):
        return None
    try:
        body = json.loads(exchange.body)
    except (RecursionError, ValueError):
        return None
    broken = broken_at(params["schema"], body)
    return f"HTTP {exchange.status}: {broken[0]} breaks {broken[1]}" if broken else None


HTTP: Mapping[str, Seen] = {"http-fails": _fails, "http-breaks-schema": _breaks_schema}
"""Kind -> how it is seen."""
