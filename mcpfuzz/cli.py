"""The command line: options in, one line per error out, an exit code that CI can trust. It decides nothing
about testing; it hands what was asked for to the engine and lets the reports listen.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import click

from mcpfuzz import __version__, host
from mcpfuzz.errors import McpfuzzError, UsageError, first_cause

__all__ = ["cli", "main"]

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


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


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def apply(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return apply


_sandbox_option = click.option(
    "--sandbox",
    type=click.Choice(["auto", "off", "require"]),
    default="auto",
    show_default=True,
    help="Linux namespaces around the server: where they can be had, never, or exit 3 without.",
)

_target_options = _options(
    click.option(
        "--config", type=str, metavar="FILE", help="A mcpServers file (.mcp.json, VS Code's servers ...); read only."
    ),
    click.option("--server", type=str, metavar="NAME", help="Which server of --config."),
    click.option("--url", type=str, metavar="URL", help="A networked server: http(s):// or ws(s)://; loopback only."),
    click.option("--transport", type=str, metavar="NAME", help="http, sse or ws, where the URL does not say enough."),
    click.option(
        "--header", multiple=True, metavar='"NAME: VALUE"', help="On every request; ${NAME} of our environment."
    ),
    click.option(
        "--identity", multiple=True, metavar="NAME=SPEC", help="A caller: header:, query:, env:, subprotocol: ..."
    ),
    click.option("--cacert", type=str, metavar="FILE", help="Authorities (PEM) that are trusted besides the system's."),
    click.option("--insecure", is_flag=True, help="Do not verify certificates."),
    click.option("--allow-remote", is_flag=True, help="Attack what is not on this machine, too."),
    click.option(
        "--env", "env", multiple=True, metavar="KEY=VALUE", help="For the server; ${NAME} is read from our environment."
    ),
    click.option("--cwd", type=str, metavar="DIR", help="The server's working folder."),
    click.option(
        "--workspace", multiple=True, metavar="DIR", help="The folder it is meant to stay inside; it gets a copy."
    ),
    click.option("--example", multiple=True, metavar="FILE", help="Known-good calls, JSON Lines."),
    click.option(
        "--stub",
        multiple=True,
        metavar="NAME[=PROGRAM]",
        help="Stand-ins before the server's PATH; they record their words.",
    ),
    click.option("--allow-destructive", is_flag=True, help="Call tools that may destroy or send something, too."),
    click.option("--state", default=".mcpfuzz", show_default=True, metavar="DIR", help="Scratch folder."),
    _sandbox_option,
)

_run_options = _options(
    click.option("--scenario", "scenario", multiple=True, metavar="GLOB", help="Only these scenarios."),
    click.option("--exclude", multiple=True, metavar="GLOB", help="Not these scenarios."),
    click.option(
        "--max-time", type=float, default=60.0, show_default=True, metavar="SECONDS", help="Budget of the whole run."
    ),
    click.option(
        "--profile", type=click.Choice(["quick", "standard", "nightly"]), default="standard", show_default=True
    ),
    click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Shards side by side."),
    click.option("--shard", metavar="K/N", help="Only the K-th of N shards."),
    click.option("--seed", type=int, help="Same seed, same cases; always printed."),
    click.option("--require-complete", is_flag=True, help="Scenarios left partial or not run exit 3."),
    click.option(
        "--timeout", type=float, default=10.0, show_default=True, metavar="SECONDS", help="Per request, total."
    ),
    click.option(
        "--start-timeout", type=float, default=30.0, show_default=True, metavar="SECONDS", help="To the first answer."
    ),
    click.option("--revision", default="auto", show_default=True, metavar="DATE|auto|all", help="MCP revision."),
    click.option(
        "--fail-on", type=click.Choice(["info", "low", "medium", "high", "critical"]), default="low", show_default=True
    ),
    click.option("--strict", is_flag=True, help="WEAK verdicts and suspects count."),
    click.option(
        "--report", multiple=True, metavar="FORMAT=PATH", help="json, jsonl, sarif, junit, html, markdown; repeatable."
    ),
    click.option(
        "--baseline", type=str, metavar="FILE", help="Known findings, with reason and expiry (TOML, or .json)."
    ),
    click.option("--update-baseline", is_flag=True, help="Add what is new to --baseline, take out what is gone."),
    click.option("--policy", type=str, metavar="FILE", help="Who may use what (JSON); every deviation is a finding."),
    click.option("--update-policy", is_flag=True, help="Write who was served what to --policy."),
    click.option("--quiet", is_flag=True, help="Findings and verdict only."),
    click.option("--verbose", is_flag=True, help="All there is to say."),
    click.option("--no-color", is_flag=True, help="Plain text; NO_COLOR is obeyed too."),
)


@cli.command(context_settings={**CONTEXT, "ignore_unknown_options": False})
@_target_options
@_run_options
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def run(command: tuple[str, ...], **options: Any) -> int:
    """Test a server: mcpfuzz run [OPTIONS] -- COMMAND [ARG...], or --url URL, or both"""
    from mcpfuzz.campaign.config import target_of

    return _campaign(target_of(command, options), options)


@cli.command()
@_run_options
@click.option("--state", default=".mcpfuzz", show_default=True, metavar="DIR", help="Scratch folder.")
@click.option("--shuffle", metavar="SEED", help="Other names and thresholds; the same for the same seed.")
def demo(shuffle: str | None, **options: Any) -> int:
    """Test the bundled server with all its weaknesses on; nothing else is needed."""
    from mcpfuzz.target import Target

    if click.get_current_context().get_parameter_source("timeout") is click.core.ParameterSource.DEFAULT:
        options["timeout"] = 4.0  # the lab answers in milliseconds; two of its weaknesses never do
    # outlives the run, so that a replay finds it; what is attacked is a copy, as always
    shop = os.path.join(tempfile.gettempdir(), f"mcpfuzz-demo-{os.getuid()}", "shop")
    os.makedirs(shop, mode=0o700, exist_ok=True)
    words = ["-m", "mcpfuzz.lab", "--weakness", "all", *(("--shuffle", shuffle) if shuffle else ())]
    target = Target(
        command=(sys.executable, *words, "--workspace", shop), env={"UPSTREAM": "{listener}"}, workspaces=(shop,),
        trusted_lab=True, state=options["state"],
    )  # fmt: skip
    return _campaign(target, options)


def _campaign(target: Any, options: dict[str, Any]) -> int:
    from mcpfuzz.campaign.settings import Settings
    from mcpfuzz.door import EXIT_CODES, run_campaign, run_revisions
    from mcpfuzz.oracles.rules import RULES
    from mcpfuzz.policy import write_policy
    from mcpfuzz.reports import Gate, Look, Setting, known_secrets, open_sinks
    from mcpfuzz.revisions import revision
    from mcpfuzz.scenarios.catalogue import chosen
    from mcpfuzz.shards import run_shards
    from mcpfuzz.target import Prepared

    for name in ("max_time", "timeout", "start_timeout"):
        if not 0 < options[name] < float("inf"):
            raise UsageError(f"--{name.replace('_', '-')} {options[name]:g}: must be seconds, greater than 0")
    if options["revision"] not in ("auto", "all"):
        revision(options["revision"])
    if options["jobs"] > 1 and (options["shard"] or options["revision"] == "all"):
        raise UsageError("--jobs goes neither with --shard nor with --revision all")
    settings = Settings(
        shard=_shard_of(options["shard"]),
        scenarios=chosen(options["scenario"], options["exclude"]),
        seed=options["seed"] if options["seed"] is not None else secrets.randbelow(1 << 31),
        **{
            name: options[name]
            for name in (
                "max_time",
                "profile",
                "timeout",
                "start_timeout",
                "revision",
                "fail_on",
                "strict",
                "require_complete",
            )
        },
    )
    settings, baseline = _judged(settings, options)
    settings = _pinned(settings, options)
    settings, listening = _remembering(settings, options, target, baseline)
    look = Look(color=not options["no_color"], quiet=options["quiet"], verbose=options["verbose"])
    host.become_subreaper()
    with Prepared.of(target) as prepared:
        gate = Gate({*known_secrets(target.record, os.environ), *prepared.secrets})
        with open_sinks(
            options["report"], gate, version=__version__, setting=Setting(rules=RULES, look=look)
        ) as reports:
            if options["jobs"] > 1:
                finished = run_shards(target, settings, options["jobs"], listening(reports.on))
            elif settings.revision == "all":
                finished = run_revisions(prepared, settings, listening(reports.on))
            else:
                finished = run_campaign(prepared, settings, listening(reports.on))
        if baseline:
            baseline.save()
        if options["update_policy"]:
            write_policy(options["policy"], finished.extra.get("roles"))
    return EXIT_CODES[finished.outcome]


def _judged(settings: Any, options: dict[str, Any]) -> tuple[Any, Any]:
    """The settings with what --baseline says, and the baseline, or None."""
    from mcpfuzz.baseline import Baseline
    from mcpfuzz.model import replace

    if options["update_baseline"] and not options["baseline"]:
        raise UsageError("--update-baseline needs --baseline FILE")
    if not options["baseline"]:
        return settings, None
    whole = settings.shard == (1, 1)
    baseline = Baseline.load(options["baseline"], update=options["update_baseline"], whole=whole)
    return replace(settings, known=baseline.known, accept=baseline.update), baseline


def _pinned(settings: Any, options: dict[str, Any]) -> Any:
    """The settings with what --policy says."""
    from mcpfuzz.model import replace
    from mcpfuzz.policy import read_policy

    if options["update_policy"] and not options["policy"]:
        raise UsageError("--update-policy needs --policy FILE")
    if not options["policy"] or options["update_policy"]:
        return settings
    return replace(settings, policy=read_policy(options["policy"]))


def _remembering(
    settings: Any, options: dict[str, Any], target: Any, baseline: Any
) -> tuple[Any, Callable[[Any], Any]]:
    """The settings with what earlier runs of the target left, and what compares the run with them."""
    from mcpfuzz import nights
    from mcpfuzz.campaign.corpus import folder_of
    from mcpfuzz.campaign.journal import interrupted_seed
    from mcpfuzz.model import replace

    folder = folder_of(target.state, target.record)
    settings = replace(settings, remember="read" if options["seed"] is None else "write")
    if options["seed"] is None:
        shard = (1, options["jobs"]) if options["jobs"] > 1 else settings.shard
        seed = interrupted_seed(folder, replace(settings, shard=shard))
        if seed is not None:
            settings = replace(settings, seed=seed, resume=True)

    def listening(emit: Any) -> Any:
        return nights.listen(folder, baseline.listen(emit) if baseline else emit)

    return settings, listening


def _shard_of(text: str | None) -> tuple[int, int]:
    if text is None:
        return (1, 1)
    number, _, total = text.partition("/")
    if not (number.isdigit() and total.isdigit() and 1 <= int(number) <= int(total)):
        raise UsageError(f"--shard {text}: must be K/N with 1 <= K <= N, as in 3/8")
    return int(number), int(total)


@cli.command()
@click.argument("report", type=str)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--finding", metavar="FINGERPRINT", help="Only this one.")
@click.option("--env", "env", multiple=True, metavar="KEY=VALUE", help="Secrets that the report does not hold.")
@click.option("--header", multiple=True, metavar='"NAME: VALUE"', help="Secrets that the report does not hold.")
@click.option("--identity", multiple=True, metavar="NAME=SPEC", help="Callers whose secrets the report does not hold.")
@click.option("--url", metavar="URL", help="Where the server listens now.")
@click.option("--cacert", metavar="FILE", help="Authorities (PEM) that are trusted besides the system's.")
@click.option("--insecure", is_flag=True, help="Do not verify certificates.")
@click.option("--allow-remote", is_flag=True, help="Also what is not on this machine.")
@click.option("--timeout", type=float, default=10.0, show_default=True, metavar="SECONDS", help="Per request, total.")
@click.option("--state", default=".mcpfuzz", show_default=True, metavar="DIR", help="Scratch folder.")
@_sandbox_option
def replay(report: str, command: tuple[str, ...], finding: str | None, **options: Any) -> int:
    """Send a report's reproducers again and say which still show: 1 where one does, 0 where none, 3 where untried."""
    from mcpfuzz.replay import replay_report

    host.become_subreaper()
    return replay_report(report, command, finding, options, click.echo)


@cli.command()
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


@cli.command()
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
def merge(report_files: tuple[str, ...], **options: Any) -> int:
    """Tell the JSON reports of shards as one; exits as `run` does."""
    from mcpfuzz.merge import merge_reports
    from mcpfuzz.reports import Look

    look = Look(color=not options["no_color"], quiet=options["quiet"], verbose=options["verbose"])
    return merge_reports(report_files, options, look)


@cli.command(context_settings={**CONTEXT, "ignore_unknown_options": False})
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
    from mcpfuzz.load import run_load

    return run_load(command, options)


@cli.command(context_settings={**CONTEXT, "ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def lab(words: tuple[str, ...]) -> int:
    """Serve the reference server: hardened by default, `--weakness NAME` switches a mistake on.

    On stdio, or with `--transport http|sse|ws|wss --port N` on loopback. `mcpfuzz lab --list` shows the weaknesses;
    `--weakness all` switches all on; `mcpfuzz lab -- --help` shows every option.
    """
    from mcpfuzz.lab import main as serve

    return serve(list(words))


@cli.command("list")
@click.argument("what", type=click.Choice(["scenarios", "rules", "weaknesses"]))
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def list_(what: str, form: str) -> int:
    """What there is."""
    rows = _rows(what)
    if form == "json":
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return 0
    width = max(len(row["id"]) for row in rows)
    for row in rows:
        click.echo(f"{row['id']:{width}}  {row['title']}")
    return 0


def _rows(what: str) -> list[dict[str, Any]]:
    if what == "rules":
        from mcpfuzz.oracles.rules import RULES

        return [
            {
                "id": rule.id,
                "title": rule.title,
                "severity": rule.severity,
                "cwe": rule.cwe,
                "references": list(rule.references),
            }
            for rule in RULES.values()
        ]
    if what == "scenarios":
        from mcpfuzz.scenarios.catalogue import catalogue

        return [
            {
                "id": item.id,
                "title": item.title,
                "about": item.about,
                "rules": list(item.rules),
                "kinds": list(item.kinds),
            }
            for item in catalogue().values()
        ]
    from mcpfuzz.lab import weaknesses

    return [
        {
            "id": item.name,
            "title": item.title,
            "cwe": item.cwe,
            "expected": list(item.expected),
            "where": item.where,
            "transports": list(item.transports),
        }
        for item in weaknesses()
    ]


@cli.command()
@click.argument("rule")
def explain(rule: str) -> int:
    """What a rule means, how it is proved, how to mend it."""
    from mcpfuzz.oracles.rules import RULES

    found = RULES.get(rule)
    if found is None:
        import difflib

        near = difflib.get_close_matches(rule, RULES, n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(near)}?" if near else "see: mcpfuzz list rules"
        raise UsageError(f"there is no rule {rule!r}; {hint}")
    click.echo(f"{found.id}: {found.title}  (CWE-{found.cwe}, {found.severity})\n")
    click.echo(f"What it means   {found.about}\nHow it is proved {found.proof}\nHow to mend it  {found.mend}")
    click.echo(
        f"References      {', '.join((f'CWE-{found.cwe}', *(r for r in found.references if not r.startswith('CWE-'))))}"
    )
    return 0
