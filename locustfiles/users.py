"""What all users are made of: a blocking MCP client, one Locust row per method and tool, and errors told apart.

A row's failures read "JSON-RPC -32603", "isError", "HTTP 503", "HTTP 429 Retry-After 1", "no answer in time". SSE
answers have a second row of the type "MCP first event".
"""

from __future__ import annotations

import functools
import json
import os
import random
from argparse import Namespace
from dataclasses import asdict
from time import monotonic
from typing import Any

import gevent
from locust import User, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from mcpfuzz.blocking import Client, Endpoint, Outcome, dial, reach
from mcpfuzz.errors import McpfuzzError
from mcpfuzz.identities import Identity
from mcpfuzz.load_support.survey import LoadCall, Survey, take_survey

__all__ = ["Failure", "McpUser", "OpenMcpUser", "fire"]


class Failure(Exception):
    """What Locust's failure table shows."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Failure) and str(other) == str(self)

    def __hash__(self) -> int:
        return hash(str(self))


@functools.lru_cache(maxsize=512)
def _failure(detail: str) -> Failure:
    return Failure(detail)


def fire(environment: Environment, row: str, outcome: Outcome) -> None:
    """Tell Locust of one outcome."""
    environment.events.request.fire(
        request_type="MCP",
        name=row,
        response_time=outcome.took_s * 1000,
        response_length=outcome.size,
        exception=None if outcome.kind == "ok" else _failure(outcome.detail),
        context={},
    )
    if outcome.first_s is not None:
        environment.events.request.fire(
            request_type="MCP first event",
            name=row,
            response_time=outcome.first_s * 1000,
            response_length=0,
            exception=None,
            context={},
        )


@events.init_command_line_parser.add_listener
def _options(parser: LocustArgumentParser) -> None:
    group = parser.add_argument_group("MCP")
    group.add_argument(
        "--mcp-header", action="append", default=[], metavar="NAME: VALUE", help="repeatable; ${VAR} too"
    )
    group.add_argument(
        "--mcp-identity", action="append", default=[], metavar="SPEC",
        help="header:Name: value, query:key=value, env:KEY=VALUE, subprotocol:value, first-message:JSON; repeatable",
    )  # fmt: skip
    group.add_argument("--mcp-cacert", default=None, env_var="MCP_CACERT", help="authorities (PEM) trusted, too")
    group.add_argument("--mcp-insecure", action="store_true", help="do not verify certificates")
    group.add_argument(
        "--mcp-command", default="", env_var="MCP_COMMAND", help="a stdio server's command, as JSON array"
    )
    group.add_argument("--mcp-example", default="", env_var="MCP_EXAMPLE", help="known-good calls, JSON Lines")
    group.add_argument("--mcp-tool", default="", env_var="MCP_TOOL", help="call only this tool")
    group.add_argument("--mcp-revision", default="auto", env_var="MCP_REVISION", help="MCP revision, or auto")
    group.add_argument("--mcp-rate", type=float, default=1.0, env_var="MCP_RATE", help="open model: calls/s per user")
    group.add_argument("--mcp-destructive", action="store_true", help="call tools that may destroy or send, too")
    group.add_argument("--mcp-allow-remote", action="store_true", help="a host that is not loopback is meant")


def _headers(given: list[str]) -> dict[str, str]:
    pairs = (item.partition(":") for item in given)
    return {name.strip(): os.path.expandvars(value.strip()) for name, _, value in pairs}


def _who(specs: list[str]) -> Identity:
    """Whom the users speak as."""
    return Identity.of("user", specs, os.path.expandvars)


def _examples(path: str) -> list[dict[str, Any]]:
    """Known-good calls, JSON Lines."""
    if not path:
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


@functools.lru_cache(maxsize=8)
def _surveyed(key: str) -> Survey:
    """What to call, found once per process."""
    given = json.loads(key)
    client = reach(Endpoint(**given["endpoint"]), who=_who(given["who"]))
    examples = _examples(given["example"])
    try:
        return take_survey(client, examples=examples, destructive=given["destructive"])
    finally:
        client.close()


class McpUser(User):
    """A client with a session of its own that calls the server's tools, one after the other (closed model)."""

    abstract = True
    transport = "auto"
    client: Client
    calls: list[LoadCall]

    def endpoint(self) -> Endpoint:
        """Where to; from `--host` and the `--mcp-` options."""
        options: Namespace = self.environment.parsed_options
        command = tuple(json.loads(options.mcp_command)) if options.mcp_command else ()
        url = self.host or None
        if url is not None:
            _check_loopback(url, options.mcp_allow_remote)
        return Endpoint(
            url=None if command else url,
            argv=command,
            transport="stdio" if command else self.transport,
            headers=_headers(options.mcp_header),
            revision=options.mcp_revision,
            cacert=options.mcp_cacert,
            insecure=options.mcp_insecure,
        )

    def on_start(self) -> None:
        options: Namespace = self.environment.parsed_options
        endpoint = self.endpoint()
        key = {"endpoint": asdict(endpoint), "who": options.mcp_identity, "example": options.mcp_example}
        survey = _surveyed(json.dumps({**key, "destructive": options.mcp_destructive}))
        self.calls = [c for c in survey.calls if not options.mcp_tool or c.params.get("name") == options.mcp_tool]
        if not self.calls:
            raise McpfuzzError(f"--mcp-tool {options.mcp_tool}: no such tool answers well; see --mcp-example")
        self.client = dial(endpoint, who=_who(options.mcp_identity))
        opened = self.client.open()
        fire(self.environment, "handshake", opened)

    def on_stop(self) -> None:
        if hasattr(self, "client"):
            self.client.close()

    @task
    def call(self) -> None:
        """One call of one tool."""
        self.say(random.choice(self.calls))

    def say(self, call: LoadCall, due: float | None = None) -> Outcome:
        """A call, told to Locust."""
        outcome = self.client.call(call.method, dict(call.params), due=due)
        fire(self.environment, call.row, outcome)
        if outcome.kind == "broken":
            gevent.sleep(0.1)
        return outcome


class OpenMcpUser(McpUser):
    """The same with an open model: calls are due at fixed instants, whatever became of those before, and latency is
    counted from the instant a call was due."""

    abstract = True

    @task
    def call(self) -> None:
        options: Namespace = self.environment.parsed_options
        gap = 1.0 / options.mcp_rate
        due = monotonic() + random.random() * gap
        while self._state == "running":
            gevent.sleep(max(0.0, due - monotonic()))
            gevent.spawn(self.say, random.choice(self.calls), due)
            due += gap


def _check_loopback(url: str, allowed: bool) -> None:
    from mcpfuzz.load_support.loopback import is_loopback

    if not allowed and not is_loopback(url):
        raise McpfuzzError(f"--host {url} is not loopback: load goes there only with --mcp-allow-remote")
