"""The facts of a run that judging needs, gathered in one place for every door that judges."""

from __future__ import annotations

from collections.abc import Mapping

from mcpfuzz import host
from mcpfuzz.model import Json
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.surface import Leave
from mcpfuzz.target import Prepared

__all__ = ["bench_of", "leave_of"]


def bench_of(
    prepared: Prepared, *, revision: str, capabilities: Mapping[str, Json], transport: str, strict: bool = False
) -> Bench:
    """Args: revision, capabilities, transport: as agreed with the server; strict: WEAK verdicts count."""
    return Bench(
        revision=revision,
        transport=transport,
        logging="logging" in capabilities,
        strict=strict,
        secrets=prepared.secrets,
        mark=prepared.launch.token if prepared.launch is not None else "",
        known=prepared.known_folders,
        roots=host.path_roots(),
    )


def leave_of(prepared: Prepared) -> Leave:
    """What may be called: what destroys or sends only on a server of ours that a copy, or the lab, lies behind."""
    target = prepared.target
    contained = prepared.launch is not None and (bool(target.workspaces) or target.trusted_lab)
    return Leave(destructive=target.allow_destructive, contained=contained)
