"""Prints one command of the README's first fenced block: `readme.py 1` or `readme.py 2`. CI runs what the
README says, so the two cannot drift apart.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def commands(readme: Path) -> list[str]:
    """The lines of the first fenced block, without comments and blank lines."""
    block = re.search(r"^```\w*\n(.*?)^```", readme.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    lines = block.group(1).splitlines() if block else []
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


if __name__ == "__main__":
    found = commands(Path(__file__).resolve().parent.parent / "README.md")
    if len(found) != 2:
        sys.exit(f"README.md: the first fenced block holds {len(found)} commands, not 2")
    print(found[int(sys.argv[1]) - 1])
