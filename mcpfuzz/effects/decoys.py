"""Decoys: files around a workspace's scratch copy that a server which keeps inside its workspace never
reads. Each holds a canary; an answer that holds the canary proves that the file was read.

Knows files, links and the bytes of a small git repository; knows nothing of servers, slots or proofs.

Decoys stand for what a real folder has for neighbours: a secret of every common type, a folder whose name
begins like the workspace's, folders whose names differ by a quote or a blank, a git repository, a
database, and two links in the workspace that lead to them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import sqlite3
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mcpfuzz.archives import FORMS, TRICKS, packed

__all__ = ["EXTENSIONS", "LINKS", "PACKED", "Decoys"]

EXTENSIONS = ("txt", "md", "json", "csv", "log", "html", "xml", "yaml", "yml", "py", "js", "env", "pem", "safetensors")
"""Types of the file `secret` beside the workspace; a server that adds or wants an extension finds one."""
BARE = ("secret", ".env", "id_rsa")
SUFFIXES = ("_private", '"', "'", " ")
"""Folders named as the workspace is, with this behind: a prefix taken for a parent, a name cleaned too late."""
PACKED = "packed"
"""Folder in the workspace that the archives lie in."""
LINKS = {"linked.txt": "../secret.txt", "linked": "../private"}
"""Links laid into the workspace (where the names are free), and what they lead to."""
_TOKEN_BYTES = 9


@dataclass(slots=True)
class _Archive:
    canary: str
    data: bytes
    stamp: tuple[int, int] | None = None
    """Of the file that holds it."""


class Decoys:
    """The decoys around one folder. `refresh` writes them all anew, with fresh canaries.

    Attributes:
        token: what every canary of the present set begins with.
        canaries: `decoy/NAME` -> canary; `decoy/` names are file names relative to the folder around.
    """

    def __init__(self, around: Path, workspace: Path | None) -> None:
        """Args: around: the folder that holds the workspace's copy and nothing else. workspace: the copy."""
        self.around = around
        self._workspace = workspace
        self._named: list[Path] = []
        self._objects: list[Path] = []
        self._state: dict[Path, tuple[int, int]] = {}
        self._archives: dict[str, _Archive] = {}
        self.token = ""
        self.canaries: dict[str, str] = {}
        self.link()

    @property
    def repository(self) -> Path:
        """The folder of the git repository."""
        return self.around / "other"

    def link(self) -> None:
        """Lay the links into the workspace, where their names are free."""
        if self._workspace is None:
            return
        for name, target in LINKS.items():
            with contextlib.suppress(OSError):
                (self._workspace / name).symlink_to(target)

    def pack(self, watch: Path) -> None:
        """Lay archives into the workspace, in a folder of their own, each with a canary of its own: a file of that
        name appears in `watch` where one is unpacked without looking. Listing what is in them shows no decoy. One
        that was unpacked is made anew, the others are the same bytes again."""
        if self._workspace is None:
            return
        folder = self._workspace / PACKED
        if not self._archives and os.path.lexists(folder):
            return  # the name is the user's
        with contextlib.suppress(OSError):
            folder.mkdir(exist_ok=True)
        for form in FORMS:
            for trick in TRICKS:
                self._archive(f"{PACKED}/{trick}.{form}", form, trick, watch)

    def refresh(self) -> None:
        """Write every decoy with a new canary. Never raises for a single decoy that cannot be written."""
        for path in (*self._named, *self._objects):
            with contextlib.suppress(OSError):
                path.unlink()
        self._named.clear()
        self._objects.clear()
        self._state.clear()
        self.token = "d" + secrets.token_hex(_TOKEN_BYTES)
        self.canaries = {}
        for name in (*BARE, *(f"secret.{extension}" for extension in EXTENSIONS)):
            self._file(self.around / name)
        self._folder(self.around / "private")
        self._named_file(self.around)
        if self._workspace is not None:
            for suffix in SUFFIXES:
                self._folder(self._workspace.with_name(self._workspace.name + suffix))
        with contextlib.suppress(OSError):
            self._repository(self.repository)
        with contextlib.suppress(OSError):
            self._database(self.around / "other.db")

    def harmed(self) -> list[str]:
        """Names of decoys that were changed or removed since `refresh`; each is told once."""
        found = [path for path, stamp in self._state.items() if _stamp(path) != stamp]
        for path in found:
            del self._state[path]
        return [str(path.relative_to(self.around)) for path in found]

    def owns(self, path: Path) -> bool:
        """Whether a file was laid out by us."""
        return path in self._state or path in self._named or path.is_relative_to(self.repository)

    # ---- one decoy each

    def _canary(self, path: Path) -> str:
        made = f"{self.token}{len(self.canaries):02d}"
        self.canaries[f"decoy/{path.relative_to(self.around)}"] = made
        return made

    def _file(self, path: Path) -> None:
        canary = self._canary(path)
        with contextlib.suppress(OSError):
            _write(path, _content(path.name, canary))
            self._state[path] = _stamp(path)

    def _archive(self, name: str, form: str, trick: str, watch: Path) -> None:
        assert self._workspace is not None
        path, known = self._workspace / name, self._archives.get(name)
        if known is None or os.path.lexists(watch / f"{known.canary}.txt"):
            canary = "c" + secrets.token_hex(8)
            known = self._archives[name] = _Archive(canary, packed(form, trick, str(watch), f"{canary}.txt"))
        self.canaries[name] = known.canary
        if known.stamp is None or known.stamp != _stamp(path):
            with contextlib.suppress(OSError):
                _write(path, known.data)
                known.stamp = _stamp(path)

    def _named_file(self, folder: Path) -> None:
        """A file whose name is the canary: a listing shows it."""
        path = folder / "n"
        path = path.with_name(self._canary(folder / "listing") + ".txt")
        with contextlib.suppress(OSError):
            _write(path, "n\n")
            self._named.append(path)

    def _folder(self, folder: Path) -> None:
        with contextlib.suppress(OSError):
            folder.mkdir(exist_ok=True)
            self._file(folder / "secret.txt")
            self._named_file(folder)

    def _database(self, path: Path) -> None:
        canary = self._canary(path)
        _write(path, _database_of(canary))
        self._state[path] = _stamp(path)

    def _repository(self, folder: Path) -> None:
        """A git repository of one commit, written as git writes it (loose objects)."""
        git = folder / ".git"
        for part in ("objects", "refs/heads", "refs/tags"):
            (git / part).mkdir(parents=True, exist_ok=True)
        canary = self._canary(folder / "commit")
        blob = self._object(git, b"blob", f"{canary}\n".encode())
        tree = self._object(git, b"tree", b"100644 secret.txt\0" + bytes.fromhex(blob))
        who = "nobody <nobody@example.invalid> 1700000000 +0000"
        text = f"tree {tree}\nauthor {who}\ncommitter {who}\n\n{canary}\n"
        commit = self._object(git, b"commit", text.encode())
        _write(git / "HEAD", "ref: refs/heads/main\n")
        _write(git / "refs/heads/main", commit + "\n")
        _write(git / "config", "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n")
        branch = git / "refs/heads" / self._canary(folder / "branch")
        _write(branch, commit + "\n")
        self._named.append(branch)
        _write(folder / "secret.txt", canary + "\n")
        self._named_file(folder)

    def _object(self, git: Path, kind: bytes, content: bytes) -> str:
        """Store one loose object; its name."""
        data = kind + b" %d\0" % len(content) + content
        name = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        path = git / "objects" / name[:2] / name[2:]
        path.parent.mkdir(exist_ok=True)
        _write(path, zlib.compress(data))
        self._objects.append(path)
        return name


@cache
def _database_like(length: int) -> bytes:
    """A database with one value, `x` so many times."""
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE secret(value TEXT)")
        database.execute("INSERT INTO secret VALUES (?)", ("x" * length,))
        database.commit()
        return database.serialize()


def _database_of(canary: str) -> bytes:
    """A database that holds the canary; made once and rewritten, since each server that is started has it anew."""
    return _database_like(len(canary)).replace(b"x" * len(canary), canary.encode())


_FORMS: Mapping[str, str] = {
    "json": '{{"secret": "{0}"}}\n',
    "csv": "name,secret\nowner,{0}\n",
    "html": "<!doctype html><title>{0}</title><p>{0}</p>\n",
    "xml": "<?xml version='1.0'?><secret>{0}</secret>\n",
    "yaml": "secret: {0}\n",
    "yml": "secret: {0}\n",
    "env": "SECRET={0}\n",
    "pem": "-----BEGIN DECOY-----\n{0}\n-----END DECOY-----\n",
    "md": "# Secret\n\n{0}\n",
}


def _content(name: str, canary: str) -> str:
    return _FORMS.get(name.rpartition(".")[2], "{0}\n").format(canary)


def _write(path: Path, content: str | bytes) -> None:
    """Put a file's content in place of what it holds. Never through a link that a server left there; and without
    emptying it first, which some file systems answer by writing it out at once: 300 times the price."""
    data = content.encode() if isinstance(content, str) else content
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o644)
    except OSError:
        path.unlink()  # not a file of ours any more
        descriptor = os.open(path, flags | os.O_EXCL, 0o644)
    with open(descriptor, "wb", buffering=0) as file:
        file.write(data)
        if os.fstat(descriptor).st_size != len(data):
            file.truncate()


def _stamp(path: Path) -> tuple[int, int]:
    """Changes when the file does; (0, 0) for none."""
    try:
        status = os.stat(path)
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)
