"""Tools over text: echo, statistics, tag lists, outlines, label sheets. Knows no protocol and keeps nothing."""

from __future__ import annotations

import re

from mcpfuzz.lab.codec import Json
from mcpfuzz.lab.kit import READ, Call, Reply, Tool, ToolError, World
from mcpfuzz.lab.schema import closed

__all__ = ["Texts"]

_WORD = re.compile(r"[^\W_]+")

SHEET = 200
"""Labels on a sheet that a printer here takes."""


class Texts:
    """The tools; each weak twin beside its sound one."""

    def __init__(self, lab: World) -> None:
        self.lab = lab
        draw = lab.draw
        self.separator = draw.of("tag separator", ",", ";", "|")
        self.tag = draw.of("tag letters", "a-z0-9", "a-z", "0-9a-f")
        # hang-regex: nested repetition, so a long tag followed by something wrong is tried in 2**n ways
        self.pattern = re.compile(
            draw.of(
                "tag pattern",
                f"^([{self.tag}]+[{self.separator}]?)+$",
                f"^(([{self.tag}]+)*[{self.separator}]?)+$",
                f"^([{self.tag}]|[{self.tag}]+|[{self.separator}])+$",
            )
        )
        self.width = draw.between("label width", 40, 40, 60)

    # ---- the tools ----

    def echo(self, call: Call) -> Reply:
        """A trap: answers what it was sent, and that is all it does."""
        return Reply(call.args["text"])

    def statistics(self, call: Call) -> Reply:
        words = _WORD.findall(call.args["text"])
        letters = sum(len(word) for word in words)
        counts: dict[str, Json] = {"words": len(words), "letters": letters, "longest": max(map(len, words), default=0)}
        counts["mean_length"] = round(letters / len(words), 2) if words else 0
        if self.lab.on("output-schema") and not words:
            # output-schema: the mean of nothing, where a number is promised
            counts["mean_length"] = self.lab.draw.of("mean of nothing", None, "n/a", "-")
        return Reply(structured=counts)

    def check_tags(self, call: Call) -> Reply:
        tags = call.args["tags"].split(self.separator)
        bad = [tag for tag in tags if not re.fullmatch(f"[{self.tag}]+", tag)]
        return self._checked(len(tags), bad=bool(bad))

    def check_tags_at_once(self, call: Call) -> Reply:
        """hang-regex: one pattern for the whole list, on whatever the client sent."""
        tags = call.args["tags"]
        return self._checked(tags.count(self.separator) + 1, bad=not self.pattern.match(tags))

    def _checked(self, count: int, *, bad: bool) -> Reply:
        if bad:
            raise ToolError(f"That is no list of tags: letters {self.tag}, separated by '{self.separator}'.")
        return Reply(f"{count} tags, all well formed.")

    def outline(self, call: Call) -> Reply:
        lines: list[str] = []
        self._outline(call.args["outline"], 0, lines)
        return Reply("\n".join(lines))

    def _outline(self, node: dict[str, Json], depth: int, lines: list[str]) -> None:
        # As deep as the arguments; a message deeper than codec.MAX_DEPTH never gets here. crash-depth lifts that.
        lines.append("  " * depth + "- " + node["title"])
        for child in node.get("children", ()):
            self._outline(child, depth + 1, lines)

    def labels(self, call: Call) -> Reply:
        line = call.args["text"].ljust(self.width) + "\n"
        return Reply(line * call.args["copies"])

    def tools(self) -> list[Tool]:
        """What is served; the weak twin where its switch is on."""
        lab = self.lab
        number = {"type": "integer", "minimum": 0}
        # huge-answer: the bound of the database column instead of the printer's, and nobody counts bytes
        copies = lab.draw.of("most copies", 500_000, 600_000, 524_288) if lab.on("huge-answer") else SHEET
        example = {"a-z0-9": "red{0}green{0}blue2", "a-z": "red{0}green{0}blue", "0-9a-f": "c0ffee{0}beef{0}42"}[
            self.tag
        ]
        return [
            Tool(
                name="echo",
                also=("repeat", "say"),
                title="Echo",
                description="Answers with the text it is sent.",
                arguments={"text": {"type": "string", "maxLength": 2000, "examples": ["hello"]}},
                required=("text",),
                renames={"text": ("message", "words")},
                run=self.echo,
                hints=READ,
            ),
            Tool(
                name="text_statistics",
                also=("count_words", "measure_text"),
                title="Text statistics",
                description="How many words and letters a text has, its longest word and the mean length of a word.",
                arguments={"text": {"type": "string", "maxLength": 5000, "examples": ["three short words"]}},
                required=("text",),
                renames={"text": ("content", "prose")},
                run=self.statistics,
                output=closed(
                    {
                        "words": number,
                        "letters": number,
                        "longest": number,
                        "mean_length": {"type": "number", "minimum": 0},
                    },
                    *("words", "letters", "longest", "mean_length"),
                ),
                hints=READ,
            ),
            Tool(
                name="check_tags",
                also=("validate_tags", "lint_tags"),
                title="Check a list of tags",
                description=f"Says whether a text is a list of tags ({self.tag}), separated by '{self.separator}'.",
                arguments={
                    "tags": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 200,
                        "examples": [example.format(self.separator)],
                    }
                },
                required=("tags",),
                renames={"tags": ("labels", "keywords")},
                run=self.check_tags_at_once if lab.on("hang-regex") else self.check_tags,
                hints=READ,
            ),
            Tool(
                name="render_outline",
                also=("format_outline", "print_tree"),
                title="Render an outline",
                description="A nested outline as indented lines.",
                arguments={"outline": {"$ref": "#/$defs/node"}},
                required=("outline",),
                renames={"outline": ("tree", "document")},
                defs={
                    "node": closed(
                        {
                            "title": {"type": "string", "maxLength": 100, "examples": ["Pots"]},
                            "children": {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 20},
                        },
                        "title",
                    )
                },
                run=self.outline,
                hints=READ,
                # crash-depth: the author caught what he had seen
                catches=(ValueError, TypeError, KeyError) if lab.on("crash-depth") else (Exception,),
            ),
            Tool(
                name="label_sheet",
                also=("print_labels", "make_labels"),
                title="Print labels",
                description="The same label again and again, one to a line, padded to the printer's width.",
                arguments={
                    "text": {"type": "string", "maxLength": 40, "examples": ["MUGS"]},
                    "copies": {"type": "integer", "minimum": 1, "maximum": copies, "examples": [3]},
                },
                required=("text", "copies"),
                renames={"text": ("caption", "label"), "copies": ("count", "amount")},
                run=self.labels,
                hints=READ,
            ),
        ]
