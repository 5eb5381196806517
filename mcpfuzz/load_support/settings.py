"""From the command line's words to what a load run needs: who, how much, how long, what for."""

from __future__ import annotations

import contextlib
import secrets
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mcpfuzz import host
from mcpfuzz.blocking import Endpoint
from mcpfuzz.blocking.http1 import place_of
from mcpfuzz.errors import UsageError
from mcpfuzz.events import LaunchRecord
from mcpfuzz.load_support.loopback import is_loopback
from mcpfuzz.load_support.plan import chosen
from mcpfuzz.load_support.slo import DEFAULT_SLO, Objective, parse_slo
from mcpfuzz.model import Json, Severity
from mcpfuzz.target import Prepared, Target, expand_variables, read_examples
from mcpfuzz.transports.launch import Launch

__all__ = ["LoadSettings", "LoadTarget", "settings_of", "target_of_load"]

MAX_USERS = 1_000_000
MAX_TIME_S = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSettings:
    """What is asked for."""

    users: int = 20
    rate: float | None = None
    objectives: tuple[Objective, ...] = ()
    scenarios: tuple[str, ...] = ()
    max_time: float = 60.0
    start_timeout: float = 30.0
    seed: int = 0
    processes: int = 1
    master: bool = False
    worker: bool = False
    expect_workers: int = 1
    master_host: str = "127.0.0.1"
    master_port: int = 5557
    web: bool = False
    web_port: int = 8089
    allow_remote: bool = False
    destructive: bool = False
    fail_on: Severity = "low"
    reports: tuple[str, ...] = ()
    color: bool = True
    quiet: bool = False
    verbose: bool = False


def settings_of(options: Mapping[str, Any]) -> LoadSettings:
    """The settings that options describe.

    Raises:
        UsageError: they contradict each other, or a number is out of range.
    """
    users, rate, max_time = int(options["users"]), options.get("rate"), float(options["max_time"])
    if not 1 <= users <= MAX_USERS:
        raise UsageError(f"--users {users}: must be 1 to {MAX_USERS} in one run; docs/scale.md has a plan for many")
    if rate is not None and not 0 < rate < float("inf"):
        raise UsageError(f"--rate {rate:g}: must be calls a second, greater than 0")
    if not 5 <= max_time <= MAX_TIME_S:
        raise UsageError(f"--max-time {max_time:g}: must be 5 to {MAX_TIME_S} seconds; load is bounded in time")
    chosen(tuple(options.get("scenario", ())), "http")
    roles = [name for name in ("master", "worker") if options.get(name)]
    if len(roles) == 2 or (roles and options.get("processes", 1) > 1):
        raise UsageError("--master, --worker and --processes exclude each other")
    return LoadSettings(
        users=users,
        rate=rate,
        objectives=parse_slo(options.get("slo") or DEFAULT_SLO),
        scenarios=tuple(options.get("scenario", ())),
        max_time=max_time,
        start_timeout=float(options.get("start_timeout", 30.0)),
        seed=options["seed"] if options.get("seed") is not None else secrets.randbelow(1 << 31),
        processes=int(options.get("processes", 1)),
        master=bool(options.get("master")),
        worker=bool(options.get("worker")),
        expect_workers=int(options.get("expect_workers", 1)),
        master_host=options.get("master_host") or "127.0.0.1",
        master_port=int(options.get("master_port") or 5557),
        web=bool(options.get("web")),
        web_port=int(options.get("web_port") or 8089),
        allow_remote=bool(options.get("allow_remote")),
        destructive=bool(options.get("allow_destructive")),
        fail_on=options.get("fail_on") or "low",
        reports=tuple(options.get("report", ())),
        color=not options.get("no_color"),
        quiet=bool(options.get("quiet")),
        verbose=bool(options.get("verbose")),
    )


@dataclass(slots=True, kw_only=True)
class LoadTarget:
    """Who gets the load, made ready."""

    endpoint: Endpoint
    launch: Launch | None
    """How its server is started; None where it runs already, or is started for each user (stdio)."""
    record: LaunchRecord
    folder: str
    """Scratch, of this run alone, mode 0700."""
    identities: tuple[tuple[str, dict[str, str]], ...] = ()
    examples: tuple[Mapping[str, Json], ...] = ()
    secrets: tuple[str, ...] = ()
    token: str = ""
    trusted_lab: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def first_headers(self) -> Mapping[str, str]:
        """Of the identity that the run acts as."""
        return self.identities[0][1] if self.identities else {}

    def endpoint_as(self, transport: str) -> Endpoint:
        """The endpoint with the transport that was found."""
        return replace(self.endpoint, transport=transport)

    def addresses(self) -> tuple[str, ...]:
        """Two local addresses to come from, where the server is on loopback and the system allows it."""
        if self.endpoint.url is None or place_of(self.endpoint.url).host not in ("127.0.0.1", "localhost"):
            return ()
        with contextlib.suppress(OSError), socket.socket() as trial:
            trial.bind(("127.0.0.2", 0))
            return ("127.0.0.1", "127.0.0.2")
        return ()


@contextlib.contextmanager
def target_of_load(command: tuple[str, ...], options: Mapping[str, Any]) -> Iterator[LoadTarget]:
    """The target that options and COMMAND describe; leaving removes all that was made for it.

    Raises:
        UsageError: there is none, it is remote, or its description is wrong.
    """
    url = options.get("url")
    if not url and not command:
        raise UsageError("no server to put load on: give --url URL, or its command after --")
    if url and not options.get("allow_remote") and not is_loopback(url):
        raise UsageError(f"--url {url} is not on this machine: load goes there only with --allow-remote")
    env = dict(_pair("--env", item, "=") for item in options.get("env", ()))
    headers = dict(_pair("--header", item, ":") for item in options.get("header", ()))
    identities = _identities(options.get("identity", ()))
    kind = options.get("transport") or "auto"
    record = LaunchRecord(
        command=command,
        url=url,
        transport=kind if kind != "auto" else Endpoint(url=url, argv=command if not url else ()).kind,
        cwd=options.get("cwd") or ".",
        workspace=tuple(options.get("workspace", ())),
        env=env,
        headers=headers,
        identities={name: tuple(f"header:{k}: {v}" for k, v in given.items()) for name, given in identities},
    )
    examples = tuple(item for path in options.get("example", ()) for item in read_examples(path))
    expanded = [(name, {k: expand_variables(v) for k, v in given.items()}) for name, given in identities]
    made = LoadTarget(
        endpoint=Endpoint(
            url=url,
            transport=kind,
            headers={name: expand_variables(value) for name, value in headers.items()},
            revision=options.get("revision") or "auto",
            timeout=float(options.get("timeout") or 10.0),
            cacert=options.get("cacert"),
            insecure=bool(options.get("insecure")),
        ),
        launch=None,
        record=record,
        folder="",
        identities=tuple(expanded),
        examples=examples,
        token=secrets.token_hex(8),
    )
    with contextlib.ExitStack() as stack:
        made.folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mcpfuzz-load-"))
        if command:
            _prepare(made, stack, command, options, env)
        yield made


def _prepare(
    made: LoadTarget,
    stack: contextlib.ExitStack,
    command: tuple[str, ...],
    options: Mapping[str, Any],
    env: Mapping[str, str],
) -> None:
    """A server that mcpfuzz starts: workspace copied, placeholders filled."""
    target = Target(
        command=command,
        env=dict(env),
        cwd=options.get("cwd"),
        workspaces=tuple(options.get("workspace", ())),
        examples=made.examples,
        state=options.get("state") or ".mcpfuzz",
    )
    prepared = stack.enter_context(Prepared.of(target))
    made.secrets, made.examples, made.token = prepared.secrets, prepared.examples, prepared.launch.token
    made.notes += prepared.notes
    url = made.endpoint.url
    if url is None:
        env_of = prepared.launch.environment(f"{prepared.launch.token}-load")
        made.endpoint = replace(
            made.endpoint,
            argv=prepared.launch.argv,
            env={**env_of, host.MARK: env_of[host.MARK]},
            cwd=prepared.launch.cwd,
        )
        return
    made.launch = prepared.launch
    for name, value in prepared.places.items():
        url = url.replace("{" + name + "}", value)
    if "{" in url:
        raise UsageError(f"--url {url} holds a placeholder that the command does not: both need {{port}}")
    made.endpoint = replace(made.endpoint, url=url)


def _pair(option: str, text: str, mark: str) -> tuple[str, str]:
    name, found, value = text.partition(mark)
    if not found or not name.strip():
        shape = "KEY=VALUE" if mark == "=" else '"Name: value"'
        raise UsageError(f"{option} {text}: must be {shape}")
    return name.strip(), value.strip() if mark == ":" else value


def _identities(given: tuple[str, ...]) -> list[tuple[str, dict[str, str]]]:
    made: dict[str, dict[str, str]] = {}
    for text in given:
        name, found, spec = text.partition("=")
        kind, _, rest = spec.partition(":")
        if not found or not name or kind != "header" or ":" not in rest:
            raise UsageError(
                f'--identity {text}: load takes NAME=header:Name: value, as in "alice=header:X-Key: ${{KEY}}"'
            )
        made.setdefault(name, {}).update([_pair("--identity", rest, ":")])
    return list(made.items())
