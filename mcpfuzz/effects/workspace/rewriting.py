"""The copy's path in place of the original's, in any text: whole path components only."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from urllib.parse import quote

from mcpfuzz.model import Json

__all__ = ["rewrite", "rewrite_json"]

_NAME = r"\w.~@%+\\\-"
"""What a path component may go on with; a blank or a bracket is taken as its end."""
_BEFORE = rf"(?:(?<![{_NAME}/*?)}}\]])|(?<=://)|(?<=:///)|(?<=\A-[A-Za-z]))"
"""`--root=/work`, `a:/work`, `"/work`, `file:///work`, `sqlite:////work`, `-C/work`; not `x/work`, `${HOME}/work`."""
_EDGE = "=:,;\"'"
"""What may stand beside a relative path; blanks may not, or words of a text would be taken for folders."""


def rewrite(text: str, mapping: Mapping[str, str]) -> str:
    """`text` with every folder of `mapping` replaced by its value, whole path components only.

    A folder is found as it was given, as its absolute and as its resolved form; the longest one wins, and
    what was put in is not looked at again.

    Args:
        mapping: folder (absolute, or relative to the current one) -> the path to put in its place.
    """
    if not text or not mapping:
        return text
    pattern, values = _pattern(tuple(mapping.items()), os.getcwd())
    return pattern.sub(lambda match: values[(match.lastindex or 1) - 1], text) if values else text


def rewrite_json(value: Json, mapping: Mapping[str, str]) -> Json:
    """`value` with `rewrite` applied to every string in it, keys too."""
    if isinstance(value, str):
        return rewrite(value, mapping)
    if isinstance(value, dict):
        return {rewrite(key, mapping): rewrite_json(item, mapping) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rewrite_json(item, mapping) for item in value]
    return value


@functools.lru_cache(maxsize=64)
def _pattern(items: tuple[tuple[str, str], ...], cwd: str) -> tuple[re.Pattern[str], list[str]]:
    """One group per form of each folder, longest form first, and what replaces each group."""
    forms: dict[str, str] = {}
    for folder, value in items:
        given = os.path.normpath(folder)
        absolute = os.path.join(cwd, given)
        for form in (given, os.path.normpath(absolute), os.path.realpath(absolute)):
            form = re.sub("^/+", "/", form)
            forms.setdefault(form, value)
            if form.startswith("/"):
                forms.setdefault(quote(form), quote(value))
    forms.pop("/", None)
    ordered = sorted(forms, key=len, reverse=True)
    return re.compile("|".join(map(_form, ordered))), [forms[form] for form in ordered]


def _form(form: str) -> str:
    if form.startswith("/"):
        parts = r"/+(?:\./+)*".join(map(re.escape, form[1:].split("/")))
        return rf"{_BEFORE}(/{parts})(?![{_NAME}])"
    return rf"(?<![^{_EDGE}])((?:\./)?{re.escape(form)})(?=/|\Z|[{_EDGE}])"
