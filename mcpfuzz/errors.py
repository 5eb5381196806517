"""Whose fault it is. One tree, one root; the door (cli, plugin) turns a leaf into one line and an exit code.

McpfuzzError
├── UsageError          the user's: a wrong option, file or command line            exit 2
├── TargetError         the target's: it could not be tested                        exit 3
│   ├── LaunchError     the command does not start, or ends before it answers
│   ├── HandshakeError  it answers, but not as an MCP server does
│   │   └── Unauthorized  it wants a credential, or another one
│   ├── Gone            it ended, or closed the connection
│   ├── Late            a deadline passed (total, never reset by bytes)
│   └── TooMuch         it sent more than a named cap allows
└── Fault               ours: a promise of mcpfuzz itself was broken                exit 4
"""

from __future__ import annotations

__all__ = [
    "Fault",
    "Gone",
    "HandshakeError",
    "Late",
    "LaunchError",
    "McpfuzzError",
    "TargetError",
    "TooMuch",
    "Unauthorized",
    "UsageError",
    "first_cause",
]


class McpfuzzError(Exception):
    """The root: `str()` of any leaf is one line that says what, where and what to do."""

    exit_code = 4


class UsageError(McpfuzzError):
    """The command line, an option's value or a file of the user's is wrong."""

    exit_code = 2


class TargetError(McpfuzzError):
    """The target could not be tested; nothing is said about its quality.

    Attributes:
        code: WebSocket close code, where one ended it.
        reason: what the server said with that code, as it stands.
    """

    exit_code = 3

    def __init__(self, message: str, *, code: int | None = None, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


class LaunchError(TargetError):
    """The command cannot be started, or ended before its first answer."""


class HandshakeError(TargetError):
    """The target speaks, but it does not come to terms on an MCP revision."""


class Unauthorized(HandshakeError):
    """The target wants a credential, or takes the one it was shown for none (any more)."""


def first_cause(error: BaseException) -> BaseException:
    """Of an exception group the first leaf: what went wrong, not where it was gathered."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class Gone(TargetError):
    """The target ended or closed the connection while something was awaited.

    Attributes:
        returncode: the process's exit code, negative for a signal; None when only the channel closed.
    """

    def __init__(
        self, message: str, *, returncode: int | None = None, code: int | None = None, reason: str = ""
    ) -> None:
        super().__init__(message, code=code, reason=reason)
        self.returncode = returncode


class Late(TargetError):
    """A total deadline passed. Bytes, comments and progress do not move it."""


class TooMuch(TargetError):
    """The target sent more than a cap allows; the message names the cap."""


class Fault(McpfuzzError):
    """A promise of mcpfuzz itself was broken: a defect to report to us."""
