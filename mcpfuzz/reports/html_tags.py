"""HTML that cannot be injected into: a plain `str` is text and is escaped, `Markup` is what `tag` made.

The type is the escaper: nothing becomes markup but by `tag` and `raw`, and `raw` takes literals only.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from typing import Final, TypeAlias

from mcpfuzz.model import Json
from mcpfuzz.reports.texts import clip, visible

__all__ = ["Child", "Markup", "coloured_json", "join", "page", "raw", "tag", "text"]

_VOID: Final = frozenset({"br", "hr", "meta"})


class Markup(str):
    """HTML that is already escaped."""

    __slots__ = ()


Child: TypeAlias = "str | Markup | None"


def text(value: str, *, lines: bool = False) -> Markup:
    """Text, made visible and escaped."""
    return value if isinstance(value, Markup) else Markup(html.escape(visible(value, lines=lines), quote=True))


def raw(literal: str) -> Markup:
    """Our own literal, such as a style sheet; never anything that came from elsewhere."""
    return Markup(literal)


def join(children: Iterable[Child]) -> Markup:
    """Children one after another, those that are None left out."""
    return Markup("".join(text(child) for child in children if child is not None))


def tag(name: str, /, *children: Child, **attributes: str | int | float | None) -> Markup:
    """One element. An attribute's trailing underscore is dropped (`class_`), inner ones become hyphens;
    an attribute that is None is left out."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{shown}>" if name in _VOID else f"<{name}{shown}>{join(children)}</{name}>")


def page(title: str, style: str, *body: Child) -> Markup:
    """A whole document that loads nothing and runs nothing, and forbids the browser to."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", raw(style)),
    )
    return Markup(f"<!doctype html>\n{tag('html', head, tag('body', *body), lang='en')}\n")


# ---- JSON, coloured -------------------------------------------------------------------------------

_TOKEN = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*"(?=\s*:))|(?P<str>"(?:[^"\\]|\\.)*")'
    r"|(?P<num>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<lit>\b(?:true|false|null)\b)"
)


def coloured_json(value: Json, limit: int = 20_000) -> Markup:
    """JSON, indented, its tokens in spans: what a script would do in the browser is done here."""
    source = visible(clip(json.dumps(value, ensure_ascii=False, indent=2), limit), lines=True)
    parts: list[Child] = []
    end = 0
    for token in _TOKEN.finditer(source):
        parts += [text(source[end : token.start()], lines=True), tag("span", token.group(), class_=token.lastgroup)]
        end = token.end()
    return join([*parts, text(source[end:], lines=True)])
