"""From the command line's words to what a load run needs: who, how much, how long, what for."""

from __future__ import annotations

import contextlib
import secrets
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import trio

from mcpfuzz.blocking import NOBODY, Endpoint
from mcpfuzz.blocking.http1 import place_of
from mcpfuzz.campaign.config import target_of
from mcpfuzz.campaign.entry import Entry
from mcpfuzz.errors import UsageError
from mcpfuzz.events import LaunchRecord
from mcpfuzz.identities import Identity
from mcpfuzz.load_support.plan import chosen
from mcpfuzz.load_support.slo import DEFAULT_SLO, Objective, parse_slo
from mcpfuzz.model import Json, Severity
from mcpfuzz.target import Prepared
from mcpfuzz.target.filling import placed
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

    prepared: Prepared
    endpoint: Endpoint
    launch: Launch | None
    """How its server is started; None where it runs already, or is started for each user (stdio)."""
    record: LaunchRecord
    folder: str
    """Scratch, of this run alone, mode 0700."""
    identities: tuple[Identity, ...] = ()
    examples: tuple[Mapping[str, Json], ...] = ()
    secrets: tuple[str, ...] = ()
    token: str = ""
    notes: tuple[str, ...] = ()

    @property
    def first(self) -> Identity:
        """Whom the run acts as."""
        return self.identities[0] if self.identities else NOBODY

    def sign_in(self, seconds: float) -> None:
        """Those callers that sign in do so, once: a load run does not outlive what they get.

        Raises:
            TargetError: one of them is refused.
        """
        if any(who.login or who.claims for who in self.prepared.identities.values()):
            trio.run(Entry(self.prepared).everybody, time.monotonic() + seconds)
            self.identities = _sent(self.prepared)

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

    Its server runs outside the sandbox: Locust's processes must reach it.

    Raises:
        UsageError: there is none, it is remote, or its description is wrong.
    """
    transport = options.get("transport")
    target = target_of(command, {**options, "transport": None if transport == "auto" else transport, "sandbox": "off"})
    with contextlib.ExitStack() as stack:
        prepared = stack.enter_context(Prepared.of(target))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mcpfuzz-load-"))
        for name, who in prepared.identities.items():
            prepared.way(name)  # says what cannot be sent
            if who.ticket is not None:
                raise UsageError(
                    f"--identity {name}=ticket:...: load opens thousands of connections; give them a token"
                )
        token = prepared.launch.token if prepared.launch is not None else secrets.token_hex(8)
        yield LoadTarget(
            endpoint=_endpoint(prepared, options),
            launch=prepared.served if prepared.endpoint is not None else None,
            record=target.record,
            folder=folder,
            prepared=prepared,
            identities=_sent(prepared),
            examples=tuple(placed(example, prepared.places) for example in prepared.examples),
            secrets=prepared.secrets,
            token=token,
            notes=tuple(prepared.notes),
        )


def _sent(prepared: Prepared) -> tuple[Identity, ...]:
    """What users send: nothing of how it was come by."""
    return tuple(replace(who, key="", login=None, claims=None) for who in prepared.identities.values())


def _endpoint(prepared: Prepared, options: Mapping[str, Any]) -> Endpoint:
    """The target as the blocking clients reach it."""
    limits: dict[str, Any] = {
        "revision": options.get("revision") or "auto",
        "timeout": float(options.get("timeout") or 10.0),
    }
    if prepared.endpoint is None:
        launch = prepared.served
        assert launch is not None
        env = launch.environment(f"{launch.token}-load")
        return Endpoint(argv=launch.argv, env=env, cwd=launch.cwd, transport="stdio", **limits)
    there = prepared.endpoint
    return Endpoint(
        url=there.url,
        transport=prepared.target.transport or "auto",
        headers=dict(there.headers),
        cacert=there.cacert,
        insecure=there.insecure,
        **limits,
    )
