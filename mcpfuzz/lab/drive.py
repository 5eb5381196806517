"""A lab in a process of its own, driven by hand: blocking, bounded, without opinion.

For the lab's own tests and for people at a prompt. It is not the harness's client: it trusts the lab's framing
enough to wait for an answer with its id, and keeps all else that arrived in `others`.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from mcpfuzz.lab.codec import Json
from mcpfuzz.lab.serve import served_names

__all__ = ["CLIENT", "ENVELOPE", "Driven", "Ended", "Late", "Named"]

CLIENT = {"name": "driver", "version": "1"}
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": CLIENT,
}


class Late(Exception):
    """Nothing came in time."""


class Ended(Exception):
    """The server closed its stdout before the answer."""


class Driven:
    """One lab process.

    Args:
        options: command line of `python -m mcpfuzz.lab`.
        revision: handshake made at the start; 2026-07-28 sends the envelope instead; None: neither.
        env: added to the environment.
        seconds: the longest wait for anything.
    """

    def __init__(
        self,
        *options: str,
        revision: str | None = "2025-11-25",
        env: Mapping[str, str] | None = None,
        seconds: float = 20.0,
    ) -> None:
        self.seconds = seconds
        self.revision = revision
        self.others: list[Json] = []
        """What arrived besides the awaited answers: decoded, or bytes where it is no JSON."""
        self._scratch = tempfile.TemporaryDirectory(prefix="driven-", ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mcpfuzz.lab", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": self._scratch.name, **(env or {})},
        )
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._stderr = bytearray()
        self._threads = [
            threading.Thread(target=self._read_out, daemon=True),
            threading.Thread(target=self._read_err, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self._next = 1000
        if revision not in (None, "2026-07-28"):
            params = {"protocolVersion": revision, "capabilities": {}, "clientInfo": CLIENT}
            self.request("initialize", params)
            self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def _read_out(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _read_err(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._stderr += line

    # ---- out ----

    def raw(self, data: bytes) -> None:
        """Bytes as they stand, line ends included. A pipe that is already broken is left to the next wait."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(data)
            self.process.stdin.flush()

    def send(self, message: Json) -> None:
        """One message, exactly as it stands."""
        self.raw(json.dumps(message).encode() + b"\n")

    def params(self, params: Mapping[str, Json] | None) -> dict[str, Json]:
        """The params, in the envelope where the revision asks for one."""
        given = dict(params or {})
        if self.revision == "2026-07-28":
            given["_meta"] = {**ENVELOPE, **given.get("_meta", {})}
        return given

    def post(self, method: str, params: Mapping[str, Json] | None = None) -> int:
        """Send a request and do not wait; its id."""
        self._next += 1
        self.send({"jsonrpc": "2.0", "id": self._next, "method": method, "params": self.params(params)})
        return self._next

    # ---- in ----

    def next(self, seconds: float | None = None) -> Json:
        """The next message, as bytes where it is no JSON.

        Raises:
            Late: nothing in time.
            Ended: nothing, and nothing will come.
        """
        try:
            line = self._lines.get(timeout=self.seconds if seconds is None else seconds)
        except queue.Empty:
            raise Late(f"nothing within {self.seconds if seconds is None else seconds} s") from None
        if line is None:
            self._lines.put(None)
            raise Ended(f"exit code {self.process.wait(self.seconds)}")
        try:
            return json.loads(line, parse_constant=_refuse)
        except ValueError:
            return line

    def answer(self, request_id: Json, seconds: float | None = None) -> dict[str, Any]:
        """The answer with this id, of this type. What comes before it goes to `others`."""
        until = time.monotonic() + (self.seconds if seconds is None else seconds)
        while True:
            message = self.next(max(until - time.monotonic(), 0.001))
            if isinstance(message, dict) and "method" not in message and "id" in message:
                got = message["id"]
                if type(got) is type(request_id) and got == request_id:
                    return message
            self.others.append(message)

    def request(self, method: str, params: Mapping[str, Json] | None = None) -> dict[str, Any]:
        """Send a request; its answer."""
        return self.answer(self.post(method, params))

    def call(self, tool: str, **arguments: Json) -> dict[str, Any]:
        """Call a tool; the answer's `result`.

        Raises:
            KeyError: the answer is an error.
        """
        result = self.request("tools/call", {"name": tool, "arguments": arguments})["result"]
        assert isinstance(result, dict)
        return result

    def text(self, tool: str, **arguments: Json) -> str:
        """Call a tool; the text it answered, whether it went well or not."""
        return str(self.call(tool, **arguments)["content"][0]["text"])

    def meanwhile(self, *data: bytes | Json) -> list[Json]:
        """Send these (bytes as they stand, all else as JSON) and tell all that came before a later listing's answer."""
        self.others = []
        for one in data:
            self.raw(one) if isinstance(one, bytes) else self.send(one)
        self.request("tools/list")
        return self.others

    # ---- the end ----

    def end(self, seconds: float | None = None) -> int:
        """Close stdin; the exit code. Raises Late where the process lives on."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        return self.died(seconds)

    def died(self, seconds: float | None = None) -> int:
        """Wait for the process to end by itself; the exit code. Raises Late where it lives on."""
        try:
            return self.process.wait(self.seconds if seconds is None else seconds)
        except subprocess.TimeoutExpired:
            raise Late("the process lives") from None

    @property
    def stderr(self) -> str:
        """What it wrote to stderr; complete once the process has ended."""
        if self.process.poll() is not None:
            self._threads[1].join(self.seconds)
        return self._stderr.decode("utf-8", "replace")

    def rss(self) -> int:
        """Resident bytes (Linux); 0 where that cannot be told."""
        try:
            with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            return 0

    def __enter__(self) -> Driven:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait(self.seconds)
        for thread in self._threads:
            thread.join(self.seconds)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        self._scratch.cleanup()


class Named(Driven):
    """A lab that is spoken to by canonical names, whatever it serves them as; it reads the listing first.

    Args:
        shuffle: passed on as `--shuffle`; None: canonical names are served.
    """

    def __init__(self, *options: str, shuffle: str | None = None, **more: Any) -> None:
        super().__init__(*options, *(["--shuffle", shuffle] if shuffle else []), **more)
        self.options, self.shuffle = options, shuffle
        self.names = served_names(shuffle)
        """Canonical tool -> (served tool, canonical argument -> served argument)."""
        self.schemas: dict[str, Mapping[str, Any]] = {}
        cursor: dict[str, Any] = {}
        while True:
            page = self.request("tools/list", cursor)["result"]
            self.schemas.update({tool["name"]: tool["inputSchema"] for tool in page["tools"]})
            if "nextCursor" not in page:
                break
            cursor = {"cursor": page["nextCursor"]}

    def argument(self, tool: str, name: str) -> dict[str, Any]:
        """The schema of one argument."""
        served, arguments = self.names[tool]
        schema = self.schemas[served]["properties"][arguments[name]]
        assert isinstance(schema, dict)
        return schema

    def example(self, tool: str, name: str) -> Any:
        return self.argument(tool, name)["examples"][0]

    def post_call(self, tool: str, **given: Any) -> int:
        served, arguments = self.names[tool]
        named = {arguments.get(name.rstrip("_"), name): value for name, value in given.items()}
        return self.post("tools/call", {"name": served, "arguments": named})

    def tell(self, tool: str, **given: Any) -> dict[str, Any]:
        """Call by canonical names; the whole answer."""
        return self.answer(self.post_call(tool, **given))

    def say(self, tool: str, **given: Any) -> str:
        """Call by canonical names; the text."""
        return str(self.tell(tool, **given)["result"]["content"][0]["text"])

    def dies(self, act: Callable[[], object]) -> bool:
        """Whether the process is gone after this, and a barrier."""
        try:
            act()
            self.request("ping")
        except Ended:
            return True
        return False


def _refuse(constant: str) -> Json:
    raise ValueError(constant)
