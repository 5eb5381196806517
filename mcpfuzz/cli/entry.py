"""The group of all commands, and the entry point: one line per error out, an exit code that CI can trust."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

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
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        if os.environ.get("MCPFUZZ_TRACEBACK"):
            raise
        cause = first_cause(error)
        _complain(
            f"a fault of mcpfuzz itself: {type(cause).__name__}: {cause}; set MCPFUZZ_TRACEBACK=1 to see where, "
            "and please report it"
        )
        code = 4
    sys.exit(code or 0)


def _complain(message: str) -> None:
    from mcpfuzz.reports import visible

    print(f"mcpfuzz: {visible(message)}", file=sys.stderr)


@click.group(context_settings=CONTEXT)
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
