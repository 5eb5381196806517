"""Where a server is told to listen, as far as its command and its environment say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mcpfuzz.transports.endpoint import is_loopback

__all__ = ["faces_a_network"]

_ANYWHERE = re.compile(r"(?:^|[^\w.])(?:0\.0\.0\.0|\*:\d+|\[::\])(?:$|[^\w.])|^(?:\*|::)$")
_WHERE = re.compile(r"(?:^|[-_])(?:host|hostname|bind|listen|addr|address|interface|ip)$", re.IGNORECASE)


def faces_a_network(words: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether the command or the environment says that the server should listen on more than loopback."""
    if any(_ANYWHERE.search(text) for text in (*words, *env.values())):
        return True
    named = list(env.items())
    for word, following in zip(words, (*words[1:], ""), strict=False):
        name, mark, value = word.partition("=")
        named.append((name, value if mark else following))
    addresses = (value.removeprefix("[").partition("]")[0] for name, value in named if _WHERE.search(name) and value)
    return any(not is_loopback(value) and not is_loopback(value.partition(":")[0]) for value in addresses)
