"""Adds up the summary lines of several pytest runs (files given as arguments) into one, in pytest's form."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

WORDS = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warnings", "errors")
_COUNT = re.compile(r"(\d+) (failed|passed|skipped|deselected|xfailed|xpassed|warning|error)s?\b")
_SUMMARY = re.compile(r"^=*\s*((?:\d+ \w+(?:, )?)+|no tests ran) in ([\d.]+)s", re.MULTILINE)


def total(texts: list[str]) -> str:
    """One line for all runs."""
    counts: Counter[str] = Counter()
    seconds = 0.0
    for text in texts:
        for found in _SUMMARY.finditer(text):
            seconds += float(found.group(2))
            for number, word in _COUNT.findall(found.group(1)):
                counts[word + "s" if word in ("warning", "error") else word] += int(number)
    counts.pop("deselected", None)
    said = ", ".join(f"{counts[word]} {word}" for word in WORDS if counts[word]) or "no tests ran"
    return f"=== {said} in {seconds:.2f}s ==="


if __name__ == "__main__":
    print(total([Path(name).read_text(encoding="utf-8", errors="replace") for name in sys.argv[1:]]))
