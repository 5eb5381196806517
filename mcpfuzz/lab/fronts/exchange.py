"""One message to the core, and what it says to it, now or later, as text. Knows neither HTTP nor frames.

The core was made for one reader: messages are handed to it one at a time, slow calls answer from its workers.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

from mcpfuzz.lab import codec
from mcpfuzz.lab.codec import Json
from mcpfuzz.lab.core import Connection, Server
from mcpfuzz.lab.fronts.outlets import is_answer

__all__ = ["Exchange", "decoded", "end", "explained"]


class Exchange:
    """The core as the fronts use it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.lab = server.lab
        self._turn = threading.Lock()
        self._told: dict[int, tuple[Connection, Callable[[str, bool], None]]] = {}
        self._waiting: dict[tuple[str, Json], Callable[[str, bool], None]] = {}

    def say(self, message: bytes, connection: Connection, put: Callable[[str, bool], None]) -> list[Json]:
        """Hand a message over; the answers that came at once.

        Args:
            connection: the client's; what the message changes of it stays changed.
            put: takes what comes later, as text, and whether it is an answer. Called from other threads.
        """
        asked = decoded(message) if self.lab.on("shared-requests") else None
        if isinstance(asked, dict) and "method" in asked and type(asked.get("id")) in (str, int):
            # shared-requests: who waits for an answer is found by its id, which was enough while there was one client
            self._waiting[_key(asked["id"])] = put
        view = replace(connection, emit=lambda later: self._out(later, put))
        try:
            with self._turn:
                answers = self.server.handle(message, view)
        except BaseException as error:  # noqa: BLE001 - ends the process, as over stdio
            end(error)
        connection.revision, connection.log_level = view.revision, view.log_level
        if self.lab.on("log-shared"):
            self._log(message, connection, put)
        connection.modern_seen = view.modern_seen
        return answers

    def _log(self, message: bytes, connection: Connection, put: Callable[[str, bool], None]) -> None:
        """log-shared: log lines go to all who asked for any, as one handler of the logging module would have it."""
        if connection.log_level is not None:
            self._told[id(connection)] = (connection, put)
        asked = decoded(message)
        if isinstance(asked, dict) and asked.get("method") == "tools/call" and isinstance(asked.get("params"), dict):
            params = {"level": "info", "logger": "calls", "data": f"call: {asked['params'].get('arguments')}"}
            line = self.text({"jsonrpc": "2.0", "method": "notifications/message", "params": params})
            for _, tell in list(self._told.values()):
                tell(line, False)

    def _out(self, later: Json, put: Callable[[str, bool], None]) -> None:
        """Something that comes later, to whoever waits for it."""
        if self.lab.on("shared-requests") and is_answer(later) and isinstance(later, dict):
            found = self._waiting.pop(_key(later.get("id")), None)
            if found is None:
                return  # nobody does
            put = found
        put(self.text(later), is_answer(later))

    def text(self, message: Json) -> str:
        """A message as one line. What cannot be written ends the process, too."""
        try:
            text = codec.dumps(message, constants=self.lab.on("nan-out"))
            text.encode("utf-8")
        except ValueError as error:
            end(error)
        return text


def _key(request_id: Json) -> tuple[str, Json]:
    return (type(request_id).__name__, request_id)


def end(error: BaseException) -> NoReturn:
    """A thread's exception would end the thread alone, and a client would wait for ever."""
    if not isinstance(error, SystemExit):
        traceback.print_exception(error)
    sys.stderr.flush()
    os._exit(error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1)


def explained(error: BaseException) -> str:
    """leak-close-reason: an exception, and where it comes from, in the 123 bytes that a close frame has for it."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f'File "{os.path.basename(place.filename)}", line {place.lineno}, in {place.name}: {error!r}'[:120]


def decoded(body: bytes) -> Json:
    """A body as a front needs to know it, to choose where it goes; None where it is no JSON."""
    try:
        return codec.loads(body).value
    except (ValueError, RecursionError):
        return None
