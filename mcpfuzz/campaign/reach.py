"""Reach: which operations get past their own argument checks, and with what. Good calls are learned here,
before anything attacks: the user's examples first, then the schema's own hints, then its simplest values.
"""

from __future__ import annotations

import itertools
import os
import re
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mcpfuzz.answers import normal, result_of
from mcpfuzz.campaign.demands import amended
from mcpfuzz.campaign.harvest import Harvest, hints
from mcpfuzz.campaign.proposals import MOST, hollow, present, proposals, sample_files
from mcpfuzz.caution import takes_away
from mcpfuzz.client import Client, Sent
from mcpfuzz.effects.decoys import LINKS, PACKED
from mcpfuzz.errors import Gone, TargetError
from mcpfuzz.model import Json, Operation, OperationStats, Surface, brief, replace
from mcpfuzz.runner import call_message
from mcpfuzz.scenarios.calls import CannotGenerate, plan_of
from mcpfuzz.slots import Filler
from mcpfuzz.strategies.arguments import valid
from mcpfuzz.strategies.choices import PlainChoices, RandomChoices
from mcpfuzz.strategies.points import Point, points, put
from mcpfuzz.surface import bind
from mcpfuzz.wire import encode

__all__ = ["Reach", "Tally"]

FIRST_TRIES = 8
"""Calls that every operation gets before any gets more: time may end early."""
SAME_TRIES = 4
"""Calls more where every refusal was the same: it is hardly about the arguments."""
SECOND_TRIES = 24
"""Calls per operation that may be spent on what other operations and refusals taught."""
AMENDED = 6
"""Calls per stage that may be spent on what the last refusal asks for."""
STAGES = ("first", "rest", "taught")
KINDS = ("tool", "resource", "prompt")
KEEP = 3
"""Good calls kept per operation."""


@dataclass(slots=True)
class Tally:
    """Counts of one operation."""

    calls: int = 0
    accepted: int = 0
    rejected: int = 0
    slowest_s: float = 0.0
    """The slowest answer to a call while learning."""
    fastest_s: float = 60.0
    """The fastest answer to a call while learning: what a repetition will take."""
    reason: str | None = None


class Reach:
    """Learns good calls and counts what comes of all others."""

    def __init__(self) -> None:
        self.tallies: dict[tuple[str, str], Tally] = {}
        self._good: dict[tuple[str, str], tuple[Mapping[str, Json], ...]] = {}
        self._likely: dict[tuple[str, str], tuple[Mapping[str, Json], ...]] = {}
        self._refused: dict[tuple[str, str], list[Json]] = {}
        self._asked: set[tuple[tuple[str, str], str]] = set()
        self._takes_away: set[tuple[str, str]] = set()
        self._silent: set[tuple[str, str]] = set()
        """Operations of which nothing is known but a call that was not answered."""
        self._present: tuple[str, ...] = ()
        self._harvest: Harvest | None = None

    def tally(self, kind: str, name: str) -> Tally:
        return self.tallies.setdefault((kind, name), Tally())

    def count(self, kind: str, name: str, value: Json) -> None:
        """File one answer."""
        tally = self.tally(kind, name)
        tally.calls += 1
        if good_answer(value):
            tally.accepted += 1
        else:
            tally.rejected += 1

    def stats(self, surface: Surface | None) -> tuple[OperationStats, ...]:
        """The report's operations, in the order of discovery."""
        made = []
        for operation in surface.operations if surface else ():
            tally = self.tally(*operation.key)
            made.append(
                OperationStats(
                    kind=operation.kind,
                    name=operation.name,
                    calls=tally.calls,
                    accepted=tally.accepted,
                    rejected=tally.rejected,
                    reached=tally.accepted > 0,
                    reason=operation.skipped or (None if tally.accepted else tally.reason),
                )
            )
        return tuple(made)

    @property
    def harmed(self) -> bool:
        """Whether a file of the workspace is gone that was there when learning began."""
        return not all(map(os.path.exists, self._present))

    async def learn(
        self,
        client: Client,
        surface: Surface,
        examples: tuple[Mapping[str, Json], ...],
        *,
        remembered: tuple[Mapping[str, Json], ...] = (),
        seed: int,
        places: Mapping[str, str],
        timeout: float,
        until: float,
    ) -> Surface:
        """The surface with its good calls. Called again after it raised, it goes on behind what was last called.

        Args:
            examples: the user's; what they name comes first, here and in the campaign.
            remembered: good calls of earlier runs; they are tried, and change no order.
            until: `time.monotonic()` after which no more is tried.

        Raises:
            Gone: the server ended; the last call is its likely cause, which the campaign will find again.
        """
        filler = Filler(places)
        if self._harvest is None:
            self._harvest = Harvest(places.get("workspace"))
        self._takes_away = {operation.key for operation in surface.operations if takes_away(operation)}
        if not self._present:
            self._present = present(places.get("workspace"))
        files = sample_files(places.get("workspace"))
        shown = {(kind, str(example[kind])) for example in examples for kind in example if kind in KINDS}
        ready = [operation for operation in surface.operations if operation.skipped is None]
        ready.sort(key=lambda item: (item.key in self._takes_away, item.key not in shown))  # the user's come first
        proposed: dict[tuple[str, str], list[Mapping[str, Json]]] = {}
        for stage in STAGES:
            for operation in ready:
                if time.monotonic() > until:
                    break
                if (operation.key, stage) in self._asked or (stage == "taught" and operation.key in self._good):
                    continue
                self._asked.add((operation.key, stage))
                if operation.key not in proposed:
                    made, reason = proposals(operation, (*examples, *remembered), seed, files)
                    proposed[operation.key] = made
                    if stage == "first":
                        self.tally(*operation.key).reason = reason
                tries = proposed[operation.key]
                if stage == "first":
                    tries = tries[:FIRST_TRIES]
                elif stage == "rest":
                    tries = [] if self._enough(operation) else tries[FIRST_TRIES : self._most(operation)]
                else:  # with what was learned from all others
                    refused = self._refused.get(operation.key, [])
                    taught = _taught(operation, tries[0], self._harvest, refused)
                    tries = list({repr(item): item for item in taught}.values())[:SECOND_TRIES]
                await self._learn_one(client, operation, stage, tries, filler, timeout, until)
        empty = {key for key, calls in self._good.items() if all(map(hollow, calls))}
        likely = {key: tried for key, tried in self._likely.items() if key not in self._good or key in empty}
        order = sorted(surface.operations, key=lambda operation: operation.key not in shown)
        return replace(surface, operations=tuple(order), good=dict(self._good), likely=likely)

    async def _learn_one(
        self,
        client: Client,
        operation: Operation,
        stage: str,
        candidates: list[Mapping[str, Json]],
        filler: Filler,
        timeout: float,
        until: float,
    ) -> None:
        """Try candidates until a few are known to be good."""
        assert self._harvest is not None
        queue, spare = deque(candidates), AMENDED
        likeliest = candidates[:1]  # and what was made of it
        found = list(self._good.get(operation.key, ()))
        place = "{workspace}" if filler.knows("workspace") else None
        while queue and time.monotonic() < until:
            candidate = queue.popleft()
            if _baited(candidate):
                continue
            answered, took = await self._try(client, operation, candidate, filler, timeout)
            tally = self.tally(*operation.key)
            if answered is None:
                if not tally.accepted:  # else this is silence, which says nothing of how slow it is
                    self._silent.add(operation.key)
                    tally.slowest_s = max(tally.slowest_s, took)
                tally.reason = f"a call was not answered within {timeout:g} s"
                return
            if operation.key in self._silent and good_answer(answered):
                self._silent.discard(operation.key)
                tally.slowest_s = 0.0
            tally.slowest_s = max(tally.slowest_s, took)
            self.count(operation.kind, operation.name, answered)
            if good_answer(answered):
                tally.fastest_s = min(tally.fastest_s, took)  # a refusal says nothing of how long the work takes
                self._harvest.take(operation.name, answered)
                if candidate not in found:
                    found.append(candidate)
                    found.sort(key=hollow)  # stable: what says something stands in front
                    self._good[operation.key] = tuple(found)
                if self._enough(operation):
                    self._good[operation.key] = tuple(call for call in found if not hollow(call))
                    return
                continue
            tried = self._likely.get(operation.key, ())
            self._refused.setdefault(operation.key, []).append(answered)
            asked = amended(candidate, answered, _declared(operation), place) if spare and not found else None
            if asked is not None and asked not in tried and asked not in queue:
                spare -= 1
                queue.appendleft(asked)
                likeliest += [asked] if candidate in likeliest else []
            if len(tried) < KEEP:
                self._likely[operation.key] = (*tried, candidate)
            if tally.reason is None or (stage == "first" and candidate in likeliest):  # the others say less
                told = f"every call was rejected, the likeliest with: {rejection(answered)}"
                tally.reason = f"{told}; give a good one with --example"

    def _most(self, operation: Operation) -> int:
        """Calls that are worth a try: few where all were refused in the same words, whatever they said."""
        refused = self._refused.get(operation.key, [])
        same = len(refused) >= FIRST_TRIES // 2 and len({rejection(item) for item in refused}) == 1
        return FIRST_TRIES + (SAME_TRIES if same and operation.key not in self._good else MOST)

    def _enough(self, operation: Operation) -> bool:
        """Whether enough good calls are known that say something: one, where it takes its time or takes away."""
        full = sum(not hollow(call) for call in self._good.get(operation.key, ()))
        one = operation.key in self._takes_away or self.tally(*operation.key).slowest_s > 0.3
        return full >= (1 if one else KEEP)

    async def _try(
        self, client: Client, operation: Operation, candidate: Mapping[str, Json], filler: Filler, timeout: float
    ) -> tuple[Json, float]:
        request_id, message = call_message(client, bind(operation, candidate), filler)
        key = ("int", request_id)
        volley = await client.volley([Sent(encode(message) + b"\n", (key,))], patience=timeout)
        if volley.gone is not None:
            raise Gone(f"{volley.gone} when {operation.kind} {operation.name} was first called")
        if volley.too_much is not None:
            raise TargetError(str(volley.too_much))
        frame = volley.answers.get(key)
        return (frame.value if frame is not None else None), volley.took.get(key, timeout)


def _declared(operation: Operation) -> Mapping[str, Json]:
    """A value for each member that the schema declares."""
    try:
        made = valid(PlainChoices(full=True), plan_of(operation))
    except CannotGenerate:
        return {}
    return made if isinstance(made, dict) else {}


def _taught(
    operation: Operation, likeliest: Mapping[str, Json], harvest: Harvest, refusals: list[Json]
) -> Iterator[Mapping[str, Json]]:
    """Arguments made of values that other operations gave and that refusals named, one place at a time; then the
    likeliest call with them."""
    told = list(dict.fromkeys(word for refusal in refusals[-3:] for word in hints(refusal)))[:6]
    columns = _columns(operation, likeliest, harvest, told)
    best = dict(likeliest)
    for place, values in columns:
        if values and not place.text.startswith("{workspace}"):
            best = put(best, place, values[0])
    yield best
    rows = itertools.zip_longest(*(values for _, values in columns))
    one_changed = (
        put(likeliest, place, value)
        for row in rows
        for (place, _), value in zip(columns, row, strict=True)
        if value is not None
    )
    yield from itertools.islice(one_changed, SECOND_TRIES // 2)
    try:
        base = valid(RandomChoices(0, "taught", operation.kind, operation.name), plan_of(operation))
    except CannotGenerate:
        return
    best = base if isinstance(base, dict) else {}
    columns = _columns(operation, best, harvest, told)
    for place, values in columns:
        if values:
            best = put(best, place, values[0])
    yield best
    for place, values in columns:
        for value in values:
            yield put(best, place, value)


def _columns(
    operation: Operation, arguments: Mapping[str, Json], harvest: Harvest, told: list[str]
) -> list[tuple[Point, list[Json]]]:
    """Values for each place of text, and for whole numbers: an id may be one."""
    places = [place for place in points(operation.schema, arguments) if "enum" not in place.schema]
    columns: list[tuple[Point, list[Json]]] = [(place, [*harvest.values(place.name), *told]) for place in places]
    return columns + [(place, _whole(harvest.values(place.name))) for place in _numbers(operation, arguments)]


def _numbers(operation: Operation, start: Mapping[str, Json]) -> Iterator[Point]:
    """Members of a call that are whole numbers: an id may be one."""
    for name, value in start.items():
        declared = operation.members.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and isinstance(declared, Mapping):
            yield Point((name,), value, declared)


def _whole(values: list[str]) -> list[Json]:
    return [int(value) for value in values if re.fullmatch(r"\d{1,15}", value)]


def _baited(arguments: Mapping[str, Json]) -> bool:
    """Whether arguments go through a link of our own, or name an archive that unpacks elsewhere, as a server may have
    listed them: that is no benign call."""
    said = repr(arguments)
    if re.search(rf"\b{PACKED}/(?!plain\.)", said):
        return True
    return any(re.search(rf"\b{re.escape(name)}(?![\w.])", said) for name in LINKS)


def good_answer(value: Json) -> bool:
    """Whether an answer is a normal one."""
    return normal(value)


def rejection(value: Json) -> str:
    """Why a call was rejected, in the server's words, shortened."""
    if isinstance(value, dict):
        error = value.get("error")
        if isinstance(error, dict):
            return brief(error.get("message"), 120)
        content = (result_of(value) or {}).get("content")
        if isinstance(content, list) and content and isinstance(content[0], dict):
            return brief(content[0].get("text"), 120)
    return brief(value, 120)
