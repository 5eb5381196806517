"""Tools that talk to others: pages of our own sites, an upstream for articles and notes. Sound and weak twins.

The upstream is the base URL in the environment variable UPSTREAM; without one, built-in answers stand in for it.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from mcpfuzz.lab.kit import READ, WRITE, Call, Reply, Tool, ToolError, World, brief
from mcpfuzz.lab.schema import Schema, quoted

__all__ = ["Net"]

UPSTREAM_S = 3
"""Seconds that another server may take."""
MOST_BYTES = 20_000
"""Bytes of another server's answer that are read."""

_PAGES: Mapping[str, str] = {
    "https://pottery.example/hours": "Open from nine to six.",
    "https://pottery.example/contact": "Write to shop@pottery.example.",
    "https://kiln.example/status": "The kiln is cooling.",
}
"""The pages of our own sites, as the last crawl found them."""
_ARTICLE = re.compile(r"[A-Za-z0-9-]{1,40}")
_TOPIC = re.compile(r"[A-Za-z0-9 .-]{1,60}")


class Net:
    """What lies beyond the process, and the tools that go there."""

    def __init__(self, lab: World) -> None:
        self.lab = lab
        self.upstream = os.environ.get("UPSTREAM", "").rstrip("/")

    def _get(self, url: str) -> str:
        """What an HTTP GET answers. ToolError where that fails; the reason stays here."""
        from http.client import HTTPException
        from urllib.request import ProxyHandler, build_opener  # 30 ms, and only these tools need it

        try:
            with build_opener(ProxyHandler({})).open(url, timeout=UPSTREAM_S) as answer:
                return str(answer.read(MOST_BYTES).decode("utf-8", "replace"))
        except (OSError, ValueError, HTTPException):
            raise ToolError("The other server gave no usable answer.") from None

    # ---- pages ----

    def page(self, call: Call) -> Reply:
        url = call.args["url"]
        if url in _PAGES:
            return Reply(_PAGES[url])
        if self.lab.on("ssrf"):
            # ssrf: whatever the client names is fetched, from where this server stands
            return Reply(self._get(url))
        known = sorted({urlsplit(page).netloc for page in _PAGES})
        raise ToolError(f"{quoted(url)} is no page of {' or '.join(known)}.")

    # ---- the upstream ----

    def article(self, call: Call) -> Reply:
        article = call.args["article"]
        if self.lab.on("upstream-path"):
            # upstream-path: the id is pasted into a path, where it may mean more than an id
            url = f"{self.upstream}/articles/{article}"
        elif _ARTICLE.fullmatch(article):
            url = f"{self.upstream}/articles/{quote(article, safe='')}"
        else:
            raise ToolError(f"{quoted(article)} is no article.")
        return Reply(self._get(url) if self.upstream else f"Nothing more is known of {quoted(article)}.")

    def price(self, call: Call) -> Reply:
        """What the wholesaler asks for an article; an upstream is a stranger, and its words are looked at."""
        told = self._told(call.args["article"])
        if self.lab.on("upstream-trusted"):
            # upstream-trusted: the documentation says that `total` is a number, and that there always is one
            return Reply(f"{round(json.loads(told)['total'] / 100, 2)} a piece.")
        try:
            total = json.loads(told)["total"]
            return Reply(f"{round(float(total) / 100, 2)} a piece.")
        except (ValueError, TypeError, LookupError, RecursionError, OverflowError):
            raise ToolError("The other server gave no usable answer.") from None

    def _told(self, article: str) -> str:
        if not _ARTICLE.fullmatch(article):
            raise ToolError(f"{quoted(article)} is no article.")
        return self._get(f"{self.upstream}/prices/{article}") if self.upstream else '{"total": 1250}'

    def note(self, call: Call) -> Reply:
        topic, text = call.args["topic"], call.args["text"]
        if not self.lab.on("header-injection") and not _TOPIC.fullmatch(topic):
            raise ToolError("A topic has letters, digits, spaces, dots and dashes only.")
        if self.upstream:
            self._post(topic, text)
        return Reply("The note was passed on.")

    def _post(self, topic: str, text: str) -> None:
        """header-injection: a request written by hand; sound only as long as the topic was looked at."""
        parts = urlsplit(self.upstream)
        body = text.encode()
        head = (
            f"POST {parts.path}/notes HTTP/1.1\r\n"
            f"Host: {parts.netloc}\r\n"
            f"X-Topic: {topic}\r\n"
            f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        try:
            with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=UPSTREAM_S) as connection:
                connection.sendall(head.encode() + body)
                connection.recv(MOST_BYTES)
        except (OSError, ValueError):
            raise ToolError("The other server gave no usable answer.") from None

    # ---- what is served ----

    def tools(self) -> list[Tool]:
        text: Schema = {"type": "string", "maxLength": 500}
        url: Schema = {"type": "string", "format": "uri", "maxLength": 500, "examples": list(_PAGES)}
        return [
            brief(
                "fetch_page",
                ("read_page", "load_url"),
                "The text of a page of pottery.example or kiln.example.",
                {"url": url},
                self.page,
                {"url": ("address", "link")},
                hints={**READ, "openWorldHint": True},
            ),
            brief(
                "article_details",
                ("article_info", "describe_article"),
                "What the wholesaler knows of an article.",
                {"article": {**text, "minLength": 1, "maxLength": 100, "examples": ["A-100", "mug-7"]}},
                self.article,
                {"article": ("item", "product")},
                hints={**READ, "openWorldHint": True},
            ),
            brief(
                "wholesale_price",
                ("ask_price", "purchase_price"),
                "What the wholesaler asks for an article.",
                {"article": {**text, "minLength": 1, "maxLength": 40, "examples": ["A-100", "mug-7"]}},
                self.price,
                {"article": ("item", "product")},
                hints={**READ, "openWorldHint": True},
                # upstream-trusted: a list has no "total" either, and that is a TypeError
                catches=(ValueError, KeyError, ToolError) if self.lab.on("upstream-trusted") else (Exception,),
            ),
            brief(
                "pass_note",
                ("forward_note", "relay_note"),
                "Passes a note on to the wholesaler under a topic.",
                {
                    "topic": {**text, "minLength": 1, "maxLength": 200, "examples": ["Prices"]},
                    "text": {**text, "examples": ["Please quote."]},
                },
                self.note,
                {"topic": ("subject", "heading"), "text": ("body", "message")},
                hints=WRITE,
            ),
        ]
