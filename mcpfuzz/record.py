"""`mcpfuzz record`: stands between a real client and a stdio server, passes every byte on as it came, and writes down
what was said. It changes nothing: the server inherits environment, folder and stderr, signals reach it, and its
exit code is ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from mcpfuzz.errors import LaunchError, UsageError
from mcpfuzz.events import LaunchRecord
from mcpfuzz.recordings import HEAD, as_test, is_recording
from mcpfuzz.reports import known_secrets
from mcpfuzz.reports.redact import Redactor
from mcpfuzz.reports.safe import bytes_json, mapped

__all__ = ["record", "write_test"]

CHUNK = 1 << 16
MAX_LINE = 64 << 20
"""A longer line is passed on, and told by its length."""
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_LEAVE_S = 2.0
"""For the last bytes of a server that has ended."""


def record(command: Sequence[str], out: str) -> int:
    """Pass on until the server ends; its exit code, or 128 and the number of the signal that ended it.

    Raises:
        UsageError: the log cannot be written.
        LaunchError: the command does not start.
    """
    with _log(out) as file:
        secrets = known_secrets(LaunchRecord(command=tuple(command), env=dict(os.environ)), os.environ)
        log = _Log(file, Redactor(secrets))
        log.begin(command)
        try:
            server = subprocess.Popen(list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        except OSError as error:
            raise LaunchError(f"{command[0]}: {error.strerror}") from None
        for number in _FORWARDED:
            signal.signal(number, lambda got, frame: _forward(server, got))
        assert server.stdin is not None and server.stdout is not None
        asking = threading.Thread(
            target=_pump, args=(0, server.stdin.fileno(), log.listener("client"), server.stdin.close)
        )
        asking.daemon = True  # it may wait for a client that says nothing more
        answering = threading.Thread(
            target=_pump, args=(server.stdout.fileno(), 1, log.listener("server"), server.stdout.close)
        )
        answering.daemon = True  # and where nobody reads any more, the server sees that
        asking.start()
        answering.start()
        code = server.wait()
        answering.join(_LEAVE_S)  # a grandchild may hold the pipe open
        return code if code >= 0 else 128 - code


def _forward(server: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        server.send_signal(number)


def _pump(source: int, sink: int, listen: Callable[[bytes], None], done: Callable[[], None]) -> None:
    """Bytes from one to the other, at once and as they are; then the end of them."""
    try:
        while data := os.read(source, CHUNK):
            if sink != 1:  # a question is in the log before its answer can be
                listen(data)
            view = memoryview(data)
            while view:
                view = view[os.write(sink, view) :]
            if sink == 1:
                listen(data)
    except OSError:
        pass  # the other side has gone
    finally:
        with contextlib.suppress(OSError):
            done()


def _log(out: str) -> BinaryIO:
    try:
        # appended to: a client starts its server anew now and then. Private: it holds what was said
        return os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab", buffering=0)
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}") from None


class _Log:
    """Lines of a recording; both directions write to it."""

    def __init__(self, file: BinaryIO, redactor: Redactor) -> None:
        self._file = file
        self._redactor = redactor
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def begin(self, command: Sequence[str]) -> None:
        words = [self._redactor.by_value(word) for word in command]
        started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._line({"mcpfuzz": HEAD, "started": started, "command": words})

    def listener(self, who: str) -> Callable[[bytes], None]:
        """Takes chunks of one direction, and writes a line for each line of it."""
        rest, dropped = bytearray(), 0

        def on(data: bytes) -> None:
            nonlocal dropped
            rest.extend(data)
            *whole, last = rest.split(b"\n")
            rest[:] = last
            for line in whole:
                self._said(who, bytes(line), dropped)
                dropped = 0
            if len(rest) > MAX_LINE:
                dropped += len(rest)
                rest.clear()

        return on

    def _said(self, who: str, line: bytes, dropped: int) -> None:
        entry: dict[str, Any] = {"t": round(time.monotonic() - self._began, 6), "from": who}
        if dropped:
            self._line({**entry, "cut": dropped + len(line)})
            return
        try:
            entry["message"] = mapped(json.loads(line), self._redactor.by_value)
        except (ValueError, RecursionError):
            entry["bytes"] = bytes_json(self._redactor.data(line))
        self._line(entry)

    def _line(self, entry: dict[str, Any]) -> None:
        with contextlib.suppress(OSError, RecursionError), self._lock:  # a full disk does not stop the session
            self._file.write(json.dumps(entry).encode("ascii") + b"\n")


def write_test(recording: str, path: str) -> int:
    """Write the recording's calls as a pytest file; how many bytes.

    Raises:
        UsageError: the recording cannot be read or is none, or the file exists or cannot be written.
    """
    try:
        lines = Path(recording).read_text(encoding="utf-8").split("\n")
        first = json.loads(lines[0])
    except OSError as error:
        raise UsageError(f"--out {recording}: {error.strerror}") from None
    except ValueError:
        first = None
    if not is_recording(first):
        raise UsageError(f"--out {recording}: is no recording of `mcpfuzz record`")
    text = as_test(lines)
    try:
        with open(path, "x", encoding="utf-8") as file:
            return file.write(text)
    except OSError as error:
        raise UsageError(f"--test {path}: {error.strerror}") from None
