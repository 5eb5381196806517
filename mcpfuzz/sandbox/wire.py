"""What is said between the keeper and us over a stream socket: a length, JSON, and file descriptors beside it."""

from __future__ import annotations

import array
import json
import os
import socket
import struct
from typing import Any

__all__ = ["receive", "send"]

_HEAD = struct.Struct("!I")
MAX_FDS = 8


def send(channel: socket.socket, message: object, fds: tuple[int, ...] = ()) -> None:
    """Say one message; JSON keeps undecodable bytes of paths as lone surrogates."""
    body = json.dumps(message).encode()
    socket.send_fds(channel, [_HEAD.pack(len(body))], fds)
    channel.sendall(body)


def receive(channel: socket.socket) -> tuple[Any, list[int]]:
    """The next message and its descriptors, none of which a child inherits.

    Raises:
        EOFError: the other side is gone.
    """
    # not socket.recv_fds: that of Python 3.11 forgets the flags, and a server would inherit what we pass
    room = socket.CMSG_LEN(MAX_FDS * 4)
    head, control, _, _ = channel.recvmsg(_HEAD.size, room, socket.MSG_CMSG_CLOEXEC)
    fds = array.array("i")
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    try:
        if len(head) < _HEAD.size:
            raise EOFError
        left, parts = _HEAD.unpack(head)[0], []
        while left:
            part = channel.recv(min(left, 1 << 16))
            if not part:
                raise EOFError
            parts.append(part)
            left -= len(part)
        return json.loads(b"".join(parts)), list(fds)
    except BaseException:
        for fd in fds:
            os.close(fd)
        raise
