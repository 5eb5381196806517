"""The scene: all that stands around a server to see what it does outside its channel. Decoys around the
workspace, watched folders, the loopback listener, stand-ins. It tells what happened, never what it means.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from mcpfuzz.effects.decoys import Decoys
from mcpfuzz.effects.listener import Listener
from mcpfuzz.effects.stubs import Stubs
from mcpfuzz.effects.watch import Inside, Watch
from mcpfuzz.model import Effect

__all__ = ["Scene"]


class Scene:
    """What stands around one target for one run.

    Args:
        around: folder that holds the workspace's copy; decoys are laid into it.
        workspace: the copy, None without one.
        watch: a folder that nothing should write to.
        listener: None where no proof needs one.
        stubs: name -> program of the stand-ins; they lie in `stub_folder`.
        inside: what happens in the workspace itself is told, too.
    """

    def __init__(
        self,
        *,
        around: Path,
        workspace: Path | None,
        watch: Path,
        listener: Listener | None,
        stub_folder: Path,
        stubs: Mapping[str, str | None],
        inside: bool = False,
    ) -> None:
        self._decoys = Decoys(around, workspace)
        self._watched = watch
        self.listener = listener
        self._stubs = Stubs(stub_folder, stubs) if stubs else None
        self._lay()
        without = [self._decoys.repository] if workspace is None else [self._decoys.repository, workspace]
        self._watch = Watch((around, watch), without, self._decoys.owns)
        self._inside = Inside(workspace) if inside and workspace is not None else None
        self._root = around

    @property
    def canaries(self) -> Mapping[str, str]:
        """`decoy/NAME`, `packed/NAME` -> the canary it holds now."""
        return self._decoys.canaries

    def refresh(self) -> None:
        """Fresh canaries in all decoys; what happened until now is forgotten."""
        self._lay()
        self.take()
        self._watch.settle()
        if self._inside is not None:
            self._inside.settle()

    def _lay(self) -> None:
        self._decoys.link()
        self._decoys.refresh()
        self._decoys.pack(self._watched)

    def take(self) -> tuple[Effect, ...]:
        """What happened since the last look."""
        found = [Effect(kind="file", detail=self._name(path)) for path in self._watch.news()]
        if self._inside is not None:
            for what, path in self._inside.news():
                found.append(Effect(kind="inside", detail=f"{what} {path}", data=(self._inside.text(path),)))
        found += [Effect(kind="harm", detail=name) for name in self._decoys.harmed()]
        for hit in self.listener.take() if self.listener is not None else ():
            data = (hit.method, hit.path, *hit.headers)
            kind = "hit" if hit.bait else "upstream"
            found.append(Effect(kind=kind, detail=f"{hit.method} {hit.path}", data=data))  # type: ignore[arg-type]
        for words in self._stubs.take() if self._stubs is not None else ():
            found.append(Effect(kind="argv", detail=" ".join(words), data=words))
        return tuple(found)

    def _name(self, path: Path) -> str:
        """A path for people: relative to what is watched."""
        for root, name in ((self._watched, "{watch}"), (self._root, "{outside}")):
            with contextlib.suppress(ValueError):
                return f"{name}/{path.relative_to(root)}"
        return str(path)

    def close(self) -> None:
        """End the listener; the files go with the scratch tree."""
        if self.listener is not None:
            self.listener.close()
