"""Everything that is listed, read or completed: pages, prompts, resources, templates, completions.

Knows requests and notes; knows no transport and no tool.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from mcpfuzz.lab.codec import Json
from mcpfuzz.lab.eras import Refusal
from mcpfuzz.lab.kit import World
from mcpfuzz.lab.notes import Note, Notes
from mcpfuzz.lab.schema import quoted

if TYPE_CHECKING:  # core imports us; the request is its
    from mcpfuzz.lab.core import Request

__all__ = ["PAGE", "Listing"]

PAGE: Final = 12
"""Entries on a page: few, so that there is more than one."""

_URI = re.compile(r"[a-z][a-z0-9+.-]{0,31}:(?://)?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{1,2000}")
_MEMO = "memo://"
_LOGO = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(64)).decode("ascii")
_STYLES = ("brief", "formal", "friendly")


class Memos(Protocol):
    """Things that are somebody's own, each under its id."""

    def of(self, identity: str, *, anybody: bool = False) -> Mapping[str, str]:
        """Id -> text of one's own, or of everybody's."""


class Listing:
    """The read-only side of the server.

    Args:
        memos: what the tenants have, where there are tenants.
    """

    def __init__(self, lab: World, notes: Notes, memos: Memos | None = None) -> None:
        self.lab = lab
        self.memos = memos
        self.notes = notes
        self.summarise = lab.draw.of("prompt summarise", "summarise_note", "condense_note", "shorten_note")
        self.letter = lab.draw.of("prompt letter", "write_letter", "draft_letter", "compose_letter")
        self._read_before: dict[str, dict[str, Json]] = {}

    # ---- pages ----

    def page(self, request: Request, member: str, entries: Sequence[Json]) -> dict[str, Json]:
        """One page of a list. A cursor says where the next begins and is only good for its own list."""
        starts = {_cursor(member, start): start for start in range(PAGE, len(entries), PAGE)}
        cursor = request.params.get("cursor")
        if "cursor" in request.params and (not isinstance(cursor, str) or cursor not in starts):
            raise Refusal(-32602, "Invalid params: there is no such page")
        start = starts[cursor] if isinstance(cursor, str) else 0
        shown: dict[str, Json] = {member: list(entries[start : start + PAGE])}
        if start + PAGE < len(entries):
            shown["nextCursor"] = _cursor(member, start + PAGE)
        return shown

    # ---- prompts ----

    def _prompts(self) -> dict[str, dict[str, Json]]:
        note = {"name": "note_id", "description": "A note's id", "required": True}
        return {
            self.summarise: {
                "name": self.summarise,
                "title": "Summarise a note",
                "description": "Asks for a summary of one note.",
                "arguments": [note, {"name": "style", "description": ", ".join(_STYLES), "required": False}],
            },
            self.letter: {
                "name": self.letter,
                "title": "Write a letter",
                "description": "Asks for a letter to a customer about something.",
                "arguments": [
                    {"name": "customer", "description": "Whom to write to, 60 characters at most", "required": True},
                    {"name": "about", "description": "What it is about, 200 characters at most", "required": True},
                ],
            },
        }

    def prompts(self, request: Request) -> dict[str, Json]:
        """`prompts/list`."""
        entries = [request.revision.trimmed(prompt) for prompt in self._prompts().values()]
        return self.page(request, "prompts", entries)

    def prompt(self, request: Request) -> dict[str, Json]:
        """`prompts/get`."""
        prompt = self._named_prompt(request.params.get("name"))
        given = request.params.get("arguments", {})
        if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
            raise Refusal(-32602, "Invalid params: a prompt's arguments are strings")
        for argument in prompt["arguments"]:
            if argument["required"] and argument["name"] not in given:
                raise Refusal(-32602, f"Invalid params: {argument['name']} is required")
        unknown = set(given) - {argument["name"] for argument in prompt["arguments"]}
        if unknown:
            raise Refusal(-32602, f"Invalid params: the prompt takes no {quoted(min(unknown))}")
        if prompt["name"] == self.letter:
            text = self._letter(given)
        else:
            style = given.get("style", _STYLES[0])
            if style not in _STYLES:
                raise Refusal(-32602, f"Invalid params: style is one of {', '.join(_STYLES)}")
            text = f"Write a {style} summary of this note.\n\n{self._note(given['note_id']).body}"
        message = {"role": "user", "content": {"type": "text", "text": text}}
        return {"description": prompt["description"], "messages": [message]}

    def _letter(self, given: dict[str, str]) -> str:
        if len(given["customer"]) > 60 or len(given["about"]) > 200:
            raise Refusal(-32602, "Invalid params: customer has at most 60 characters and about at most 200")
        # as JSON strings, so that what is filled in cannot pass for our own words
        return f"Write a letter to {json.dumps(given['customer'])} about {json.dumps(given['about'])}."

    def _note(self, note_id: str) -> Note:
        note = self.notes.get(note_id)
        if note is None:
            raise Refusal(-32602, f"Invalid params: there is no note {quoted(note_id)}")
        return note

    def _named_prompt(self, name: Json) -> dict[str, Any]:
        prompt = self._prompts().get(name) if isinstance(name, str) else None
        if prompt is None:
            raise Refusal(-32602, f"Unknown prompt: {quoted(name)}")
        return prompt

    # ---- resources ----

    def resources(self, request: Request) -> dict[str, Json]:
        """`resources/list`: the pinned notes and two others, the same for everybody, always."""
        entries: list[Json] = [
            {"uri": "shop://logo", "name": "logo", "mimeType": "image/png"},
            {"uri": "shop://hours", "name": "hours", "mimeType": "application/json"},
            *(
                {"uri": f"note://{note.id}", "name": note.id, "title": note.title, "mimeType": "text/plain"}
                for note in self.notes.pinned()
            ),
        ]
        return self.page(request, "resources", [request.revision.trimmed(entry) for entry in entries])

    def templates(self, request: Request) -> dict[str, Json]:
        """`resources/templates/list`."""
        entries = [{"uriTemplate": "note://{id}", "name": "note", "title": "A note", "mimeType": "text/plain"}]
        if self.memos is not None:
            own = {"name": "memo", "title": "A memo", "description": "One of your memos.", "mimeType": "text/plain"}
            entries.append({"uriTemplate": _MEMO + "{memo}", **own})
        return self.page(request, "resourceTemplates", [request.revision.trimmed(entry) for entry in entries])

    def read(self, request: Request) -> dict[str, Json]:
        """`resources/read`."""
        uri = request.params.get("uri")
        if not isinstance(uri, str) or not _URI.fullmatch(uri):
            raise Refusal(-32602, "Invalid params: uri is a URI")
        contents = self._contents(uri, request.connection.identity)
        if contents is None:
            raise Refusal(request.revision.no_resource, "Resource not found", {"uri": uri[:200]})
        result = {"contents": [{"uri": uri, **contents}]}
        if self.lab.on("duplicate-answer"):
            # duplicate-answer: what was read before is answered at once, and then "refreshed" by a second answer
            if uri in self._read_before:
                before = request.revision.finished(request.method, self._read_before[uri])
                request.also.append({"jsonrpc": "2.0", "id": request.id, "result": before})
            self._read_before[uri] = result
        return result

    def readable(self, uri: str, identity: str) -> bool:
        """Whether somebody may read what is there."""
        return self._contents(uri, identity) is not None

    def _contents(self, uri: str, identity: str) -> dict[str, Json] | None:
        if uri == "shop://logo":
            return {"mimeType": "image/png", "blob": _LOGO}
        if uri == "shop://hours":
            return {"mimeType": "application/json", "text": '{"mon-fri": "9-18", "sat": "10-14"}'}
        if self.memos is not None and uri.startswith(_MEMO):
            # bola-resource: the tools ask whose it is; this is only another way to the same table
            text = self.memos.of(identity, anybody=self.lab.on("bola-resource")).get(uri.removeprefix(_MEMO))
            return None if text is None else {"mimeType": "text/plain", "text": text}
        if not uri.startswith("note://"):
            return None
        note = self.notes.get(uri.removeprefix("note://"))
        if note is None and self.lab.on("fabricated-success"):
            # fabricated-success: `get` with a default, and nobody can tell an absent note from an empty one
            note = Note(id="", title="", body="", tags=())
        return None if note is None else {"mimeType": "text/plain", "text": note.body}

    # ---- completion ----

    def complete(self, request: Request) -> dict[str, Json]:
        """`completion/complete`: values that begin with what was typed, at most 100."""
        ref, argument = request.params.get("ref"), request.params.get("argument")
        if not isinstance(ref, dict) or not isinstance(argument, dict):
            raise Refusal(-32602, "Invalid params: ref and argument are objects")
        name, typed = argument.get("name"), argument.get("value")
        if not isinstance(name, str) or not isinstance(typed, str):
            raise Refusal(-32602, "Invalid params: argument has a name and a value, both strings")
        if not isinstance(request.params.get("context", {}), dict):
            raise Refusal(-32602, "Invalid params: context is an object")
        values = [
            value for value in self._completions(ref, name, request.connection.identity) if value.startswith(typed)
        ]
        return {"completion": {"values": values[:100], "total": len(values), "hasMore": len(values) > 100}}

    def _completions(self, ref: dict[str, Json], name: str, identity: str) -> Sequence[str]:
        ids = [note.id for note in self.notes.pinned()]
        if ref.get("type") == "ref/resource" and ref.get("uri") == "note://{id}":
            choices: dict[str, Sequence[str]] = {"id": ids}
        elif self.memos is not None and ref.get("type") == "ref/resource" and ref.get("uri") == _MEMO + "{memo}":
            # bola-completion: a hint while somebody types, and nobody thinks of whose ids these are
            known = self.memos.of(identity, anybody=self.lab.on("bola-completion"))
            choices = {"memo": list(known)[::-1]}
        elif ref.get("type") == "ref/prompt":
            prompt = self._named_prompt(ref.get("name"))
            choices = {argument["name"]: () for argument in prompt["arguments"]}
            choices.update({key: value for key, value in (("note_id", ids), ("style", _STYLES)) if key in choices})
        else:
            raise Refusal(-32602, "Invalid params: ref names a prompt or a resource template")
        if name not in choices:
            raise Refusal(-32602, f"Invalid params: there is no argument {quoted(name)}")
        return choices[name]


def _cursor(member: str, start: int) -> str:
    """Opaque, the same in every process, and not to be had by counting."""
    seal = zlib.crc32(f"{member}/{start}/notes-and-shop".encode())
    return base64.urlsafe_b64encode(f"{start}.{seal:08x}".encode()).decode("ascii")
