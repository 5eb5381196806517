"""The documentation as a site: it builds without a warning (dead links, anchors, pages that nobody finds), and the
reference is what the code says."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = [pytest.mark.docs, pytest.mark.timeout(180)]


def test_the_reference_is_what_the_code_says() -> None:
    stale = runpy.run_path(str(ROOT / ".ci" / "reference.py"))["stale"]
    assert stale() == [], "run `python .ci/reference.py`"


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("material", reason="needs the dependency group docs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=150,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site" / "index.html").is_file()
    assert (tmp_path / "site" / "reference" / "rules.html").is_file()
