"""Caps on one value: how large it is made, how long it is tried, how far a schema is looked through for it.

The caps on reading a schema are `schemas.limits`.
"""

from __future__ import annotations

__all__ = [
    "MAX_ITEMS",
    "MAX_MEMBERS",
    "MAX_NODES",
    "MAX_REQUIRED",
    "MAX_SITES",
    "MAX_TEXT",
    "MAX_WEIGHT",
    "PLAIN_TEXT",
    "SITE_STEPS",
    "SOFT_DEPTH",
    "SOFT_NODES",
    "TRIES",
]

SOFT_DEPTH = 5
"""Levels below which only what is required is made."""
SOFT_NODES = 400
"""Values in one argument object after which only what is required is made."""
MAX_NODES = 8_000
"""Values in one argument object, at all."""
MAX_REQUIRED = 2_000
"""Properties that an object may demand."""
MAX_ITEMS = 2_000
"""Items that an array may demand."""
MAX_TEXT = 1_000_000
"""Characters of a text that a schema may demand; sent as a `{repeat:...}` slot."""
PLAIN_TEXT = 200
"""Characters above which a text is a `{repeat:...}` slot."""
MAX_MEMBERS = 500
"""Members of an enum that are looked at; optional properties, too."""
MAX_WEIGHT = 20_000
"""Values in an array of equal items."""
MAX_SITES = 64
"""Places of one schema where something is broken or stretched."""
SITE_STEPS = 6_000
"""Parts of the schema that are judged to find what is flawed, or extreme, at one site."""
TRIES = 24
"""Attempts at one value that luck decides."""
