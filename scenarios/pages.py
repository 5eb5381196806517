"""What the scenarios about other pages of a networked server share: plain requests, without a credential."""

from __future__ import annotations

from mcpfuzz.model import Case, Claim, Conversation, Http, Place, Proof, Step

__all__ = ["MADE_UP", "get", "page_case"]

MADE_UP = "{canary:site}.attacker.example"
"""A host that nobody can have listed, and that leads nowhere (RFC 2606)."""


def get(path: str, *headers: tuple[str, str], method: str = "GET", body: str | None = None) -> Step:
    """One request for a page, as nobody in particular."""
    return Step(action=Http(method, path, (("Host", "{authority}"), *headers), body))


def page_case(
    scenario: str, rule: str, name: str, steps: tuple[Step, ...], proof: Proof, label: str, control: Step
) -> Case:
    """A case about one page.

    Args:
        name: of the place.
        control: the benign request beside it.
    """
    return Case(
        scenario=scenario,
        place=Place(kind="endpoint", name=name),
        conversation=Conversation(steps),
        label=label,
        claims=(Claim(rule, proof),),
        control=Conversation((control,)),
    )
