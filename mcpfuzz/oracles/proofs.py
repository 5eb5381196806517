"""The proofs: for each kind of effect, how it is seen in a trace. Pure functions of (params, trace,
bench): the same function judges the first sighting, the confirmation on a fresh server, every step of
shrinking, the benign control, and a replay from the report.

Each returns what was observed, in words, or None where the effect is absent. They live beside what they look at,
each module with a table of its own: `process_proofs`, `answer_proofs`, `schema_proofs`, `row_proofs` for what any
case may show; `sightings`, `stateful`, `ownership`, `task_proofs`, `login_proofs`, `crossings`, `session_proofs`,
`socket_proofs`, `surfaces`, `page_proofs`, `authorization_proofs`, `http_proofs` for what attacks claim.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcpfuzz.errors import Fault
from mcpfuzz.model import Proof, Trace
from mcpfuzz.oracles.answer_proofs import ANSWERS
from mcpfuzz.oracles.authorization_proofs import AUTHORIZATION
from mcpfuzz.oracles.bench import Bench, Seen
from mcpfuzz.oracles.challenges import CHALLENGES
from mcpfuzz.oracles.crossings import CROSSINGS
from mcpfuzz.oracles.http_proofs import HTTP
from mcpfuzz.oracles.login_proofs import LOGINS
from mcpfuzz.oracles.ownership import OWNERSHIP
from mcpfuzz.oracles.page_proofs import PAGES
from mcpfuzz.oracles.process_proofs import PROCESS
from mcpfuzz.oracles.row_proofs import MESSAGES
from mcpfuzz.oracles.schema_proofs import DECLARED
from mcpfuzz.oracles.session_proofs import SESSIONS
from mcpfuzz.oracles.sightings import SIGHTINGS
from mcpfuzz.oracles.socket_proofs import SOCKETS
from mcpfuzz.oracles.stateful import STATEFUL
from mcpfuzz.oracles.surfaces import SURFACES
from mcpfuzz.oracles.task_proofs import TASKS

__all__ = ["PROOFS", "observe", "set_own_proofs"]


_BUNDLED: Mapping[str, Seen] = {
    **PROCESS,
    **ANSWERS,
    **DECLARED,
    **MESSAGES,
    **SIGHTINGS,
    **STATEFUL,
    **OWNERSHIP,
    **TASKS,
    **LOGINS,
    **CROSSINGS,
    **SESSIONS,
    **CHALLENGES,
    **AUTHORIZATION,
    **SOCKETS,
    **SURFACES,
    **PAGES,
    **HTTP,
}
_known = dict(_BUNDLED)
PROOFS: Mapping[str, Seen] = _known
"""Kind -> how it is seen; the user's own among them."""


def set_own_proofs(proofs: Mapping[str, Seen]) -> None:
    """From now on exactly these besides the bundled ones; names are all different."""
    _known.clear()
    _known.update(_BUNDLED, **proofs)


def observe(proof: Proof, trace: Trace, bench: Bench) -> str | None:
    """What of `proof` shows in `trace`, in words; None: nothing.

    Raises:
        Fault: no such proof.
    """
    seen = PROOFS.get(proof.kind)
    if seen is None:
        raise Fault(f"{proof.kind!r} is no proof that this version knows")
    try:
        return seen(proof.params, trace, bench)
    except KeyError as missing:  # a report's proof may lack what it needs: it shows nothing then
        if missing.args[0] in proof.params:
            raise
        return None
