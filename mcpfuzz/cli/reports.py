"""`replay` and `merge`: what is done with reports."""

from __future__ import annotations

from typing import Any

import click

from mcpfuzz import host
from mcpfuzz.cli.options import config_options, extend_option, sandbox_option

__all__ = ["merge", "replay"]


@click.command()
@click.argument("report", type=str)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--finding", metavar="FINGERPRINT", help="Only this one.")
@click.option("--env", "env", multiple=True, metavar="KEY=VALUE", help="Secrets that the report does not hold.")
@click.option("--header", multiple=True, metavar='"NAME: VALUE"', help="Secrets that the report does not hold.")
@click.option("--identity", multiple=True, metavar="NAME=SPEC", help="Callers whose secrets the report does not hold.")
@click.option("--url", metavar="URL", help="Where the server listens now.")
@config_options
@click.option("--cacert", metavar="FILE", help="Authorities (PEM) that are trusted besides the system's.")
@click.option("--insecure", is_flag=True, help="Do not verify certificates.")
@click.option("--allow-remote", is_flag=True, help="Also what is not on this machine.")
@click.option("--timeout", type=float, default=10.0, show_default=True, metavar="SECONDS", help="Per request, total.")
@click.option("--state", default=".mcpfuzz", show_default=True, metavar="DIR", help="Scratch folder.")
@sandbox_option
@extend_option
def replay(report: str, command: tuple[str, ...], finding: str | None, **options: Any) -> int:
    """Send a report's reproducers again and say which still show: 1 where one does, 0 where none, 3 where untried."""
    host.heed_signals()  # before what takes a second to import
    from mcpfuzz.replay import replay_report

    host.become_subreaper()
    return replay_report(report, command, finding, options, click.echo)


@click.command()
@click.argument("report_files", nargs=-1, required=True, metavar="REPORT...", type=str)
@click.option(
    "--report", multiple=True, metavar="FORMAT=PATH", help="json, jsonl, sarif, junit, html, markdown; repeatable."
)
@click.option("--fail-on", type=click.Choice(["info", "low", "medium", "high", "critical"]), help="Else as the shards.")
@click.option("--strict", is_flag=True, help="Suspects count.")
@click.option("--require-complete", is_flag=True, help="Scenarios left partial or not run exit 3.")
@click.option("--baseline", type=str, metavar="FILE", help="Known findings; here what is gone is known too.")
@click.option("--update-baseline", is_flag=True, help="Add what is new to --baseline, take out what is gone.")
@click.option("--quiet", is_flag=True, help="Findings and verdict only.")
@click.option("--verbose", is_flag=True, help="All there is to say.")
@click.option("--no-color", is_flag=True, help="Plain text; NO_COLOR is obeyed too.")
@extend_option
def merge(report_files: tuple[str, ...], **options: Any) -> int:
    """Tell the JSON reports of shards as one; exits as `run` does."""
    from mcpfuzz.merge import merge_reports
    from mcpfuzz.reports import Look

    look = Look(color=not options["no_color"], quiet=options["quiet"], verbose=options["verbose"])
    return merge_reports(report_files, options, look)
