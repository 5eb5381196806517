"""What was said already in this run is not said again: a filter of fixed size over the cases that were drawn, and who
rests because little new comes of them any more.

Ids are taken out before two cases are compared; canaries are slots still, so they are out anyway. The filter may take
a new case for a known one (once in millions at first, once in some hundred after two million cases); it is then drawn
anew, and always the same one, since nothing here depends on the process.
"""

from __future__ import annotations

import hashlib
import re

from mcpfuzz.model import Call, Case, Json, Raw, Send
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.wire import encode

__all__ = ["MOST_REST", "TRIES", "Novelty", "body"]

TRIES = 4
"""Draws for one case, at most."""
MOST_REST = 64
"""Rounds that a pair is left out, at most, before it is tried again."""
BARREN = 4
"""A share of which less than one in so many was new makes its pair rest."""
_BITS = 26
_LONG = 8
"""Characters of an id that is made up; a shorter one is chosen, and may be what the case is about."""
_ID = re.compile(rb'"id"\s*:\s*(?:"z[0-9a-f]{6,14}"|\d{10,16}\b)')


def body(case: Case) -> bytes | None:
    """What a case says, without ids; None where a repetition may say something else: several steps, a frame below the
    library."""
    steps = case.conversation.steps
    if len(steps) != 1 or steps[0].times > 1 or steps[0].on != "c1":
        return None
    action = steps[0].action
    if isinstance(action, Call):
        return encode([action.method, action.params])
    if isinstance(action, Send):
        data = encode(action.message)
    elif isinstance(action, Raw):
        data = action.data.encode("utf-8", "surrogatepass") if isinstance(action.data, str) else action.data
    else:
        return None
    known: list[Json] = case.ids if isinstance(case.ids, list) else [case.ids]
    for value in known:
        mark = encode(value) if isinstance(value, int | str) else b""
        if len(mark) >= _LONG:
            data = data.replace(mark, b"0")
    return _ID.sub(b"", data) if case.row is None else data


class Novelty:
    """Remembers what one run has said."""

    def __init__(self) -> None:
        self._seen = bytearray(1 << (_BITS - 3))
        self._rest: dict[tuple[str, str, str], tuple[int, int]] = {}

    @staticmethod
    def concerns(scenario: Scenario) -> bool:
        """Whether a repetition of this scenario's cases is idle: not where the server's state is what is tried."""
        return not scenario.alone and not scenario.fresh

    def new(self, case: Case) -> bool:
        """Whether this was not drawn before; from now on it was."""
        said = body(case)
        if said is None:
            return True
        claims = [(claim.rule, claim.proof.kind, dict(claim.proof.params)) for claim in case.claims]
        about = f"{case.scenario}\x1f{case.row}\x1f{case.valid}\x1f{claims or ''}\x1f"
        key = about.encode("utf-8", "surrogatepass") + said
        mark = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")
        seen, known = self._seen, True
        for bit in (mark & ((1 << _BITS) - 1), mark >> (64 - _BITS)):
            mask = 1 << (bit & 7)
            if not seen[bit >> 3] & mask:
                seen[bit >> 3] |= mask
                known = False
        return not known

    def rests(self, key: tuple[str, str, str], turn: int) -> bool:
        """Whether a pair is left out in this round; in the first none is."""
        return turn > 0 and turn < self._rest.get(key, (0, 0))[0]

    def note(self, key: tuple[str, str, str], turn: int, drawn: int, played: int) -> None:
        """What a share brought. Where that is little its pair rests, each time twice as long."""
        if played * BARREN >= drawn:
            self._rest.pop(key, None)
        else:
            pause = min(MOST_REST, 2 * self._rest.get(key, (0, 1))[1])
            self._rest[key] = (turn + pause, pause)
