"""What processes of ours that run beside the campaign have in common: Schemathesis lives in such ones, so that what it
does to Hypothesis, the seconds it takes and whatever an untrusted schema leads it to are nobody else's.

They talk in lines of JSON over stdin and stdout, reach nobody, and end with whoever started them.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import warnings
from collections.abc import Mapping
from typing import IO, Any

__all__ = ["Line", "begin"]


class Line:
    """The parent, at the other end of two pipes."""

    def __init__(self, read: IO[str], write: IO[str]) -> None:
        self._read = read
        self._write = write

    def take(self) -> dict[str, Any]:
        """The next message; ends the process where the parent is gone."""
        line = self._read.readline()
        if not line:
            raise SystemExit(0)
        return dict(json.loads(line))

    def end_with_parent(self) -> None:
        """From now on nothing is taken any more; should the parent be killed outright, this process ends at once."""
        threading.Thread(target=self._until_gone, daemon=True).start()

    def _until_gone(self) -> None:
        while self._read.readline():
            pass
        os._exit(0)

    def tell(self, message: Mapping[str, Any]) -> None:
        """Say one message."""
        self._write.write(json.dumps(message) + "\n")
        self._write.flush()


def begin() -> Line:
    """The line to the parent; from now on nothing printed is a message, and no socket goes anywhere."""
    write = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    for name in ("connect", "connect_ex", "bind", "sendto"):
        setattr(socket.socket, name, _unplugged)
    warnings.simplefilter("ignore")
    return Line(os.fdopen(os.dup(0), encoding="ascii"), write)


def _unplugged(*_: Any, **__: Any) -> None:
    raise OSError("this process reaches nobody")
