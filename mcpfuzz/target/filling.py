"""Placeholders and variables in what the user wrote."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from mcpfuzz.effects.workspace import rewrite
from mcpfuzz.errors import UsageError
from mcpfuzz.model import Json

__all__ = ["expand_variables", "filled", "placed"]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def filled(text: str, places: Mapping[str, str], copies: Mapping[str, str]) -> str:
    """`text` with its placeholders filled and the workspaces' copies in their place.

    Raises:
        UsageError: it names a workspace, and there is none.
    """
    if "{workspace}" in text and "workspace" not in places:
        raise UsageError(f"{text!r} holds {{workspace}}, but no --workspace was given")
    return rewrite(placed(text, places), copies)


def placed(value: Json, places: Mapping[str, str]) -> Json:
    """A value whose texts have their slots filled, however deep they stand; names of members stay."""
    if isinstance(value, str):
        for name, place in places.items():
            value = value.replace("{" + name + "}", place)
        return value
    if isinstance(value, Mapping):
        return {key: placed(item, places) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [placed(item, places) for item in value]
    return value


def expand_variables(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """`${NAME}` and `${NAME:-default}` from our own environment.

    Raises:
        UsageError: a variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        found = environ.get(match[1], match[2])
        if found is None:
            raise UsageError(f"${{{match[1]}}} is not set in the environment of mcpfuzz")
        return found

    return _VARIABLE.sub(value, text)
