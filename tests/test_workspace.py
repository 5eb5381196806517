"""The scratch copy of a workspace has no way back, and the scratch tree leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mcpfuzz.effects.workspace import Copies, ScratchTree, copy_workspace, rewrite, rewrite_json
from mcpfuzz.errors import UsageError

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret", encoding="utf-8")
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "state" / "run" / "ws" / "copy"


def git(folder: Path, *arguments: str, check: bool = True) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        [*command, *arguments], cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=30
    )
    assert not check or done.returncode == 0, done.stderr
    return (done.stdout + done.stderr).strip()


def repository(folder: Path, name: str = "a.txt") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    (folder / name).write_text("one\n", encoding="utf-8")
    git(folder, "add", name)
    git(folder, "commit", "-q", "-m", "first")
    return folder


def texts(folder: Path) -> str:
    """All that a server could read in git's small files."""
    return "\n".join(
        path.read_text(encoding="utf-8", errors="replace")
        for path in folder.rglob("*")
        if path.is_file() and (path.name in ("config", "config.worktree", ".git", "gitdir", "commondir", "alternates"))
    )


# ---- files and links ----


def test_contents_times_and_modes_come_along_and_everything_can_be_written(source: Path, copy: Path) -> None:
    (source / "sub").mkdir(mode=0o500)
    script = source / "run.sh"
    script.write_bytes(b"#!/bin/sh\n")
    script.chmod(0o4555)
    os.utime(script, ns=(1_000_000_000, 2_000_000_000))
    report = copy_workspace(source, copy)
    copied = (copy / "run.sh").stat()
    assert (copy / "run.sh").read_bytes() == b"#!/bin/sh\n"
    assert stat.S_IMODE(copied.st_mode) == 0o755
    assert copied.st_mtime_ns == 2_000_000_000
    assert stat.S_IMODE((copy / "sub").stat().st_mode) == 0o700
    assert (report.files, report.bytes, report.notes) == (1, 10, ())


def test_links_that_leave_the_folder_are_cut_and_said(source: Path, copy: Path, tmp_path: Path) -> None:
    (source / "deep").mkdir()
    (source / "file").symlink_to(tmp_path / "outside" / "secret.txt")
    (source / "deep" / "relative").symlink_to("../../outside/secret.txt")
    (source / "folder").symlink_to(tmp_path / "outside")
    (source / "dangling").symlink_to("nothing/../../outside/later")
    (source / "loop").symlink_to("loop")
    (source / "chain").symlink_to("folder/secret.txt")
    report = copy_workspace(source, copy)
    for name in ("file", "deep/relative", "chain"):
        assert not (copy / name).is_symlink()
        assert (copy / name).read_bytes() == b""
    for name in ("folder", "dangling", "loop"):
        assert not os.path.lexists(copy / name)
    assert report.notes == (
        "links that lead out of the folder, or in circles, were cut: chain, dangling, deep/relative, file, folder "
        "and 1 more",
    )


def test_links_inside_the_folder_lead_to_the_copy_whatever_way_they_took(source: Path, copy: Path) -> None:
    (source / "deep" / "er").mkdir(parents=True)
    (source / "deep" / "er" / "x").write_text("x", encoding="utf-8")
    (source / "absolute").symlink_to(source / "deep")
    (source / "deep" / "roundabout").symlink_to(f"../../{source.name}/deep/er/x")
    (source / "deep" / "er" / "over").symlink_to("../../absolute/er/x")
    (source / "self").symlink_to(".")
    (source / "later").symlink_to("not-yet")
    report = copy_workspace(source, copy)
    assert report.notes == ()
    for name in ("absolute/er/x", "deep/roundabout", "deep/er/over", "self/self/deep/er/x"):
        assert (copy / name).resolve() == copy / "deep" / "er" / "x"
    assert os.readlink(copy / "later") == "not-yet"
    assert not any(os.path.isabs(os.readlink(path)) for path in copy.rglob("*") if path.is_symlink())


def test_hard_links_become_separate_copies(source: Path, copy: Path, tmp_path: Path) -> None:
    os.link(tmp_path / "outside" / "secret.txt", source / "hard")
    report = copy_workspace(source, copy)
    (copy / "hard").write_text("changed", encoding="utf-8")
    assert (copy / "hard").stat().st_nlink == 1
    assert (tmp_path / "outside" / "secret.txt").read_text(encoding="utf-8") == "secret"
    assert report.notes == ("hard links became separate copies: hard",)


def test_sockets_pipes_and_state_folders_are_left_out(
    source: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(source / "pipe")
    monkeypatch.chdir(source)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("sock")
    (source / "sub" / ".mcpfuzz").mkdir(parents=True)
    with ScratchTree(source / "state-by-another-name"):
        report = copy_workspace(source, copy)
    assert [path.name for path in copy.rglob("*")] == ["sub"]
    assert report.notes == ("sockets, devices and pipes were left out: pipe, sock",)


def test_a_copy_that_lies_inside_its_source_does_not_hold_itself(source: Path) -> None:
    (source / "a").write_text("a", encoding="utf-8")
    report = copy_workspace(source, source / "in" / "side")
    assert report.files == 1
    assert list((source / "in" / "side").rglob("*")) == [source / "in" / "side" / "a", source / "in" / "side" / "in"]


@pytest.mark.parametrize("make", ["many", "large", "sparse", "folders"])
def test_a_folder_above_the_cap_is_refused_with_its_size_and_the_option(source: Path, copy: Path, make: str) -> None:
    for number in range(6 if make == "many" else 1):
        (source / f"f{number}").write_bytes(b"x" * (3 << 20 if make == "large" else 1))
    if make == "sparse":
        os.truncate(source / "f0", 1 << 40)
    for number in range(6 if make == "folders" else 0):
        (source / f"d{number}").mkdir()
    with pytest.raises(UsageError) as refused:
        copy_workspace(source, copy, max_bytes=1 << 20, max_files=5)
    size = {"many": "6 bytes in 6 files", "large": "3.0 MiB", "sparse": "1,048,576.0 MiB", "folders": "6 folders"}[make]
    assert size in str(refused.value)
    assert f"--workspace {source} " in str(refused.value)
    assert "the cap is 1.0 MiB in 5 files" in str(refused.value)
    assert not copy.exists()


def test_a_missing_folder_and_an_unwritable_copy_are_usage_errors(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        copy_workspace(source / "missing", tmp_path / "copy")
    with pytest.raises(UsageError, match="--state"):
        copy_workspace(source, tmp_path / "outside" / "secret.txt" / "copy")


def test_names_that_are_not_text_are_copied_and_shown_escaped(source: Path, copy: Path) -> None:
    name = os.fsdecode(b"\xff\x1b[31m\n")
    (source / name).symlink_to("/etc/hostname-that-is-not")
    (source / (name + "x")).write_bytes(b"1")
    report = copy_workspace(source, copy)
    assert (copy / (name + "x")).read_bytes() == b"1"
    assert report.notes[0].isprintable()


# ---- git ----


@needs_git
def test_a_plain_repository_works_in_the_copy(source: Path, copy: Path) -> None:
    repository(source)
    git(source, "config", "alias.tabbed", 'log --format="%h\t%s" # not a comment')
    git(source, "remote", "add", "origin", "https://example.org/x.git")
    git(source, "remote", "add", "ssh", "git@example.org:/srv/x.git")
    before = git(source, "config", "--list", "--local")
    assert copy_workspace(source, copy).notes == ()
    assert git(copy, "config", "--list", "--local") == before
    assert git(copy, "status", "--porcelain") == ""
    git(copy, "commit", "-q", "--allow-empty", "-m", "second")
    assert git(source, "log", "--format=%s") == "first"


@needs_git
def test_worktrees_of_a_repository_elsewhere_are_cut_off(source: Path, copy: Path, tmp_path: Path) -> None:
    repository(tmp_path / "main")
    git(tmp_path / "main", "worktree", "add", "-q", str(source / "tree"))
    report = copy_workspace(source, copy)
    assert not os.path.lexists(copy / "tree" / ".git")
    assert (copy / "tree" / "a.txt").exists()
    assert report.notes == ("git repositories that lie elsewhere were cut off: tree/.git",)


@needs_git
def test_worktrees_elsewhere_are_forgotten_so_that_git_cannot_remove_them(
    source: Path, copy: Path, tmp_path: Path
) -> None:
    repository(source)
    git(source, "worktree", "add", "-q", str(tmp_path / "elsewhere"))
    report = copy_workspace(source, copy)
    assert report.notes == ("git worktrees elsewhere were cut: .git/worktrees/elsewhere",)
    assert git(copy, "worktree", "list").splitlines() == [git(copy, "worktree", "list").splitlines()[0]]
    assert "is not a working tree" in git(
        copy, "worktree", "remove", "--force", str(tmp_path / "elsewhere"), check=False
    )
    assert (tmp_path / "elsewhere" / "a.txt").exists()


@needs_git
def test_worktrees_and_submodules_inside_point_into_the_copy(source: Path, copy: Path, tmp_path: Path) -> None:
    repository(source / "main")
    repository(tmp_path / "library", "b.txt")
    git(source / "main", "worktree", "add", "-q", str(source / "tree"))
    git(source / "main", "submodule", "add", "-q", str(tmp_path / "library"), "lib")
    report = copy_workspace(source, copy)
    assert str(source) not in texts(copy).replace(str(copy), "")
    for folder, top in (("main", "main"), ("tree", "tree"), ("main/lib", "main/lib")):
        assert git(copy / folder, "rev-parse", "--show-toplevel") == str(copy / top)
        git(copy / folder, "commit", "-q", "--allow-empty", "-m", "in the copy")
        assert git(source / folder, "log", "--format=%s") == "first"
    assert git(copy / "main", "worktree", "list").count(str(copy)) == 2
    assert any("remote.url" in note and "submodule.url" in note for note in report.notes)


@needs_git
def test_alternates_are_cut_or_re_pointed(source: Path, copy: Path, tmp_path: Path) -> None:
    repository(tmp_path / "library")
    repository(source / "base")
    git(source, "clone", "-q", "--shared", str(tmp_path / "library"), "outer")
    git(source, "clone", "-q", "--shared", str(source / "base"), "inner")
    report = copy_workspace(source, copy)
    assert git(copy / "inner", "log", "--format=%s") == "first"
    assert not (copy / "outer" / ".git" / "objects" / "info" / "alternates").exists()
    assert (
        "git objects borrowed from elsewhere are missing in the copy: outer/.git/objects/info/alternates"
        in report.notes
    )
    assert str(tmp_path / "library") not in texts(copy)
    assert git(copy / "inner", "remote", "get-url", "origin") == str(copy / "base")


CONFIG = r"""
; every way a place elsewhere can be named
[core] worktree = {out} ; on the section's own line
	hooksPath = "{out}\
/hooks" # continued
	excludesFile = ~/.gitignore
	attributesFile = ../../outside/attributes
	editor = sh -c 'cd {out} && vi'
	sshCommand = ssh -i ~/.ssh/id
	pager
[remote "a"] url = file://{out}
[remote "b"] url = FILE:///{out}
[remote "c"] url = ../../outside
	pushurl = {out}
[remote "d"] url = ext::sh -c true
[url "{out}/"] insteadOf = https://example.org/
[include] path = {out}/config
[includeIf "gitdir:/"] path = inside
[credential]
	helper = store --file {out}/credentials
[submodule.Old] url = {out}
"""
KEPT = r"""
[core] worktree = ../
	hooksPath = {src}/.git/hooks
	Pager = less "-F;" # comment
[remote "in"] url = file://{src}/base
	fetch = +refs/heads/*:refs/remotes/in/*
[remote "net"] url = ssh://git@example.org/x ; pushurl = {out}
	pushurl = git@example.org:/x
[alias] l = "!git -C {src}/base log"
	quoted = a\"b\\c\td
	ended = x\

[include] path = ../shared
"""


@needs_git
def test_settings_that_name_places_elsewhere_are_cut_and_those_inside_re_pointed(
    source: Path, copy: Path, tmp_path: Path
) -> None:
    repository(source)
    places = {"{out}": str(tmp_path / "outside"), "{src}": str(source)}
    (source / "shared").write_text("[shared] kept = yes\n[core] fsmonitor = /else/where", encoding="utf-8")
    for name, text in (("cut", CONFIG), ("kept", KEPT)):
        for slot, value in places.items():
            text = text.replace(slot, value)
        repository(source / name)
        (source / name / ".git" / "config").write_text(text.replace("../shared", "../../shared"), encoding="utf-8")
    report = copy_workspace(source, copy)
    cut = git(copy / "cut", "config", "--local", "--list").splitlines()
    assert cut == ["core.pager"]
    kept = dict(line.split("=", 1) for line in git(copy / "kept", "config", "--local", "--list").splitlines())
    assert kept == {
        "core.worktree": str(copy / "kept"),
        "core.hookspath": f"{copy}/.git/hooks",
        "core.pager": "less -F;",
        "remote.in.url": f"{copy}/base",
        "remote.in.fetch": "+refs/heads/*:refs/remotes/in/*",
        "remote.net.url": "ssh://git@example.org/x",
        "remote.net.pushurl": "git@example.org:/x",
        "alias.l": f"!git -C {copy}/base log",
        "alias.quoted": 'a"b\\c\td',
        "alias.ended": "x",
        "shared.kept": "yes",
    }
    assert str(tmp_path / "outside") not in texts(copy)
    assert any("cut/.git/config: core.attributesfile" in note and " more" in note for note in report.notes)


@needs_git
def test_a_configuration_that_git_would_refuse_is_cut_whole(source: Path, copy: Path) -> None:
    repository(source)
    (source / ".git" / "config").write_text("[core]\n\tworktree = /\\q\n", encoding="utf-8")
    assert copy_workspace(source, copy).notes == ("git configuration that could not be read was cut: .git/config",)
    assert (copy / ".git" / "config").read_bytes() == b""


@needs_git
def test_a_linked_configuration_is_vetted_as_well(source: Path, copy: Path) -> None:
    repository(source)
    (source / "shared").write_text("[core]\n\thooksPath = /elsewhere\n\tbare = false\n", encoding="utf-8")
    (source / ".git" / "config").unlink()
    (source / ".git" / "config").symlink_to("../shared")
    copy_workspace(source, copy)
    assert not (copy / ".git" / "config").is_symlink()
    assert git(copy, "config", "--local", "--list") == "core.bare=false"


@needs_git
def test_git_in_the_copy_does_not_find_the_repository_around_the_state_folder(source: Path) -> None:
    repository(source)
    (source / "part").mkdir()
    with ScratchTree(source / ".mcpfuzz") as tree:
        copy_workspace(source / "part", tree.ws / "part")
        for folder in (tree.ws / "part", tree.scratch, tree.home):
            assert "not a git repository" in git(folder, "status", check=False)
        done = subprocess.run(
            ["git", "status"], cwd=tree.home, env={**os.environ, **tree.environment}, capture_output=True, timeout=30
        )
        assert b"not a git repository" in done.stderr
        assert git(source, "status", "--porcelain") == ""


# ---- rewriting ----


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/work/allowed", "/c"),
        ("/work/allowed/", "/c/"),
        ("/work/allowed/x", "/c/x"),
        ("/work//allowed/./x", "/c/./x"),
        ("--root=/work/allowed", "--root=/c"),
        ("-C/work/allowed", "-C/c"),
        ("a:/work/allowed:b", "a:/c:b"),
        ("/work/allowed:/work/allowed", "/c:/c"),
        ('"file:///work/allowed/x"', '"file:///c/x"'),
        ("sqlite:////work/allowed/x.db", "sqlite:////c/x.db"),
        ('{"root": "/work/allowed"}', '{"root": "/c"}'),
        ("sh -c 'ls /work/allowed'", "sh -c 'ls /c'"),
        ("/work/allowed_private", None),
        ("/work/allowed-2", None),
        ("/work/allowed.bak/x", None),
        ("/work/allowedé", None),
        ("/x/work/allowed", None),
        ("x/work/allowed", None),
        ("~/work/allowed", None),
        ("${HOME}/work/allowed", None),
        ("https://example.org/work/allowed", None),
        ("/work", None),
        ("", None),
    ],
)
def test_a_folder_is_replaced_as_whole_path_components_only(text: str, expected: str | None) -> None:
    assert rewrite(text, {"/work/allowed": "/c"}) == (text if expected is None else expected)


def test_a_folder_is_found_as_given_as_absolute_and_as_resolved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real dir").mkdir()
    (tmp_path / "link").symlink_to("real dir")
    monkeypatch.chdir(tmp_path)
    mapping = {"./link/": "/c"}
    for text in ("link", "./link", str(tmp_path / "link"), str(tmp_path / "real dir")):
        assert rewrite(text, mapping) == "/c"
        assert rewrite(f"--root={text}/x", mapping) == "--root=/c/x"
    assert rewrite((tmp_path / "real dir" / "x").as_uri(), mapping) == "file:///c/x"
    assert rewrite("a link in a text", mapping) == "a link in a text"
    assert rewrite("linkage", mapping) == "linkage"


def test_the_current_folder_is_found_as_a_dot_but_no_other_dot_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    texts = [".", "./x", "--root=.", "..", "../x", "a.b", ".hidden", "The end."]
    assert [rewrite(text, {".": "/c"}) for text in texts] == ["/c", "/c/x", "--root=/c", *texts[3:]]


def test_the_longest_folder_wins_and_what_was_put_in_is_left_alone() -> None:
    mapping = {"/w": "/w/.mcpfuzz/0", "/w/sub": "/w/.mcpfuzz/1"}
    assert rewrite("/w:/w/sub/x:/w/other", mapping) == "/w/.mcpfuzz/0:/w/.mcpfuzz/1/x:/w/.mcpfuzz/0/other"
    assert rewrite("/etc:/", {"/": "/c"}) == "/etc:/"


def test_every_string_of_a_json_value_is_rewritten_and_nothing_else() -> None:
    value = {"/w": [1, None, True, 2.5, "/w/x", {"k": "/w2"}]}
    assert rewrite_json(value, {"/w": "/c"}) == {"/c": [1, None, True, 2.5, "/c/x", {"k": "/w2"}]}


# ---- the scratch tree ----


def test_the_tree_is_private_and_ignored_by_git_and_goes_away(tmp_path: Path) -> None:
    state = tmp_path / "project" / ".mcpfuzz"
    with ScratchTree(state) as tree:
        assert not tree.fallback
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
        assert (state / ".gitignore").read_text(encoding="utf-8").endswith("\n*\n")
        assert {path.name for path in tree.root.iterdir()} == {
            ".git",
            ".lock",
            "gitconfig",
            "ws",
            "scratch",
            "home",
            "tmp",
            "watch",
            "stubs",
        }
        assert {path.parent for path in (tree.ws, tree.scratch, tree.home, tree.tmp)} == {tree.root}
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o700 for path in tree.root.iterdir() if path.is_dir())
    assert [path.name for path in state.iterdir()] == [".gitignore"]
    assert tree.remove() == ()


def test_a_folder_of_the_users_keeps_its_mode_and_gets_no_gitignore(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x", encoding="utf-8")
    tmp_path.chmod(0o755)
    with ScratchTree(tmp_path) as tree:
        assert tree.root.parent == tmp_path
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_tree_is_never_inside_the_folder_that_the_server_works_in(tmp_path: Path) -> None:
    state = tmp_path / "project" / ".mcpfuzz"
    with ScratchTree(state, server=tmp_path / "project") as tree:
        assert tree.apart
        assert not tree.root.is_relative_to(tmp_path)
        assert tree.state == state
    assert not tree.root.exists()


def test_a_state_folder_that_is_not_the_servers_own_holds_the_tree(tmp_path: Path) -> None:
    with ScratchTree(tmp_path / "state", server=tmp_path / "project") as tree:
        assert tree.apart
        assert tree.root.parent == tmp_path / "state"


def test_a_server_at_the_root_of_the_disk_leaves_no_place_apart(tmp_path: Path) -> None:
    with ScratchTree(tmp_path, server=Path("/")) as tree:
        assert not tree.apart


def test_where_the_state_cannot_be_written_a_temporary_folder_serves(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with ScratchTree(tmp_path / "file" / "state") as tree:
        assert tree.fallback
        assert not tree.apart
        assert tree.ws.is_dir()
        assert tree.state.is_relative_to(Path(tempfile.gettempdir()).resolve())
    assert not tree.state.exists()


def test_where_nothing_can_be_written_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="set --state or TMPDIR"):
        ScratchTree(tmp_path / "file" / "state")


def test_what_a_killed_run_left_is_removed_by_the_next_one_and_a_living_run_is_not(tmp_path: Path) -> None:
    code = f"""
import os, sys
from pathlib import Path
from mcpfuzz.effects.workspace import ScratchTree
tree = ScratchTree(Path({str(tmp_path)!r}))
(tree.ws / "left").write_text("x")
print(tree.root, flush=True)
os.kill(os.getpid(), 9)
"""
    killed = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, encoding="utf-8", timeout=30)
    left = Path(killed.stdout.strip())
    assert (left / "ws" / "left").exists()
    with ScratchTree(tmp_path) as first:
        assert not left.exists()
        with ScratchTree(tmp_path) as second:
            assert first.root.is_dir() and second.root.is_dir()


def test_removal_does_not_follow_links_and_no_depth_stops_it(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("x", encoding="utf-8")
    tree = ScratchTree(tmp_path / "state")
    (tree.ws / "link").symlink_to(tmp_path / "kept")
    folder = os.open(tree.ws, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("deep", dir_fd=folder)
        below = os.open("deep", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.symlink(tmp_path / "kept", "link", dir_fd=folder)
    os.close(folder)
    assert tree.remove() == ()
    assert not tree.root.exists()
    assert (tmp_path / "kept" / "file").exists()


def test_removal_copes_with_modes_that_forbid_everything() -> None:
    code = """
import os, sys
from pathlib import Path
from mcpfuzz.effects.workspace import ScratchTree
if os.getuid() == 0:
    os.chown(sys.argv[1], 65534, 65534)
    os.setgid(65534), os.setuid(65534)
tree = ScratchTree(Path(sys.argv[1], "state"))
(tree.ws / "a" / "b").mkdir(parents=True)
(tree.ws / "a" / "b" / "file").write_text("x")
for path in (tree.ws / "a" / "b" / "file", tree.ws / "a" / "b", tree.ws / "a", tree.ws, tree.root):
    path.chmod(0)
print(tree.remove(), os.listdir(tree.state))
"""
    folder = tempfile.mkdtemp()
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, folder], capture_output=True, encoding="utf-8", timeout=30, cwd="/"
        )
        assert (done.stdout, done.stderr) == ("() ['.gitignore']\n", "")
    finally:
        shutil.rmtree(folder)


def test_removal_says_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = ScratchTree(tmp_path / "state")
    (tree.ws / "stuck").write_text("x", encoding="utf-8")
    unlink = os.unlink

    def refuse(name: str, *, dir_fd: int | None = None) -> None:
        if name == "stuck":
            raise PermissionError(1, "Operation not permitted")
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", refuse)
    left = tree.remove()
    assert left[0] == "stuck: Operation not permitted"
    assert any(str(tree.root) in line for line in left)


# ---- put back


def test_a_copy_is_put_back_as_it_was(source: Path, tmp_path: Path) -> None:
    (source / "kept.txt").write_text("as it was", encoding="utf-8")
    copies, place = Copies(), tmp_path / "tree" / "copy"
    place.parent.mkdir()
    copies.make(source, place)
    (place / "kept.txt").unlink()
    (place / "new").mkdir()
    copies.renew()
    assert (place / "kept.txt").read_text(encoding="utf-8") == "as it was"
    assert not (place / "new").exists()


def test_a_copy_that_no_server_touched_is_left_alone(source: Path, tmp_path: Path) -> None:
    (source / "kept.txt").write_text("as it was", encoding="utf-8")
    copies, place = Copies(), tmp_path / "tree" / "copy"
    place.parent.mkdir()
    copies.make(source, place)
    (place / "laid").write_text("by us", encoding="utf-8")
    copies.settle()
    before = (place / "kept.txt").stat().st_ino
    copies.renew()
    assert ((place / "kept.txt").stat().st_ino, (place / "laid").exists()) == (before, True)
    (place / "kept.txt").write_text("as it is", encoding="utf-8")
    copies.renew()
    assert (place / "kept.txt").read_text(encoding="utf-8") == "as it was"


def test_a_copy_whose_original_went_stays_as_the_last_server_left_it(source: Path, tmp_path: Path) -> None:
    copies, place = Copies(), tmp_path / "tree" / "copy"
    place.parent.mkdir()
    copies.make(source, place)
    (place / "left").mkdir()
    shutil.rmtree(source)
    copies.renew()
    assert [path.name for path in place.parent.iterdir()] == ["copy"]
    assert (place / "left").is_dir()
