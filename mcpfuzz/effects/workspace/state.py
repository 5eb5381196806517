"""The state folder, where runs keep what outlasts them: how one is made, how one is known."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from mcpfuzz.effects.workspace.texts import read_text

__all__ = ["STATE_NAME", "is_state", "make_state"]

STATE_NAME = ".mcpfuzz"
_GITIGNORE = "# Made by mcpfuzz: corpus, journal and scratch. Not to be committed, never copied with a workspace.\n*\n"
"""Also the mark by which a state folder of another name is known."""


def is_state(path: str) -> bool:
    """Whether a folder is one, whatever its name."""
    return read_text(os.path.join(path, ".gitignore")) == _GITIGNORE


def make_state(state: Path) -> None:
    """Make the state folder, or put on it what it lacks. A folder that holds other things than ours (`--state /tmp`)
    keeps its mode and gets no .gitignore. Raises OSError."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    named = state.name == STATE_NAME and not state.is_symlink()
    if not (named or is_state(str(state)) or not any(state.iterdir())):
        return
    with contextlib.suppress(PermissionError):  # another's, yet writable: a mounted cache
        os.chmod(state, 0o700)
    if not os.path.lexists(state / ".gitignore"):
        young = state / f".gitignore-{secrets.token_hex(8)}"
        young.write_text(_GITIGNORE, encoding="utf-8")
        young.replace(state / ".gitignore")
