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
        self._state: dict[Path, tuple[int, int]] = {}
        self._packs = False
        self.token = ""
        self.canaries: dict[str, str] = {}
        self.link()

    def link(self) -> None:
        """Lay the links into the workspace, where their names are free."""
        if self._workspace is None:
            return
        for name, target in LINKS.items():
            with contextlib.suppress(OSError):
                (self._workspace / name).symlink_to(target)

    def pack(self, watch: Path) -> None:
        """Lay archives into the workspace, in a folder of their own, each with a canary of its own: a file of that
        name appears in `watch` where one is unpacked without looking. Listing what is in them shows no decoy."""
        if self._workspace is None:
            return
        folder = self._workspace / PACKED
        if not self._packs and os.path.lexists(folder):
            return  # the name is the user's
        self._packs = True
        for form in FORMS:
            for trick in TRICKS:
                name = f"{PACKED}/{trick}.{form}"
                self.canaries[name] = "c" + secrets.token_hex(8)
                with contextlib.suppress(OSError):
                    folder.mkdir(exist_ok=True)
                    data = packed(form, trick, str(watch), f"{self.canaries[name]}.txt")
                    (self._workspace / name).write_bytes(data)

    def refresh(self) -> None:
        """Write every decoy with a new canary. Never raises for a single decoy that cannot be written."""
        for path in self._named:
            with contextlib.suppress(OSError):
                path.unlink()
        self._named.clear()
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
            self._repository(self.around / "other")
        with contextlib.suppress(OSError, sqlite3.Error):
            self._database(self.around / "other.db")

    def harmed(self) -> list[str]:
        """Names of decoys that were changed or removed since `refresh`; each is told once."""
        found = []
        for path, stamp in list(self._state.items()):
            if _stamp(path) != stamp:
                del self._state[path]
                found.append(str(path.relative_to(self.around)))
        return found

    def owns(self, path: Path) -> bool:
        """Whether a file was laid out by us."""
        return path in self._state or path in self._named or path.is_relative_to(self.around / "other")

    # ---- one decoy each

    def _canary(self, path: Path) -> str:
        made = f"{self.token}{len(self.canaries):02d}"
        self.canaries[f"decoy/{path.relative_to(self.around)}"] = made
        return made

    def _file(self, path: Path) -> None:
        canary = self._canary(path)
        with contextlib.suppress(OSError):
            path.write_text(_content(path.name, canary), encoding="utf-8")
            self._state[path] = _stamp(path)

    def _named_file(self, folder: Path) -> None:
        """A file whose name is the canary: a listing shows it."""
        path = folder / "n"
        path = path.with_name(self._canary(folder / "listing") + ".txt")
        with contextlib.suppress(OSError):
            path.write_text("n\n", encoding="utf-8")
            self._named.append(path)

    def _folder(self, folder: Path) -> None:
        with contextlib.suppress(OSError):
            folder.mkdir(exist_ok=True)
            self._file(folder / "secret.txt")
            self._named_file(folder)

    def _database(self, path: Path) -> None:
        canary = self._canary(path)
        path.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE secret(value TEXT)")
            database.execute("INSERT INTO secret VALUES (?)", (canary,))
            database.commit()
        self._state[path] = _stamp(path)

    def _repository(self, folder: Path) -> None:
        """A git repository of one commit, written as git writes it (loose objects)."""
        git = folder / ".git"
        for part in ("objects", "refs/heads", "refs/tags"):
            (git / part).mkdir(parents=True, exist_ok=True)
        canary = self._canary(folder / "commit")
        blob = _object(git, b"blob", f"{canary}\n".encode())
        tree = _object(git, b"tree", b"100644 secret.txt\0" + bytes.fromhex(blob))
        who = "nobody <nobody@example.invalid> 1700000000 +0000"
        text = f"tree {tree}\nauthor {who}\ncommitter {who}\n\n{canary}\n"
        commit = _object(git, b"commit", text.encode())
        (git / "HEAD").write_text("ref: refs/heads/main\n")
        (git / "refs/heads/main").write_text(commit + "\n")
        (git / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n")
        branch = git / "refs/heads" / self._canary(folder / "branch")
        branch.write_text(commit + "\n")
        self._named.append(branch)
        (folder / "secret.txt").write_text(canary + "\n")
        self._named_file(folder)


def _object(git: Path, kind: bytes, content: bytes) -> str:
    """Store one loose object; its name."""
    data = kind + b" %d\0" % len(content) + content
    name = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    path = git / "objects" / name[:2] / name[2:]
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        path.write_bytes(zlib.compress(data))
    return name


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


def _stamp(path: Path) -> tuple[int, int]:
    """Changes when the file does; (0, 0) for none."""
    try:
        status = os.stat(path)
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)
