"""Plausible words: what a person might write into a property of this name. All of them are safe."""

from __future__ import annotations

from mcpfuzz.slots import has_slots

__all__ = ["HOSTS", "PEOPLE", "TAME", "WORDS", "words_for"]

TAME = "abcdegijlmnopuvwxyz0123456789"
"""Letters of which no verb that destroys can be made (no h, k, f, q, r, s, t)."""
WORDS = (
    "alpha", "beta", "gamma", "delta", "hello", "note", "report", "blue", "seven", "example", "north", "apple",
    "river", "stone", "42", "hello world", "two words", "Zo\u00eb", "x",
)  # fmt: skip
HOSTS = ("a.test", "host.invalid", "example.com", "localhost", "mail.example.org", "b-1.example.net")
PEOPLE = ("alice", "bob", "carol", "dave", "erin-smith", "frank+tag")
_BY_NAME: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("email", "mail"), ("alice@example.test", "bob@example.com")),
    (("url", "uri", "link", "endpoint", "href"), ("http://127.0.0.1:9/a", "https://a.test/b?c=1", "http://localhost/")),
    (("host", "domain", "address", "ip_"), ("localhost", "127.0.0.1", "a.test", "192.0.2.7")),
    (("path", "file", "dir", "folder", "cwd", "root"), ("notes.txt", "alpha", "docs/notes.txt", "{scratch}/notes.txt",
                                                       "{scratch}")),
    (("commit", "branch", "revision", "_ref", "treeish"), ("HEAD", "main", "master")),
    (("timezone", "tz"), ("UTC", "Europe/Berlin", "America/New_York")),
    (("datetime", "timestamp"), ("2026-01-02T03:04:05Z",)),
    (("date", "day", "since", "until"), ("2026-01-02", "2025-12-31")),
    (("time",), ("12:30", "23:59:59")),
    (("lang", "locale"), ("en", "de", "en-US")),
    (("country",), ("DE", "US")),
    (("currency",), ("EUR", "USD")),
    (("color", "colour"), ("#112233", "blue")),
    (("uuid", "guid"), ("00000000-0000-4000-8000-000000000001",)),
    (("expr", "formula", "equation"), ("1 + 1", "2 * 3", "7")),
    (("_id", "id"), ("1", "2", "a1", "7")),
    (("user", "name", "author"), ("alice", "bob", "alpha")),
)  # fmt: skip
"""Plausible words by what a property's name holds; first hit wins."""


def words_for(name: str, slots: bool) -> tuple[str, ...]:
    """Words for a property, by its name; with slots among them only where `slots` allows it."""
    lowered = "_" + name[:80].lower()  # so that a part may say that it begins a word
    for parts, words in _BY_NAME if name else ():
        if any(part in lowered for part in parts):
            return words if slots else tuple(word for word in words if not has_slots(word))
    return WORDS
