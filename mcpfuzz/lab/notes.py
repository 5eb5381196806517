"""The notes half of the app: a bounded store and the tools over it, each with its weak twin beside it.

Knows no protocol. Pinned notes are the ones listed as resources; they cannot be deleted, so listings never
depend on what was called before.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from mcpfuzz.lab.codec import Json
from mcpfuzz.lab.kit import LATER, READ, WRITE, Call, Later, Reply, Tool, ToolError, World
from mcpfuzz.lab.schema import closed, quoted

__all__ = ["Note", "Notes"]

KEEP = 300
"""Notes of the client's own; the oldest goes when another comes."""

EXPORT_S = 0.2
"""Seconds an export honestly takes."""

_SENTENCES = (
    "The kiln was opened on a cold morning and nothing had cracked.",
    "Ask the printer whether the grey paper is still to be had.",
    "Two crates of mugs went out by rail and one came back.",
    "The new glaze turns green where it is thick and stays white where it is thin.",
    "Count the lids before the fair, last year there were too few.",
    "A customer wrote that the large bowl sings when it is empty.",
    "Order clay before the road is closed for the winter.",
    "The apprentice measured every plate and found that all are round.",
)
_SUBJECTS = ("kiln", "paper", "mugs", "glaze", "lids", "bowls", "clay", "plates")
_TEMPLATES = {
    "summary": "You have {count} notes.\n",
    "titles": "Your notes:\n{titles}\n",
    "tags": "Your tags: {tags}\n",
}


@dataclass(frozen=True, slots=True)
class Note:
    """One note."""

    id: str
    title: str
    body: str
    tags: tuple[str, ...]
    pinned: bool = False

    def json(self) -> dict[str, Json]:
        return {"id": self.id, "title": self.title, "body": self.body, "tags": list(self.tags), "pinned": self.pinned}


def _seeded(prefix: str) -> Iterator[Note]:
    """24 pinned notes and 8 that may be deleted, some 90 KB of prose in all."""
    for number in range(32):
        subject = _SUBJECTS[number % len(_SUBJECTS)]
        body = " ".join(_SENTENCES[(number + line * (number % 5 + 1)) % len(_SENTENCES)] for line in range(48))
        first = 1001 if number < 24 else 2001 - 24
        yield Note(
            f"{prefix}-{first + number}", f"About the {subject}, part {number // 8 + 1}", body, (subject,), number < 24
        )


class Notes:
    """The store and its tools."""

    def __init__(self, lab: World) -> None:
        self.lab = lab
        self.prefix = lab.draw.of("note prefix", "n", "m", "memo", "doc")
        self._notes = {note.id: note for note in _seeded(self.prefix)}
        self._lock = threading.Lock()
        self._next = 3001
        self._exports: queue.Queue[Call] | None = None
        self._pages: dict[tuple[str, int], str] = {}

    # ---- the store ----

    def all(self) -> list[Note]:
        """In the order they came."""
        with self._lock:
            return list(self._notes.values())

    def pinned(self) -> list[Note]:
        return [note for note in self.all() if note.pinned]

    def get(self, note_id: str) -> Note | None:
        return self._notes.get(note_id)

    def _find(self, note_id: str) -> Note:
        note = self.get(note_id)
        if note is None:
            raise ToolError(f"There is no note {quoted(note_id)}.")
        return note

    # ---- the tools ----

    def create(self, call: Call) -> Reply:
        with self._lock:
            note = Note(
                f"{self.prefix}-{self._next}",
                call.args["title"],
                call.args.get("body", ""),
                tuple(call.args.get("tags", ())),
            )
            self._next += 1
            own = [key for key, other in self._notes.items() if not other.pinned]
            if len(own) >= KEEP:
                del self._notes[own[0]]
            self._notes[note.id] = note
        return Reply(structured={"id": note.id, "title": note.title, "length": len(note.body)})

    def read(self, call: Call) -> Reply:
        return Reply(structured=self._find(call.args["id"]).json())

    def listing(self, call: Call) -> Reply:
        tag = call.args.get("tag")
        found = [note for note in self.all() if tag is None or tag in note.tags]
        # stdout-noise: somebody wondered once why nothing was found
        if not found and self.lab.on("stdout-noise"):
            print("list_notes: nothing for", tag)
        shown = [{"id": note.id, "title": note.title} for note in found[: call.args.get("limit", 10)]]
        return Reply(structured={"notes": shown, "total": len(found)})

    def search(self, call: Call) -> Reply:
        query = call.args["query"].casefold()
        found = [note for note in self.all() if query in f"{note.title}\n{note.body}".casefold()]
        return self._found(call, found)

    def search_cached(self, call: Call) -> Reply:
        """memory-leak: a cache of the folded text, whose key holds the time and so is never met again."""
        query = call.args["query"].casefold()
        key = (query, time.monotonic_ns())
        if key not in self._pages:
            self._pages[key] = "\f".join(f"{note.title}\n{note.body}" for note in self.all()).casefold()
        pages = self._pages[key].split("\f")
        return self._found(call, [note for note, page in zip(self.all(), pages, strict=False) if query in page])

    def _found(self, call: Call, found: list[Note]) -> Reply:
        if not found:
            return Reply(f"No results for {quoted(call.args['query'])}.")
        return Reply("\n".join(f"{note.id}: {note.title}" for note in found[: call.args.get("limit", 10)]))

    def delete(self, call: Call) -> Reply:
        note = self._find(call.args["id"])
        if note.pinned:
            raise ToolError(f"{note.id} is pinned and stays.")
        with self._lock:
            self._notes.pop(note.id, None)
        self.lab.changed(f"note://{note.id}")
        return Reply(f"Deleted {note.id}.")

    def report(self, call: Call) -> Reply:
        name = call.args["template"]
        template = _TEMPLATES.get(name)
        if template is None:
            try:
                template = (self.lab.workspace / "templates" / f"{name}.txt").read_text(encoding="utf-8")[:10_000]
            except (OSError, ValueError) as error:
                # leak-path: an OSError's text ends in the absolute path it was about
                reason = f": {error}" if self.lab.on("leak-path") else "."
                raise ToolError(f"There is no template {quoted(name)}{reason}") from None
        notes = self.all()
        values = {
            "{count}": str(len(notes)),
            "{titles}": "\n".join(note.title for note in notes[:20]),
            "{tags}": ", ".join(sorted({tag for note in notes for tag in note.tags})[:20]),
        }
        for slot, value in values.items():
            template = template.replace(slot, value)
        return Reply(f"{call.args.get('heading', 'Report')}\n\n{template}")

    def export(self, call: Call) -> Reply | Later:
        """Slow on purpose: a fifth of a second, told by progress, gone when cancelled."""
        rows = self._rows(call)
        for done in (1, 2):
            if call.cancelled.wait(EXPORT_S / 2):
                return LATER
            call.progress(done, 3)
        return Reply("\n".join(rows) if rows else f"No notes are tagged {quoted(call.args['tag'])}.")

    def export_queued(self, call: Call) -> Later:
        """hang-call: the queue's worker forgets to answer when there is nothing to write."""
        with self._lock:
            if self._exports is None:
                self._exports = queue.Queue()
                threading.Thread(target=self._work, args=(self._exports,), daemon=True).start()
        self._exports.put(call)
        return LATER

    def _work(self, exports: queue.Queue[Call]) -> None:
        while True:
            call = exports.get()
            rows = self._rows(call)
            if not rows:
                continue
            if not call.cancelled.wait(EXPORT_S):
                call.reply(Reply("\n".join(rows)))

    def _rows(self, call: Call) -> list[str]:
        line = "- {0.title} ({0.id})" if call.args.get("format", "markdown") == "markdown" else "{0.id},{0.title}"
        return [line.format(note) for note in self.all() if call.args["tag"] in note.tags]

    def tools(self) -> list[Tool]:
        """What is served; the weak twin where its switch is on."""
        lab = self.lab
        note_id = {
            "type": "string",
            "pattern": f"^{self.prefix}-[0-9]{{4,8}}$",
            "description": "A note's id, as create and list tell it",
            "examples": [f"{self.prefix}-1001", f"{self.prefix}-1002"],
        }
        tag = {
            "type": "string",
            "pattern": "^[a-z][a-z0-9-]{0,19}$",
            "description": "A tag",
            "examples": ["kiln", "clay"],
        }
        limit = {"type": "integer", "minimum": 1, "maximum": 50, "default": 10, "description": "How many at most"}
        text = {"type": "string"}
        return [
            Tool(
                name="create_note",
                also=("add_note", "new_note", "save_note"),
                title="Create a note",
                description="Stores a note, for everybody, and tells its id. The oldest of more than 300 is dropped.",
                arguments={
                    "title": {"type": "string", "minLength": 1, "maxLength": 80, "examples": ["Shopping"]},
                    "body": {"type": "string", "maxLength": 4000, "examples": ["Milk and bread"]},
                    "tags": {"type": "array", "items": tag, "maxItems": 5, "uniqueItems": True},
                },
                required=("title",),
                renames={"title": ("headline", "subject"), "body": ("content", "text"), "tags": ("labels",)},
                run=self.create,
                output=closed({"id": text, "title": text, "length": {"type": "integer"}}, "id", "title", "length"),
                hints=WRITE,
            ),
            Tool(
                name="get_note",
                also=("read_note", "show_note"),
                title="Read a note",
                description="The whole note with this id.",
                arguments={"id": note_id},
                required=("id",),
                renames={"id": ("note_id", "note")},
                run=self.read,
                output=closed(
                    {
                        "id": text,
                        "title": text,
                        "body": text,
                        "tags": {"type": "array", "items": text},
                        "pinned": {"type": "boolean"},
                    },
                    *("id", "title", "body", "tags", "pinned"),
                ),
                hints=READ,
            ),
            Tool(
                name="list_notes",
                also=("notes", "all_notes"),
                title="List notes",
                description="Ids and titles, oldest first, of all notes or of those with a tag.",
                arguments={"tag": tag, "limit": limit},
                renames={"tag": ("label", "topic"), "limit": ("count", "max_results")},
                run=self.listing,
                output=closed(
                    {
                        "notes": {"type": "array", "items": closed({"id": text, "title": text}, "id", "title")},
                        "total": {"type": "integer", "minimum": 0},
                    },
                    *("notes", "total"),
                ),
                hints=READ,
            ),
            Tool(
                name="search_notes",
                also=("find_notes", "query_notes"),
                title="Search notes",
                description="Notes whose title or body contains the words exactly as given, whatever their case.",
                arguments={
                    "query": {"type": "string", "minLength": 1, "maxLength": 100, "examples": ["glaze", "the fair"]},
                    "limit": limit,
                },
                required=("query",),
                renames={"query": ("words", "text", "q"), "limit": ("count", "max_results")},
                run=self.search_cached if lab.on("memory-leak") else self.search,
                hints=READ,
            ),
            Tool(
                name="delete_note",
                also=("remove_note", "discard_note"),
                title="Delete a note",
                description="Deletes a note for good. Pinned notes stay.",
                arguments={"id": {**note_id, "examples": [f"{self.prefix}-2001", f"{self.prefix}-2002"]}},
                required=("id",),
                renames={"id": ("note_id", "note")},
                run=self.delete,
                hints={"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": False},
            ),
            Tool(
                name="render_report",
                also=("make_report", "write_report"),
                title="Render a report",
                description="A report on all notes. Templates: summary, titles, tags, or one of your own from the "
                "workspace's templates folder.",
                arguments={
                    "template": {"type": "string", "pattern": "^[a-z][a-z_]{0,29}$", "examples": ["summary", "titles"]},
                    "heading": {"type": "string", "maxLength": 60, "examples": ["This week"]},
                },
                required=("template",),
                renames={"template": ("layout", "style"), "heading": ("title", "caption")},
                run=self.report,
                hints=READ,
            ),
            Tool(
                name="export_notes",
                also=("download_notes", "dump_notes"),
                title="Export notes",
                description="All notes with a tag as a Markdown list or CSV. Takes a fifth of a second.",
                arguments={
                    "tag": tag,
                    "format": {"type": "string", "enum": ["markdown", "csv"], "default": "markdown"},
                },
                required=("tag",),
                renames={"tag": ("label", "topic"), "format": ("kind", "output")},
                run=self.export_queued if lab.on("hang-call") else self.export,
                hints=READ,
                slow=True,
            ),
        ]
