"""What one caller does, told to another: log lines and other notifications that go to everybody."""

from __future__ import annotations

import re

from mcpfuzz.model import Call, Case, Claim, Conversation, Json, Open, Operation, Place, Proof, Step, Surface
from mcpfuzz.revisions import BY_DATE, LATEST_LEGACY
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.stories import plain
from mcpfuzz.slots import quote
from mcpfuzz.strategies.choices import Choices
from mcpfuzz.strategies.relations import free_texts, removes
from mcpfuzz.surface import bind

MOST = 6
"""Operations that the first caller uses meanwhile."""
MARK = "{canary:N}"
SHARED = re.compile(
    r"\b(?:shared|public|everybody|everyone|anybody|anyone|team|broadcast|announce|chat)", re.IGNORECASE
)
"""What says that others are meant to hear of it."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """The second caller listens, as closely as they are let; the first makes calls; the second takes what came."""
    calls = [call for item in surface.operations if (call := _call(surface, item)) is not None][:MOST]
    if not calls:
        return None
    said = [Step(action=_named(call, number)) for number, call in enumerate(calls, 1)]
    ear = [_listens(surface, Call("ping")) for _ in range(2)]  # the first asks for the stream, the second is on it
    if "logging" in surface.capabilities:
        ear.insert(0, _listens(surface, Call("logging/setLevel", {"level": "debug"})))
    steps = [_listens(surface, Open(revision=_legacy(surface))), *ear, *said, _listens(surface, Call("ping"))]
    listens = [number for number, step in enumerate(steps) if step.on == "c2" and number > 0]
    canaries: list[Json] = [str(number) for number in range(1, len(calls) + 1)]
    params: dict[str, Json] = {"steps": len(steps), "listens": listens, "canaries": canaries}
    proof = Proof(kind="overheard", expected="each caller is told of their own calls alone", params=params)
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="session", name="overheard"),
        conversation=Conversation(tuple(steps)),
        label="calls of one caller in the notifications to another",
        claims=(Claim("bola", proof),),
        control=Conversation(tuple(steps[: 1 + len(ear)])),
    )


def _legacy(surface: Surface) -> str:
    """Only there are notifications that nobody asked for by a request of their own."""
    return surface.revision if BY_DATE[surface.revision].era == "legacy" else LATEST_LEGACY.date


def _listens(surface: Surface, action: Call | Open) -> Step:
    return Step(action=action, on="c2", as_=surface.callers[1])


def _call(surface: Surface, operation: Operation) -> Call | None:
    """A call with a text of ours in it, of what is not meant for others."""
    name = next(free_texts(operation), None)
    if operation.kind != "tool" or operation.skipped is not None or removes(operation) or name is None:
        return None
    if SHARED.search(operation.description[:500]):
        return None
    arguments = plain(surface, operation)
    return None if arguments is None else bind(operation, {**arguments, quote(name): MARK})


def _named(call: Call, number: int) -> Call:
    """The call with a canary of its own."""
    given = {key: f"{{canary:{number}}}" if value == MARK else value for key, value in call.params["arguments"].items()}
    return Call(call.method, {**call.params, "arguments": given})


SCENARIO = Scenario(
    id="overheard",
    title="One caller's calls in the notifications to another",
    about="The second caller listens to log lines of all levels and to whatever else comes; the first makes calls with "
    "canaries in them. A canary in a notification to the second caller proves that it goes to everybody.",
    draw=draw,
    rules=("bola",),
    cases=1,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "second", "authenticated"),
    references=("CWE-639", "CWE-532", "OWASP-API1"),
)
