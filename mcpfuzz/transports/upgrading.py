"""One opening handshake of WebSocket below the library, exactly as it is given: what `Http` steps to such an endpoint
are made of.
"""

from __future__ import annotations

import re
import time

import trio

from mcpfuzz.model import Exchange, Http
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.http1 import MAX_HEADER_BYTES, header_lines
from mcpfuzz.transports.tcp import connect

__all__ = ["upgrade_exchange"]

POLL_S = 0.1
_STATUS = re.compile(r"HTTP/1\.[01] (\d{3})")


async def upgrade_exchange(endpoint: Endpoint, action: Http, index: int, deadline: float) -> Exchange:
    """An `Http` step to an endpoint that speaks WebSocket, its slots filled, on a connection of its own: the status and
    headers of its answer, 101 too. A body is not read, and none is sent.

    Args:
        deadline: `time.monotonic()`, total.

    Raises:
        LaunchError, Late: the connection does not come about.
    """
    first = f"{action.method} {action.path} HTTP/1.1\r\n".encode("utf-8", "surrogatepass")
    data = first + header_lines(action.headers) + b"\r\n"
    link = await connect(endpoint, deadline)
    head, left = b"", memoryview(data)
    try:
        while b"\r\n\r\n" not in head and len(head) < MAX_HEADER_BYTES:
            left = left[link.write(left) :] if left else left
            chunk = link.read()
            if chunk == b"":
                break
            head += chunk or b""
            if chunk is None:
                if time.monotonic() > deadline:
                    break
                with trio.move_on_after(POLL_S):
                    await trio.lowlevel.wait_readable(link.fd)
    except OSError:
        pass  # the answer is what came before
    finally:
        link.close()
    status_line, *lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    match = _STATUS.match(status_line)
    pairs = [line.partition(":") for line in lines if ":" in line]
    headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
    status = int(match[1]) if match else None
    return Exchange(step=index, sent=data, status=status, headers=headers, lost=match is None, due=False)
