"""What an answer to a request comes to: its result, and whether that is what was asked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from mcpfuzz.model import Json

__all__ = ["normal", "result_of"]


def result_of(answer: Json) -> Mapping[str, Json] | None:
    """The result object of an answer, isError or not; None where there is none, or an error beside it."""
    if not isinstance(answer, dict) or answer.get("error") is not None:  # some write "error": null beside a result
        return None
    result = answer.get("result")
    return result if isinstance(result, dict) else None


def normal(answer: Json) -> bool:
    """Whether an answer is a normal one: no error, no failure of the tool, no question back."""
    result = result_of(answer)
    return result is not None and result.get("isError") is not True and result.get("resultType") != "input_required"
