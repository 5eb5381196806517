"""Archives with entries that lead out of the folder they are unpacked into."""

from __future__ import annotations

import re

from mcpfuzz.model import Case, Claim, Operation, Surface
from mcpfuzz.scenarios.attacks import aimed, kinds_of_call, made
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.strategies.bundles import bytes_of, paths
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.payload import Payload

_UNPACKS = re.compile(
    r"archive|\bzip|unzip|\btar(?:ball)?\b|untar|\.tgz|unpack|extract|decompress|inflate|import|restore|bundle|package"
    r"|install|upload|backup|plugin|extension|skill|load",
    re.IGNORECASE,
)
FEW = 4
"""Cases for a tool that says nothing of archives."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """Paths of archives and archives themselves, in turns."""
    assert operation is not None
    if index >= FEW and not _UNPACKS.search(f"{operation.name} {operation.description} {operation.schema}"):
        return None
    turn, content = divmod(index, 2)
    kind, payloads = ("data", bytes_of) if content else ("path", paths)
    calls = kinds_of_call(surface, operation)
    return aimed(SCENARIO.id, surface, operation, turn, kind=kind, payloads=payloads, claims=_claims, calls=calls)


def _claims(payload: Payload) -> tuple[Claim, ...]:
    return (made("zip-slip", payload.rule),)  # the payload says whose canary names the file


SCENARIO = Scenario(
    id="zip-slip",
    title="Archives that unpack out of their folder",
    about="One place of a good call names an archive in the workspace, or holds one in base64, with an entry that "
    "climbs out, an absolute one or a link. The file that appears in a folder which nobody names proves it.",
    draw=draw,
    rules=("zip-slip",),
    kinds=("tool",),
    cases=64,
    rounds=1,
    early=True,
    alone=True,
    needs=("workspace",),
    references=("CWE-22", "CWE-59", "OWASP-LLM08"),
)
