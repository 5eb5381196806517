"""Words and characters that every sink needs: what a rule says, and how a stranger's text is made visible.

A server's text is hostile. `visible` is the floor under every escaper: after it no control character,
no bidirectional override and no CI command is left; each sink then adds the quoting of its own format.
Nothing here knows a format.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mcpfuzz.model import Json

__all__ = ["EXITS", "PlainRule", "RuleText", "clip", "counted", "rule_text", "visible", "where"]


class RuleText(Protocol):
    """What a report says about a rule; whoever owns the catalogue passes one per rule id."""

    @property
    def title(self) -> str:
        """One line: what is wrong."""

    @property
    def mend(self) -> str:
        """One or two sentences: what to change in the server."""

    @property
    def references(self) -> Sequence[str]:
        """`CWE-22`, `OWASP-API8`, `MCP RS-11` ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainRule:
    """A `RuleText` of one's own, and what stands in for a rule that nobody described."""

    title: str
    mend: str = ""
    references: tuple[str, ...] = ()


def rule_text(rules: Mapping[str, RuleText], rule: str) -> RuleText:
    """The text of `rule`, or one that says no more than its id."""
    return rules.get(rule) or PlainRule(title=rule)


EXITS: Mapping[str, str] = {
    "clean": "exit 0",
    "findings": "exit 1: findings that count",
    "could-not-test": "exit 3: could not test",
    "interrupted": "exit 130: interrupted",
    "fault": "exit 4: a fault of mcpfuzz itself",
}
"""`run.outcome` -> the exit code it leads to (contract.md)."""

# Unicode categories Cc, Cf, Cs, Co, Zl, Zp, the variation selectors that carry hidden text, and
# U+FFFE/U+FFFF. tests/test_reports_texts.py compares the ranges with unicodedata.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ud800-\uf8ff\ufeff\ufff9-\ufffb\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)
_CI_MARK = re.compile(r"(?<=#)#(?=\[|vso\[|teamcity\[)")
"""`##[error]`, `##vso[...]`: commands of CI systems wherever they stand in a line."""
_CI_LINE = re.compile(r"^([^\S\n]*):(?=:)", re.MULTILINE)
"""`::error::`, a command where it begins a line."""


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code in (9, 10, 13):
        return {9: r"\t", 10: r"\n", 13: r"\r"}[code]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def visible(text: str, *, lines: bool = False) -> str:
    r"""`text` with everything invisible or active shown as an escape: ESC as `\x1b`, U+202E as `\u202e`.

    Args:
        lines: keep line feeds and tabs (for blocks); otherwise the answer is one line.
    """
    if "##" in text:
        text = _CI_MARK.sub(r"\\x23", text)
    if "::" in text:
        text = _CI_LINE.sub(r"\1\\x3a", text)
    if lines:
        return _UNSEEN.sub(lambda m: m.group() if m.group() in "\n\t" else _escape(m), text)
    return _UNSEEN.sub(_escape, text)


def clip(text: str, limit: int) -> str:
    """The first `limit` characters, and a mark that says how many more there were."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more characters)"


def counted(number: int, noun: str) -> str:
    """`1 finding`, `2 findings`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def where(operation: Mapping[str, Json]) -> str:
    """A report's `operation` in words: `tool read_file /path`. Not yet made visible."""
    words = (operation.get("kind"), operation.get("name"), operation.get("argument"))
    return " ".join(str(word) for word in words if word)
