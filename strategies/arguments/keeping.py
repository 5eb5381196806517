"""Arguments that keep the whole schema."""

from __future__ import annotations

from mcpfuzz.model import Json
from mcpfuzz.strategies.arguments.plans import Plan, compile, guarded
from mcpfuzz.strategies.arguments.walk import Walk
from mcpfuzz.strategies.choices import Choices

__all__ = ["valid"]


def valid(choices: Choices, schema: Json | Plan) -> Json:
    """Arguments that keep the schema.

    Raises:
        CannotGenerate: there are none, or none was found within the caps; the reason says which.
    """
    return guarded(compile(schema), lambda kit: kit.finished(kit.draw(Walk(choices))))
