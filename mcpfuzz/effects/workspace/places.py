"""The two ends of a copy: whether a path lies inside the source, where a name comes to lie in the copy.

Inside is decided on resolved paths; names are relative to the source, "" for the source itself.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["Places"]


class Places:
    """Source and destination of one copy.

    Args:
        source: the folder to be copied, as it was given.
        destination: the copy; need not be there yet.
    """

    def __init__(self, source: Path, destination: Path) -> None:
        self.given = source
        self.source = os.path.realpath(source)
        self.destination = os.path.realpath(destination)

    def here(self, name: str) -> str:
        """Where `name` is in the source."""
        return os.path.join(self.source, name)

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
