"""`mcp_replay`: a finding as a test. What a failing item prints to be pasted calls it with the finding's steps and
proof; it fails while a fresh server still shows the effect, and passes once it does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from mcpfuzz.errors import TargetError, UsageError
from mcpfuzz.oracles.proofs import PROOFS
from mcpfuzz.reports import conversation_of, proof_of, visible
from mcpfuzz.target import Target

if TYPE_CHECKING:
    from mcpfuzz.pytest_support.support import Support

__all__ = ["Replaying"]


class Replaying:
    """Called with `proof` and `steps` as a report has them."""

    def __init__(self, support: Support, target: Target) -> None:
        self._support = support
        self._target = target

    def __repr__(self) -> str:
        return "<mcp_replay>"

    def __call__(self, *, proof: Mapping[str, Any], steps: list[dict[str, Any]]) -> None:
        """Say it to a fresh server, and fail where the proof's effect is seen.

        Raises:
            UsageError: steps or proof are not what a report holds.
        """
        __tracebackhide__ = True
        campaign = self._support.campaign(self._target)
        conversation, wanted = conversation_of(steps), proof_of({"proof": proof})
        if wanted.kind not in PROOFS:
            raise UsageError(f"there is no proof {wanted.kind!r}: is the scenario of your own that has it still there?")
        try:
            seen = campaign.show(conversation, wanted)
        except (TargetError, UsageError) as error:
            raise pytest.fail.Exception(f"mcpfuzz could not test: {visible(str(error))}", pytrace=False) from None
        if seen is not None:
            told = f"it still shows\nexpected: {visible(wanted.expected)}\nobserved: {visible(seen)}"
            raise pytest.fail.Exception(told, pytrace=False)
