"""What the documentation says can be run: the README's two commands, every command line, every program, every link."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from mcpfuzz.cli import cli
from mcpfuzz.pytest_support.table import OPTIONS

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from docs_sessions import blocks_of  # noqa: E402

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
TEXTS = {path: path.read_text(encoding="utf-8") for path in PAGES}
_LINK = re.compile(r"\]\(([^)\s]+)\)")

pytestmark = [pytest.mark.docs, pytest.mark.timeout(180)]


def blocks(*languages: str) -> list[tuple[str, str]]:
    """(page, text) of every fenced block in one of the languages; those that are files belong to a session."""
    found = [(path.name, block) for path, text in TEXTS.items() for block in blocks_of(text)]
    return [(page, block.text) for page, block in found if block.language in languages and not block.title]


def command_lines() -> list[str]:
    """Every line of a console block that runs mcpfuzz."""
    lines = [line.partition(" | ")[0] for _, text in blocks("console") for line in text.splitlines()]
    lines = [line.replace(" --extend .", "") for line in lines]  # the folder is the reader's; a session has it
    return sorted({line for line in lines if line.startswith("mcpfuzz ")})


def pytest_lines() -> list[str]:
    """Every line of a console or bash block that runs pytest."""
    lines = [line for _, text in blocks("console", "bash") for line in text.splitlines()]
    return sorted({line for line in lines if line.startswith("pytest ")})


def first_commands() -> list[str]:
    return list(runpy.run_path(str(ROOT / ".ci" / "readme.py"))["commands"](ROOT / "README.md"))


def test_the_readme_begins_with_two_commands_that_set_themselves_up() -> None:
    found = first_commands()
    assert len(found) == 2
    for line in found:
        assert line.startswith("python3 -m venv ")
        assert " -e '.[all]'" in line
    assert "mcpfuzz demo" in found[0]
    assert "pytest" in found[1]


def test_the_first_command_prints_findings_and_ends_well(tmp_path: Path) -> None:
    """From where the installation is done; `.ci/run` plays the second in full."""
    (main_job,) = re.findall(r"\{ \.venv/bin/mcpfuzz (.*?); test \$\? -eq 1; \}", first_commands()[0])
    words = [sys.executable, "-m", "mcpfuzz", *shlex.split(main_job)]
    done = subprocess.run(
        words, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", timeout=150
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"^HIGH +crash ", done.stdout, re.MULTILINE), done.stdout
    assert "mcpfuzz replay" in done.stdout


@pytest.mark.parametrize("line", command_lines())
def test_a_command_line_has_only_options_that_exist(line: str) -> None:
    """Parsed, not run; `list` and `explain` are harmless and run."""
    _, name, *words = shlex.split(line)
    command = cli.get_command(click.Context(cli), name)
    assert command is not None, name
    context = command.make_context(name, words, resilient_parsing=False)
    if name in ("list", "explain") and "coupon" not in line:  # a scenario of the reader's own
        with context:
            assert command.invoke(context) == 0


@pytest.mark.parametrize("line", pytest_lines())
def test_a_pytest_line_has_only_options_that_exist(line: str) -> None:
    own = [f"--mcp-{name.replace('_', '-')}" for name in OPTIONS]
    known = {*own, "--mcp-fuzz", "--mcp-load", "--mcp-snapshot-update", "--collect-only", "-q", "-k", "-x", "-n"}
    for word in shlex.split(line)[1:]:
        assert not word.startswith("-") or word in known, word


@pytest.mark.parametrize("text", [text for _, text in blocks("toml", "yaml")])
def test_toml_and_yaml_can_be_read(text: str) -> None:
    if text.lstrip().startswith("["):
        assert tomllib.loads(text)
    else:
        assert pytest.importorskip("yaml").safe_load(text)


@pytest.mark.parametrize(("page", "text"), blocks("py"))
def test_a_piece_of_a_program_is_python(page: str, text: str) -> None:
    compile(text, page, "exec")


@pytest.mark.parametrize(("page", "text"), blocks("python"))
def test_a_program_runs(page: str, text: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", timeout=60
    )
    assert done.returncode == 0, f"{page}: {done.stderr}"
    assert done.stdout


@pytest.mark.parametrize(("page", "text"), blocks("json"))
def test_json_is_json(page: str, text: str) -> None:
    for line in text.splitlines():
        json.loads(line)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for link in _LINK.findall(TEXTS[path]):
        target, _, anchor = link.partition("#")
        if "://" in target:
            continue
        page = path if not target else (path.parent / target)
        assert page.exists(), link
        if anchor:
            heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}, link


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_name_no_machine_and_no_registry(path: Path) -> None:
    assert not re.search(r"(?<![\w.:/])/(?:home|root|work|Users|tmp)/|pypi\.org|registry\.npmjs", TEXTS[path])
