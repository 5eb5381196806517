"""The command line: options in, one line per error out, an exit code that CI can trust. It decides nothing
about testing; it hands what was asked for to the engine and lets the reports listen. Modules, each knowing only
those above it:

    options             what several commands share
    run, reports, load, serving, lookup
                        the commands; each imports what it needs when it is called
    entry               all of them as one group; errors as lines and exit codes
"""

from __future__ import annotations

from mcpfuzz.cli.entry import cli, main

__all__ = ["cli", "main"]
