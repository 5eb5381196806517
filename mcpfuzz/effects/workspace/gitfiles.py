"""Git's own files in a copy, with every way out of the folder cut or re-pointed into the copy.

There are six: gitfiles, commondir, worktrees, alternates, core.worktree, paths in the configuration. Configuration
is parsed, vetted entry by entry and written anew, so that what our reader does not understand is lost, never
smuggled through.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from urllib.parse import unquote

from mcpfuzz.effects.workspace.gitconfig import config_line, read_config
from mcpfuzz.effects.workspace.notes import Notes
from mcpfuzz.effects.workspace.places import Places
from mcpfuzz.effects.workspace.rewriting import rewrite
from mcpfuzz.effects.workspace.texts import MAX_TEXT_BYTES, read_text

__all__ = ["GitFiles"]

_MAX_INCLUDES = 10
"""Depth of include.path, as git's own limit."""
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


class GitFiles:
    """Vets the files of one copy; what is cut goes into the notes."""

    def __init__(self, places: Places, notes: Notes) -> None:
        self._places = places
        self._notes = notes

    def is_worktree_elsewhere(self, folder: str) -> bool:
        """Whether `folder` is git's record of a worktree outside the source.

        `git worktree remove` deletes the folder that worktrees/NAME/gitdir names.
        """
        path = self._places.here(folder)
        record = os.path.join(path, "gitdir")
        if os.path.basename(os.path.dirname(folder)) != "worktrees" or not os.path.lexists(record):
            return False
        text = read_text(record)
        if text is not None and self._places.inside(os.path.join(path, text.strip())) is not None:
            return False
        self._notes.add("git worktrees elsewhere were cut", folder)
        return True

    def owns(self, name: str) -> bool:
        """Whether git reads `name` for paths."""
        folder, base = os.path.split(name.lower())
        if base == ".git":
            return True
        if base == "alternates":
            return os.path.basename(folder) == "info"
        return base in ("config", "config.worktree", "commondir", "gitdir") and os.path.lexists(
            self._places.here(os.path.join(os.path.dirname(name), "HEAD"))
        )

    def vetted(self, name: str, text: str) -> str | None:
        """One of git's own files with its ways out cut or re-pointed; None where nothing may be left of it."""
        folder, base = os.path.split(name)
        here = self._places.here(folder)
        if len(text) > MAX_TEXT_BYTES:
            self._notes.add("git files too large to be vetted were cut", name)
            return None
        match base.lower():
            case "config" | "config.worktree":
                return "".join(self._settings(name, text))
            case "alternates":
                stores = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
                objects = [self._places.inside(os.path.join(here, "..", line)) for line in stores]
                if None in objects:
                    self._notes.add("git objects borrowed from elsewhere are missing in the copy", name)
                kept = [self._places.there(place) + "\n" for place in objects if place is not None]
                return "".join(kept) or None
            case ".git" if not text.startswith("gitdir:"):
                return text
            case kind:
                prefix = "gitdir: " if kind == ".git" else ""
                target = self._places.inside(os.path.join(here, text.removeprefix("gitdir:").strip()))
                if target is None:
                    self._notes.add("git repositories that lie elsewhere were cut off", name)
                    return None
                return f"{prefix}{self._places.there(target)}\n"

    def _settings(self, name: str, text: str, depth: int = 0) -> Iterator[str]:
        """The lines of a git configuration file, written anew; included files are taken into it."""
        try:
            entries = list(read_config(text))
        except ValueError:
            self._notes.add("git configuration that could not be read was cut", name)
            return
        here = self._places.here(os.path.dirname(name))
        tree = os.path.dirname(here) if os.path.basename(here) == ".git" else here
        for section, subsection, key, value in entries:
            path = f"{section}.{key}"
            if path == "include.path" and value and depth < _MAX_INCLUDES:
                included = self._places.inside(os.path.join(here, value))
                content = read_text(self._places.here(included)) if included else None
                if included and content is not None:
                    yield from self._settings(included, content, depth + 1)
                    continue
            base = here if path == "core.worktree" else tree
            new_value = self._repointed(base, section, value) if value else value
            sound = new_value is not None or value is None
            if subsection:
                sound = sound and self._repointed(base, section, subsection) == subsection
            if section in ("include", "includeif") or not sound:
                self._notes.add("git settings that name places elsewhere were cut", f"{name}: {path}")
            else:
                yield config_line(section, subsection, key, new_value)

    def _repointed(self, base: str, section: str, value: str) -> str | None:
        """`value` with paths into the source pointing into the copy; None where it names any other place."""
        if _NETWORK.match(value) or (section in _REMOTES and _SCP.match(value)):
            return value
        source = os.path.abspath(self._places.given)
        if not _ELSEWHERE.search(rewrite(value, {source: "."})):
            return rewrite(value, {source: self._places.destination})
        path = unquote(value[7:]) if value.lower().startswith("file://") else value
        target = None if path.startswith("~") or _SHELL.search(path) else self._places.inside(os.path.join(base, path))
        return None if target is None else self._places.there(target)
