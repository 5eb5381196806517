"""Rows of the attack weaknesses; see `weaknesses`."""
from __future__ import annotations
from collections.abc import Mapping
from typing import Final
ATTACKS: Final[tuple[Mapping[str, object], ...]] = ()
