"""What the benchmarks count and what they take for the same request: benchmarks/lines.py and the servers' own count."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
from lines import heard, kind_of, normalised, slots, unpadded  # noqa: E402

PING = b'{"jsonrpc":"2.0","id":%b,"method":"ping"}'
needs_compiler = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("cc") is None, reason="needs Linux and a C compiler"
)


@pytest.mark.parametrize("one", [b"1001", b"-7", b'"z1f00ba4"', b'"a \\" b"', b'""', b"10000000000000001"])
def test_lines_that_differ_in_their_ids_alone_are_the_same(one: bytes) -> None:
    assert normalised(PING % one) == normalised(PING % b"5")


@pytest.mark.parametrize("one", [b"7.5", b"[7]", b"true", b"null", b"1e3", b'{"a":1}'])
def test_what_is_no_id_stays(one: bytes) -> None:
    assert normalised(PING % one) == PING % one


def test_the_id_of_a_request_that_is_cancelled_is_an_id() -> None:
    line = b'{"method":"notifications/cancelled","params":{"requestId":%b}}'
    assert normalised(line % b"17") == normalised(line % b'"z99"')


def test_a_broken_line_loses_its_id_and_nothing_else() -> None:
    assert normalised(b'{"jsonrpc":"2.0","id": 17 ,"method":"ping",}') == (
        b'{"jsonrpc":"2.0","id": <id> ,"method":"ping",}'
    )


def test_only_the_canaries_that_were_made_for_a_line_are_taken_out() -> None:
    line = b'{"id":1,"params":{"a":"touch /tmp/c0123456789abcdef","b":"cfedcba9876543210"}}'
    assert normalised(line, ["c0123456789abcdef"]) == (
        b'{"id":<id>,"params":{"a":"touch /tmp/<canary>","b":"cfedcba9876543210"}}'
    )


def test_arguments_order_space_and_escapes_are_what_makes_a_request_another() -> None:
    lines = {
        b'{"id":1,"method":"ping"}', b'{"method":"ping","id":1}', b'{"id":1, "method":"ping"}',
        b'{"id":1,"method":"\\u0070ing"}', b'{"id":1,"method":"ping","params":{"a":1}}',
        b'{"id":1,"method":"ping","params":{"a":2}}',
    }  # fmt: skip
    assert len({normalised(line) for line in lines}) == len(lines)


@pytest.mark.parametrize(
    "padding",
    [b'"mcpfuzz/ab":7', b'"mcpfuzz/":"x \\" y"', b'"mcpfuzz/q":[1,2],"mcpfuzz/r":{"k":"v"}', b'"mcpfuzz/n":null'],
)
def test_padding_of_meta_can_be_left_out(padding: bytes) -> None:
    bare = b'{"jsonrpc":"2.0","id":<id>,"method":"ping"}'
    assert unpadded(b'{"jsonrpc":"2.0","id":<id>,"method":"ping","params":{"_meta":{%b}}}' % padding) == bare


def test_meta_that_means_something_stays() -> None:
    line = b'{"params":{"name":"a","_meta":{"mcpfuzz/x":1,"progressToken":5}}}'
    assert unpadded(line) == b'{"params":{"name":"a","_meta":{"progressToken":5}}}'


def test_long_runs_of_blanks_do_not_take_long() -> None:
    line = b'{"id":1,"params":{"a":"' + b" " * 1_000_000 + b'"}}'
    assert unpadded(normalised(line)).startswith(b'{"id":<id>')


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b'{"jsonrpc":"2.0","id":2,"method":"initialize","params":{}}', "handshake"),
        (b'{"jsonrpc":"2.0","method":"notifications/initialized"}', "handshake"),
        (PING % b"3", "barrier"),
        (b'{"jsonrpc":"2.0","id":3,"method":"ping","params":{}}', "other"),
        (b'{"jsonrpc":"2.0","id":3,"method":["ping"]}', "other"),
        (b"{", "other"),
        (b"7", "other"),
    ],
)
def test_what_a_line_is_that_no_case_said(line: bytes, kind: str) -> None:
    assert kind_of(line) == kind


def test_a_count_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert slots(tmp_path / "none") == [] and heard(tmp_path / "none") == (0, 0.0)


@needs_compiler
def test_the_responder_counts_what_it_read_though_it_is_killed(tmp_path: Path) -> None:
    from compiling import responder

    for requests in (3, 5):
        server = subprocess.Popen(
            [responder()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"RESPONDER_COUNT": str(tmp_path / "count")},
        )
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(b"".join(PING % b"%d" % number + b"\n" for number in range(requests)) + b'{"half')
        server.stdin.flush()
        for _ in range(requests):
            assert json.loads(server.stdout.readline())["result"] == {}
        server.send_signal(signal.SIGKILL)
        server.wait()
        server.stdin.close()
        server.stdout.close()
    assert [slot.lines for slot in slots(tmp_path / "count")] == [3, 5]
    assert heard(tmp_path / "count")[0] == 8


@needs_compiler
@pytest.mark.parametrize("reading", ["sys.stdin.readline()", "open(__import__('os').dup(0)).readline()"])
def test_what_another_server_reads_is_counted_inside_it(reading: str, tmp_path: Path) -> None:
    from compiling import responder

    env = {"LD_PRELOAD": str(responder("preload")), "LINES_COUNT": str(tmp_path / "count")}
    program = f"import sys; sys.stdout.write({reading})"
    done = subprocess.run([sys.executable, "-c", program], input=b"a\nb\nc", env=env, capture_output=True, check=True)
    assert done.stdout == b"a\n"
    assert heard(tmp_path / "count")[0] == 2
