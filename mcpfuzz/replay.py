"""Replay: a report's reproducers said again to a fresh server, judged by the same proofs. What the report
says is a script: the command is printed before it is started, and sizes in it are bounded like any input.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

import trio

from mcpfuzz.campaign.config import target_of
from mcpfuzz.campaign.facts import bench_of
from mcpfuzz.campaign.supply import Supply
from mcpfuzz.errors import TargetError, UsageError
from mcpfuzz.model import replace
from mcpfuzz.oracles.proofs import PROOFS, observe
from mcpfuzz.reports import REDACTED, conversation_of, proof_of, visible
from mcpfuzz.reports.reading import read_report
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.runner import Talk, converse
from mcpfuzz.target import Prepared, Target

__all__ = ["replay_report"]

TRIES_TOGETHER = 3
"""Fresh servers on which messages that go out together may show it."""


def replay_report(
    path: str, command: tuple[str, ...], only: str | None, options: Mapping[str, Any], say: Callable[[str], None]
) -> int:
    """Replay findings; the exit code: 1 one still shows, 0 none does, 3 it could not be tried.

    Raises:
        UsageError: the report cannot be read, or lacks the finding, or a secret must be given again.
    """
    report = read_report(path)
    findings = [item for item in report.get("findings", []) if only is None or item.get("fingerprint") == only]
    if not findings:
        known = ", ".join(item.get("fingerprint", "?") for item in report.get("findings", []))
        if only is None:
            raise UsageError(f"{path} holds no findings: there is nothing to replay")
        raise UsageError(f"{path} holds no finding {only!r}; it has: {known or 'none'}")
    _provable(findings)
    target = _target(report, command, options)
    say(f"starting: {shlex.join(target.command)}" if target.command else f"asking: {target.url}")
    shown = untried = 0
    with Prepared.of(target) as prepared:
        for finding in findings:
            name = visible(f"{finding.get('rule')} {finding.get('fingerprint')}")
            if (finding.get("proof") or {}).get("kind") == "load":
                untried += 1
                say(f"could not be tried: {name}: load is measured, not replayed: see `mcpfuzz load`")
                continue
            try:
                seen = _tried(prepared, report, finding, float(options["timeout"]))
            except TargetError as error:
                untried += 1
                say(f"could not be tried: {name}: {visible(str(error))}")
                continue
            shown += seen is not None
            say(f"still shows:  {name}: {visible(seen)[:300]}" if seen is not None else f"does not show: {name}")
    return 1 if shown else 3 if untried else 0


def _tried(prepared: Prepared, report: Mapping[str, Any], finding: Mapping[str, Any], timeout: float) -> str | None:
    """What is seen of one finding. Where messages go out together it is chance which comes first: that it did not show
    once does not say that it is mended."""
    together = any(step.group is not None for step in conversation_of(finding["reproducer"]["steps"]).steps)
    for _ in range(TRIES_TOGETHER if together else 1):
        seen = trio.run(_one, prepared, report, finding, timeout)
        if seen is not None:
            return seen
    return None


def _provable(findings: list[Any]) -> None:
    """Raises UsageError where a proof is of the user's own and was not loaded."""
    for kind in [(finding.get("proof") or {}).get("kind") for finding in findings]:
        if kind not in PROOFS and kind != "load":
            raise UsageError(
                f"proof {kind!r} is none of mcpfuzz's own: name the folder of your scenarios with --extend DIR"
            )


def _target(report: Mapping[str, Any], command: tuple[str, ...], options: Mapping[str, Any]) -> Target:
    launch = report["target"]["launch"]
    if options.get("config") or options.get("server"):
        return _configured(launch, command, options)
    env = {name: value for name, value in (launch.get("env") or {}).items() if value != REDACTED}
    headers = [f"{name}: {value}" for name, value in (launch.get("headers") or {}).items() if value != REDACTED]
    known = {name: specs for name, specs in (launch.get("identities") or {}).items() if REDACTED not in str(specs)}
    told = {
        **{name: options.get(name) for name in ("env", "sandbox", "allow_remote", "cacert", "insecure")},
        "env": options.get("env", ()),
        "url": options.get("url") or launch.get("url"),
        "transport": launch.get("transport"),
        "header": (*headers, *options.get("header", ())),
        "identity": options.get("identity") or [f"{name}={spec}" for name, specs in known.items() for spec in specs],
    }
    given = target_of(command or tuple(launch.get("command") or ()), told)
    lost = [name for name in launch.get("identities") or {} if name not in given.identities]
    if lost:
        raise UsageError(f"the report holds no secret of {', '.join(lost)}: give it with --identity NAME=SPEC")
    missing = [name for name, value in (launch.get("env") or {}).items() if value == REDACTED and name not in given.env]
    if missing and not command:
        raise UsageError(f"the report holds no value of {', '.join(missing)}: give it with --env NAME=VALUE")
    return replace(
        given,
        env={**env, **given.env},
        cwd=None if launch.get("cwd") in (None, ".") else launch["cwd"],
        workspaces=tuple(launch.get("workspace") or ()),
        allow_destructive=True,
        state=options.get("state") or ".mcpfuzz",
    )


def _configured(launch: Mapping[str, Any], command: tuple[str, ...], options: Mapping[str, Any]) -> Target:
    """The server of a configuration file, in place of what the report says: only the workspace is the report's."""
    given = target_of(command, options)
    return replace(given, workspaces=tuple(launch.get("workspace") or ()), allow_destructive=True)


async def _one(prepared: Prepared, report: Mapping[str, Any], finding: Mapping[str, Any], timeout: float) -> str | None:
    """What is seen of one finding on a fresh server."""
    conversation = conversation_of(finding["reproducer"]["steps"])
    proof = proof_of(finding)
    wanted = BY_DATE.get(report["target"].get("revision"))
    seen: str | None = None
    failure: TargetError | None = None
    async with trio.open_nursery() as nursery:
        supply = Supply(prepared, nursery, wanted=wanted, start_timeout=30.0, starts=10)
        try:
            client = await supply.first()
            bench = bench_of(
                prepared,
                revision=client.session.revision.date,
                capabilities=client.session.capabilities,
                transport=client.transport,
                strict=False,
            )
            talk = Talk(
                client, supply.filler(), timeout, opener=supply.opener(), effects=supply.effects, linger=1.0,
                barrier_patience=min(3.0, timeout),
            )  # fmt: skip
            seen = observe(proof, await converse(talk, conversation), bench)
        except TargetError as error:
            failure = error
        finally:
            with trio.CancelScope(shield=True):
                await supply.drop()
            prepared.sweep()
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return seen
