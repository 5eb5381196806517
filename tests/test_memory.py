"""What the harness holds: nothing that it does not need, and what was large only as long as it is needed."""

from __future__ import annotations

import gzip
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mcpfuzz.campaign.workers import surroundings
from mcpfuzz.model import Send, Surface
from mcpfuzz.scenarios.malformed import LARGEST
from mcpfuzz.scenarios.malformed_frames import SCENARIO
from mcpfuzz.slots import Filler
from mcpfuzz.strategies import schema_adapter
from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.wire import encode

needs_schemathesis = pytest.mark.skipif(not schema_adapter.available(), reason="needs the extra `schema`")
needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
MIB = 1 << 20
READERS = 10 * MIB
"""Where the readers of real servers give up (docs/field-notes.md)."""


def told(code: str, **environment: str) -> Any:
    """What a Python process prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, env={**os.environ, **environment},
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


LEFT = """
import os
from mcpfuzz import host

def resident():
    return host.resident(os.getpid())

{first}
for size in (24 << 20, 16 << 20):  # the first makes the allocator keep what the second leaves
    before = resident()
    held = b"x" * size
    assert resident() - before > size // 2
    del held
print(resident() - before)
"""


@needs_linux
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators are left to themselves")
def test_what_a_large_message_took_goes_back_to_the_system() -> None:
    assert told(LEFT.format(first="")) > 8 * MIB  # or there is nothing to do any more
    assert told(LEFT.format(first="host.return_memory()")) < 6 * MIB


def long_messages(count: int) -> list[tuple[int, Send]]:
    """(bytes that the label tells, what is sent) of the long messages of as many turns."""
    bare = Surface(
        revision="2025-11-25", revisions=("2025-11-25",), server={}, capabilities={}, operations=(), good={}
    )  # fmt: skip
    found = []
    for index in range(count * 12 * 160):
        if index // 160 % 12:
            continue  # they are drawn in every twelfth turn
        case = SCENARIO.draw(RandomChoices(7, index), bare, None, index)
        if case is not None and case.row == "F9":
            size = re.search(r"a string of (\d+) bytes", case.label)
            action = case.conversation.steps[0].action
            assert size is not None and isinstance(action, Send)
            found.append((int(size.group(1)), action))
    return found


def test_no_message_is_longer_than_what_makes_readers_give_up_and_some_are_longer_than_that() -> None:
    sizes = [size for size, _ in long_messages(40)]
    assert len(sizes) > 60
    assert max(sizes) <= LARGEST
    assert sum(size > READERS for size in sizes) >= 3


def test_what_a_label_tells_of_a_long_message_is_what_is_sent() -> None:
    seen = set()
    for size, action in long_messages(30):
        unit = re.search(rb"\{repeat:\d+:([^{}]+)\}", encode(action.message))
        assert unit is not None
        if size < 3 * MIB and unit.group(1) not in seen:
            seen.add(unit.group(1))
            assert 0 <= len(encode(Filler().fill(action.message))) - size < 2_000
    assert len(seen) > 5


@needs_schemathesis
def test_the_table_of_characters_is_the_one_that_hypothesis_would_make(tmp_path: Path) -> None:
    where = "HYPOTHESIS_STORAGE_DIRECTORY"
    spared, made = tmp_path / "spared", tmp_path / "made"
    ours = "from mcpfuzz.strategies import pool_worker; pool_worker.spare_table(); print(0)"
    told(ours, **{where: str(spared)})
    told(
        "from hypothesis.internal import charmap; charmap.intervals_from_codec('utf-8'); print(0)", **{where: str(made)}
    )
    (one,), (other,) = (list(folder.rglob("codec-*")) for folder in (spared, made))
    assert one.relative_to(spared) == other.relative_to(made)
    assert json.loads(gzip.decompress(one.read_bytes())) == json.loads(gzip.decompress(other.read_bytes()))


@needs_schemathesis
def test_what_runs_beside_the_campaign_imports_no_trio_and_no_pytest(tmp_path: Path) -> None:
    code = "import json, sys, hypothesis; print(json.dumps([*{'trio', 'pytest', '_pytest'} & {*sys.modules}]))"
    assert told(code, **surroundings(str(tmp_path))) == []


@needs_schemathesis
@needs_linux
@pytest.mark.timeout(240)
def test_drawing_pools_takes_less_than_110_mb_at_any_moment(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "count": {"type": "integer"}}}
    draws = {"a": 40, "b": 100_000}  # so that it lives still when it is looked at
    operations = [{"name": name, "schema": schema, "draws": count} for name, count in draws.items()]
    command = [sys.executable, "-P", "-m", "mcpfuzz.strategies.pool_worker"]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=surroundings(str(tmp_path)))
    try:
        assert worker.stdin is not None and worker.stdout is not None
        worker.stdin.write(json.dumps({"seed": 1, "seconds": 100.0, "operations": operations}).encode() + b"\n")
        worker.stdin.flush()
        assert json.loads(worker.stdout.readline())["values"]
        most = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{worker.pid}/status").read_text(encoding="utf-8"))
        assert most is not None and int(most.group(1)) * 1024 < 110e6
    finally:
        worker.kill()
        worker.communicate()
