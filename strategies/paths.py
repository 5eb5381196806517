"""Paths that lead out of a workspace: a target beside it, and a way there. Composed of both, most likely
first; what is aimed at is always a decoy or a name that only this run can have made.

Ways and targets are tables; a good value decides which ways come first and what stays of it (its folder,
its extension, the command before the last word).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from mcpfuzz.strategies.payload import Payload

__all__ = ["reads", "writes"]

READ, LINK, WRITE = "path-traversal", "symlink-escape", "file-write"
TYPES = frozenset({"txt", "md", "json", "csv", "log", "html", "xml", "yaml", "yml", "py", "js", "env", "pem"})
"""Extensions that the decoy `secret` exists with."""
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,5})$")
_COMMAND = re.compile(r"^(.*\s)(\S+)$", re.DOTALL)

WAYS: tuple[tuple[str, str], ...] = (
    ("{outside}/TARGET", "an absolute path"),
    ("../TARGET", "one folder up"),
    ("{workspace}/../TARGET", "up from the workspace's own path"),
    ("{repeat:12:../}.{outside}/TARGET", "up to the root and down again"),
    ("BASE/../../TARGET", "up from a good path"),
    ("file://{outside}/TARGET", "a file: URI"),
    ("....//TARGET", "dots that a single clean-up turns into .."),
    ("..%2fTARGET", "a percent-encoded slash"),
    ("%2e%2e%2fTARGET", "percent-encoded dots"),
    ("..%252fTARGET", "encoded twice"),
    ("{workspace}/..%2fTARGET", "a percent-encoded slash behind the workspace"),
    ("..\\TARGET", "a backslash"),
    ("./.././TARGET", "dots between dots"),
    ("{workspace}//..//TARGET", "doubled slashes"),
    (" ../TARGET", "a blank before it"),
    ('"{outside}/TARGET"', "an absolute path in quotes"),
    ("file:{outside}/TARGET", "a file: URI without slashes"),
    ("{outside}/TARGET\0.EXT", "a NUL and the extension that is wanted"),
    ("../TARGET\0.EXT", "one folder up, a NUL and the extension that is wanted"),
)
"""(template, words); TARGET is what is aimed at, BASE the good value's folder, EXT its extension."""
TARGETS = ("secret.EXT", "", "other", "secret", "private", "other.db", ".env")
"""Decoys beside the workspace: a file, the folder itself, a repository, files without an extension ..."""
BESIDE: tuple[tuple[str, str], ...] = (
    ("{workspace}_private/secret.txt", "a folder whose name begins like the workspace's"),
    ("../{folder}_private/secret.txt", "a folder whose name begins like the workspace's"),
    ("{workspace}_private", "a folder whose name begins like the workspace's"),
    ('{workspace}"', "a folder whose name is the workspace's and a quote"),
    ("{workspace} ", "a folder whose name is the workspace's and a blank"),
    ("{workspace}'", "a folder whose name is the workspace's and an apostrophe"),
    ('{workspace}"/secret.txt', "a folder whose name is the workspace's and a quote"),
    ("{workspace} /secret.txt", "a folder whose name is the workspace's and a blank"),
    ("{workspace}'/secret.txt", "a folder whose name is the workspace's and an apostrophe"),
)
LINKS: tuple[tuple[str, str], ...] = (
    ("linked.txt", "a link in the workspace"),
    ("{workspace}/linked.txt", "a link in the workspace"),
    ("linked/secret.txt", "a linked folder in the workspace"),
    ("{workspace}/linked/secret.txt", "a linked folder in the workspace"),
    ("{workspace}/linked", "a linked folder in the workspace"),
    ("linked", "a linked folder in the workspace"),
    ("file://{workspace}/linked.txt", "a link in the workspace, as a URI"),
)
NEW: tuple[tuple[str, str], ...] = (
    ("{watch}/NAME", "an absolute path"),
    ("../NAME", "one folder up"),
    ("{outside}/NAME", "an absolute path beside the workspace"),
    ("{workspace}/../NAME", "up from the workspace's own path"),
    ("{repeat:12:../}.{watch}/NAME", "up to the root and down again"),
    ("{workspace}_private/NAME", "a folder whose name begins like the workspace's"),
    ("{workspace}/linked/NAME", "through a linked folder in the workspace"),
    ("linked/NAME", "through a linked folder in the workspace"),
    ("BASE/../../NAME", "up from a good path"),
    ('{workspace}"/NAME', "a folder whose name is the workspace's and a quote"),
    ("{workspace} /NAME", "a folder whose name is the workspace's and a blank"),
    ("file://{watch}/NAME", "a file: URI"),
    ("....//NAME", "dots that a single clean-up turns into .."),
    ("..%2fNAME", "a percent-encoded slash"),
    ("%2e%2e%2fNAME", "percent-encoded dots"),
    ("..\\NAME", "a backslash"),
)


@lru_cache(maxsize=4096)
def reads(base: str) -> tuple[Payload, ...]:
    """Payloads that read a decoy, most likely first.

    Args:
        base: the good value of the place.
    """
    head, last = _split(base)
    pairs = sorted(
        ((way, target) for way in range(len(WAYS)) for target in range(len(TARGETS))),
        key=lambda pair: pair[0] * 2 + pair[1] * 3,
    )
    made = [_made(head, LINKS[0], last, LINK), _made(head, LINKS[1], last, LINK)]
    beside = [_made(head, item, last, READ) for item in BESIDE]
    links = [_made(head, item, last, LINK) for item in LINKS[2:]]
    ways = [_made(head, WAYS[way], last, READ, TARGETS[target]) for way, target in pairs]
    made += [*ways[:4], *beside[:5], *links[:2], *ways[4:12], *beside[5:], *links[2:], *ways[12:]]
    return tuple({payload.text: payload for payload in made if payload is not None}.values())


@lru_cache(maxsize=4096)
def writes(base: str) -> tuple[Payload, ...]:
    """Payloads that make something of a new name outside of the workspace, most likely first."""
    head, last = _split(base)
    made = [_made(head, item, last, WRITE) for item in NEW]
    return tuple({payload.text: payload for payload in made if payload is not None}.values())


def _split(base: str) -> tuple[str, str]:
    """What stands before the path, and the good path: a command line keeps its words but the last."""
    match = _COMMAND.match(base)
    return (match[1], match[2]) if match and "\n" not in base else ("", base)


def _made(head: str, item: tuple[str, str], last: str, rule: str, target: str = "") -> Payload | None:
    template, words = item
    found = _EXTENSION.search(last)
    extension = found[1] if found else ""
    folder = last.rpartition("/")[0]
    if "BASE" in template and (not folder or folder.startswith("-") or "://" in folder):
        return None
    wanted = extension if extension in TYPES else "txt"
    name = "{canary:1}" + (f".{extension}" if extension else "")
    text = template.replace("TARGET", target).replace("NAME", name).replace("BASE", folder).replace("EXT", wanted)
    if not target:
        text = text.removesuffix("/").removesuffix("%2f").removesuffix("\\")
    aimed = next(_aims(text), text)
    return Payload(head + text, words, (aimed,), rule)


def _aims(text: str) -> Iterator[str]:
    """The piece that says where it leads: from its first slot of a folder, or from its first `..` on."""
    match = re.search(r"(?:\{(?:outside|watch|workspace)\}|\.\.|%2e|linked).*", text, re.DOTALL)
    if match:
        yield match[0]
