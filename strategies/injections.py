"""Attacks as values, for a server's own tests: what the campaign's scenarios put into arguments, its slots filled. What
such a value would do is harmless, and without a folder of the test's own it aims at nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING

from mcpfuzz.errors import UsageError
from mcpfuzz.model import Json
from mcpfuzz.slots import Filler
from mcpfuzz.strategies import addresses, bundles, commands, documents, evaluations, markup, operators, paths, queries
from mcpfuzz.strategies.choices import Choices, strategy_of
from mcpfuzz.strategies.payload import Payload

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["KINDS", "PLACES", "injections"]

PLACES: Mapping[str, str] = MappingProxyType(
    {
        "outside": "/nonexistent/outside",
        "watch": "/nonexistent/watch",
        "workspace": "/nonexistent/outside/workspace",
        "folder": "workspace",
        "scratch": "/nonexistent/scratch",
        "listener": "http://127.0.0.1:9",
        "bait": "http://127.0.0.1:9",
        "bait_port": "9",
        "rebind": "localhost",
    }
)
"""What texts aim at by default, and what a test may give instead: `outside`, a folder with a decoy `secret.txt` around
`workspace` (and the latter's own name, `folder`); `watch`, a folder in which nothing should appear; `bait` and
`bait_port`, where nobody should call. Port 9 discards."""

_NUMBER = re.compile(r"\{number:([^{}]*)\}")


def _texts(made: Callable[[str], Iterable[Payload]]) -> Callable[[str], Iterable[Json]]:
    return lambda good: [payload.text for payload in made(good)]


def _conditions(made: Callable[[str], Iterable[queries.Pair]]) -> Callable[[str], Iterable[Json]]:
    return lambda good: chain.from_iterable((pair.true[0], pair.false[0]) for pair in made(good))


def _sql(good: str) -> Iterable[Json]:
    return [*_texts(queries.unions)(good), *_conditions(queries.pairs)(good), *_texts(queries.files)(good)]


KINDS: Mapping[str, Callable[[str], Iterable[Json]]] = MappingProxyType(
    {
        "path": _texts(paths.reads),
        "write": _texts(paths.writes),
        "archive": _texts(bundles.bytes_of),
        "command": _texts(commands.shell),
        "option": _texts(commands.options),
        "sql": _sql,
        "store": _conditions(operators.operators),
        "code": _texts(evaluations.code),
        "template": _texts(evaluations.templates),
        "packed": _texts(documents.packed),
        "xml": _texts(documents.xml),
        "header": _texts(documents.breaks),
        "markup": _texts(markup.markup),
        "url": _texts(addresses.addresses),
        "upstream-path": lambda good: [payload.text for payload in addresses.climbs()],
    }
)
"""What is attacked -> good value -> values with slots, most likely first."""


def injections(
    kind: str, *, good: str = "1", canary: str = "mcpfuzz-canary", places: Mapping[str, str] = MappingProxyType({})
) -> SearchStrategy[Json]:
    """A Hypothesis strategy of values that attack one argument; shrinks towards the likeliest. Texts; of the kind
    `store` objects too.

    Args:
        kind: one of `KINDS`: path, write, archive, command, option, sql, store, code, template, packed, xml, header,
            markup, url, upstream-path.
        good: a value that the argument takes: many attacks stand behind it, or have its form.
        canary: the word that an effect shows: a file's name, a path that is asked for.
        places: in place of `PLACES`, by name.

    Raises:
        UsageError: there is no such kind or place, or the good value allows none of it.
    """
    if kind not in KINDS:
        raise UsageError(f"injections({kind!r}): no such kind; there is {', '.join(KINDS)}")
    strange = sorted(set(places) - set(PLACES))
    if strange:
        raise UsageError(f"injections places: no {', '.join(strange)}; there is {', '.join(PLACES)}")
    values = tuple(_filled(value, canary, {**PLACES, **places}) for value in KINDS[kind](good))
    if not values:
        raise UsageError(f"injections({kind!r}, good={good!r}): the good value is itself of that kind; give another")

    def drawn(choices: Choices) -> Json:
        return choices.pick(values)

    drawn.__name__ = f"injections_{kind.replace('-', '_')}"  # what Hypothesis shows
    return strategy_of(drawn)


def _filled(value: Json, canary: str, places: Mapping[str, str]) -> Json:
    """Without slots. Numbers come of their names: Hypothesis wants the same each time."""
    numbers = {
        f"number.{name}": str(100_003 + int(hashlib.sha256(name.encode()).hexdigest(), 16) % 899_990)
        for name in _NUMBER.findall(str(value))
    }
    return Filler(places, fresh=lambda: canary, known=numbers).fill(value)
