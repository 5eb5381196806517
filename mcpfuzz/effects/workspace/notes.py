"""What was changed on the way into a copy, as one line per kind of change, however many names."""

from __future__ import annotations

__all__ = ["Notes"]


class Notes:
    """Names by kind of change."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def add(self, kind: str, name: str) -> None:
        """Note one more name; `kind` is a sentence without its end."""
        self._names.setdefault(kind, []).append(name)

    def clear(self) -> None:
        """Forget all: what was only looked at is not in the copy."""
        self._names.clear()

    def lines(self) -> tuple[str, ...]:
        """One per kind, in order of the kinds, with the first five names."""
        return tuple(f"{kind}: {self._list(sorted(names))}" for kind, names in sorted(self._names.items()))

    @staticmethod
    def _list(names: list[str]) -> str:
        shown = ", ".join(name if name.isprintable() else ascii(name) for name in names[:5])
        return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")
