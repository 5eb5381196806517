"""`mcp_fuzz`: a scenario played from inside a test, as an assertion."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import pytest

from mcpfuzz.errors import TargetError, UsageError
from mcpfuzz.model import Operation
from mcpfuzz.reports import visible
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.catalogue import catalogue
from mcpfuzz.target import Target

if TYPE_CHECKING:
    from mcpfuzz.pytest_support.support import Support

__all__ = ["Asserting"]


class Asserting:
    """Called with a scenario's id, and with the operation's name under its kind."""

    def __init__(self, support: Support, target: Target) -> None:
        self._support = support
        self._target = target

    def __repr__(self) -> str:
        return "<mcp_fuzz>"

    def __call__(
        self,
        scenario: str,
        *,
        tool: str | None = None,
        resource: str | None = None,
        prompt: str | None = None,
        completion: str | None = None,
        max_time: float | None = None,
    ) -> None:
        """Play it, and fail on every finding that counts.

        Args:
            max_time: seconds in all; None: what --mcp-max-time says.

        Raises:
            UsageError: no such scenario, no such operation, or the scenario is not for its kind.
        """
        __tracebackhide__ = True
        campaign = self._support.campaign(self._target)
        given = {"tool": tool, "resource": resource, "prompt": prompt, "completion": completion}
        named = {kind: name for kind, name in given.items() if name is not None}
        seconds = max_time if max_time is not None else self._support.settings.max_time
        try:
            story = _scenario(scenario)
            places = _places(story, named, campaign.session.surface.operations)
            plays = [campaign.play(story, place, seconds / len(places)) for place in places]
        except UsageError as error:
            raise error.with_traceback(None) from None  # the line of the test is what is wrong, not ours
        except TargetError as error:
            raise pytest.fail.Exception(f"mcpfuzz could not test: {visible(str(error))}", pytrace=False) from None
        told = [campaign.told(finding) for played in plays for finding in campaign.counting(played)]
        if told:
            pytest.fail("\n\n".join(told), pytrace=False)
        if not any(played.cases for played in plays):
            pytest.fail(f"{scenario} was not run: {visible(plays[0].reason or 'no reason is known')}", pytrace=False)


def _scenario(name: str) -> Scenario:
    known = catalogue()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(near)}?" if near else f"there is {', '.join(known)}"
        raise UsageError(f"there is no scenario {name!r}; {hint}")
    return known[name]


def _places(story: Scenario, named: dict[str, str], operations: tuple[Operation, ...]) -> list[Operation | None]:
    if len(named) > 1:
        raise UsageError(f"name one operation, not {' and '.join(named)}")
    if not story.kinds:
        if named:
            raise UsageError(f"{story.id} is played on the session: call it without {next(iter(named))}=")
        return [None]
    fitting = [item for item in operations if item.kind in story.kinds and item.skipped is None]
    if not named:
        if not fitting:
            raise UsageError(
                f"{story.id} is for {', '.join(story.kinds)}, and the server offers none that may be called"
            )
        return [*fitting]
    ((kind, name),) = named.items()
    found = next((item for item in operations if item.key == (kind, name)), None)
    if found is None:
        near = difflib.get_close_matches(name, [item.name for item in operations if item.kind == kind], n=3, cutoff=0.4)
        raise UsageError(
            f"the server offers no {kind} {name!r}" + (f"; did you mean {', '.join(near)}?" if near else "")
        )
    if kind not in story.kinds:
        raise UsageError(f"{story.id} is for {', '.join(story.kinds)}, not for a {kind}")
    if found.skipped is not None:
        raise UsageError(f"{kind} {name!r} {found.skipped.replace('--', '--mcp-')}")
    return [found]
