"""Tools over the files of a workspace: read, write, list, count, sort. Sound and weak twins side by side.

The weak twins are dangerous to whoever runs them: they read, write and execute as they are told.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from mcpfuzz.lab.kit import WRITE, Call, Reply, Tool, ToolError, World, brief
from mcpfuzz.lab.schema import Schema, quoted

__all__ = ["Files"]

MOST_TEXT = 10_000
"""Characters of a file that are shown."""
MOST_FILES = 200
"""Files that are listed, and files that are made in one run."""
PROGRAM_S = 5
"""Seconds a helper program may take."""

_SAMPLES: Mapping[str, str] = {
    "readme.txt": "Files of the shop.\nPrices are in docs.\n",
    "docs/prices.txt": "mug 4.50\nbowl 5.65\njug 7.95\n",
    "docs/guide.txt": "Wedge the clay.\nCentre it.\nOpen it.\n",
}
"""Laid into a workspace that is empty."""


class Files:
    """The workspace and its tools."""

    def __init__(self, lab: World) -> None:
        self.lab = lab
        self._made = 0
        self._root: Path | None = None

    @property
    def root(self) -> Path:
        """The workspace's real path; samples are laid into an empty one at the first use."""
        if self._root is None:
            root = self.lab.workspace.resolve()
            if not any(root.iterdir()):
                for name, text in _SAMPLES.items():
                    (root / name).parent.mkdir(parents=True, exist_ok=True)
                    (root / name).write_text(text, encoding="utf-8")
            self._root = root
        return self._root

    # ---- where a path leads ----

    def inside(self, path: str) -> Path:
        """The real path, which is inside the workspace. Every link is followed before that is judged."""
        if "\0" in path:
            raise ToolError("A path has no NUL.")
        try:
            full = (self.root / path).resolve()
        except (OSError, RuntimeError):  # too long a name, links in a circle
            raise ToolError(f"{quoted(path)} leads nowhere.") from None
        if not full.is_relative_to(self.root):
            raise ToolError(f"{quoted(path)} leads out of the workspace.")
        return full

    def joined(self, path: str) -> Path:
        """path-traversal, path-write: joined, and nobody looks where that leads."""
        return Path(os.path.join(self.root, path))

    def prefixed(self, path: str) -> Path:
        """prefix-escape: text that begins alike is taken for a folder that contains."""
        full = os.path.realpath(os.path.join(self.root, path))
        if not full.startswith(str(self.root)):
            raise ToolError(f"{quoted(path)} leads out of the workspace.")
        return Path(full)

    def normalised(self, path: str) -> Path:
        """symlink-escape: `..` is taken out of the text, links are not looked at."""
        full = os.path.normpath(os.path.join(self.root, path))
        if os.path.commonpath([full, self.root]) != str(self.root):
            raise ToolError(f"{quoted(path)} leads out of the workspace.")
        return Path(full)

    def _text(self, full: Path, path: str) -> str:
        if not full.is_file():
            raise ToolError(f"There is no file {quoted(path)}.")
        with full.open("rb") as file:
            return file.read(MOST_TEXT).decode("utf-8", "replace")

    # ---- the tools ----

    def read(self, call: Call) -> Reply:
        path = call.args["path"]
        full = self.joined(path) if self.lab.on("path-traversal") else self.inside(path)
        return Reply(self._text(full, path))

    def document(self, call: Call) -> Reply:
        path = call.args["path"]
        full = self.prefixed(path) if self.lab.on("prefix-escape") else self.inside(path)
        return Reply(self._text(full, path))

    def preview(self, call: Call) -> Reply:
        path = call.args["path"]
        full = self.normalised(path) if self.lab.on("symlink-escape") else self.inside(path)
        return Reply("\n".join(self._text(full, path).splitlines()[: call.args.get("lines", 5)]))

    def save(self, call: Call) -> Reply:
        path = call.args["path"]
        full = self.joined(path) if self.lab.on("path-write") else self.inside(path)
        if self._made >= MOST_FILES:
            raise ToolError(f"{MOST_FILES} files are enough for one run.")
        try:
            full.parent.mkdir(parents=True, exist_ok=True)
            with full.open("x", encoding="utf-8") as file:
                file.write(call.args["text"])
        except OSError:
            raise ToolError(f"{quoted(path)} cannot be written: is it there already?") from None
        self._made += 1
        return Reply(f"Wrote {len(call.args['text'])} characters.")

    def listing(self, call: Call) -> Reply:
        """A trap: answers paths, relative ones, and may."""
        folder = self.inside(call.args.get("folder", "."))
        found: list[str] = []
        for place, folders, names in os.walk(folder):
            folders.sort()
            found += [os.path.relpath(os.path.join(place, name), self.root) for name in sorted(names)]
            if len(found) >= MOST_FILES:
                break
        return Reply("\n".join(found[:MOST_FILES]) or "No files.")

    def count(self, call: Call) -> Reply:
        text = self._text(self.inside(call.args["path"]), call.args["path"])
        return Reply(f"{text.count(chr(10))} lines")

    def count_by_shell(self, call: Call) -> Reply:
        """command-injection: the path becomes part of a command line that a shell reads."""
        done = subprocess.run(
            f"wc -l {call.args['path']}",
            shell=True,
            cwd=self.root,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=PROGRAM_S,
            check=False,
        )
        if done.returncode:
            raise ToolError("The lines cannot be counted.")
        return Reply(done.stdout.decode("utf-8", "replace")[:MOST_TEXT])

    def sort(self, call: Call) -> Reply:
        path = call.args["path"]
        full = self.inside(path)
        if self.lab.on("argument-injection"):
            # argument-injection: no shell, the path was checked, and it may still begin with a dash
            command = ["sort", path]
        elif full.is_file():
            command = ["sort", "--", str(full)]
        else:
            raise ToolError(f"There is no file {quoted(path)}.")
        done = subprocess.run(
            command, cwd=self.root, capture_output=True, stdin=subprocess.DEVNULL, timeout=PROGRAM_S, check=False
        )
        if done.returncode:
            raise ToolError("The file cannot be sorted.")
        return Reply(done.stdout.decode("utf-8", "replace")[:MOST_TEXT])

    # ---- what is served ----

    def tools(self) -> list[Tool]:
        path: Schema = {
            "type": "string",
            "minLength": 1,
            "maxLength": 300,
            "description": "A path inside the workspace",
            "examples": ["readme.txt", "docs/prices.txt"],
        }
        names = {"path": ("file", "filename")}
        lines: Schema = {"type": "integer", "minimum": 1, "maximum": 100, "default": 5}
        text: Schema = {"type": "string", "maxLength": 2000, "examples": ["a line"]}
        shell = self.count_by_shell if self.lab.on("command-injection") else self.count
        return [
            brief("read_file", ("open_file", "cat_file"), "The text of a file.", {"path": path}, self.read, names),
            brief(
                "read_document",
                ("open_document", "show_document"),
                "A document's text.",
                {"path": path},
                self.document,
                names,
            ),
            brief(
                "preview_file",
                ("head_file", "peek_file"),
                "The first lines of a file.",
                {"path": path, "lines": lines},
                self.preview,
                names,
                required=("path",),
            ),
            brief(
                "save_file",
                ("write_file", "store_file"),
                "Writes a new file, making folders as needed. Never overwrites.",
                {"path": {**path, "examples": ["new.txt", "docs/new.txt"]}, "text": text},
                self.save,
                names,
                hints=WRITE,
            ),
            brief(
                "list_files",
                ("browse_files", "show_files"),
                "Paths of the files in a folder and below, relative to the workspace.",
                {"folder": {**path, "examples": [".", "docs"], "default": "."}},
                self.listing,
                {"folder": ("directory", "dir")},
                required=(),
            ),
            brief(
                "count_lines",
                ("line_count", "measure_file"),
                "How many lines a file has.",
                {"path": path},
                shell,
                names,
            ),
            brief(
                "sort_lines", ("sort_file", "order_lines"), "A file's lines, sorted.", {"path": path}, self.sort, names
            ),
        ]
