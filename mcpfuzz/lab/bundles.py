"""Tools that unpack archives into the workspace: one that lies there, one that is sent. Sound and weak twins.

The weak twins are dangerous to whoever runs them: they write where an archive says.
"""

from __future__ import annotations

import base64
import io
import os
import posixpath
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mcpfuzz.lab.files import Files
from mcpfuzz.lab.kit import WRITE, Call, Reply, Tool, ToolError, World, brief
from mcpfuzz.lab.schema import Schema, quoted

__all__ = ["Bundles"]

SAMPLE = "season.zip"
MOST_ENTRIES = 50
MOST_BYTES = 100_000
"""Of one entry, unpacked."""
MOST_FILES = 500
"""Files that are made in one run."""


class Entry(NamedTuple):
    """A file of an archive, or a link: then `data` is where it leads."""

    name: str
    data: bytes
    link: bool


class Bundles:
    """The tools over archives."""

    def __init__(self, lab: World) -> None:
        self.lab = lab
        self._files = Files(lab)
        self._made = 0
        self._laid = False

    def _sample(self) -> None:
        """An archive to begin with, laid into the workspace at the first use."""
        place = self._files.root / SAMPLE
        if not self._laid and not os.path.lexists(place):
            place.write_bytes(_zip("prices.txt", "mug 4.50\n"))
        self._laid = True

    def unpack(self, call: Call) -> Reply:
        self._sample()
        path = call.args["archive"]
        full = self._files.inside(path)
        if not full.is_file() or full.stat().st_size > MOST_BYTES:
            raise ToolError(f"There is no archive {quoted(path)}.")
        entries = _entries(full.read_bytes(), path)
        folder = self._files.inside(call.args.get("folder", "unpacked"))
        for entry in entries:
            if entry.link:
                continue
            # zip-slip: the name in the archive is joined to the folder, and nobody looks where that leads
            weak = self.lab.on("zip-slip")
            self._write(Path(os.path.join(folder, entry.name)) if weak else self._below(folder, entry.name), entry.data)
        return Reply(f"Unpacked {len(entries)} entries.")

    def install(self, call: Call) -> Reply:
        try:
            data = base64.b64decode(call.args["data"], validate=True)
        except ValueError:
            raise ToolError("That is not base64.") from None
        folder = self._files.inside("themes")
        entries = _entries(data, "the theme")
        for entry in entries:
            if self.lab.on("archive-link"):
                # archive-link: `..` is looked for in names, and a link has none in its own
                if posixpath.isabs(entry.name) or ".." in entry.name.split("/"):
                    raise ToolError(f"{quoted(entry.name)} leads out of the archive.")
                place = Path(os.path.join(folder, entry.name))
                if entry.link:
                    self._link(place, entry.data)
                    continue
            elif entry.link:
                raise ToolError("A theme holds no links.")
            else:
                place = self._below(folder, entry.name)
            self._write(place, entry.data)
        return Reply(f"Installed a theme of {len(entries)} files.")

    def _below(self, folder: Path, name: str) -> Path:
        """Where an entry goes, which is below the folder; links that lie there are followed before that is judged."""
        try:
            full = Path(os.path.join(folder, name)).resolve()
        except (OSError, RuntimeError, ValueError):
            raise ToolError(f"{quoted(name)} leads nowhere.") from None
        if not full.is_relative_to(folder) or full == folder:
            raise ToolError(f"{quoted(name)} leads out of the archive.")
        return full

    def _write(self, place: Path, data: bytes) -> None:
        if self._made >= MOST_FILES:
            raise ToolError(f"{MOST_FILES} files are enough for one run.")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        except (OSError, ValueError):
            raise ToolError("A file cannot be written.") from None
        self._made += 1

    def _link(self, place: Path, target: bytes) -> None:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            os.symlink(target, os.fsencode(place))
        except (OSError, ValueError):
            raise ToolError("A link cannot be made.") from None

    def tools(self) -> list[Tool]:
        path: Schema = {"type": "string", "minLength": 1, "maxLength": 300}
        theme = base64.b64encode(_zip("spring.css", "body {}\n")).decode("ascii")
        return [
            brief(
                "unpack_archive",
                ("extract_archive", "expand_archive"),
                "Unpacks a zip or tar archive of the workspace into a folder of the workspace.",
                {
                    "archive": {**path, "description": "Path of the archive", "examples": [SAMPLE]},
                    "folder": {**path, "description": "Where to", "examples": ["unpacked"], "default": "unpacked"},
                },
                self.unpack,
                {"archive": ("bundle", "source"), "folder": ("target", "destination")},
                required=("archive",),
                hints=WRITE,
            ),
            brief(
                "install_theme",
                ("add_theme", "import_theme"),
                "Installs a theme of the shop window: a zip or tar archive, as base64.",
                {
                    "data": {
                        "type": "string",
                        "maxLength": 200_000,
                        "examples": [theme],
                    }
                },
                self.install,
                {"data": ("content", "archive")},
                hints=WRITE,
            ),
        ]


def _zip(name: str, text: str) -> bytes:
    """A small archive, always the same."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), text)
    return made.getvalue()


def _entries(data: bytes, name: str) -> list[Entry]:
    """Files and links of an archive, within bounds. Raises ToolError for what is none."""
    try:
        found = list(_zipped(data) if zipfile.is_zipfile(io.BytesIO(data)) else _tarred(data))
    except (zipfile.BadZipFile, tarfile.TarError, OSError, ValueError, EOFError, NotImplementedError, RuntimeError):
        raise ToolError(f"{quoted(name)} is no archive.") from None
    if len(found) > MOST_ENTRIES or any(len(entry.data) > MOST_BYTES for entry in found):
        raise ToolError(f"{quoted(name)} is too large.")
    return found


def _zipped(data: bytes) -> Iterator[Entry]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist()[: MOST_ENTRIES + 1]:
            if not info.is_dir():
                with archive.open(info) as file:
                    yield Entry(info.filename, file.read(MOST_BYTES + 1), stat.S_ISLNK(info.external_attr >> 16))


def _tarred(data: bytes) -> Iterator[Entry]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for count, info in enumerate(archive):
            if count > MOST_ENTRIES:
                return
            if info.issym():
                yield Entry(info.name, os.fsencode(info.linkname), True)
            elif info.isfile():
                file = archive.extractfile(info)
                yield Entry(info.name, file.read(MOST_BYTES + 1) if file else b"", False)
