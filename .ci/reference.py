"""Writes docs/reference/*.md from the code: `.ci/reference.py`. With `--check` it writes nothing and exits 1 where a
page is stale, as tests/test_docs_site.py does.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
MADE = "<!-- made by .ci/reference.py: do not edit -->\n"
COMMANDS = ("run", "load", "replay", "record", "merge", "demo", "list", "explain", "lab")
OWASP_LLM = {
    "LLM01": "Prompt injection", "LLM02": "Insecure output handling", "LLM03": "Training data poisoning",
    "LLM04": "Model denial of service", "LLM05": "Supply chain", "LLM06": "Sensitive information disclosure",
    "LLM07": "Insecure plugin design", "LLM08": "Excessive agency", "LLM09": "Overreliance", "LLM10": "Model theft",
}  # fmt: skip
OWASP_API = {
    "API1": "Broken object level authorization", "API2": "Broken authentication",
    "API3": "Broken object property level authorization", "API4": "Unrestricted resource consumption",
    "API5": "Broken function level authorization", "API6": "Unrestricted access to sensitive business flows",
    "API7": "Server side request forgery", "API8": "Security misconfiguration", "API9": "Improper inventory management",
    "API10": "Unsafe consumption of APIs",
}  # fmt: skip
UNTESTED = {
    "LLM03": "the training itself",
    "LLM05": "a server's dependencies, but for what their mistakes do",
    "LLM10": "the theft itself; the paths that lead to it are",
    "API9": "what an organisation forgot to switch off",
}
"""Row -> what of it no test of a server can see."""


def pages() -> dict[str, str]:
    """File name -> text."""
    made = {
        "options.md": _options(),
        "fixtures.md": _fixtures(),
        "scenarios.md": _scenarios(),
        "rules.md": _rules(),
        "weaknesses.md": _weaknesses(),
        "threats.md": _threats(),
        "report.md": _report(),
    }
    return {name: f"{MADE}{text.rstrip()}\n" for name, text in made.items()}


def stale() -> list[str]:
    """Names of pages whose text is not what the code says, and of pages that nobody makes."""
    wanted = pages()
    there = {path.name for path in FOLDER.glob("*.md")}
    told = [name for name, text in wanted.items() if _read(FOLDER / name) != text]
    return [*told, *sorted(there - wanted.keys())]


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "-|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _codes(items: Iterable[str]) -> str:
    return ", ".join(f"`{item}`" for item in items)


# ---- the doors ------------------------------------------------------------------------------------


def _options() -> str:
    import click

    from mcpfuzz.cli import cli
    from mcpfuzz.pytest_support.table import OPTIONS

    parts = [
        "# Options\n\nWhat `mcpfuzz COMMAND --help` and `pytest --help` say. What to do when: "
        "[using it](../usage.md).\n"
    ]
    for name in COMMANDS:
        command = cli.commands[name]
        context = click.Context(command, info_name=f"mcpfuzz {name}")
        usage = " ".join(command.collect_usage_pieces(context))
        about = (command.help or "").split("\n\n")[0].replace("\b", "").replace("\n", " ")
        parts.append(f"## mcpfuzz {name}\n`mcpfuzz {name} {usage}`\n\n{about}\n")
        rows = [
            (_code(_spelling(option)), option.help or "", _default(option))
            for option in command.params
            if isinstance(option, click.Option)
        ]
        parts.append(_table(("option", "meaning", "default"), rows) if rows else "")
    parts.append(
        "## pytest\nThe same keys, with dashes, stand in `[tool.mcpfuzz]` of pyproject.toml; several servers are "
        "`[[tool.mcpfuzz.server]]` tables, each with a `name`. The command line wins, key by key.\n"
    )
    rows = [
        ("`--mcp-fuzz`", "add one test per scenario and operation of the server (key: `fuzz = true`)", ""),
        ("`--mcp-load`", "add one test per load scenario (needs the extra `load`)", ""),
        ("`--mcp-snapshot-update`", "`mcp_snapshot` pins what the server offers now", ""),
    ]
    for name, option in OPTIONS.items():
        spelling = f"--mcp-{name.replace('_', '-')}" + (f" {option.metavar}" if option.metavar else "")
        shown = "" if option.default in (None, (), False) else str(option.default)
        rows.append((_code(spelling), option.help, _code(shown)))
    parts.append(_table(("option", "meaning", "default"), rows))
    return "\n".join(parts)


def _spelling(option: Any) -> str:
    name = max(option.opts, key=len)
    if option.is_flag:
        return name
    if option.metavar:
        return f"{name} {option.metavar}"
    choices = getattr(option.type, "choices", None)
    return f"{name} {'|'.join(choices)}" if choices else f"{name} {option.type.name.upper().replace(' RANGE', '')}"


def _default(option: Any) -> str:
    value = option.default
    if option.is_flag or option.multiple or value is None or not isinstance(value, str | int | float):
        return ""
    return _code(f"{value:g}" if isinstance(value, float) else str(value))


def _fixtures() -> str:
    from mcpfuzz import plugin
    from mcpfuzz.pytest_support.facade import Answer, Session

    parts = [
        "# Fixtures, markers and hooks\n\nAll fixtures but `mcp_snapshot` have the session's scope, so that they "
        "work under `@given`. `mcp_target` may be overridden in a conftest.py.\n"
    ]
    for name, value in vars(plugin).items():
        function = getattr(value, "_fixture_function", None) or getattr(value, "__wrapped__", None)
        if name.startswith("mcp") and function is not None:
            parts.append(f"## {name}\n{_prose(function.__doc__)}\n")
    for kind, title in ((Session, "What `mcp` can do"), (Answer, "What a call returns")):
        parts.append(f"## {title}\n{_table(('member', 'meaning'), _members(kind))}")
    parts.append("## Markers\n" + _table(("marker", "meaning"), _markers()))
    parts.append("## Hooks\n" + _table(("hook, in the root conftest.py", "meaning"), _hooks()))
    parts.append(
        "## Hypothesis profiles\n" + _table(
            ("`--hypothesis-profile`", "examples a test"),
            [(_code(name), f"{count:,}") for name, count in _profiles().items()],
        )
    )  # fmt: skip
    return "\n".join(parts)


def _prose(text: str | None) -> str:
    return " ".join(inspect.cleandoc(text or "").split("\n\nRaises:")[0].split())


def _members(kind: type) -> Iterator[tuple[str, str]]:
    for name, value in vars(kind).items():
        if name.startswith("_"):
            continue
        if isinstance(value, property):
            yield _code(name), _prose(value.__doc__)
        elif inspect.isfunction(value):
            words = [str(item).split(":")[0].strip() for item in list(inspect.signature(value).parameters.values())[1:]]
            yield _code(f"{name}({', '.join(words)})"), _prose(value.__doc__)


def _markers() -> list[tuple[str, str]]:
    from mcpfuzz import plugin

    pairs = [text.partition(": ") for text in vars(plugin)["_MARKERS"]]
    return [(_code(name), meaning) for name, _, meaning in pairs]


def _hooks() -> list[tuple[str, str]]:
    from mcpfuzz.plugin import Hooks

    found = [(name, value) for name, value in vars(Hooks).items() if name.startswith("pytest_")]
    return [(_code(f"{name}(config)"), _prose(value.__func__.__doc__)) for name, value in found]


def _profiles() -> Mapping[str, int]:
    from mcpfuzz import plugin

    found: Mapping[str, int] = vars(plugin)["_PROFILES"]
    return found


# ---- what is tested -------------------------------------------------------------------------------


def _scenarios() -> str:
    from mcpfuzz.load_support.plan import SCENARIOS
    from mcpfuzz.scenarios.catalogue import bundled

    known = dict(sorted(bundled().items()))
    parts = [
        f"# Scenarios\n\nThe {len(known)} of `run`, then the {len(SCENARIOS)} of [`load`](../load.md). `--scenario` "
        "and `--exclude` take globs of these names; [your own](../extending.md) are added to them.\n"
    ]
    for item in known.values():
        facts = [
            ("proves", ", ".join(f"[{rule}](rules.md#{rule})" for rule in item.rules)),
            ("played on", ", ".join(item.kinds) or "the session"),
            ("needs", _codes(item.needs)),
            ("references", ", ".join(item.references)),
        ]
        told = " · ".join(f"{name}: {value}" for name, value in facts if value)
        parts.append(f"## {item.id}\n**{item.title}.** {item.about}\n\n{told}\n")
    rows = [(_code(load.id), load.title, load.about) for load in SCENARIOS]
    parts.append("## Of load\n" + _table(("scenario", "title", "what happens"), rows))
    return "\n".join(parts)


def _rules() -> str:
    from mcpfuzz.oracles.rules import RULES

    parts = [f"# Rules\n\nThe {len(RULES)} kinds of finding: what `mcpfuzz explain RULE` says.\n"]
    for rule in sorted(RULES.values(), key=lambda rule: rule.id):
        references = dict.fromkeys((f"CWE-{rule.cwe}", *rule.references))
        parts.append(
            f"## {rule.id}\n**{rule.title}** ({rule.severity}, {', '.join(references)}). {rule.about}\n\n"
            f"- Proved: {rule.proof}\n- Mend: {rule.mend}\n"
        )
    return "\n".join(parts)


def _weaknesses() -> str:
    from mcpfuzz.lab import weaknesses

    found = weaknesses()
    parts = [
        f"# Weaknesses of the lab\n\n`mcpfuzz lab --weakness NAME` switches on one of {len(found)}; without, the lab "
        "is sound. Each is the real mistake in real code; the tests show that its rule proves it and no other does.\n"
    ]
    for group in dict.fromkeys(item.group for item in found):
        mine = [item for item in found if item.group == group]
        rows = [
            (
                _code(item.name),
                item.title,
                f"CWE-{item.cwe}",
                ", ".join(map(_rule, item.expected)),
                "all" if len(item.transports) == 5 else ", ".join(item.transports),
            )
            for item in mine
        ]
        parts.append(
            f"## {group.capitalize()}\n{_table(('weakness', 'what is wrong', 'CWE', 'rule', 'transports'), rows)}"
        )
    return "\n".join(parts)


def _rule(name: str) -> str:
    from mcpfuzz.oracles.rules import RULES

    return f"[{name}](rules.md#{name})" if name in RULES else f"`{name}` (no scenario yet)"


def _threats() -> str:
    parts = [
        "# Threats, scenarios, weaknesses\n\nWhich scenarios test for a row of OWASP's lists, and which weaknesses of "
        "the lab show that they do; from the references of scenarios and rules. In words: "
        "[threat model](../threat-model.md).\n"
    ]
    for title, rows in (("OWASP Top 10 for LLM applications", OWASP_LLM), ("OWASP API Security Top 10", OWASP_API)):
        table = [(f"{key} {name}", *_tested(f"OWASP-{key}"), UNTESTED.get(key, "")) for key, name in rows.items()]
        head = ("row", "rules", "scenarios", "weaknesses of the lab", "not tested")
        parts.append(f"## {title}\n{_table(head, table)}")
    return "\n".join(parts)


def _tested(reference: str) -> tuple[str, str, str]:
    from mcpfuzz.lab import weaknesses
    from mcpfuzz.load_support.plan import SCENARIOS
    from mcpfuzz.oracles.rules import RULES
    from mcpfuzz.scenarios.catalogue import bundled

    rules = sorted(rule.id for rule in RULES.values() if reference in rule.references)
    stories = sorted(
        item.id for item in bundled().values() if reference in item.references or set(item.rules) & set(rules)
    )
    load = [item.id for item in SCENARIOS if reference.removeprefix("OWASP-") in item.about]
    shown = [item.name for item in weaknesses() if set(item.expected[:1]) & set(rules)]
    return (
        ", ".join(f"[{rule}](rules.md#{rule})" for rule in rules),
        ", ".join([*(f"[{story}](scenarios.md#{story})" for story in stories), *map(_code, load)]),
        _codes(shown),
    )


# ---- the report -----------------------------------------------------------------------------------


def _report() -> str:
    from mcpfuzz.reports.schema import REPORT_SCHEMA

    rows = list(_flat(REPORT_SCHEMA, ""))
    return (
        "# The JSON report\n\n`--report json=PATH` writes `mcpfuzz-report/1`. Members may be added; of those marked as "
        "always there none goes missing. The schema itself is `mcpfuzz.reports.schema.REPORT_SCHEMA`. `[]` is each "
        "item of an array, `*` each member of a map.\n\n" + _table(("member", "type", "always there"), rows)
    )


def _flat(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    required = schema.get("required", [])
    for name, member in schema.get("properties", {}).items():
        where = f"{path}.{name}" if path else name
        yield _code(where), _kind(member), "yes" if name in required else ""
        yield from _flat(member, where)
        items = member.get("items")
        if isinstance(items, Mapping):
            yield from _flat(items, f"{where}[]")


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " · ".join(map(str, schema["enum"]))
    if "const" in schema:
        return _code(str(schema["const"]))
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_kind, schema["anyOf"])))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array" and isinstance(schema.get("items"), Mapping):
        return f"array of {_kind(schema['items'])}"
    return str(kind) if kind else "any JSON value"


def main() -> int:
    if "--check" in sys.argv[1:]:
        told = stale()
        print(f"stale: {', '.join(told)}; run .ci/reference.py" if told else "docs/reference is what the code says")
        return 1 if told else 0
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
