"""`run` and `demo`: one campaign, from its options to its exit code."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import click

from mcpfuzz import __version__, host
from mcpfuzz.cli.options import CONTEXT, extend_option, run_options, target_options
from mcpfuzz.errors import UsageError

__all__ = ["demo", "run"]


@click.command(context_settings={**CONTEXT, "ignore_unknown_options": False})
@target_options
@run_options
@extend_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def run(command: tuple[str, ...], **options: Any) -> int:
    """Test a server: mcpfuzz run [OPTIONS] -- COMMAND [ARG...], or --url URL, or both"""
    host.heed_signals()  # before what takes a second to import
    from mcpfuzz.campaign.config import target_of

    return _campaign(target_of(command, options), options)


@click.command()
@run_options
@click.option("--state", default=".mcpfuzz", show_default=True, metavar="DIR", help="Scratch folder.")
@click.option("--shuffle", metavar="SEED", help="Other names and thresholds; the same for the same seed.")
def demo(shuffle: str | None, **options: Any) -> int:
    """Test the bundled server with all its weaknesses on; nothing else is needed."""
    host.heed_signals()
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
    host.return_memory()
    with Prepared.of(target) as prepared:
        gate = Gate({*known_secrets(target.record, os.environ), *prepared.secrets})
        prepared.on_secrets = gate.learn
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
