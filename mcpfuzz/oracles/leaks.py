"""What an answer must not hold: stack traces, paths of the machine, secrets. Patterns only name the form;
that nothing of it was sent, and that a benign call does not show it, is for the proof to check.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["LEAKS", "Leak", "leaks_in", "may_leak"]


@dataclass(frozen=True, slots=True)
class Leak:
    """One form of leak."""

    rule: str
    name: str
    pattern: re.Pattern[str]
    errors_only: bool = False
    """Harmless in an ordinary result (a tool may list paths)."""


def _leak(rule: str, name: str, pattern: str, *, errors_only: bool = False) -> Leak:
    return Leak(rule, name, re.compile(pattern), errors_only)


LEAKS: tuple[Leak, ...] = (  # linear on any text: no unbounded run that several starts could share
    _leak("stack-trace-leak", "a Python traceback", r"Traceback \(most recent call last\)|File \"[^\"\n]{1,300}\", line \d+"),
    _leak("stack-trace-leak", "a JavaScript stack", r"\n[ \t]{1,40}at [^\n]{1,200}[(/ ][^\n()]{1,300}:\d+:\d+\)?"),
    _leak("stack-trace-leak", "a Go stack", r"goroutine \d+ \[[a-z ]+\]:"),
    _leak("stack-trace-leak", "a Java stack", r"\n[ \t]{1,40}at [\w.$]+\([\w]+\.java:\d+\)"),
    _leak(
        "path-leak", "an absolute path",
        r"(?<![\w/.:-])/[\w.@+-]+/[\w.@+-]+(?:/[\w.@+-]+)*",
        errors_only=True,
    ),
    _leak("secret-leak", "a password in a URL", r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@\"']{1,80}:[^\s/:@\"']{3,80}@[\w.-]+"),
    _leak("secret-leak", "a private key", r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    _leak("secret-leak", "a provider's token", r"\b(?:sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|AKIA[0-9A-Z]{16}|xox[abprs]-[\w-]{10,})"),
)  # fmt: skip

_GAP = re.compile(r"\.{3,}")
_HINT = re.compile(r"Traceback|\", line |\n[ \t]{1,40}at |goroutine |://|PRIVATE KEY|/[a-zA-Z]|sk-|gh[pousr]_|AKIA|xox")
_RAW_HINT = re.compile(
    rb"Traceback|\\\", line |\\n[ \t]{1,40}at |goroutine |://[^\s/@\"]+@|PRIVATE KEY|sk-|gh[pousr]_|AKIA|xox"
    rb"|[^\w.:/-]/[\w.@+-]+/[\w.@+-]"
)


LONG = 8
"""Characters of a name that is known by what was sent; shorter ones may be in it by chance."""
MAX_TEXT = 1 << 20
"""Longer answers are searched in their first and last half of this many characters."""


def leaks_in(
    text: str, *, error: bool, sent: str, known: Sequence[str] = (), roots: Sequence[str] = ()
) -> Iterator[tuple[Leak, str]]:
    """The leaks that a text shows, with the leaked words.

    Args:
        error: the answer is an error (or isError).
        sent: what was sent; an echo is no leak.
        roots: how this machine's paths begin, one component or two; a pointer such as /properties/age is no path.
        known: folders that the user configured; their paths, and all inside, may be named.
    """
    if len(text) > MAX_TEXT:
        text = text[: MAX_TEXT // 2] + text[-MAX_TEXT // 2 :]
    if _HINT.search(text) is None:
        return
    for leak in LEAKS:
        if leak.errors_only and not error:
            continue
        for match in leak.pattern.finditer(text):
            found = match.group(0)
            if leak.rule == "path-leak" and not _of_this_machine(found, roots):
                continue
            if _known(found, sent, known) or (leak.rule == "path-leak" and _known(found.rstrip("."), sent, known)):
                continue  # a full stop behind a path ends the sentence
            if leak.rule == "path-leak" and _elided(found, sent, known):
                continue
            if leak.name == "a password in a URL" and _bare(found) in _bare(sent):
                continue
            if leak.rule == "path-leak":
                found = _unsent(found + "/" * text.startswith("/", match.end()), sent)
            yield leak, found
            break


def _of_this_machine(path: str, roots: Sequence[str]) -> bool:
    first, second = path.split("/", 3)[1:3]
    return first in roots or f"{first}/{second}" in roots


def _known(found: str, sent: str, known: Sequence[str]) -> bool:
    return found.strip() in sent or any(_inside(found, folder) for folder in known)


def _unsent(path: str, sent: str) -> str:
    """A path without what was sent at its end: what is given away is the folder, whatever was asked for
    in it; it ends in a slash then."""
    for match in re.finditer("/", path):
        asked = path[match.end() :]
        if path.count("/", 0, match.end()) > 2 and len(asked) >= LONG and asked in sent:
            return path[: match.end()]
    return path


def _elided(path: str, sent: str, known: Sequence[str]) -> bool:
    """Whether a path with a gap (`/home/me...x/notes`, `/home/me...`) shows nothing but parts of what was sent
    or configured: libraries that quote their input shorten it so."""
    head, *rest = _GAP.split(path, maxsplit=1)  # "...." too: what is shortened may end with a dot, or the sentence does
    if not rest or head.count("/") < 2:
        return False
    tail = rest[0]
    told = (sent, *known)
    return any(head in text for text in told) and any(tail in text for text in told)


def _bare(text: str) -> str:
    """Without what shells and quoting take out of or put into a text that they pass on."""
    return re.sub(r"[\\\s'\"]", "", text)


def may_leak(raw: bytes, secrets: Sequence[str] = ()) -> bool:
    """A quick look at a frame's bytes: False where no leak can be in it. Escapes hide words from it, so a
    frame that holds one is always looked at in full."""
    if b"\\" in raw:
        return True
    return _RAW_HINT.search(raw) is not None or any(secret.encode("utf-8") in raw for secret in secrets)


def _inside(path: str, folder: str) -> bool:
    """Whether a path is a folder or below it (or above it: a part of what was configured)."""
    folder = folder.rstrip("/")
    if not folder:
        return False  # the root holds everything; being told of it says nothing
    return path == folder or path.startswith(folder + "/") or folder.startswith(path.rstrip("/") + "/")
