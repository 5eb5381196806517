"""Pages that developers left behind, and what stands on them."""

from __future__ import annotations

from mcpfuzz.model import Call, Case, Operation, Proof, Step, Surface, replace
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import innocent_call
from mcpfuzz.scenarios.pages import get, groups, page_case
from mcpfuzz.strategies.choices import Choices

PATHS = (
    "/debug", "/debug/", "/debug/env", "/debug/vars", "/debug/config", "/debug/requests", "/debug/sessions",
    "/debug/state", "/debug/pprof/goroutine?debug=2", "/debug/pprof/cmdline", "/_debug", "/__debug__/", "/console",
    "/env", "/environ", "/environment", "/config", "/config.json", "/settings", "/info", "/status", "/state", "/dump",
    "/trace", "/traces", "/stack", "/threads", "/logs", "/log", "/sessions", "/requests", "/history", "/events",
    "/metrics", "/health", "/healthz", "/admin", "/admin/config", "/internal", "/internal/config", "/internal/debug",
    "/actuator/env", "/actuator/configprops", "/actuator/threaddump", "/actuator/httptrace", "/server-info",
    "/server-status", "/.env", "/.env.local", "/.env.production", "/.git/HEAD", "/.git/config", "/server.py",
    "/main.py", "/app.py", "/docs", "/openapi.json", "/.well-known/mcp.json", "{address}/debug", "{address}/status",
    "{address}/health", "/api/debug", "/api/config", "/api/env",
)  # fmt: skip
REMEMBERS = frozenset(
    {
        "/debug", "/debug/", "/debug/requests", "/debug/state", "/requests", "/logs", "/log", "/history", "/events",
        "/trace", "/traces", "/dump", "/state", "/internal/debug", "/admin", "/actuator/httptrace", "/api/debug",
        "{address}/debug",
    }
)  # fmt: skip
"""Pages that may show what other clients said: somebody says something first."""
ALONE = groups([path for path in PATHS if path not in REMEMBERS])
BEHIND = groups([path for path in PATHS if path in REMEMBERS])
NOTE = "mcpfuzz.example/note"
PLAIN = (("Accept", "*/*"),)


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """Pages as they are, then those that may show another client's words behind such words."""
    if index >= len(ALONE) + len(BEHIND):
        return None
    behind = index >= len(ALONE)
    paths = (*ALONE, *BEHIND)[index]
    steps = [get(path, *PLAIN) for path in paths]
    if behind:
        steps = [Step(action=_noted(innocent_call(surface))), *steps]
    expected = "no page, or one without secrets, environment, sources, stack traces or others' requests"
    proof = Proof(kind="page-shows", expected=expected, params={"canary": "note"})
    control = get("/{canary:nowhere}", *PLAIN)
    name = f"{paths[0]} ... {paths[-1]}"
    return page_case(SCENARIO.id, "debug-endpoint", name, steps, proof, "", control)


def _noted(call: Call) -> Call:
    """The call with a token in its _meta, which servers have no use for."""
    params = dict(call.params) if isinstance(call.params, dict) else {}
    meta = params.get("_meta")
    return replace(
        call, params={**params, "_meta": {**(meta if isinstance(meta, dict) else {}), NOTE: "{canary:note}"}}
    )


SCENARIO = Scenario(
    id="debug-endpoint",
    title="Pages for developers",
    about="Pages of debuggers, monitors, configuration and repositories are asked for without a credential. What "
    "proves one is what stands on it: the process's environment, secrets, sources, stacks, another client's words.",
    draw=draw,
    rules=("debug-endpoint",),
    cases=len(ALONE) + len(BEHIND),
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "pages"),
    references=("CWE-489", "CWE-215", "CWE-538", "OWASP-API8", "OWASP-API9"),
)
