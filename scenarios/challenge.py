"""What somebody without a credential is told: the challenge, and the document that it leads to."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Conversation, Http, Operation, Place, Proof, Step, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.sessions import CLIENT, bare, beginning, entered
from mcpfuzz.strategies.choices import Choices

DOCUMENT = "/.well-known/oauth-protected-resource"
"""RFC 9728, 3.1: before the path of the resource, or alone."""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    ask = bare(surface, "POST", None, dict(beginning(surface)), credential=False)
    headers = (("Host", "{authority}"), ("Accept", "application/json"))
    documents = [Step(action=Http("GET", path, headers), on=CLIENT) for path in (DOCUMENT + "{endpoint}", DOCUMENT)]
    steps = (entered(surface, handshake=False), ask, *documents)
    params = {"ask": 1, "documents": [2, 3], "steps": len(steps)}
    return Case(
        scenario=SCENARIO.id,
        place=Place(kind="endpoint", name="challenge"),
        conversation=Conversation(steps),
        label="initialize without a credential",
        claims=(
            Claim("challenge-missing", Proof(kind="unchallenged", expected="401 says what is wanted", params=params)),
            Claim(
                "metadata-wrong",
                Proof(kind="metadata-astray", expected="the document is there, and about this resource", params=params),
            ),
        ),
        control=Conversation(steps[:1]),
    )


SCENARIO = Scenario(
    id="challenge",
    title="The challenge, and the metadata it leads to",
    about="Somebody without a credential begins. That 401 comes without WWW-Authenticate, or that the metadata it "
    "names at this very address is missing or about another resource, proves that no client finds out where to "
    "sign in.",
    draw=draw,
    rules=("challenge-missing", "metadata-wrong"),
    cases=1,
    rounds=1,
    early=True,
    alone=True,
    needs=("network", "endpoint", "authenticated"),
    references=("RFC 9110 11.6.1", "RFC 9728 3.3"),
)
