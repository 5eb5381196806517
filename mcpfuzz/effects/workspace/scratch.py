"""The scratch tree: the folders of one run, gone when it ends, or when the next one begins.

What lies outside of the workspace must be where the server may not go. A server that keeps to its working folder may
well go into a state folder in there, so then the tree lies in a folder of the user's own below `SHARED`.

Git looks for a repository upwards, and the tree usually lies inside the user's own one: a gitfile that leads
nowhere stands in the way, and `ScratchTree.environment` says it again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
import tempfile
from pathlib import Path
from types import TracebackType

from mcpfuzz.effects.workspace.removal import remove_tree
from mcpfuzz.effects.workspace.state import make_state
from mcpfuzz.errors import UsageError

__all__ = ["ScratchTree"]

SHARED = Path("/var/tmp")
"""Where everybody may write and no program keeps its data: servers allow their temporary folder, not this one."""
GIT_FILE = "gitconfig"
GIT_NAME = "[user]\n\tname = mcpfuzz\n\temail = mcpfuzz@example.invalid\n"


class ScratchTree:
    """The folders of one run, `run-<token>/{ws,scratch,home,tmp,watch,stubs}` in the state folder; `with` removes them.

    They lie elsewhere where the state folder is inside the server's own. The state folder has mode 0700 and its own
    .gitignore. What a killed run left behind is removed by the next one: every run holds a lock on its folder.
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
    apart: bool
    """Whether the tree lies where the server has no business: else what it makes there proves nothing."""

    def __init__(self, state: Path, *, server: Path | None = None) -> None:
        """Make the tree.

        Args:
            state: what --state says; made where it is missing.
            server: the folder that the server works in, None where nobody knows.

        Raises:
            UsageError: neither the state folder nor the system's temporary folder can be written.
        """
        self.fallback = False
        try:
            self._make(state, server)
        except OSError as error:
            self.fallback = True
            try:
                self._make(Path(tempfile.mkdtemp(prefix="mcpfuzz-")), None)
                self.apart = False
            except OSError as second:
                raise UsageError(
                    f"--state {state} cannot be written ({error.strerror}), nor can the temporary folder "
                    f"{tempfile.gettempdir()} ({second.strerror}); set --state or TMPDIR"
                ) from second

    def _make(self, state: Path, server: Path | None) -> None:
        make_state(state)
        self.state = state.resolve()
        place = self.state
        if server is not None and place.is_relative_to(server.resolve()):
            place = _elsewhere(server.resolve()) or place
        self.apart = server is None or not place.is_relative_to(server.resolve())
        _sweep(place)
        token = secrets.token_hex(8)
        self.root = place / f"run-{token}"
        # only a folder that is locked already ever bears the name that others sweep
        young = place / f"new-{token}"
        try:
            young.mkdir(mode=0o700)
            self._lock = os.open(young / ".lock", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            with contextlib.suppress(OSError):  # a file system without locks: nothing is swept there either
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # git and libgit2 stop at a gitfile that leads nowhere: "not a git repository"
            (young / ".git").write_text(f"gitdir: {self.root / 'no-repository'}\n", encoding="utf-8")
            for name in ("ws", "scratch", "home", "tmp", "watch", "stubs"):
                (young / name).mkdir(mode=0o700)
            # who has no name cannot commit, and a tool that commits could not be reached
            (young / GIT_FILE).write_text(GIT_NAME, encoding="utf-8")
            young.rename(self.root)
        except OSError:
            remove_tree(young)
            raise
        self.ws, self.scratch, self.home, self.tmp = (self.root / name for name in ("ws", "scratch", "home", "tmp"))
        self.watch, self.stubs = self.root / "watch", self.root / "stubs"

    @property
    def environment(self) -> dict[str, str]:
        """What a server needs in its environment so that git does not look above the tree for a repository, and knows
        who commits although HOME is empty."""
        return {"GIT_CEILING_DIRECTORIES": str(self.root), "GIT_CONFIG_GLOBAL": str(self.root / GIT_FILE)}

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


def _elsewhere(server: Path) -> Path | None:
    """A folder of this user's alone, outside of the server's; None where there can be none."""
    place = SHARED.resolve() / f"mcpfuzz-{os.getuid()}"
    if place.is_relative_to(server):
        return None
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()  # others could have made it, or put a link in its place
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
        return place if ours and os.access(place, os.W_OK | os.X_OK) else None
    except OSError:
        return None


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
