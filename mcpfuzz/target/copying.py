"""Workspaces as the user wrote them, and their copies: where they lie, and whether the server is told of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from mcpfuzz.effects.workspace import Copies, ScratchTree, rewrite
from mcpfuzz.errors import UsageError
from mcpfuzz.target.described import Target

__all__ = ["copied", "cwd_of", "untold", "working_folder"]


def working_folder(target: Target) -> Path | None:
    """Where the server will work; None where that is a copy in the tree itself, or a server that is not ours."""
    folder = os.path.abspath(target.cwd or os.getcwd())
    if not target.command or any(Path(folder).is_relative_to(os.path.abspath(given)) for given in target.workspaces):
        return None
    return Path(folder)


def cwd_of(target: Target, fill: Callable[[str], str]) -> str:
    """The server's working folder, which relative words of its command mean.

    Raises:
        UsageError: there is none.
    """
    folder = fill(target.cwd or os.getcwd())
    if target.cwd and not Path(folder).is_dir():
        raise UsageError(f"--cwd {target.cwd}: there is no such folder")
    return folder


def copied(target: Target, tree: ScratchTree, made: Copies) -> tuple[dict[str, str], list[str]]:
    """Workspace as written -> its copy, which `made` gets; and what the user should know of the folders.

    Raises:
        UsageError: a workspace is no folder, or cannot be copied.
    """
    copies: dict[str, str] = {}
    lost = f"--state {target.state} cannot be written: a temporary folder; nothing of this run is kept"
    notes = [lost] if tree.fallback else []
    for index, folder in enumerate(target.workspaces):
        source = Path(folder)
        if not source.is_dir():
            raise UsageError(f"--workspace {folder}: there is no such folder")
        copy = tree.ws / str(index) / (source.resolve().name or "workspace")
        copy.parent.mkdir(parents=True)
        notes += made.make(source.resolve(), copy)
        copies[folder] = str(copy)
    return copies, notes


def untold(copies: Mapping[str, str], texts: Sequence[str]) -> Iterator[str]:
    """Notes on workspaces whose copy the server is not told of."""
    if "{workspace}" in "".join(texts):
        return
    for folder, copy in copies.items():
        if not any(rewrite(text, {folder: copy}) != text for text in texts):
            yield (
                f"--workspace {folder} occurs in no argument, --env, --cwd or example: "
                "the server is not told of the copy"
            )
