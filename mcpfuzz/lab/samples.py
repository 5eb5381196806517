"""Samples: glazes that are tried in the kiln, which takes a while: a tool whose call may become a task."""

from __future__ import annotations

from mcpfuzz.lab.kit import WRITE, Call, Reply, Tool, World, brief
from mcpfuzz.lab.schema import Schema, quoted

__all__ = ["Samples"]


class Samples:
    """The sample shelf."""

    def __init__(self, lab: World) -> None:
        self.lab = lab

    def fire(self, call: Call) -> Reply:
        return Reply(f"A sample of yours came out well: {quoted(call.args['glaze'])}.")

    def tools(self) -> list[Tool]:
        glaze: Schema = {"type": "string", "minLength": 1, "maxLength": 80, "examples": ["Tenmoku, two coats."]}
        return [
            brief(
                "fire_sample", ("test_glaze", "glaze_sample"),
                "Fires a sample with a glaze of yours, and says how it came out. As a task it waits for its turn.",
                {"glaze": glaze}, self.fire, {"glaze": ("mixture", "recipe")}, hints=WRITE, task=True,
            ),
        ]  # fmt: skip
