"""Tools that read formats: feeds, snapshots, message templates, patterns, packed data. Sound and weak twins."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from typing import Any

from mcpfuzz.lab.codec import Json
from mcpfuzz.lab.kit import Call, Reply, Tool, ToolError, World, brief
from mcpfuzz.lab.schema import Schema, quoted

__all__ = ["Formats"]

MOST_UNPACKED = 1_000_000
"""Bytes that packed data may unpack to."""

_FEED = "<feed><item>Kiln opened</item><item>New glaze</item></feed>"
_SLOT = re.compile(r"\{\{([^{}]{0,200})\}\}")


class Formats:
    """Parsers and the tools over them."""

    def __init__(self, lab: World) -> None:
        self.lab = lab

    # ---- XML ----

    def feed(self, call: Call) -> Reply:
        text = call.args["xml"]
        external = self.lab.on("xml-entity")
        if "<!DOCTYPE" in text.upper() and not external:
            raise ToolError("A feed has no document type.")
        from xml.sax import SAXException  # 15 ms, and only this tool needs it

        try:
            items = _items(text, external=external)
        except (SAXException, ValueError, OSError):
            raise ToolError("That is no feed.") from None
        return Reply("\n".join(items) or "The feed is empty.")

    # ---- snapshots ----

    def snapshot(self, call: Call) -> Reply:
        state = {"heading": call.args["heading"], "items": ["mug", "bowl"]}
        if self.lab.on("deserialisation"):
            import pickle

            return Reply(base64.b64encode(pickle.dumps(state)).decode("ascii"))
        return Reply(base64.b64encode(json.dumps(state).encode()).decode("ascii"))

    def restore(self, call: Call) -> Reply:
        try:
            data = base64.b64decode(call.args["data"], validate=True)
            state = self._state(data)
        except (ValueError, RecursionError):
            raise ToolError("That is no snapshot.") from None
        if not isinstance(state, dict) or not isinstance(state.get("heading"), str):
            raise ToolError("That is no snapshot.")
        return Reply(f"Restored {quoted(state['heading'])}.")

    def _state(self, data: bytes) -> Json:
        if self.lab.on("deserialisation"):
            # deserialisation: pickle runs what it is told to
            import pickle

            return pickle.loads(data)
        return json.loads(data)

    # ---- templates ----

    def message(self, call: Call) -> Reply:
        values = {"name": call.args["name"], "shop": "The Pottery"}

        def fill(match: re.Match[str]) -> str:
            expression = match[1].strip()
            if self.lab.on("template-injection"):
                # template-injection: what stands between the braces is evaluated, not looked up
                return str(eval(expression, {}, dict(values)))
            return str(values.get(expression, match[0]))

        return Reply(_SLOT.sub(fill, call.args["template"]))

    # ---- patterns ----

    def matches(self, call: Call) -> Reply:
        """A trap: patterns of a stranger, matched in time that grows with the product of both lengths at most."""
        return Reply("It matches." if _glob(call.args["pattern"], call.args["text"]) else "It does not match.")

    def matches_regex(self, call: Call) -> Reply:
        """redos: the stranger's pattern is compiled and run as it is."""
        try:
            found = re.search(call.args["pattern"], call.args["text"])
        except re.error:
            raise ToolError(f"{quoted(call.args['pattern'])} is no pattern.") from None
        return Reply("It matches." if found else "It does not match.")

    # ---- packed data ----

    def unpack(self, call: Call) -> Reply:
        try:
            packed = base64.b64decode(call.args["data"], validate=True)
            if self.lab.on("zip-bomb"):
                # zip-bomb: a thousand times the input, in one piece
                data = zlib.decompress(packed)
            else:
                data = zlib.decompressobj().decompress(packed, MOST_UNPACKED)
        except (binascii.Error, ValueError, zlib.error):
            raise ToolError("That is not packed data.") from None
        if len(data) >= MOST_UNPACKED and not self.lab.on("zip-bomb"):
            raise ToolError(f"Unpacked data has fewer than {MOST_UNPACKED} bytes.")
        return Reply(f"{len(data)} bytes, beginning with {quoted(data[:40].decode('utf-8', 'replace'))}.")

    # ---- what is served ----

    def tools(self) -> list[Tool]:
        regex = self.lab.on("redos")
        packed = base64.b64encode(zlib.compress(b"mug, bowl, jug")).decode("ascii")
        text: Schema = {"type": "string", "maxLength": 2000}
        snapshot = base64.b64encode(b'{"heading": "Spring", "items": []}').decode("ascii")
        if self.lab.on("deserialisation"):
            import pickle

            snapshot = base64.b64encode(pickle.dumps({"heading": "Spring", "items": []})).decode("ascii")
        return [
            brief(
                "import_feed",
                ("read_feed", "parse_feed"),
                "The items of an XML feed.",
                {"xml": {**text, "examples": [_FEED]}},
                self.feed,
                {"xml": ("feed", "document")},
            ),
            brief(
                "take_snapshot",
                ("export_state", "dump_state"),
                "The shop window's state as base64, to be restored later.",
                {"heading": {**text, "maxLength": 60, "examples": ["Spring"]}},
                self.snapshot,
                {"heading": ("title", "caption")},
            ),
            brief(
                "restore_snapshot",
                ("import_state", "load_state"),
                "Checks a snapshot, as base64, and tells its heading.",
                {"data": {**text, "examples": [snapshot]}},
                self.restore,
                {"data": ("snapshot", "state")},
            ),
            brief(
                "render_message",
                ("fill_template", "preview_message"),
                "Fills {{name}} and {{shop}} into a text; other braces stay.",
                {
                    "template": {**text, "examples": ["Dear {{name}}, yours, {{shop}}"]},
                    "name": {**text, "maxLength": 60, "examples": ["Ada"]},
                },
                self.message,
                {"template": ("text", "body"), "name": ("recipient", "to")},
            ),
            brief(
                "match_pattern",
                ("test_pattern", "try_pattern"),
                "Says whether a regular expression occurs in a text."
                if regex
                else "Says whether a text matches a pattern in which * is any letters and ? is any one.",
                {
                    "pattern": {**text, "minLength": 1, "maxLength": 100, "examples": ["kiln" if regex else "k?ln*"]},
                    "text": {**text, "maxLength": 500, "examples": ["kilns"]},
                },
                self.matches_regex if regex else self.matches,
                {"pattern": ("expression", "mask"), "text": ("subject", "words")},
            ),
            brief(
                "unpack",
                ("inflate", "decompress"),
                "Unpacks zlib data, as base64, and tells its size and beginning.",
                {"data": {"type": "string", "maxLength": 200_000, "examples": [packed]}},
                self.unpack,
                {"data": ("packed", "archive")},
            ),
        ]


def _items(text: str, *, external: bool) -> list[str]:
    """The texts of all `item` elements."""
    import io
    from xml.sax import make_parser
    from xml.sax.handler import ContentHandler, feature_external_ges

    class Items(ContentHandler):
        def __init__(self) -> None:
            super().__init__()
            self.items: list[str] = []
            self.inside = False

        def startElement(self, name: str, attrs: Any) -> None:
            self.inside = name == "item"
            if self.inside:
                self.items.append("")

        def endElement(self, name: str) -> None:
            self.inside = False

        def characters(self, content: str) -> None:
            if self.inside:
                self.items[-1] += content[:1000]

    parser, handler = make_parser(), Items()
    # xml-entity: switched on so that "shared parts of a feed" can be included
    parser.setFeature(feature_external_ges, external)
    parser.setContentHandler(handler)
    parser.parse(io.StringIO(text))
    return handler.items[:100]


def _glob(pattern: str, text: str) -> bool:
    """Whether `*` and `?` match the whole text, by the set of positions reached: no backtracking."""
    reached = {0}
    for sign in pattern:
        if sign == "*":
            reached = set(range(min(reached), len(text) + 1)) if reached else reached
        else:
            reached = {at + 1 for at in reached if at < len(text) and sign in ("?", text[at])}
    return len(text) in reached
