"""What goes wrong at the command line ends with the contract's exit code and one line, never a traceback, and
leaves no process behind."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mcpfuzz.cli import main

SERVER = str(Path(__file__).parent / "hostile" / "stdio_server.py")


class Done(NamedTuple):
    code: int
    out: str
    err: str
    left: list[int]

    @property
    def complaints(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("mcpfuzz: ")]


def carrying(mark: str) -> list[int]:
    """Living processes with the mark in their environment."""
    found = []
    for entry in Path("/proc").iterdir() if Path("/proc").is_dir() else ():
        if entry.name.isdigit():
            try:
                if mark.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@pytest.fixture
def mcpfuzz(tmp_path: Path) -> Callable[..., Done]:
    def run(*words: str) -> Done:
        mark = f"CLI_MARK={secrets.token_hex(8)}"
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MCPFUZZ_")},
            "NO_COLOR": "1",
        }
        if words[0] == "run":
            words = ("run", "--env", mark, "--state", str(tmp_path / "state"), *words[1:])
        done = subprocess.run(
            [sys.executable, "-m", "mcpfuzz", *words],
            capture_output=True,
            timeout=30,
            cwd=tmp_path,
            env=env,
            check=False,
        )
        made = Done(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"), carrying(mark))
        assert "Traceback" not in made.out + made.err
        assert made.left == []
        return made

    return run


def told_once(done: Done, code: int, *words: str) -> None:
    """Exit `code`, and one line on stderr that holds the words."""
    assert done.code == code, done
    assert len(done.err.splitlines()) == 1, done.err
    (line,) = done.complaints
    for word in words:
        assert word in line


# ---- wrong usage: 2


def case_name(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run",), "after --"),
        (("run", "--sceanrio", "x", "--", "x"), "--scenario"),
        (("run", "--env", "A=${NO_SUCH_VARIABLE}", "--", "x"), "NO_SUCH_VARIABLE"),
        (("run", "--workspace", "/no/such", "--", "x"), "/no/such"),
        (("run", "--report", "yaml=x", "--", "x"), "yaml"),
        (("run", "--config", "missing.json"), "missing.json"),
        (("explain", "crahs"), "crash"),
    ],
    ids=case_name,
)
def test_wrong_usage_is_one_line_and_exit_2(mcpfuzz: Callable[..., Done], words: tuple[str, ...], told: str) -> None:
    told_once(mcpfuzz(*words), 2, told)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "--scenario", "nope", "--", "x"), "nope"),
        (("run", "--scenario", "wrong-id", "--", "x"), "it is a rule, which malformed-messages can find"),
        (("load", "--server", "a"), "--config"),
        (("explain", "crash-numbr"), "crash-number"),
        (("run", "--revision", "2020-01-01", "--", "x"), "2025-11-25"),
        (("run", "--max-time", "0", "--", "x"), "--max-time"),
        (("run", "--max-time", "soon", "--", "x"), "--max-time"),
        (("run", "--profile", "fast", "--", "x"), "standard"),
        (("run", "--env", "NOVALUE", "--", "x"), "NOVALUE"),
        (("run", "--server", "a"), "--config"),
        (("explain", "zzzzzzz"), "mcpfuzz list rules"),
        (("list", "rulez"), "rules"),
        (("rnu",), "rnu"),
        (("--no-such-option",), "--no-such-option"),
    ],
    ids=case_name,
)
def test_wrong_usage_that_nothing_is_started_for_is_one_line_and_exit_2(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    out, err = capsys.readouterr()
    told_once(Done(ended.value.code, out, err, []), 2, told)  # type: ignore[arg-type]


def test_a_time_that_is_not_a_number_is_wrong_usage(mcpfuzz: Callable[..., Done]) -> None:
    told_once(mcpfuzz("run", "--max-time", "nan", "--", sys.executable, SERVER, "ok"), 2, "--max-time")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "not JSON"),
        ("{}", "no mcpServers"),
        ('{"mcpServers": {"a": {"command": "x"}, "b": {"command": "y"}}}', "'a', 'b'"),
    ],
    ids=["not-json", "empty", "lacks-it"],
)
def test_a_wrong_config_file_is_one_line_and_exit_2(
    mcpfuzz: Callable[..., Done], tmp_path: Path, content: str, told: str
) -> None:
    (tmp_path / "c.json").write_text(content, encoding="utf-8")
    told_once(mcpfuzz("run", "--config", "c.json", "--server", "typo"), 2, told, "c.json")


def test_a_config_of_several_servers_says_which_there_are(mcpfuzz: Callable[..., Done], tmp_path: Path) -> None:
    two = '{"mcpServers": {"a": {"command": "x"}, "b": {"command": "y"}}}'
    (tmp_path / "c.json").write_text(two, encoding="utf-8")
    told_once(mcpfuzz("run", "--config", "c.json"), 2, "c.json: it has 'a', 'b'; choose with --server")


@pytest.mark.parametrize("content", ["[]", "{}", '{"schema": "mcpfuzz-report/1", "findings": [7], "target": null}'])
def test_what_is_no_report_is_not_replayed(mcpfuzz: Callable[..., Done], tmp_path: Path, content: str) -> None:
    (tmp_path / "r.json").write_text(content, encoding="utf-8")
    told_once(mcpfuzz("replay", "r.json"), 2, "r.json: is no ")


# ---- could not test: 3


def document(done: Done) -> Any:
    return json.loads(done.out)


PYTHON = sys.executable
UNTESTABLE: dict[str, tuple[tuple[str, ...], str]] = {
    "does not exist": (("/no/such/server",), "no such file"),
    "not on PATH": (("no-such-server-anywhere",), "not found on PATH"),
    "dies at once": ((PYTHON, "-c", "import sys; sys.exit('no database')"), "no database"),
    "prints a banner": (
        (PYTHON, "-c", "print('Listening on port 80', flush=True); import sys; sys.stdin.read()"),
        "Listening on port 80",
    ),
    "never answers": ((PYTHON, "-c", "import sys; sys.stdin.read()"), "never answered"),
    "answers garbage": ((PYTHON, "-c", "import sys\nfor line in sys.stdin: print('{]', flush=True)"), "{]"),
    "answers every request with an error": ((PYTHON, SERVER, "error_to_everything"), "revision"),
    "speaks the version from mars": ((PYTHON, SERVER, "version_from_mars"), "protocolVersion"),
    "offers nothing": ((PYTHON, SERVER, "tools_none"), "nothing to test"),
}


@pytest.mark.parametrize("name", UNTESTABLE)
def test_a_server_that_cannot_be_tested_exits_3_and_the_reason_is_in_the_report(
    mcpfuzz: Callable[..., Done], name: str
) -> None:
    command, told = UNTESTABLE[name]
    done = mcpfuzz("run", "--max-time", "10", "--start-timeout", "3", "--report", "json=-", "--", *command)
    assert done.code == 3, done
    run = document(done)["run"]
    assert run["outcome"] == "could-not-test"
    assert told in run["reason"]
    assert "\n" not in run["reason"]
    assert done.complaints == []


def test_a_run_whose_scenarios_all_lack_something_tested_nothing(mcpfuzz: Callable[..., Done]) -> None:
    chosen = ("--scenario", "object-level", "--report", "json=-", "--max-time", "10")
    done = mcpfuzz("run", *chosen, "--", PYTHON, "-m", "mcpfuzz.lab")
    assert done.code == 3, done
    told = "nothing was tested: none of 1 scenarios ran; object-level: not applicable"
    assert document(done)["run"]["reason"].startswith(told)


REFUSES = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    known = {
        "initialize": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                       "serverInfo": {"name": "refuses", "version": "1"}},
        "ping": {},
        "tools/list": {"tools": [{"name": "look", "inputSchema": {"type": "object"}}]},
        "tools/call": {"content": [{"type": "text", "text": "not today"}], "isError": True},
    }
    if "id" in asked:
        found = known.get(asked["method"])
        wrong = {"code": -32601, "message": "no such method"}
        told = {"error": wrong} if found is None else {"result": found}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **told}), flush=True)
"""
"""A sound server whose every call is refused: a backend is down, say."""


@pytest.mark.parametrize(
    ("chosen", "code", "told"),
    [
        (("listing-changes",), 0, None),
        (("valid-arguments",), 3, "no call was accepted: 1 scenarios about what it offers tested little, 0 that need"),
        (("valid-arguments", "listing-changes"), 3, "1 that need no good call ran"),
    ],
)
def test_a_server_that_refuses_every_call_is_tested_by_what_needs_none(
    mcpfuzz: Callable[..., Done], chosen: tuple[str, ...], code: int, told: str | None
) -> None:
    words = [word for name in chosen for word in ("--scenario", name)]
    done = mcpfuzz(
        "run", "--max-time", "8", "--profile", "quick", *words, "--report", "json=-", "--", PYTHON, "-c", REFUSES
    )
    run = document(done)["run"]
    assert (done.code, run["outcome"]) == (code, "clean" if code == 0 else "could-not-test")
    assert run["reason"] is None if told is None else told in run["reason"]


def test_why_a_scenario_has_nothing_to_be_played_on_is_told(mcpfuzz: Callable[..., Done]) -> None:
    names = ("listing-changes", "unknown-references", "guessable-key", "query-token")
    words = [word for name in names for word in ("--scenario", name)]
    done = mcpfuzz("run", "--max-time", "5", *words, "--report", "json=-", "--", PYTHON, "-c", REFUSES)
    why = {item["id"]: item["reason"] for item in document(done)["scenarios"]}
    assert why == {
        "listing-changes": None,
        "unknown-references": "not applicable: the server offers no completion",
        "guessable-key": "not applicable: it is about networked servers: --url",
        "query-token": "not applicable: it is about networked servers: --url",
    }


# ---- what prints


def test_a_report_to_standard_output_is_pure_json(mcpfuzz: Callable[..., Done]) -> None:
    done = mcpfuzz("run", "--max-time", "2", "--scenario", "greeting", "--report", "json=-", "--", PYTHON, SERVER, "ok")
    assert document(done)["schema"] == "mcpfuzz-report/1"
    assert done.code in (0, 3)


@pytest.mark.parametrize("what", ["rules", "scenarios", "weaknesses"])
def test_a_list_as_json_parses_and_every_entry_has_id_and_title(mcpfuzz: Callable[..., Done], what: str) -> None:
    done = mcpfuzz("list", what, "--format", "json")
    rows = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert rows
    assert all(row["id"] and row["title"] for row in rows)


def test_load_scenarios_are_listed_and_explained_beside_the_others(mcpfuzz: Callable[..., Done]) -> None:
    rows = {row["id"]: row for row in json.loads(mcpfuzz("list", "scenarios", "--format", "json").out)}
    assert rows["slow-clients"]["command"] == "load"
    assert rows["path-traversal"]["command"] == "run"
    known = {row["id"] for row in json.loads(mcpfuzz("list", "rules", "--format", "json").out)}
    assert all(set(row["rules"]) <= known for row in rows.values())
    done = mcpfuzz("explain", "slow-clients")
    assert done.code == 0
    assert "mcpfuzz load --scenario slow-clients" in done.out and "load-starvation" in done.out


def test_explain_tells_meaning_proof_and_remedy(mcpfuzz: Callable[..., Done]) -> None:
    done = mcpfuzz("explain", "crash")
    assert done.code == 0
    assert all(words in done.out for words in ("CWE-", "How it is proved", "How to mend it"))


def test_explain_tells_where_a_weakness_of_the_lab_is(mcpfuzz: Callable[..., Done]) -> None:
    done = mcpfuzz("explain", "crash-number")
    assert done.code == 0
    assert all(words in done.out for words in ("order_article", "Found as        crash\n", "mcpfuzz lab --weakness"))


def test_the_labs_help_tells_its_options(mcpfuzz: Callable[..., Done]) -> None:
    done = mcpfuzz("lab", "--help")
    assert (done.code, done.err) == (0, "")
    assert all(f"  --{name} " in done.out for name in ("weakness", "transport", "port"))


def configured(folder: Path, *words: str) -> tuple[str, ...]:
    server = {"command": PYTHON, "args": ["-m", "mcpfuzz.lab", *words]}
    (folder / "servers.json").write_text(json.dumps({"mcpServers": {"lab": server}}), encoding="utf-8")
    return ("--config", "servers.json", "--server", "lab")


def test_load_takes_a_server_of_a_configuration_file(mcpfuzz: Callable[..., Done], tmp_path: Path) -> None:
    done = mcpfuzz("load", *configured(tmp_path), "--max-time", "5", "--scenario", "connection-flood")
    assert "tests notes-and-shop" in done.out, done


def test_replay_takes_a_server_of_a_configuration_file(mcpfuzz: Callable[..., Done], tmp_path: Path) -> None:
    words = ("--max-time", "8", "--scenario", "invalid-arguments", "--report", "json=r.json", "--")
    weak = ("--weakness", "unvalidated-arguments")
    assert mcpfuzz("run", *words, PYTHON, "-m", "mcpfuzz.lab", *weak).code == 1
    assert mcpfuzz("replay", "r.json", *configured(tmp_path, *weak)).code == 1
    done = mcpfuzz("replay", "r.json", *configured(tmp_path))
    assert (done.code, done.out.splitlines()[0]) == (0, f"starting: {PYTHON} -m mcpfuzz.lab")


def test_a_reader_that_leaves_costs_neither_a_report_nor_the_exit_code(tmp_path: Path) -> None:
    words = [
        sys.executable, "-m", "mcpfuzz", "run", "--profile", "quick", "--max-time", "8", "--seed", "1",
        "--scenario", "valid-arguments", "--state", "state", "--report", "json=r.json", "--",
        sys.executable, "-m", "mcpfuzz.lab",
    ]  # fmt: skip
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None and run.stderr is not None
        run.stdout.close()
        said = run.stderr.read().decode()
        assert run.wait(60) == 0, said
    assert "Traceback" not in said and "BrokenPipe" not in said
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["run"]["outcome"] == "clean"
