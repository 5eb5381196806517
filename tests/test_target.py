"""What the user wrote becomes a target: placeholders filled, variables read, every mistake told in one line."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from mcpfuzz.campaign.config import read_server, target_of
from mcpfuzz.errors import UsageError
from mcpfuzz.target import Prepared, Target, expand_variables, read_examples


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[..., Prepared]:
    made: list[Prepared] = []

    def prepare(*command: str, **more: Any) -> Prepared:
        made.append(Prepared.of(Target(command=command, state=str(tmp_path / "state"), **more)))
        return made[-1]

    yield prepare  # type: ignore[misc]
    for item in made:
        item.__exit__()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "a.txt").write_text("a", encoding="utf-8")
    return folder


def complaint(action: Callable[[], Any]) -> str:
    with pytest.raises(UsageError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---- variables


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "1"),
        ("x${A}y${A}", "x1y1"),
        ("${B:-d}", "d"),
        ("${A:-d}", "1"),
        ("${B:-}", ""),
        ("$A", "$A"),
        ("${}", "${}"),
        ("${1}", "${1}"),
        ("{A}", "{A}"),
        ("$${A}", "$1"),
        ("", ""),
    ],
)
def test_variables_are_read_from_our_environment(text: str, value: str) -> None:
    assert expand_variables(text, {"A": "1"}) == value


def test_a_variable_that_is_not_set_is_named() -> None:
    assert "${NOPE}" in complaint(lambda: expand_variables("x${NOPE}", {}))


def test_what_a_variable_holds_is_not_expanded_again() -> None:
    assert expand_variables("${A}", {"A": "${B}", "B": "2"}) == "${B}"


def test_env_is_expanded_for_the_server_and_kept_as_written_for_the_report(
    prepared: Callable[..., Prepared], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_TOKEN", "s3cr3t")
    made = prepared("x", env={"API_TOKEN": "${OUR_TOKEN}"})
    assert made.launch.env["API_TOKEN"] == "s3cr3t"
    assert made.target.record.env == {"API_TOKEN": "${OUR_TOKEN}"}
    assert made.secrets == ("s3cr3t",)


# ---- placeholders and workspaces


def test_placeholders_are_filled_in_arguments_env_and_cwd(prepared: Callable[..., Prepared], workspace: Path) -> None:
    made = prepared(
        "x", "--root={workspace}", "{scratch}", env={"W": "{workspace}"}, cwd="{scratch}", workspaces=(str(workspace),)
    )
    copy = made.places["workspace"]
    assert made.launch.argv[1:] == (f"--root={copy}", made.places["scratch"])
    assert (made.launch.env["W"], made.launch.cwd) == (copy, made.places["scratch"])
    assert copy != str(workspace)
    assert (Path(copy) / "a.txt").read_text(encoding="utf-8") == "a"


def test_a_workspaces_path_is_replaced_in_arguments_and_examples_by_whole_components(
    prepared: Callable[..., Prepared], workspace: Path
) -> None:
    example = {"tool": "read", "arguments": {"path": f"{workspace}/a.txt", "other": f"{workspace}-2/a.txt"}}
    made = prepared("x", str(workspace), f"{workspace}-2", workspaces=(str(workspace),), examples=(example,))
    copy = made.places["workspace"]
    assert made.launch.argv[1:] == (copy, f"{workspace}-2")
    assert made.examples[0]["arguments"] == {"path": "{workspace}/a.txt", "other": f"{workspace}-2/a.txt"}


def test_the_program_itself_is_never_replaced(prepared: Callable[..., Prepared], workspace: Path) -> None:
    program = str(workspace / "server")
    assert prepared(program, str(workspace), workspaces=(str(workspace),)).launch.argv[0] == program


def test_a_workspace_that_occurs_nowhere_is_a_note(prepared: Callable[..., Prepared], workspace: Path) -> None:
    assert any("occurs in no argument" in note for note in prepared("x", workspaces=(str(workspace),)).notes)


def test_the_workspace_placeholder_without_a_workspace_is_a_usage_error(prepared: Callable[..., Prepared]) -> None:
    assert "--workspace" in complaint(lambda: prepared("x", "{workspace}"))


def test_a_workspace_that_does_not_exist_is_a_usage_error_and_leaves_no_scratch_tree(
    prepared: Callable[..., Prepared], tmp_path: Path
) -> None:
    assert "/no/such" in complaint(lambda: prepared("x", workspaces=("/no/such",)))
    assert not [entry for entry in (tmp_path / "state").glob("run-*") if entry.exists()]


def test_a_state_folder_that_cannot_be_written_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with Prepared.of(Target(command=("server",), state=str(tmp_path / "file" / "state"), sandbox="off")) as made:
        assert [note for note in made.notes if "state cannot be written: a temporary folder" in note]


def test_a_working_folder_that_does_not_exist_is_a_usage_error(prepared: Callable[..., Prepared]) -> None:
    assert complaint(lambda: prepared("server", cwd="/no/such")) == "--cwd /no/such: there is no such folder"


def test_a_target_that_cannot_be_made_ready_leaves_nobody_listening(prepared: Callable[..., Prepared]) -> None:
    def open_sockets() -> int:
        return sum(
            os.readlink(one).startswith("socket:") for one in Path("/proc/self/fd").iterdir() if one.is_symlink()
        )

    before = open_sockets()
    with pytest.raises(UsageError, match="workspace"):
        prepared("server", "{listener}", "{issuer}", "{workspace}", sandbox="off")
    assert open_sockets() == before


def test_an_authority_that_cannot_be_read_is_told_before_anything_is_started(
    prepared: Callable[..., Prepared], tmp_path: Path
) -> None:
    (tmp_path / "none.pem").write_text("nothing", encoding="utf-8")
    for file, why in (
        ("/no/such.pem", "No such file or directory"),
        (str(tmp_path / "none.pem"), "no certificates in it"),
    ):
        told = complaint(lambda file=file: prepared("server", url="wss://localhost:{port}/", cacert=file))
        assert told == f"--cacert {file}: {why}"


def test_leaving_removes_the_scratch_tree(tmp_path: Path) -> None:
    with Prepared.of(Target(command=("x",), state=str(tmp_path / "state"))) as made:
        scratch = Path(made.places["scratch"])
        assert scratch.is_dir()
    assert not scratch.exists()


def test_a_server_without_a_workspace_gets_an_empty_home_in_the_scratch_tree(prepared: Callable[..., Prepared]) -> None:
    home = Path(prepared("x").launch.env["HOME"])
    assert home != Path.home()
    assert list(home.iterdir()) == []


def test_the_port_is_a_free_one_and_the_same_all_through_one_run(prepared: Callable[..., Prepared]) -> None:
    made = prepared("x", "--port={port}", env={"PORT": "{port}"})
    port = made.launch.env["PORT"]
    assert made.launch.argv[1] == f"--port={port}"
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", int(port)))


def test_no_port_is_taken_where_none_is_asked_for(prepared: Callable[..., Prepared]) -> None:
    assert "port" not in prepared("x").places


def test_a_server_that_is_told_of_the_listener_has_it_as_its_upstream(prepared: Callable[..., Prepared]) -> None:
    made = prepared("x", "--api={listener}/v1")
    assert made.launch.argv[1] == f"--api={made.places['upstream']}/v1"
    assert "upstream" not in prepared("x").places


def test_a_relative_program_is_meant_from_where_the_user_stands(
    prepared: Callable[..., Prepared], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert prepared("./bin/server", cwd="/").launch.argv[0] == str(tmp_path / "bin" / "server")


def test_a_program_that_is_a_link_is_not_followed(
    prepared: Callable[..., Prepared], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "python").symlink_to("/bin/sh")
    assert prepared("venv/python").launch.argv[0] == str(tmp_path / "venv" / "python")


def test_a_bare_program_name_is_left_to_the_path(prepared: Callable[..., Prepared]) -> None:
    assert prepared("python").launch.argv[0] == "python"


# ---- the command line's words


def options(**more: Any) -> dict[str, Any]:
    return {
        "config": None,
        "server": None,
        "env": (),
        "workspace": (),
        "example": (),
        "cwd": None,
        "state": None,
        **more,
    }


@pytest.mark.parametrize(
    ("command", "given", "words"),
    [
        ((), {}, "give its command after --"),
        ((), {"server": "a"}, "needs --config"),
        (("x",), {"config": "f"}, "not both"),
        (("x",), {"env": ("NOVALUE",)}, "KEY=VALUE"),
        (("x",), {"env": ("=v",)}, "KEY=VALUE"),
        (("x",), {"example": ("/no/such",)}, "/no/such"),
        ((), {"config": "/no/such"}, "/no/such"),
        ((), {"config": "/"}, "--config /"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line_that_names_it(
    command: tuple[str, ...], given: dict[str, Any], words: str
) -> None:
    assert words in complaint(lambda: target_of(command, options(**given)))


def test_the_last_env_of_a_name_counts_and_values_may_hold_equals() -> None:
    assert target_of(("x",), options(env=("A=1", "A=b=c", "B="))).env == {"A": "b=c", "B": ""}


# ---- mcpServers files


@pytest.fixture
def config(tmp_path: Path) -> Callable[[Any], str]:
    def write(content: Any) -> str:
        path = tmp_path / "mcp.json"
        path.write_bytes(content if isinstance(content, bytes) else orjson.dumps(content))
        return str(path)

    return write


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", None, "not JSON"),
        (b"{", None, "not JSON"),
        (b"\xff\xfe", None, "not UTF-8"),
        (b"[" * 100_000, None, "not JSON"),
        ([], None, "no mcpServers"),
        ({}, None, "no mcpServers"),
        ({"mcpServers": []}, None, "no mcpServers"),
        ({"mcpServers": {}}, None, "no mcpServers"),
        ({"mcpServers": {"a": {"command": "x"}, "b": {"command": "x"}}}, None, "'a', 'b'"),
        ({"mcpServers": {"a": {"command": "x"}}}, "typo", "'a'"),
        ({"mcpServers": {"a": 7}}, "a", "'a'"),
        ({"mcpServers": {"a": {}}}, "a", "neither a command nor a url"),
        ({"mcpServers": {"a": {"command": 7}}}, "a", "neither a command nor a url"),
        ({"mcpServers": {"a": {"command": "x", "args": "y"}}}, "a", "args"),
        ({"mcpServers": {"a": {"command": "x", "args": [7]}}}, "a", "args"),
        ({"mcpServers": {"a": {"command": "x", "env": ["A=1"]}}}, "a", "env"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_mistake_in_a_config_file_is_one_line_that_names_file_and_way_out(
    config: Callable[[Any], str], content: Any, name: str | None, words: str
) -> None:
    path = config(content)
    told = complaint(lambda: read_server(path, name))
    assert words in told
    assert f"--config {path}" in told
    assert len(told) < 600


@pytest.mark.parametrize("key", ["mcpServers", "servers"])
def test_a_server_of_a_config_file_is_read(config: Callable[[Any], str], key: str) -> None:
    path = config({key: {"a": {"command": "x", "args": ["-y"], "env": {"A": "1"}, "cwd": "/w"}, "b": {"command": "z"}}})
    found = read_server(path, "a")
    assert (found.command, found.env, found.cwd) == (("x", "-y"), {"A": "1"}, "/w")


def test_a_server_that_listens_is_read_with_its_headers(config: Callable[[Any], str]) -> None:
    entry = {"type": "sse", "url": "http://127.0.0.1:1/sse", "headers": {"X-Key": "${env:KEY}"}}
    found = read_server(config({"mcpServers": {"a": entry}}), None)
    assert (found.command, found.url, found.transport) == ((), "http://127.0.0.1:1/sse", "sse")
    assert found.headers == {"X-Key": "${KEY}"}


def test_the_only_server_needs_no_name(config: Callable[[Any], str]) -> None:
    assert read_server(config({"mcpServers": {"a": {"command": "x"}}}), None).command == ("x",)


def test_comments_trailing_commas_and_a_byte_order_mark_are_read(config: Callable[[Any], str]) -> None:
    text = (
        b'\xef\xbb\xbf{ // VS Code\n "servers": { /* one */ "a": {"command": "x",'
        b' "args": ["http://h//p", "a,]", "/*"],}, },}'
    )
    assert read_server(config(text), "a").command == ("x", "http://h//p", "a,]", "/*")


def test_the_config_file_is_never_written(config: Callable[[Any], str]) -> None:
    path = config({"mcpServers": {"a": {"command": "x"}}})
    before = os.stat(path).st_mtime_ns
    target_of((), options(config=path))
    assert os.stat(path).st_mtime_ns == before


def test_the_workspace_folder_of_vs_code_is_the_files_folder(config: Callable[[Any], str], tmp_path: Path) -> None:
    assert read_server(config({"servers": {"a": {"command": "${workspaceFolder}/s"}}}), None).command == (
        f"{tmp_path}/s",
    )


def test_env_on_the_command_line_wins_over_the_files(config: Callable[[Any], str]) -> None:
    path = config({"mcpServers": {"a": {"command": "x", "env": {"A": "1", "B": "2"}}}})
    assert target_of((), options(config=path, env=("A=9",))).env == {"A": "9", "B": "2"}


@pytest.mark.parametrize("word", ["${OUR_ROOT}", "${env:OUR_ROOT}", "${NOPE:-/data}"])
def test_variables_in_args_of_a_config_file_are_expanded(
    config: Callable[[Any], str], word: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OUR_ROOT", "/data")
    target = target_of(
        (), options(config=config({"mcpServers": {"a": {"command": "x", "args": [word]}}}), state=str(tmp_path / "s"))
    )
    with Prepared.of(target) as made:
        assert made.launch.argv[1] == "/data"


@pytest.mark.parametrize("value", [None, True, {"a": 1}])
def test_an_env_value_that_is_no_text_is_not_written_as_python(config: Callable[[Any], str], value: Any) -> None:
    try:
        env = read_server(config({"mcpServers": {"a": {"command": "x", "env": {"A": value}}}}), None).env
    except UsageError:
        return
    assert env.get("A") != str(value)


# ---- examples


@pytest.fixture
def examples(tmp_path: Path) -> Callable[[bytes], str]:
    def write(content: bytes) -> str:
        path = tmp_path / "calls.jsonl"
        path.write_bytes(content)
        return str(path)

    return write


def test_examples_of_every_kind_are_read_and_blank_lines_passed_over(examples: Callable[[bytes], str]) -> None:
    path = examples(b'{"tool":"a","arguments":{"x":1}}\n\n  \r\n{"resource":"file:///a"}\r\n{"prompt":"p"}')
    assert [next(iter(entry)) for entry in read_examples(path)] == ["tool", "resource", "prompt"]


def test_a_line_separator_inside_a_string_does_not_end_an_example(examples: Callable[[bytes], str]) -> None:
    (entry,) = read_examples(examples('{"tool":"a","arguments":{"x":"1\u20282\u0085"}}'.encode()))
    assert entry["arguments"] == {"x": "1\u20282\u0085"}


@pytest.mark.parametrize(
    "line", [b"{", b"7", b"[]", b"{}", b'{"tool":7}', b'{"name":"a"}', b'{"tool":null,"arguments":{}}', b"NaN"]
)
def test_a_bad_example_is_told_with_its_line_number(examples: Callable[[bytes], str], line: bytes) -> None:
    assert "line 2" in complaint(lambda: read_examples(examples(b'{"tool":"a"}\n' + line)))


def test_an_example_file_that_is_not_utf8_is_told(examples: Callable[[bytes], str]) -> None:
    assert "UTF-8" in complaint(lambda: read_examples(examples(b'{"tool":"\xff"}')))


@pytest.mark.parametrize("arguments", [b"5", b"[]", b'"x"'])
def test_arguments_that_are_no_object_are_told(examples: Callable[[bytes], str], arguments: bytes) -> None:
    told = complaint(lambda: read_examples(examples(b'{"tool":"b"}\n{"tool":"a","arguments":%s}' % arguments)))
    assert "line 2" in told
