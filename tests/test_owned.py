"""A run that was killed outright leaves no process for good: the next one ends what it owned, and nothing else."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from mcpfuzz.host import MARK, carries, moment, sweep
from mcpfuzz.target.owned import FOLDER, Owned

TOKEN, OTHER = "0123456789abcdef", "fedcba9876543210"
BOUND_S = 60.0
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in (0, 1, 2):
            os.close(fd)
        open(sys.argv[1], "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
os.wait()
os.execv(sys.executable, [sys.executable, "-m", "mcpfuzz.lab"])
"""


@contextmanager
def sleeping(mark: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "600"], env={**os.environ, MARK: mark}, start_new_session=True)
    try:
        assert until(lambda: carries(process.pid, mark))  # a moment after it was started
        yield process
    finally:
        process.kill()
        process.wait()


def entry_of(state: Path, token: str, later: float = 0.0) -> Path:
    """What a run of this mark leaves when it is killed, `later` seconds from now."""
    path = state / FOLDER / token
    path.parent.mkdir(exist_ok=True)
    boot, now = moment()
    path.write_text(f"{boot} {now + later}", encoding="ascii")
    return path


def until(fits: Callable[[], bool]) -> bool:
    """Whether it fits before the bound."""
    end = time.monotonic() + BOUND_S
    while not fits():
        if time.monotonic() > end:
            return False
        os.sched_yield()
    return True


def test_what_carries_the_mark_of_a_run_that_is_gone_is_ended_and_nothing_else(tmp_path: Path) -> None:
    entry = entry_of(tmp_path, TOKEN)
    with sleeping(f"{TOKEN}.0a1b") as left, sleeping(f"{OTHER}.0a1b") as strange:
        owned = Owned(tmp_path, "a" * 16)
        assert owned.ended == 1
        left.wait(10)  # its status is gone: what a run finds is collected, too
        assert strange.poll() is None and not entry.exists()
        owned.close()
    assert list((tmp_path / FOLDER).iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM])
def test_where_no_process_can_be_held_on_to_it_is_ended_all_the_same(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(pid: int) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pidfd_open", refused)
    with sleeping(TOKEN) as process:
        assert sweep(TOKEN) == 1
        process.wait(BOUND_S)  # its status may be gone: what is swept is collected, too


def test_what_began_before_the_run_that_is_said_to_own_it_is_left_alone(tmp_path: Path) -> None:
    entry_of(tmp_path, TOKEN, later=60)
    with sleeping(f"{TOKEN}.0a1b") as older:
        owned = Owned(tmp_path, "a" * 16)
        assert owned.ended == 0 and older.poll() is None
        owned.close()


def test_a_living_run_keeps_its_processes(tmp_path: Path) -> None:
    first = Owned(tmp_path, TOKEN)
    with sleeping(f"{TOKEN}.0a1b") as mine:
        second = Owned(tmp_path, OTHER)
        assert second.ended == 0 and mine.poll() is None
        second.close()
    first.close()


@pytest.mark.parametrize("name", ["x", "0123", "0123456789ABCDEF", "0123456789abcdef0"])
def test_an_entry_that_is_no_mark_of_ours_names_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / name).touch()
    with sleeping("0123456789ABCDEF0.0a1b") as strange:
        owned = Owned(tmp_path, TOKEN)
        assert owned.ended == 0 and strange.poll() is None
        owned.close()


@pytest.mark.runs
@pytest.mark.timeout(240)
def test_the_run_after_one_that_was_killed_ends_what_a_server_had_daemonised(tmp_path: Path) -> None:
    (tmp_path / "daemon.py").write_text(DAEMON, encoding="utf-8")
    noted = tmp_path / "pid"

    def words(seconds: int) -> list[str]:
        return [
            sys.executable, "-m", "mcpfuzz", "run", "--sandbox", "off", "--max-time", str(seconds), "--state", "state",
            "--scenario", "valid-arguments", "--report", "json=r.json", "--",
            sys.executable, "daemon.py", str(noted),
        ]  # fmt: skip

    with subprocess.Popen(words(60), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        assert until(lambda: noted.exists() and bool(noted.read_text(encoding="utf-8")))
        run.kill()
    daemon = psutil.Process(int(noted.read_text(encoding="utf-8")))
    assert daemon.is_running(), "nothing was left to find"
    subprocess.run(words(6), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
    assert until(lambda: not daemon.is_running() or daemon.status() == psutil.STATUS_ZOMBIE)
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert any("of a run that was killed" in note for note in report["notes"])
