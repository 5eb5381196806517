"""How far a run has come, so that one that was interrupted, or killed, is gone on with: the same seed, and the
shares of work that were done are not done again. Findings of it come back from the corpus.

A run that ended by itself, by its time too, leaves no journal: the next night draws new cases.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcpfuzz import __version__
from mcpfuzz.campaign.corpus import UNREADABLE, put
from mcpfuzz.campaign.plan import units
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.model import Surface

__all__ = ["Journal", "interrupted_seed"]

EVERY_S = 1.0
"""Between two writings."""


def interrupted_seed(folder: Path, settings: Settings) -> int | None:
    """The seed of a run with the same choices that did not end by itself; None where there is none."""
    told = _read(_path(folder, settings), settings)
    return None if told is None else int(told["seed"])


class Journal:
    """One run's.

    Attributes:
        done: shares of work that an interrupted run did, to be left out.
        tallies: of that run: scenario -> (cases, shares of the first round).
    """

    def __init__(self, folder: Path, settings: Settings, surface: Surface) -> None:
        self._path = _path(folder, settings)
        self._head = {"seed": settings.seed, "choices": _choices(settings), "work": _work(settings, surface)}
        self._written = time.monotonic()
        self.done = 0
        self.tallies: dict[str, tuple[int, int]] = {}
        told = _read(self._path, settings)
        if settings.resume and told is not None and all(told.get(key) == value for key, value in self._head.items()):
            with contextlib.suppress(*UNREADABLE):
                tallies = {str(name): (int(cases), int(done)) for name, (cases, done) in told["tallies"].items()}
                self.done, self.tallies = int(told["done"]), tallies

    @property
    def due(self) -> bool:
        """Whether it is time to note something."""
        return time.monotonic() - self._written > EVERY_S

    def note(self, done: int, tallies: Mapping[str, tuple[int, int]]) -> None:
        """So many shares are done."""
        put(self._path, {**self._head, "done": done, "tallies": tallies})
        self._written = time.monotonic()

    def end(self) -> None:
        """The run came to its end."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def _path(folder: Path, settings: Settings) -> Path:
    number, total = settings.shard
    return folder / f"journal-{number}-of-{total}.json"


def _choices(settings: Settings) -> str:
    names = [__version__, settings.profile, settings.revision, *(scenario.id for scenario in settings.scenarios)]
    return hashlib.sha256("\x1f".join(names).encode()).hexdigest()


def _work(settings: Settings, surface: Surface) -> str:
    """Tells one plan from another: shares are counted, and a number says nothing of another plan's. What may be called,
    who is told apart and what was given decide it as much as what is offered."""
    shares = units(settings.scenarios, surface, 1, settings.only, settings.shard)
    told = "\x1f".join("\x1e".join((*unit.key, str(unit.first), str(unit.count))) for unit in shares)
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path, settings: Settings) -> dict[str, Any] | None:
    with contextlib.suppress(*UNREADABLE):
        told = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(told["seed"], int) and told["choices"] == _choices(settings):
            return dict(told)
    return None
