"""The facts of a run that judging needs, gathered in one place for every door that judges."""

from __future__ import annotations

from collections.abc import Mapping

from mcpfuzz import host
from mcpfuzz.model import Json
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.target import Prepared

__all__ = ["bench_of"]


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
