"""`lab` and `record`: what talks to a client, in place of its server."""

from __future__ import annotations

import click

from mcpfuzz.errors import UsageError

__all__ = ["lab", "record"]


@click.command()
@click.option("--out", required=True, type=str, metavar="FILE", help="The log, JSON Lines; appended to.")
@click.option("--test", "test_file", type=str, metavar="FILE", help="Make a pytest file of the log.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def record(out: str, test_file: str | None, command: tuple[str, ...]) -> int:
    """Stand between a real client and a stdio server: mcpfuzz record --out FILE -- COMMAND [ARG...]

    Give it to the client in place of the server's command. Every byte passes as it is; the log serves
    `mcpfuzz run --example FILE`. With --test and without COMMAND it makes a test of a log that is there.
    """
    from mcpfuzz import record as recording

    if not command and not test_file:
        raise UsageError("no server to record: give its command after --, as in `mcpfuzz record --out FILE -- COMMAND`")
    code = recording.record(command, out) if command else 0
    if test_file:
        recording.write_test(out, test_file)
    return code


@click.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def lab(words: tuple[str, ...]) -> int:
    """Serve the reference server: hardened by default, `--weakness NAME` switches a mistake on.

    On stdio, or with `--transport http|sse|ws|wss --port N` on loopback. `mcpfuzz lab --list` shows the weaknesses;
    `--weakness all` switches all on; `mcpfuzz lab --help` shows every option.
    """
    from mcpfuzz.lab import main as serve

    try:
        return serve(list(words))
    except Exception:  # noqa: BLE001 - a mistake that was switched on: no fault of ours, and told as any server's
        import traceback

        traceback.print_exc()
        return 1
