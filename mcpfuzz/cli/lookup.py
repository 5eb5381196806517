"""`list` and `explain`: what there is, and what it means."""

from __future__ import annotations

import json
from typing import Any

import click

from mcpfuzz.cli.options import extend_option
from mcpfuzz.errors import UsageError

__all__ = ["explain", "list_"]


@click.command("list")
@click.argument("what", type=click.Choice(["scenarios", "rules", "weaknesses"]))
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@extend_option
def list_(what: str, form: str) -> int:
    """What there is."""
    rows = _rows(what)
    if form == "json":
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return 0
    width = max(len(row["id"]) for row in rows)
    for row in rows:
        click.echo(
            f"{row['id']:{width}}  {row['title']}" + ("  (mcpfuzz load)" if row.get("command") == "load" else "")
        )
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
        return _scenarios()
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


def _scenarios() -> list[dict[str, Any]]:
    """Those of `run`, then those of `load`."""
    from mcpfuzz.load_support.plan import SCENARIOS
    from mcpfuzz.scenarios.catalogue import catalogue

    made: list[dict[str, Any]] = [
        {
            "id": item.id,
            "title": item.title,
            "about": item.about,
            "rules": list(item.rules),
            "kinds": list(item.kinds),
            "command": "run",
        }
        for item in catalogue().values()
    ]
    for one in SCENARIOS:
        told = {"id": one.id, "title": one.title, "about": one.about, "rules": list(one.rules), "kinds": ["endpoint"]}
        made.append({**told, "command": "load", "transports": list(one.transports)})
    return made


@click.command()
@click.argument("rule")
@extend_option
def explain(rule: str) -> int:
    """What a rule means, how it is proved, how to mend it; or what a scenario does; or a weakness of the lab."""
    from mcpfuzz.oracles.rules import RULES

    found = RULES.get(rule)
    if found is None:
        scenarios = {row["id"]: row for row in _scenarios()}
        if rule in scenarios:
            return _explain_scenario(scenarios[rule])
        weak = {row["id"]: row for row in _rows("weaknesses")}
        if rule in weak:
            return _explain_weakness(weak[rule])
        import difflib

        near = difflib.get_close_matches(rule, [*RULES, *scenarios, *weak], n=3, cutoff=0.6)
        hint = f"did you mean {', '.join(near)}?" if near else "see: mcpfuzz list rules"
        raise UsageError(f"there is no rule {rule!r}; {hint}")
    click.echo(f"{found.id}: {found.title}  (CWE-{found.cwe}, {found.severity})\n")
    click.echo(f"What it means   {found.about}\nHow it is proved {found.proof}\nHow to mend it  {found.mend}")
    click.echo(
        f"References      {', '.join((f'CWE-{found.cwe}', *(r for r in found.references if not r.startswith('CWE-'))))}"
    )
    return 0


def _explain_weakness(row: dict[str, Any]) -> int:
    click.echo(f"{row['id']}: {row['title']}  (weakness of mcpfuzz lab, CWE-{row['cwe']})\n")
    click.echo(f"Where it is     {row['where']}\nFound as        {', '.join(row['expected'])}")
    click.echo(f"Transports      {', '.join(row['transports'])}\nSwitch it on    mcpfuzz lab --weakness {row['id']}")
    return 0


def _explain_scenario(row: dict[str, Any]) -> int:
    click.echo(f"{row['id']}: {row['title']}  (scenario of mcpfuzz {row['command']})\n")
    click.echo(f"What it does    {row['about']}\nIts rules       {', '.join(row['rules'])}")
    if "transports" in row:
        click.echo(f"Transports      {', '.join(row['transports'])}")
    click.echo(f"Run it alone    mcpfuzz {row['command']} --scenario {row['id']} ...")
    return 0
