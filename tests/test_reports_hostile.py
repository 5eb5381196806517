"""Every format against every hostile text: nothing a server says acts in any report, and no secret is in one."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from mcpfuzz.reports.github import annotation_lines
from mcpfuzz.reports.opening import FORMATS
from mcpfuzz.reports.testing import EVIL_TEXTS, hostile_run, written
from mcpfuzz.reports.texts import visible

LOAD = {
    "requests": 9,
    "failures": 0,
    "rps": 3.5,
    "p50_ms": 1.0,
    "p95_ms": 2.0,
    "p99_ms": None,
    "policies": [{"scope": "global", "per_s": 5, "burst": None, "confidence": 0.5, "bypasses": ["<b>x</b>"]}],
    "scenarios": [{"id": "storm", "verdict": "pass", "requests": 9, "failures": 0, "rps": 3.5, "errors": {}}],
    "rows": [{"name": "=1+1", "requests": 9, "failures": 0}],
    "timeline": {
        "laps": [{"scenario": "storm", "part": "attack", "from": 0, "to": 2}],
        "points": [{"s": 1, "rps": 3, "p50_ms": 1, "p95_ms": 2, "p99_ms": None, "errors": {"<script>": 2}}],
        "samples": [{"s": 1, "rss": 1 << 20, "cpu": 0.5}],
    },
}


def unsafe_json(text: str) -> str | None:
    for line in text.splitlines():
        assert line.isascii()
        assert line.isprintable()
    return None


class Page(HTMLParser):
    """Notes what a browser would act on."""

    TAGS = re.compile(
        "html|head|meta|title|style|body|main|section|article|footer|h[123]|p|span|div|ul|ol|li|pre|code|a|b"
        "|table|thead|tbody|tr|th|td|svg|rect|details|summary|figure|figcaption|polyline|line|text"
    )
    ATTRIBUTES = re.compile(
        "lang|charset|http-equiv|content|name|class|style|href|id|title|scope|width|height|x|rx|viewbox"
        "|preserveaspectratio|role|aria-label|points|y|x1|x2|y1|y2"
    )

    def __init__(self) -> None:
        super().__init__()
        self.odd: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.odd += [] if self.TAGS.fullmatch(tag) else [tag]
        for name, value in attrs:
            self.odd += [] if self.ATTRIBUTES.fullmatch(name) else [name]
            self.odd += [f"{value}"] if name == "href" and not re.fullmatch(r"#finding-\d+", value or "") else []
            self.odd += [f"{value}"] if name == "style" and value != "color:var(--s)" else []


def unsafe_html(text: str) -> str | None:
    page = Page()
    page.feed(text)
    page.close()
    return str(page.odd) if page.odd else None


def unsafe_markdown(text: str) -> str | None:
    active = {"link_open", "image", "html_inline", "html_block", "hardbreak", "entity"}
    parser = MarkdownIt("commonmark").enable("table")
    todo, plain = list(parser.parse(text)), ""
    for token in todo:
        for part in [token, *(token.children or [])]:
            if part.type in active:
                return f"{part.type}: {part.content or part.attrs}"
            plain += part.content + "\n" if part.type == "text" else ""
    return "plain" if re.search(r"evil|pwned|owned|@everyone|markup", plain) else None


def unsafe_junit(text: str) -> str | None:
    return None if ET.fromstring(text).tag == "testsuites" else "no test suites"


def unsafe_csv(text: str) -> str | None:
    rows = list(csv.reader(text.splitlines()))
    odd = [cell for row in rows for cell in row if cell[:1] in "=+-@" and cell]
    return str(odd) if odd or len({len(row) for row in rows}) != 1 else None


UNSAFE: Mapping[str, Callable[[str], str | None]] = {
    "json": unsafe_json,
    "jsonl": unsafe_json,
    "sarif": unsafe_json,
    "html": unsafe_html,
    "markdown": unsafe_markdown,
    "junit": unsafe_junit,
    "csv": unsafe_csv,
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("text", EVIL_TEXTS)
def test_nothing_of_a_hostile_server_acts_in_any_report(kind: str, text: str, tmp_path: Path) -> None:
    shown = written(kind, hostile_run(text), tmp_path, extra={"load": LOAD})
    assert visible(shown, lines=True) == shown, "control characters or CI commands"
    assert UNSAFE[kind](shown) is None
    assert len(shown) < 2_000_000


@pytest.mark.parametrize("kind", FORMATS)
def test_no_secret_is_in_any_report(kind: str, tmp_path: Path) -> None:
    shown = written(kind, hostile_run("Authorization: Bearer topsecret/value+1"), tmp_path, "topsecret/value+1")
    assert "topsecret" not in shown
    assert "redacted" in shown


@pytest.mark.parametrize("text", EVIL_TEXTS)
def test_annotations_are_one_command_a_line(text: str, tmp_path: Path) -> None:
    lines = annotation_lines(json.loads(written("json", hostile_run(text), tmp_path)), "server.py")
    assert all(re.fullmatch(r"::(error|warning) file=server\.py,line=1,title=[^:,]+::.*", line) for line in lines)


def test_a_file_s_name_cannot_add_properties_to_an_annotation(tmp_path: Path) -> None:
    shown = json.loads(written("json", hostile_run("x"), tmp_path))
    assert annotation_lines(shown, "a,b::c%.py")[0].startswith("::error file=a%2Cb%3A%3Ac%25.py,line=1,title=")
