"""What the scenarios about other pages of a networked server share: plain requests, without a credential.

Pages are asked for many at a time: a barrier behind each of hundreds would cost more than all of them. Shrinking
leaves the one that matters, and the finding is told of that (`prover`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mcpfuzz.model import Case, Claim, Conversation, Http, Place, Proof, Step

__all__ = ["MADE_UP", "get", "groups", "page_case"]

MADE_UP = "{canary:site}.attacker.example"
"""A host that nobody can have listed, and that leads nowhere (RFC 2606)."""
TOGETHER = 8
"""Pages that are asked for at the same time."""


def get(path: str, *headers: tuple[str, str], method: str = "GET", body: str | None = None) -> Step:
    """One request for a page, as nobody in particular."""
    return Step(action=Http(method, path, (("Host", "{authority}"), *headers), body), group="pages")


def groups(paths: Sequence[str]) -> list[tuple[str, ...]]:
    """Pages that are asked for together."""
    return [tuple(paths[start : start + TOGETHER]) for start in range(0, len(paths), TOGETHER)]


def page_case(
    scenario: str, rule: str, name: str, steps: Iterable[Step], proof: Proof, label: str, control: Step
) -> Case:
    """A case about pages.

    Args:
        name: of the place, where more than one page is left.
        control: the benign request beside it.
    """
    return Case(
        scenario=scenario,
        place=Place(kind="endpoint", name=name),
        conversation=Conversation(tuple(steps)),
        label=label,
        claims=(Claim(rule, proof),),
        control=Conversation((control,)),
    )
