"""A workspace's scratch copy with no way back, and the scratch tree of one run that holds it.

Knows folders, links and git's own files; knows nothing of servers, slots or sandboxes.

Theory of operation. A server under attack writes, deletes and runs git where it was told to, so whatever
it is given must not lead to the user's own files. Every link in the copy is written anew: it names the
resolved place, relative to the link, so by induction no chain of them climbs out. Git has six ways of its
own out of a folder (gitfiles, commondir, worktrees, alternates, core.worktree and paths in its configuration);
configuration is parsed, vetted entry by entry and written anew, so that what our reader does not understand
is lost, never smuggled through. And git looks for a repository upwards: the scratch tree usually lies inside
the user's own one, so a gitfile that leads nowhere stands in the way, and `ScratchTree.environment` says it again.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import io
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO
from urllib.parse import quote, unquote

from mcpfuzz.errors import UsageError
from mcpfuzz.model import Json

__all__ = ["MAX_BYTES", "MAX_FILES", "CopyReport", "ScratchTree", "copy_workspace", "rewrite", "rewrite_json"]

MAX_BYTES = 512 << 20
"""What one copy may hold; a source tree with its dependencies fits, a home folder does not."""
MAX_FILES = 200_000
"""The same in files (and in folders); a large node_modules has about 100,000."""
STATE_NAME = ".mcpfuzz"
_GITIGNORE = "# Made by mcpfuzz: corpus, journal and scratch. Not to be committed, never copied with a workspace.\n*\n"
"""Also the mark by which a state folder of another name is known."""
_MEASURE_ENTRIES = 1_000_000
"""A folder above the cap is measured on, so that the error tells its size, but no further than this."""
_GIT_TEXT_BYTES = 1 << 20
"""Git's own small text files; a larger one is cut."""
_MAX_INCLUDES = 10
"""Depth of include.path, as git's own limit."""


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What was copied, and what was cut."""

    files: int
    """Regular files and links in the copy."""
    bytes: int
    """Their contents, in bytes."""
    notes: tuple[str, ...] = ()
    """One sentence per kind of change, with the first few names."""


def copy_workspace(
    source: Path, destination: Path, *, max_bytes: int = MAX_BYTES, max_files: int = MAX_FILES
) -> CopyReport:
    """Copy `source` to `destination`, with nothing in the copy that leads out of it.

    Args:
        source: a folder; may be a link to one. It is only read.
        destination: made here, with its parents; may exist when empty, may lie inside `source` (and is then left out).
        max_bytes: most bytes of contents, each hard link counted.
        max_files: most files and links, and most folders.

    Raises:
        UsageError: `source` is no folder, is above a cap, or the copy cannot be written.
    """
    if not source.is_dir():
        raise UsageError(f"--workspace {source} is not a folder")
    copier = _Copier(source, destination, max_bytes, max_files)
    copier.measure()
    try:
        return copier.copy()
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise UsageError(
            f"--workspace {source} cannot be copied to {destination}: {error.strerror or error}{where}; "
            "--state names another place for the copy"
        ) from error


class _Notes:
    """Names by kind of change; one line per kind, however many names."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def add(self, kind: str, name: str) -> None:
        self._names.setdefault(kind, []).append(name)

    def lines(self) -> tuple[str, ...]:
        return tuple(f"{kind}: {self._list(sorted(names))}" for kind, names in sorted(self._names.items()))

    @staticmethod
    def _list(names: list[str]) -> str:
        shown = ", ".join(name if name.isprintable() else ascii(name) for name in names[:5])
        return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


class _Copier:
    """One copy: measured first, then made. Paths inside are relative to the source."""

    def __init__(self, source: Path, destination: Path, max_bytes: int, max_files: int) -> None:
        self.given = source
        self.source = os.path.realpath(source)
        self.destination = os.path.realpath(destination)
        self.max_bytes, self.max_files = max_bytes, max_files
        self.files = self.bytes = 0
        self.notes = _Notes()

    # ---- what there is ----

    def walk(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Every entry that is to be copied, folders before what is in them."""
        pending = [""]
        while pending:
            folder = pending.pop()
            try:
                with os.scandir(os.path.join(self.source, folder)) as entries:
                    for entry in entries:
                        name = os.path.join(folder, entry.name)
                        is_folder = entry.is_dir(follow_symlinks=False)
                        if is_folder and self._left_out(name):
                            continue
                        yield name, entry
                        if is_folder:
                            pending.append(name)
            except OSError:
                self.notes.add("folders that could not be read are empty in the copy", folder or ".")

    def _left_out(self, folder: str) -> bool:
        path = os.path.join(self.source, folder)
        if path == self.destination or os.path.basename(folder) == STATE_NAME or _is_state(path):
            return True
        # `git worktree remove` deletes the folder that worktrees/NAME/gitdir names
        if os.path.basename(os.path.dirname(folder)) == "worktrees" and os.path.lexists(os.path.join(path, "gitdir")):
            text = _read_text(os.path.join(path, "gitdir"))
            if text is None or self.inside(os.path.join(path, text.strip())) is None:
                self.notes.add("git worktrees elsewhere were cut", folder)
                return True
        return False

    def measure(self) -> None:
        """Raises UsageError where the folder is above a cap, with its size as far as it was measured."""
        folders = 0
        limit = max(_MEASURE_ENTRIES, 2 * self.max_files + 1)
        for _, entry in self.walk():
            if entry.is_dir(follow_symlinks=False):
                folders += 1
            else:
                self.files += 1
                if entry.is_file(follow_symlinks=False):
                    with contextlib.suppress(OSError):
                        self.bytes += entry.stat(follow_symlinks=False).st_size
            if self.files + folders >= limit:
                break
        self._check(folders, more=self.files + folders >= limit)
        self.files = self.bytes = 0
        self.notes = _Notes()

    def _check(self, folders: int = 0, *, more: bool = False) -> None:
        if self.bytes <= self.max_bytes and max(self.files, folders) <= self.max_files:
            return
        count = f"{folders:,} folders" if folders > max(self.files, self.max_files) else f"{self.files:,} files"
        raise UsageError(
            f"--workspace {self.given} is too big to be copied: {'at least ' if more else ''}{_size(self.bytes)} in "
            f"{count}, and the cap is {_size(self.max_bytes)} in {self.max_files:,} files; "
            "give --workspace a smaller folder"
        )

    # ---- the copy ----

    def copy(self) -> CopyReport:
        os.makedirs(self.destination, mode=0o700, exist_ok=True)
        for name, entry in self.walk():
            if entry.is_symlink():
                self._link(name)
            elif entry.is_dir(follow_symlinks=False):
                mode = entry.stat(follow_symlinks=False).st_mode
                os.mkdir(self.there(name))
                os.chmod(self.there(name), (mode & 0o777) | 0o700)
            elif entry.is_file(follow_symlinks=False):
                self._file(name, entry.path)
            else:
                self.notes.add("sockets, devices and pipes were left out", name)
        return CopyReport(self.files, self.bytes, self.notes.lines())

    def there(self, name: str) -> str:
        """Where `name` is in the copy."""
        return os.path.join(self.destination, name) if name else self.destination

    def inside(self, path: str) -> str | None:
        """`path`, resolved, as a name inside the source; None where it is not inside."""
        real = os.path.realpath(path)
        if real == self.source:
            return ""
        prefix = self.source.rstrip(os.sep) + os.sep
        return real[len(prefix) :] if real.startswith(prefix) else None

    def _link(self, name: str) -> None:
        path = os.path.join(self.source, name)
        target = self.inside(path)
        try:
            os.path.realpath(path, strict=True)
        except OSError as error:
            if error.errno == errno.ELOOP:
                target = None
        if target is None:
            self.notes.add("links that lead out of the folder, or in circles, were cut", name)
            if os.path.isfile(path):
                self._write(name, b"")
            return
        if self._is_git_text(name) and os.path.isfile(path):
            self._file(name, os.path.join(self.source, target))
            return
        self.files += 1
        self._check()
        os.symlink(os.path.relpath("/" + target, "/" + os.path.dirname(name)), self.there(name))

    def _file(self, name: str, path: str) -> None:
        try:
            reader = open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")  # noqa: SIM115
        except OSError:
            self.notes.add("files that could not be read were left out", name)
            return
        with reader:
            status = os.fstat(reader.fileno())
            if not stat.S_ISREG(status.st_mode):
                self.notes.add("sockets, devices and pipes were left out", name)
                return
            if status.st_nlink > 1:
                self.notes.add("hard links became separate copies", name)
            if self._is_git_text(name):
                text = self._git_text(name, _decode(reader.read(_GIT_TEXT_BYTES + 1)))
                if text is not None:
                    self._write(name, _encode(text), status)
            else:
                self._write(name, reader, status)

    def _write(self, name: str, content: bytes | BinaryIO, status: os.stat_result | None = None) -> None:
        """A new file; never a link to, nor a clone in name of, what it was read from."""
        self.files += 1
        with open(self.there(name), "xb") as writer:
            reader = io.BytesIO(content) if isinstance(content, bytes) else content
            while block := reader.read(1 << 20):
                self.bytes += len(block)
                self._check()
                writer.write(block)
            if status is not None:
                os.fchmod(writer.fileno(), (status.st_mode & 0o777) | 0o600)
        if status is not None:
            os.utime(self.there(name), ns=(status.st_atime_ns, status.st_mtime_ns))

    # ---- git ----

    def _is_git_text(self, name: str) -> bool:
        folder, base = os.path.split(name.lower())
        if base == ".git":
            return True
        if base == "alternates":
            return os.path.basename(folder) == "info"
        return base in ("config", "config.worktree", "commondir", "gitdir") and os.path.lexists(
            os.path.join(self.source, os.path.dirname(name), "HEAD")
        )

    def _git_text(self, name: str, text: str) -> str | None:
        """One of git's own files with its ways out cut or re-pointed; None where nothing may be left of it."""
        folder, base = os.path.split(name)
        here = os.path.join(self.source, folder)
        if len(text) > _GIT_TEXT_BYTES:
            self.notes.add("git files too large to be vetted were cut", name)
            return None
        match base.lower():
            case "config" | "config.worktree":
                return "".join(self._vetted(name, text))
            case "alternates":
                stores = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
                objects = [self.inside(os.path.join(here, "..", line)) for line in stores]
                if None in objects:
                    self.notes.add("git objects borrowed from elsewhere are missing in the copy", name)
                kept = [self.there(place) + "\n" for place in objects if place is not None]
                return "".join(kept) or None
            case ".git" if not text.startswith("gitdir:"):
                return text
            case kind:
                prefix = "gitdir: " if kind == ".git" else ""
                target = self.inside(os.path.join(here, text.removeprefix("gitdir:").strip()))
                if target is None:
                    self.notes.add("git repositories that lie elsewhere were cut off", name)
                    return None
                return f"{prefix}{self.there(target)}\n"

    def _vetted(self, name: str, text: str, depth: int = 0) -> Iterator[str]:
        """The lines of a git configuration file, written anew; included files are taken into it."""
        try:
            entries = list(_read_config(text))
        except ValueError:
            self.notes.add("git configuration that could not be read was cut", name)
            return
        here = os.path.join(self.source, os.path.dirname(name))
        tree = os.path.dirname(here) if os.path.basename(here) == ".git" else here
        for section, subsection, key, value in entries:
            path = f"{section}.{key}"
            if path == "include.path" and value and depth < _MAX_INCLUDES:
                included = self.inside(os.path.join(here, value))
                content = _read_text(os.path.join(self.source, included)) if included else None
                if included and content is not None:
                    yield from self._vetted(included, content, depth + 1)
                    continue
            base = here if path == "core.worktree" else tree
            new_value = self._repointed(base, section, value) if value else value
            sound = new_value is not None or value is None
            if subsection:
                sound = sound and self._repointed(base, section, subsection) == subsection
            if section in ("include", "includeif") or not sound:
                self.notes.add("git settings that name places elsewhere were cut", f"{name}: {path}")
            else:
                yield _config_line(section, subsection, key, new_value)

    def _repointed(self, base: str, section: str, value: str) -> str | None:
        """`value` with paths into the source pointing into the copy; None where it names any other place."""
        if _NETWORK.match(value) or (section in _REMOTES and _SCP.match(value)):
            return value
        source = os.path.abspath(self.given)
        if not _ELSEWHERE.search(rewrite(value, {source: "."})):
            return rewrite(value, {source: self.destination})
        path = unquote(value[7:]) if value.lower().startswith("file://") else value
        target = None if path.startswith("~") or _SHELL.search(path) else self.inside(os.path.join(base, path))
        return None if target is None else self.there(target)


_NETWORK = re.compile(r"(?!file:)[a-z][a-z0-9+.-]*://[^/]", re.IGNORECASE)
_SCP = re.compile(r"(?:[\w.-]+@)?[\w.-]+:(?!:|//)")
"""`user@host:path`, a network remote although it has no scheme (git-fetch(1), GIT URLS)."""
_REMOTES = ("remote", "submodule", "url", "branch")
_SHELL = re.compile(r"""[\s"'`$;&|<>(){}*?!]""")
_ELSEWHERE = re.compile(
    r"""(?:^|[\s"'=:;,!(){}<>|&`$@])[/~]"""  # an absolute or a home path, alone or inside a command
    r"""|(?:^|[\s"'=:;,!(){}<>|&`$@/])\.\.(?:$|[\s"';,)/])"""  # a step up
    r"""|%\(prefix\)|file:|^\w+::""",  # git's own folder, a file URL, a transport helper
    re.IGNORECASE,
)


# ---- git configuration (git-config(1), SYNTAX) ----

_SECTION = re.compile(r'\[([A-Za-z0-9.-]+)(?:[ \t]+"((?:[^"\\\n]|\\[^\n])*)")?[ \t]*\]')
_KEY = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*(=?)")
_VALUE = re.compile(r'((?:[^\\"\n#;]|\\[ntb"\\\n]|"(?:[^\\"\n]|\\[ntb"\\\n])*")*)(?:[#;][^\n]*)?(?=\n|\Z)')
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", '"': '"', "\\": "\\", "\n": ""}
_ConfigEntry = tuple[str, str | None, str, str | None]


def _read_config(text: str) -> Iterator[_ConfigEntry]:
    """(section, subsection, key, value) in order; a key without "=" has the value None. Raises ValueError."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    section, subsection, at = "", None, 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif text[at] in "#;":
            at = (text + "\n").index("\n", at)
        elif found := _SECTION.match(text, at):
            section, dot, rest = found[1].lower().partition(".")
            subsection = rest if dot else None if found[2] is None else re.sub(r"\\(.)", r"\1", found[2])
            at = found.end()
        elif section and (found := _KEY.match(text, at)):
            at, value = found.end(), None
            if found[2]:
                if not (raw := _VALUE.match(text, at)):
                    raise ValueError(f"a value at offset {at}")
                at = raw.end()
                bare = raw[1].strip(" \t\r\f\v")  # not of the newline that a backslash continues
                value = re.sub(r'(?s)\\(.)|"', lambda part: _ESCAPES[part[1]] if part[1] else "", bare)
            yield section, subsection, found[1].lower(), value
        else:
            raise ValueError(f"offset {at}")


def _config_line(section: str, subsection: str | None, key: str, value: str | None) -> str:
    name = section if subsection is None else f'{section} "{_escape(subsection)}"'
    return f"[{name}]\n\t{key}\n" if value is None else f'[{name}]\n\t{key} = "{_escape(value)}"\n'


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _read_text(path: str) -> str | None:
    """A small regular file's text, or None."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
            if stat.S_ISREG(os.fstat(reader.fileno()).st_mode):
                return _decode(reader.read(_GIT_TEXT_BYTES))
    except OSError:
        pass
    return None


def _is_state(path: str) -> bool:
    return _read_text(os.path.join(path, ".gitignore")) == _GITIGNORE


def _size(count: int) -> str:
    return f"{count / (1 << 20):,.1f} MiB" if count >= 1 << 20 else f"{count:,} bytes"


# ---- the copy's path in place of the original's ----

_NAME = r"\w.~@%+\\\-"
"""What a path component may go on with; a blank or a bracket is taken as its end."""
_BEFORE = rf"(?:(?<![{_NAME}/*?)}}\]])|(?<=://)|(?<=:///)|(?<=\A-[A-Za-z]))"
"""`--root=/work`, `a:/work`, `"/work`, `file:///work`, `sqlite:////work`, `-C/work`; not `x/work`, `${HOME}/work`."""
_EDGE = "=:,;\"'"
"""What may stand beside a relative path; blanks may not, or words of a text would be taken for folders."""


def rewrite(text: str, mapping: Mapping[str, str]) -> str:
    """`text` with every folder of `mapping` replaced by its value, whole path components only.

    A folder is found as it was given, as its absolute and as its resolved form; the longest one wins, and
    what was put in is not looked at again.

    Args:
        mapping: folder (absolute, or relative to the current one) -> the path to put in its place.
    """
    if not text or not mapping:
        return text
    pattern, values = _pattern(tuple(mapping.items()), os.getcwd())
    return pattern.sub(lambda match: values[(match.lastindex or 1) - 1], text) if values else text


def rewrite_json(value: Json, mapping: Mapping[str, str]) -> Json:
    """`value` with `rewrite` applied to every string in it, keys too."""
    if isinstance(value, str):
        return rewrite(value, mapping)
    if isinstance(value, dict):
        return {rewrite(key, mapping): rewrite_json(item, mapping) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rewrite_json(item, mapping) for item in value]
    return value


@functools.lru_cache(maxsize=64)
def _pattern(items: tuple[tuple[str, str], ...], cwd: str) -> tuple[re.Pattern[str], list[str]]:
    """One group per form of each folder, longest form first, and what replaces each group."""
    forms: dict[str, str] = {}
    for folder, value in items:
        given = os.path.normpath(folder)
        absolute = os.path.join(cwd, given)
        for form in (given, os.path.normpath(absolute), os.path.realpath(absolute)):
            form = re.sub("^/+", "/", form)
            forms.setdefault(form, value)
            if form.startswith("/"):
                forms.setdefault(quote(form), quote(value))
    forms.pop("/", None)
    ordered = sorted(forms, key=len, reverse=True)
    return re.compile("|".join(map(_form, ordered))), [forms[form] for form in ordered]


def _form(form: str) -> str:
    if form.startswith("/"):
        parts = r"/+(?:\./+)*".join(map(re.escape, form[1:].split("/")))
        return rf"{_BEFORE}(/{parts})(?![{_NAME}])"
    return rf"(?<![^{_EDGE}])((?:\./)?{re.escape(form)})(?=/|\Z|[{_EDGE}])"


# ---- the scratch tree ----


class ScratchTree:
    """The folders of one run, `run-<token>/{ws,scratch,home,tmp,watch,stubs}` in the state folder; `with` removes them.

    The state folder has mode 0700 and its own .gitignore. What a killed run left behind is removed by the
    next one: every run holds a lock on its folder.
    """

    state: Path
    """The state folder, resolved; a temporary one in case of `fallback`."""
    root: Path
    """run-<token>"""
    ws: Path
    """For the workspaces' copies."""
    scratch: Path
    home: Path
    tmp: Path
    watch: Path
    """Nothing is told to write here."""
    stubs: Path
    """For stand-ins of programs."""
    fallback: bool
    """Whether the state folder could not be written and all this is temporary."""

    def __init__(self, state: Path) -> None:
        """Make the tree.

        Args:
            state: what --state says; made where it is missing.

        Raises:
            UsageError: neither the state folder nor the system's temporary folder can be written.
        """
        self.fallback = False
        try:
            self._make(state)
        except OSError as error:
            self.fallback = True
            try:
                self._make(Path(tempfile.mkdtemp(prefix="mcpfuzz-")))
            except OSError as second:
                raise UsageError(
                    f"--state {state} cannot be written ({error.strerror}), nor can the temporary folder "
                    f"{tempfile.gettempdir()} ({second.strerror}); set --state or TMPDIR"
                ) from second

    def _make(self, state: Path) -> None:
        _make_state(state)
        self.state = state.resolve()
        _sweep(self.state)
        token = secrets.token_hex(8)
        self.root = self.state / f"run-{token}"
        # only a folder that is locked already ever bears the name that others sweep
        young = self.state / f"new-{token}"
        try:
            young.mkdir(mode=0o700)
            self._lock = os.open(young / ".lock", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            with contextlib.suppress(OSError):  # a file system without locks: nothing is swept there either
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # git and libgit2 stop at a gitfile that leads nowhere: "not a git repository"
            (young / ".git").write_text(f"gitdir: {self.root / 'no-repository'}\n", encoding="utf-8")
            for name in ("ws", "scratch", "home", "tmp", "watch", "stubs"):
                (young / name).mkdir(mode=0o700)
            young.rename(self.root)
        except OSError:
            remove_tree(young)
            raise
        self.ws, self.scratch, self.home, self.tmp = (self.root / name for name in ("ws", "scratch", "home", "tmp"))
        self.watch, self.stubs = self.root / "watch", self.root / "stubs"

    @property
    def environment(self) -> dict[str, str]:
        """What a server needs in its environment so that git does not look above the tree for a repository."""
        return {"GIT_CEILING_DIRECTORIES": str(self.root)}

    def remove(self) -> tuple[str, ...]:
        """Remove the tree (in case of `fallback` the state folder too). Safe to call twice.

        Returns:
            What could not be removed, empty as a rule; never raises for it.
        """
        if self._lock < 0:
            return ()
        left = remove_tree(self.state if self.fallback else self.root)
        os.close(self._lock)
        self._lock = -1
        return left

    def __enter__(self) -> ScratchTree:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.remove()


def _make_state(state: Path) -> None:
    """Make the state folder, or put on it what it lacks. A folder that holds other things than ours (`--state /tmp`)
    keeps its mode and gets no .gitignore. Raises OSError."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    named = state.name == STATE_NAME and not state.is_symlink()
    if not (named or _is_state(str(state)) or not any(state.iterdir())):
        return
    with contextlib.suppress(PermissionError):  # another's, yet writable: a mounted cache
        os.chmod(state, 0o700)
    if not os.path.lexists(state / ".gitignore"):
        young = state / f".gitignore-{secrets.token_hex(8)}"
        young.write_text(_GITIGNORE, encoding="utf-8")
        young.replace(state / ".gitignore")


def _sweep(state: Path) -> None:
    """Remove the folders of runs that ended without doing so (kill -9)."""
    for root in state.glob("run-" + "[0-9a-f]" * 16):
        try:
            lock = os.open(root / ".lock", os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            remove_tree(root)  # its removal was cut short
            continue
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_tree(root)
        except OSError:
            pass  # its run lives
        finally:
            os.close(lock)


def remove_tree(path: Path) -> tuple[str, ...]:
    """Remove a folder and all in it: modes, depth and links of what a server left there do not matter.

    Returns:
        What is left and why, at most 20 lines; never raises OSError.
    """
    left: list[str] = []
    for _ in range(3):  # something may still write into it while the last process goes
        left = []
        with _noting(left, str(path)):
            if not path.is_symlink():
                os.chmod(path, 0o700)
            top = os.open(path, _FOLDER)
            try:
                _empty(top, left)
            finally:
                os.close(top)
            path.rmdir()
        if not os.path.lexists(path):
            return ()
    return tuple(left[:20])


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def _empty(top: int, left: list[str]) -> None:
    """Remove all that is in the open folder `top`. Every folder met moves up into it under a fresh name, so that
    neither the longest path nor the stack sets a limit; links are never followed."""
    token = secrets.token_hex(8)
    count, done = _clear(top, top, token, 0, left), 0
    while done < count:
        name = f"{token}-{done}"
        done += 1
        with _noting(left, name):
            folder = os.open(name, _FOLDER, dir_fd=top)
            try:
                count = _clear(folder, top, token, count, left)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=top)


def _clear(folder: int, top: int, token: str, count: int, left: list[str]) -> int:
    """Unlink the files in `folder`, move its folders into `top` as `token`-`count` and so on; the next number."""
    for name in os.listdir(folder):
        with _noting(left, name):
            if stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
                os.chmod(name, 0o700, dir_fd=folder)  # moving a folder needs leave to write in it
                os.rename(name, f"{token}-{count}", src_dir_fd=folder, dst_dir_fd=top)
                count += 1
            else:
                os.unlink(name, dir_fd=folder)
    return count


@contextlib.contextmanager
def _noting(left: list[str], name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        pass
    except OSError as error:
        left.append(f"{name}: {error.strerror}")
