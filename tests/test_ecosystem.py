"""What other programs read: the GitHub action, the pre-commit hook, the Dockerfile, the workflows of the docs."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest

from mcpfuzz.baseline import Baseline
from mcpfuzz.cli import cli

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "nightly.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def step(name: str) -> dict[str, Any]:
    return next(one for one in ACTION["runs"]["steps"] if one.get("id") == name)


def parsed(words: list[str]) -> None:
    """Raises where an option does not exist."""
    name, *rest = words
    cli.commands[name].make_context(name, rest, resilient_parsing=False)


def act(folder: Path, **inputs: str) -> tuple[int, str]:
    """The action's main step in bash, as a runner would do it."""
    script = step("run")
    values = {**{name: one.get("default", "") for name, one in ACTION["inputs"].items()}, **inputs}
    env = {
        variable: values[re.fullmatch(r"\$\{\{ inputs\.([\w-]+) \}\}", value)[1]]  # type: ignore[index]
        for variable, value in script["env"].items()
    }
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "mcpfuzz").write_text(f'#!/bin/sh\nexec {sys.executable} -m mcpfuzz "$@"\n', encoding="utf-8")
    (folder / "bin" / "mcpfuzz").chmod(0o755)
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script["run"]],
        cwd=folder, env={**os.environ, **env, "PATH": path, "GITHUB_OUTPUT": str(folder / "output")},
        capture_output=True, text=True, encoding="utf-8", timeout=90,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_no_input_is_pasted_into_a_script() -> None:
    assert all("${{" not in one.get("run", "") for one in ACTION["runs"]["steps"])


def test_the_action_s_step_runs_reports_and_hands_its_exit_code_on(tmp_path: Path) -> None:
    code, told = act(
        tmp_path,
        command=f"{sys.executable} -m mcpfuzz.lab --weakness 'crash-number'",
        args="--scenario\nboundary-arguments\n--seed\n1\n",
        **{"max-time": "8", "profile": "quick", "shard": "1/1"},
    )
    assert code == 1, told
    assert (tmp_path / "output").read_text(encoding="utf-8") == "exit-code=1\n"
    made = sorted(path.name for path in (tmp_path / "mcpfuzz-report").iterdir())
    assert made == ["mcpfuzz.html", "mcpfuzz.json", "mcpfuzz.sarif", "mcpfuzz.xml"]
    report = json.loads((tmp_path / "mcpfuzz-report" / "mcpfuzz.json").read_text(encoding="utf-8"))
    assert report["target"]["launch"]["command"][1:] == ["-m", "mcpfuzz.lab", "--weakness", "crash-number"]


def test_the_action_tests_a_server_that_listens(tmp_path: Path) -> None:
    code, told = act(
        tmp_path,
        command=f"{sys.executable} -m mcpfuzz.lab --transport http --port {{port}}",
        url="http://127.0.0.1:{port}/mcp",
        args="--scenario\npoisoned-description\n--seed\n1\n",
        **{"max-time": "20", "profile": "quick"},
    )
    assert code == 0, told
    report = json.loads((tmp_path / "mcpfuzz-report" / "mcpfuzz.json").read_text(encoding="utf-8"))
    assert report["target"]["transport"] == "http"


def test_an_input_with_a_command_in_it_is_only_text(tmp_path: Path) -> None:
    code, told = act(
        tmp_path, command="python server.py", workspace="$(touch owned)", args="`touch owned`; touch owned"
    )
    assert code == 2, told
    assert not (tmp_path / "owned").exists()


def test_the_hook_s_entry_and_its_documented_arguments_are_a_command_line() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    (config,) = [block for block in map(yaml.safe_load, blocks("yaml")) if "repos" in block]
    (used,) = config["repos"][0]["hooks"]
    assert used["id"] == hook["id"]
    program, *words = shlex.split(hook["entry"])
    assert program == "mcpfuzz"
    parsed([*words, *used["args"]])


def test_the_documented_workflow_gives_the_action_inputs_that_it_has() -> None:
    (workflow,) = [block for block in map(yaml.safe_load, blocks("yaml")) if "jobs" in block]
    steps = [one for job in workflow["jobs"].values() for one in job["steps"]]
    (used,) = [one for one in steps if one.get("uses", "").startswith("OWNER/")]
    assert set(used["with"]) <= set(ACTION["inputs"])
    assert {name for name, one in ACTION["inputs"].items() if one.get("required")} <= set(used["with"])
    commands = [one["run"] for one in steps if one.get("run", "").startswith("mcpfuzz ")]
    for line in commands:
        parsed(shlex.split(line)[1:])
    assert commands


def test_the_documented_baseline_is_one(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    (tmp_path / "known.toml").write_text(text, encoding="utf-8")
    (entry,) = Baseline.load(str(tmp_path / "known.toml")).entries.values()
    assert entry.expires is not None


def test_the_image_is_made_of_files_that_are_there_and_reach_the_build() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    sources = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert sources and all((ROOT / source).exists() and f"!{source}" in kept for source in sources)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    copied = {Path(folder).parts[0] for folder in project["tool"]["setuptools"]["package-dir"].values()}
    assert {*copied, project["project"]["readme"], *project["project"]["license-files"]} <= set(sources)
    assert [line for line in lines if line.startswith("USER ")] == ["USER mcpfuzz"]


def test_the_hook_and_the_action_use_options_of_run() -> None:
    options = {word for one in cli.commands["run"].params if isinstance(one, click.Option) for word in one.opts}
    used = set(re.findall(r"(?<![\w-])--[a-z-]+", step("run")["run"]))
    assert used and used <= options
