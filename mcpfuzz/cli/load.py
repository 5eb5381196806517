"""`load`: the options of a load run."""

from __future__ import annotations

from typing import Any

import click

from mcpfuzz import host
from mcpfuzz.cli.options import CONTEXT, config_options

__all__ = ["load"]


@click.command(context_settings={**CONTEXT, "ignore_unknown_options": False})
@config_options
@click.option("--url", metavar="URL", help="http(s):// or ws(s)://; with a COMMAND, where that listens ({port}).")
@click.option("--transport", type=click.Choice(["auto", "http", "sse", "ws", "stdio"]), default="auto")
@click.option("--header", multiple=True, metavar="'NAME: VALUE'", help="With every request; ${NAME} is read here.")
@click.option("--identity", multiple=True, metavar="NAME=SPEC", help="header:Name: value; two tell scopes apart.")
@click.option("--env", multiple=True, metavar="KEY=VALUE", help="For a server that mcpfuzz starts.")
@click.option("--cwd", metavar="DIR")
@click.option("--workspace", multiple=True, metavar="DIR", help="It gets a copy.")
@click.option("--example", multiple=True, metavar="FILE", help="Known-good calls, JSON Lines.")
@click.option("--allow-destructive", is_flag=True, help="Call tools that may destroy or send something, too.")
@click.option("--allow-remote", is_flag=True, help="Without it only loopback gets load.")
@click.option("--revision", default="auto", show_default=True, metavar="DATE|auto")
@click.option("--users", type=int, default=20, show_default=True, metavar="N")
@click.option("--rate", type=float, metavar="N", help="Calls a second of all users: open model, timed from when due.")
@click.option("--slo", metavar="TEXT", help='Objectives; default "p95<1s,errors<1%,recovery<10s".')
@click.option("--scenario", multiple=True, metavar="GLOB", help="Only these load scenarios.")
@click.option("--max-time", type=float, default=60.0, show_default=True, metavar="SECONDS")
@click.option("--timeout", type=float, default=10.0, show_default=True, metavar="SECONDS", help="Per request, total.")
@click.option("--start-timeout", type=float, default=30.0, show_default=True, metavar="SECONDS")
@click.option("--seed", type=int)
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Locust processes.")
@click.option("--master", is_flag=True, help="Locust's master: lead --expect-workers others.")
@click.option("--worker", is_flag=True, help="Locust's worker: act on the master's word.")
@click.option("--expect-workers", type=click.IntRange(1, 10_000), default=1, show_default=True, metavar="N")
@click.option("--master-host", default="127.0.0.1", show_default=True)
@click.option("--master-port", type=int, default=5557, show_default=True)
@click.option("--web", is_flag=True, help="Locust's page on 127.0.0.1.")
@click.option("--web-port", type=int, default=8089, show_default=True)
@click.option("--cacert", metavar="FILE")
@click.option("--insecure", is_flag=True)
@click.option(
    "--fail-on", type=click.Choice(["info", "low", "medium", "high", "critical"]), default="low", show_default=True
)
@click.option("--report", multiple=True, metavar="FORMAT=PATH", help="As `run`, and csv; repeatable.")
@click.option("--state", default=".mcpfuzz", show_default=True, metavar="DIR", help="Scratch folder.")
@click.option("--quiet", is_flag=True)
@click.option("--verbose", is_flag=True)
@click.option("--no-color", is_flag=True)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def load(command: tuple[str, ...], **options: Any) -> int:
    """Load, storms and rate limits, with a verdict: mcpfuzz load --url http://127.0.0.1:8000/mcp"""
    host.heed_signals()  # before what takes a second to import
    from mcpfuzz.load import run_load

    return run_load(command, options)
