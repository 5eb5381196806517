"""A page of the documentation as a session: from an empty folder on, files are written and commands are typed as the
page says, in order.

    ```python title="server.py"     a file of that name (any language but console and text)
    ```python title="server.py (f)" takes the place of the function that it begins with, in the file that is there
    ```console                      commands, one a line; exit 0 is wanted, or what `<!-- exit 1 -->` right above says
    ```text                         what the commands printed: its lines, in order; `...` stands for any lines, and
                                    inside a line for anything

A heading of level 2 with `<!-- new folder -->` below it begins in an empty folder again. A block below
`<!-- not run -->` is left to the tests that only parse.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Block", "Session", "blocks_of", "sessions_of"]

_FENCE = re.compile(
    r"^(?:<!-- (?P<note>[^\n]*?) -->\n+)?(?P<indent> *)```(?P<language>\w*)(?: title=\"(?P<title>[^\"]+)\")?[^\n]*\n"
    r"(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    language: str
    title: str
    note: str
    text: str


@dataclass(slots=True)
class Session:
    """What is done in one folder, from empty on."""

    page: str
    name: str
    blocks: list[Block] = field(default_factory=list)

    def play(self, folder: Path) -> None:
        """Do it all.

        Raises:
            AssertionError: a command ends otherwise than the page says, or does not print what it says.
        """
        printed = ""
        for block in self.blocks:
            if block.note == "not run":
                continue
            if block.title:
                _write(folder, block)
            elif block.language == "console":
                wanted = int(block.note.removeprefix("exit ")) if block.note.startswith("exit ") else 0
                printed = "".join(_run(line, wanted, folder) for line in block.text.splitlines())
            elif block.language == "text" and printed:
                _compare(block.text, printed)


def blocks_of(text: str) -> Iterator[Block]:
    """Every fenced block of a page, in order."""
    for found in _FENCE.finditer(text):
        yield Block(found["language"], found["title"] or "", found["note"] or "", found["text"])


def sessions_of(path: Path) -> list[Session]:
    """The sessions of a page; those without a file or a command are left out."""
    text = path.read_text(encoding="utf-8")
    sessions = []
    for part in re.split(r"^(?=## [^\n]*\n+<!-- new folder -->)", text, flags=re.MULTILINE):
        head = re.search(r"^#+ (.+)$", part, re.MULTILINE)
        session = Session(path.name, head[1] if head else "", list(blocks_of(part)))
        if any(block.title for block in session.blocks) or "<!-- new folder -->" in part:
            sessions.append(session)
    return sessions


def _write(folder: Path, block: Block) -> None:
    name, part, _ = block.title.partition(" (")
    path, text = folder / name, block.text
    if part:
        before, head, after = path.read_text(encoding="utf-8").partition(text.partition("\n")[0] + "\n")
        assert head, f"{name} holds no {text.partition(chr(10))[0]}"
        text = f"{before}{text.rstrip()}\n\n\n{after.partition(chr(10) * 3)[2]}".rstrip() + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _run(line: str, wanted: int, folder: Path) -> str:
    """One command as it is typed; what it printed."""
    here = f"{shlex.quote(sys.executable)} -m "
    typed = re.sub(r"^((?:[A-Z]+=\S+ )*)(mcpfuzz|pytest)\b", rf"\1{here}\2", line)
    typed = re.sub(r"-m pytest\b", "-m pytest -p no:cacheprovider -p no:asyncio -p no:schemathesis", typed)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "MCPFUZZ_"))}
    env |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', '')}", "COLUMNS": "160"}
    env.pop("CI", None)
    env.pop("GITHUB_ACTIONS", None)
    done = subprocess.run(
        ["bash", "-c", typed], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, encoding="utf-8", timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == wanted, f"$ {line}\nexit {done.returncode}, not {wanted}\n{done.stdout}"
    return done.stdout


def _compare(told: str, printed: str) -> None:
    """Whether each line of the page was printed, in order."""
    rest = [" ".join(line.split()) for line in printed.splitlines()]
    for line in told.splitlines():
        words = " ".join(line.split())
        if words in ("", "..."):
            continue
        pattern = re.compile(".*".join(map(re.escape, words.split("..."))))
        place = next((index for index, shown in enumerate(rest) if pattern.fullmatch(shown)), None)
        assert place is not None, f"not printed (any more): {line}\n--- printed:\n{printed}"
        del rest[: place + 1]
