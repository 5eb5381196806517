"""What stands around a server: decoys, watched folders, the listener, stand-ins. Real files and sockets."""

from __future__ import annotations

import http.client
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcpfuzz.effects.decoys import Decoys
from mcpfuzz.effects.listener import Listener
from mcpfuzz.effects.scene import Scene
from mcpfuzz.effects.stubs import Stubs, read_stubs
from mcpfuzz.errors import UsageError
from mcpfuzz.model import Effect


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    made = tmp_path / "around" / "shop"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def scene(tmp_path: Path, workspace: Path) -> Iterator[Scene]:
    for name in ("watch", "stubs"):
        (tmp_path / name).mkdir()
    made = Scene(
        around=workspace.parent,
        workspace=workspace,
        watch=tmp_path / "watch",
        listener=Listener(),
        stub_folder=tmp_path / "stubs",
        stubs={"kubectl": None},
    )
    yield made
    made.close()


def get(url: str, path: str, accept: str = "*/*") -> tuple[int, bytes, str]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    connection.request("GET", path, headers={"Accept": accept})
    answer = connection.getresponse()
    found = answer.status, answer.read(), answer.getheader("location") or ""
    connection.close()
    return found


def test_every_decoy_of_a_file_holds_its_canary(workspace: Path) -> None:
    decoys = Decoys(workspace.parent, workspace)
    decoys.refresh()
    files = {name: value for name, value in decoys.canaries.items() if (workspace.parent / name[6:]).is_file()}
    assert len(files) >= 20
    for name, canary in files.items():
        assert canary.encode() in (workspace.parent / name[6:]).read_bytes()


def test_a_refresh_changes_every_canary_and_is_no_harm(workspace: Path) -> None:
    decoys = Decoys(workspace.parent, workspace)
    decoys.refresh()
    before = set(decoys.canaries.values())
    decoys.refresh()
    assert before.isdisjoint(decoys.canaries.values())
    assert decoys.harmed() == []


def test_a_decoy_that_is_removed_is_told_once(workspace: Path) -> None:
    decoys = Decoys(workspace.parent, workspace)
    decoys.refresh()
    (workspace.parent / "secret.txt").unlink()
    assert decoys.harmed() == ["secret.txt"]
    assert decoys.harmed() == []


def test_git_reads_the_decoy_repository(workspace: Path) -> None:
    decoys = Decoys(workspace.parent, workspace)
    decoys.refresh()
    said = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", str(workspace.parent / "other"), "log", "--format=%B"],
        capture_output=True, text=True, timeout=10, check=True,
    )  # fmt: skip
    assert decoys.canaries["decoy/other/commit"] in said.stdout


def test_a_decoy_that_a_server_replaced_by_a_link_is_not_written_through(workspace: Path, tmp_path: Path) -> None:
    decoys = Decoys(workspace.parent, workspace)
    elsewhere = tmp_path / "elsewhere.txt"
    elsewhere.write_text("not ours", encoding="utf-8")
    (workspace.parent / "secret.txt").unlink(missing_ok=True)
    (workspace.parent / "secret.txt").symlink_to(elsewhere)
    decoys.refresh()
    assert elsewhere.read_text(encoding="utf-8") == "not ours"
    assert decoys.canaries["decoy/secret.txt"] in (workspace.parent / "secret.txt").read_text(encoding="utf-8")


def test_an_archive_is_made_anew_only_when_somebody_unpacked_it(workspace: Path, tmp_path: Path) -> None:
    decoys = Decoys(workspace.parent, workspace)
    decoys.pack(tmp_path)
    before = dict(decoys.canaries)
    (tmp_path / f"{before['packed/climb.zip']}.txt").write_text("unpacked", encoding="utf-8")
    decoys.pack(tmp_path)
    changed = {name for name, canary in decoys.canaries.items() if before[name] != canary}
    assert changed == {"packed/climb.zip"}
    assert decoys.canaries["packed/climb.zip"].encode() in (workspace / "packed/climb.zip").read_bytes()


def test_a_link_in_the_workspace_leads_to_a_decoy(workspace: Path) -> None:
    decoys = Decoys(workspace.parent, workspace)
    decoys.refresh()
    assert decoys.canaries["decoy/secret.txt"] in (workspace / "linked.txt").read_text()


def test_a_file_beside_the_workspace_is_seen_and_one_inside_is_not(scene: Scene, workspace: Path) -> None:
    (workspace / "mine.txt").write_text("x")
    (workspace.parent / "c0ffee.txt").write_text("x")
    assert scene.take() == (Effect(kind="file", detail="{outside}/c0ffee.txt"),)
    assert scene.take() == ()


def test_a_folder_made_deep_in_a_watched_one_is_seen(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "watch" / "c0ffee" / ".git").mkdir(parents=True)
    assert [effect.detail for effect in scene.take()] == ["{watch}/c0ffee", "{watch}/c0ffee/.git"]


def test_what_appears_right_after_a_look_is_seen(scene: Scene, tmp_path: Path) -> None:
    deep = tmp_path / "watch" / "deep"
    deep.mkdir()
    assert len(scene.take()) == 1
    for number in range(60):  # several within one tick of the file system's clock
        (deep / f"c{number}").touch()
        assert [effect.detail for effect in scene.take()] == [f"{{watch}}/deep/c{number}"]
        assert scene.take() == ()


def test_a_folder_that_was_left_alone_for_long_is_looked_at_again_once_it_changes(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    ahead = time.time_ns() + 10_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: ahead)
    scene.refresh()
    assert scene.take() == ()
    reads = 0
    scan = os.scandir

    def counted(path: str) -> object:
        nonlocal reads
        reads += 1
        return scan(path)

    monkeypatch.setattr(os, "scandir", counted)
    assert scene.take() == () and reads == 0
    (tmp_path / "watch" / "c0ffee").touch()
    assert [effect.detail for effect in scene.take()] == ["{watch}/c0ffee"] and reads > 0


def test_a_decoy_that_is_overwritten_is_an_effect(scene: Scene, workspace: Path) -> None:
    (workspace.parent / "secret.md").write_text("overwritten, and longer than before, by far")
    assert scene.take() == (Effect(kind="harm", detail="secret.md"),)


def test_what_happened_before_a_refresh_is_forgotten(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "watch" / "c0ffee").touch()
    scene.refresh()
    assert scene.take() == ()


def test_the_bait_and_the_upstream_are_told_apart(scene: Scene) -> None:
    assert scene.listener is not None
    get(scene.listener.url, "/up")
    get(scene.listener.bait, "/c0ffee?x=1")
    assert [(effect.kind, effect.detail) for effect in scene.take()] == [
        ("upstream", "GET /up"),
        ("hit", "GET /c0ffee?x=1"),
    ]


@pytest.mark.parametrize(("accept", "begins"), [("application/json", b"{"), ("text/html", b"<!doctype")])
def test_the_listener_answers_as_asked(scene: Scene, accept: str, begins: bytes) -> None:
    assert scene.listener is not None
    assert get(scene.listener.url, "/x", accept)[1].startswith(begins)


def test_the_listener_redirects_to_the_bait(scene: Scene) -> None:
    assert scene.listener is not None
    status, _, location = get(scene.listener.url, "/redirect/c0ffee")
    assert (status, location) == (302, f"{scene.listener.bait}/c0ffee")


def test_a_stand_in_records_its_words_as_they_are(scene: Scene, tmp_path: Path) -> None:
    words = ["get", "pods; x", "", "a\nb"]
    subprocess.run([tmp_path / "stubs" / "kubectl", *words], check=True, timeout=10)
    assert [effect.data for effect in scene.take()] == [("kubectl", *words)]


def test_a_stand_in_runs_the_program_in_its_place(tmp_path: Path) -> None:
    stubs = Stubs(tmp_path, {"say": "/bin/echo"})
    said = subprocess.run([tmp_path / "say", "a b"], capture_output=True, check=True, timeout=10)
    assert said.stdout == b"a b\n"
    assert stubs.take() == [("say", "a b")]


def test_stubs_are_read_from_names_and_programs() -> None:
    assert read_stubs(("gh,adb=/bin/true", "kubectl")) == {"gh": None, "adb": "/bin/true", "kubectl": None}


def test_a_stand_in_given_by_a_relative_path_is_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fake").write_text("#!/bin/sh\n")
    (tmp_path / "fake").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert read_stubs(("adb=fake",)) == {"adb": str(tmp_path / "fake")}


def test_a_stand_in_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="chmod"):
        read_stubs((f"adb={tmp_path / 'none'}",))


@pytest.mark.parametrize("words", ["", "a/b", "x="])
def test_a_stub_without_a_name_or_with_a_slash_is_a_usage_error(words: str) -> None:
    with pytest.raises(UsageError, match="--stub"):
        read_stubs((words,))


def test_the_listener_gives_its_ports_back(scene: Scene) -> None:
    assert scene.listener is not None
    url = scene.listener.bait
    scene.close()
    with pytest.raises(OSError, match="refused"):
        get(url, "/")


def test_a_look_costs_no_descriptor(scene: Scene) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        scene.take()
    assert len(os.listdir("/proc/self/fd")) == before
