"""What the load door tells the Locust process, and what that writes back: two JSON files, their shapes in one place."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mcpfuzz.blocking import NOBODY, Endpoint
from mcpfuzz.identities import Identity
from mcpfuzz.load_support.counting import Counter
from mcpfuzz.load_support.plan import Phase
from mcpfuzz.load_support.survey import Survey

__all__ = ["VARIABLE", "Lap", "Orders", "Record", "write_json"]

VARIABLE = "MCPFUZZ_LOAD"
"""Environment variable with the path of the orders."""


@dataclass(slots=True, kw_only=True)
class Orders:
    """What the Locust process is to do."""

    endpoint: Endpoint
    survey: Survey
    phases: list[Phase]
    users: int
    out: str
    """Where the record goes, rewritten every second."""
    identities: list[Identity] = field(default_factory=list)
    """The first is the one the load runs as, the second the bystander's."""
    rate: float | None = None
    """Calls a second of all users together (open model); None: closed."""
    seed: int = 0
    addresses: tuple[str, ...] = ()
    """Two local addresses to come from; empty where there is but one."""

    def who(self, number: int) -> Identity:
        """The identity of that number, the last one where there are fewer; nobody where there is none."""
        return self.identities[min(number, len(self.identities) - 1)] if self.identities else NOBODY

    def plain(self) -> dict[str, Any]:
        made = {name: getattr(self, name) for name in self.__slots__}
        made["endpoint"], made["identities"] = asdict(self.endpoint), [asdict(who) for who in self.identities]
        made["survey"], made["phases"] = self.survey.plain(), [asdict(phase) for phase in self.phases]
        return made

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Orders:
        endpoint = {**plain["endpoint"], "argv": tuple(plain["endpoint"]["argv"])}
        return cls(
            **{
                **plain,
                "endpoint": Endpoint(**endpoint),
                "survey": Survey.of(plain["survey"]),
                "phases": [Phase(**phase) for phase in plain["phases"]],
                "identities": [_identity(who) for who in plain["identities"]],
                "addresses": tuple(plain["addresses"]),
            }
        )

    @classmethod
    def read(cls, path: str) -> Orders:
        return cls.of(json.loads(Path(path).read_text(encoding="utf-8")))


def _identity(plain: Mapping[str, Any]) -> Identity:
    """JSON knows no tuples."""
    pairs = {name: tuple((key, value) for key, value in plain[name]) for name in ("headers", "query", "env")}
    return Identity(**{**plain, **pairs, "subprotocols": tuple(plain["subprotocols"])})


@dataclass(slots=True, kw_only=True)
class Lap:
    """One phase as it came to pass; seconds since the epoch."""

    scenario: str
    part: str
    began: float
    ended: float | None = None
    users: int = 0
    """That took part."""


@dataclass(slots=True)
class Record:
    """What the Locust process saw so far."""

    laps: list[Lap] = field(default_factory=list)
    counter: Counter = field(default_factory=Counter)
    policies: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Scenario -> what its behaviour counted besides (connections refused, sessions made ...)."""
    workers: int = 0
    done: bool = False

    def plain(self) -> dict[str, Any]:
        return {
            "laps": [asdict(lap) for lap in self.laps],
            "counter": self.counter.plain(),
            "policies": self.policies,
            "facts": self.facts,
            "workers": self.workers,
            "done": self.done,
        }

    @classmethod
    def read(cls, path: str) -> Record:
        """The record of a file; an empty one where there is none yet."""
        try:
            plain = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return cls()
        return cls(
            laps=[Lap(**lap) for lap in plain["laps"]],
            counter=Counter.of(plain["counter"]),
            policies=plain["policies"],
            facts=plain["facts"],
            workers=plain["workers"],
            done=plain["done"],
        )


def write_json(path: str, value: Any) -> None:
    """Replace a file at once, readable by its owner alone: it may hold credentials."""
    made = f"{path}.new"
    with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(value, file)
    os.replace(made, path)
