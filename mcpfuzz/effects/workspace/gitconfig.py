"""Git's configuration language (git-config(1), SYNTAX): text into entries, an entry into text.

Knows no meaning of any key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

__all__ = ["ConfigEntry", "config_line", "read_config"]

_SECTION = re.compile(r'\[([A-Za-z0-9.-]+)(?:[ \t]+"((?:[^"\\\n]|\\[^\n])*)")?[ \t]*\]')
_KEY = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*(=?)")
_VALUE = re.compile(r'((?:[^\\"\n#;]|\\[ntb"\\\n]|"(?:[^\\"\n]|\\[ntb"\\\n])*")*)(?:[#;][^\n]*)?(?=\n|\Z)')
_BARE = re.compile(r'[^\s"\\#;]+(?: [^\s"\\#;]+)*')
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", '"': '"', "\\": "\\", "\n": ""}
ConfigEntry: TypeAlias = tuple[str, str | None, str, str | None]
"""(section, subsection, key, value)"""


def read_config(text: str) -> Iterator[ConfigEntry]:
    """Entries in order; a key without "=" has the value None. Raises ValueError."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    section, subsection, at = "", None, 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif text[at] in "#;":
            at = (text + "\n").index("\n", at)
        elif found := _SECTION.match(text, at):
            section, dot, rest = found[1].lower().partition(".")
            subsection = rest if dot else None if found[2] is None else re.sub(r"\\(.)", r"\1", found[2])
            at = found.end()
        elif section and (found := _KEY.match(text, at)):
            at, value = found.end(), None
            if found[2]:
                if not (raw := _VALUE.match(text, at)):
                    raise ValueError(f"a value at offset {at}")
                at = raw.end()
                bare = raw[1].strip(" \t\r\f\v")  # not of the newline that a backslash continues
                value = re.sub(r'(?s)\\(.)|"', lambda part: _ESCAPES[part[1]] if part[1] else "", bare)
            yield section, subsection, found[1].lower(), value
        else:
            raise ValueError(f"offset {at}")


def config_line(section: str, subsection: str | None, key: str, value: str | None) -> str:
    """The entry under a section head of its own, which git reads as if it stood with the others."""
    name = section if subsection is None else f'{section} "{_escape(subsection)}"'
    if value is None:
        return f"[{name}]\n\t{key}\n"
    # without quotes where it needs none, as git writes it: not everybody who looks for `url = ` reads like git
    return f"[{name}]\n\t{key} = {value}\n" if _BARE.fullmatch(value) else f'[{name}]\n\t{key} = "{_escape(value)}"\n'


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
