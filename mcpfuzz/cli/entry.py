"""The group of all commands, and the entry point: one line per error out, an exit code that CI can trust."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click

from mcpfuzz import __version__, host
from mcpfuzz.cli.load import load
from mcpfuzz.cli.lookup import explain, list_
from mcpfuzz.cli.options import CONTEXT
from mcpfuzz.cli.reports import merge, replay
from mcpfuzz.cli.run import demo, run
from mcpfuzz.cli.serving import lab, record
from mcpfuzz.errors import McpfuzzError, first_cause

__all__ = ["cli", "main"]

_FULL = (errno.ENOSPC, errno.EDQUOT)
"""The user's disk, and no fault of ours."""


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; never returns, never shows a traceback for what a user or a server did."""
    try:
        host.refuse_windows()
        code = cli.main(args=list(argv) if argv is not None else None, prog_name="mcpfuzz", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        code = 2
    except click.ClickException as error:
        _complain(error.format_message())
        code = 2
    except click.Abort:
        code = 130
    except McpfuzzError as error:
        _complain(str(error))
        code = error.exit_code
    except KeyboardInterrupt:
        code = 130
    except _ReaderLeft:
        _flee_stdout()
        code = 0
    except Exception as error:
        if os.environ.get("MCPFUZZ_TRACEBACK"):
            raise
        cause = first_cause(error)
        if isinstance(cause, OSError) and cause.errno in _FULL:
            _complain(f"cannot write{f' {cause.filename}' if cause.filename else ''}: {cause.strerror}")
            _flee_stdout()
            sys.exit(2)
        _complain(
            f"a fault of mcpfuzz itself: {type(cause).__name__}: {cause}; set MCPFUZZ_TRACEBACK=1 to see where, "
            "and please report it"
        )
        code = 4
    sys.exit(code or 0)


def _flee_stdout() -> None:
    """What is still buffered goes nowhere: Python would try once more at its end, and exit with 120."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str) -> None:
    from mcpfuzz.reports import visible

    print(f"mcpfuzz: {visible(message)}", file=sys.stderr)


class _ReaderLeft(Exception):
    """Whoever read our output has seen enough (`| head`)."""


class _Group(click.Group):
    """Tells of a broken pipe: click would end with 1, which means findings here."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _told_of_pipes():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _told_of_pipes():
            return super().invoke(ctx)


@contextlib.contextmanager
def _told_of_pipes() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise _ReaderLeft from None


@click.group(cls=_Group, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="mcpfuzz")
def cli() -> None:
    """Fuzz, attack and prove: findings on MCP servers that are true, minimal and replayable.

    \b
    mcpfuzz demo                             see it work, on the bundled server
    mcpfuzz run -- python server.py          test a server that mcpfuzz starts
    mcpfuzz explain crash                    what a finding means and how to mend it

    Exit codes: 0 clean, 1 findings, 2 wrong usage, 3 could not test, 4 a fault of mcpfuzz, 130 interrupted.
    """


for _command in (run, demo, replay, record, merge, load, lab, list_, explain):
    cli.add_command(_command)
