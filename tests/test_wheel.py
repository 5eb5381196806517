"""What is shipped: everything that git knows under the package's folders, under one name, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TWINS = ("strategies", "scenarios", "locustfiles")
"""Folders at the top level that install as sub-packages of mcpfuzz."""

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("wheel")]


def git(*arguments: str) -> list[str]:
    """Paths that git names; skips where this is no checkout (an unpacked sdist)."""
    if not (ROOT / ".git").exists():
        pytest.skip("no git checkout")
    command = ["git", "-C", str(ROOT), "ls-files", "-z", *arguments]
    done = subprocess.run(command, capture_output=True, check=True, text=True, encoding="utf-8")
    paths = [path for path in done.stdout.split("\0") if path]
    return [path for path in paths if (ROOT / path).exists() or (ROOT / path).is_symlink()]


def shipped_name(path: str) -> str:
    """A tracked path as the wheel has it."""
    return f"mcpfuzz/{path}" if path.split("/")[0] in TWINS else path


@pytest.fixture(scope="module")
def tracked() -> set[str]:
    return {path for path in git("mcpfuzz", *TWINS) if not (ROOT / path).is_symlink()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel made from it. Built from a copy: what an earlier build left in the
    checkout must not slip in."""
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"
    for path in git("--cached", "--others", "--exclude-standard"):
        target = source / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / path).is_symlink():
            target.symlink_to((ROOT / path).readlink())
        else:
            target.write_bytes((ROOT / path).read_bytes())
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(source)]
    if _setuptools_is_new():
        command.insert(3, "--no-isolation")
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder


def _setuptools_is_new() -> bool:
    """Whether the backend is here already, so that building needs no network."""
    try:
        return int(metadata.version("setuptools").split(".")[0]) >= 77
    except metadata.PackageNotFoundError:
        return False


@pytest.fixture(scope="module")
def wheel(built: Path) -> set[str]:
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


@pytest.fixture(scope="module")
def sdist(built: Path) -> set[str]:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return {member.name.partition("/")[2] for member in archive if member.isfile()}


def test_the_wheel_installs_one_package_and_its_metadata(wheel: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mcpfuzz"}


def test_the_wheel_holds_everything_that_git_knows_of_the_package(wheel: set[str], tracked: set[str]) -> None:
    missing = {shipped_name(path) for path in tracked} - wheel
    assert not missing, "add the sub-package, or package-data, to pyproject.toml"


def test_the_wheel_holds_nothing_that_git_does_not_know(wheel: set[str]) -> None:
    known = {shipped_name(path) for path in git("--cached", "--others", "--exclude-standard")}
    assert not {name for name in wheel if ".dist-info/" not in name} - known


def test_the_wheel_names_its_doors_and_its_licence(built: Path, wheel: set[str]) -> None:
    (path,) = built.glob("*.whl")
    (entry_points,) = (name for name in wheel if name.endswith(".dist-info/entry_points.txt"))
    with zipfile.ZipFile(path) as archive:
        text = archive.read(entry_points).decode()
    assert "mcpfuzz = mcpfuzz.cli:main" in text
    assert "mcpfuzz = mcpfuzz.plugin" in text
    assert any(name.endswith("/LICENSE") for name in wheel)
    assert "mcpfuzz/py.typed" in wheel
    assert "mcpfuzz/plugin.py" in wheel, "the pytest11 entry point would break every pytest run"


def test_the_sdist_holds_the_sources_once_and_the_tests(sdist: set[str], tracked: set[str]) -> None:
    assert not tracked - sdist
    assert not {name for name in sdist if name.startswith(tuple(f"mcpfuzz/{twin}/" for twin in TWINS))}
    assert not set(git("tests", "docs")) - sdist
