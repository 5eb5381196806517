"""The first look at an answer, made for speed: is it unremarkable, so that no oracle would say a word? It
may doubt too much, never too little: what it doubts is looked at alone, by `judging`, in full.
"""

from __future__ import annotations

from mcpfuzz.model import Case, Frame, Operation
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.leaks import may_leak
from mcpfuzz.oracles.outcomes import outcome_of
from mcpfuzz.oracles.schema_proofs import schema_fault
from mcpfuzz.oracles.shapes import shape_faults
from mcpfuzz.oracles.verdicts import judge
from mcpfuzz.revisions import BY_DATE
from mcpfuzz.wire import is_answer

__all__ = ["expected_extra", "unremarkable"]

LARGE = 1 << 20


def unremarkable(case: Case, method: str, frame: Frame | None, operation: Operation | None, bench: Bench) -> bool:
    """Whether an answer to one well-formed call needs no further look."""
    if frame is None or frame.faults or len(frame.raw) > LARGE or case.row is not None:
        return False
    if may_leak(frame.raw, bench.secrets):
        return False
    value = frame.value
    if "error" in value:
        return isinstance(value["error"], dict) and isinstance(value["error"].get("message"), str)
    result = value.get("result")
    if shape_faults(method, result, BY_DATE[bench.revision]):
        return False
    if result.get("isError") is True:
        return True
    if case.valid is False and (not case.coercible or bench.strict):
        return False
    if operation is not None and operation.output_schema:
        content = result.get("structuredContent")
        return content is not None and schema_fault(operation.output_schema, content) is None
    return True


def expected_extra(rows: tuple[str, ...], frame: Frame, bench: Bench) -> bool:
    """Whether a frame that answers no readable id is one that the rows of a volley allow: an error
    without an id, or a log message. Which of the messages drew it cannot be told, so all must allow it."""
    value = frame.value
    if frame.faults or not isinstance(value, dict) or may_leak(frame.raw, bench.secrets):
        return False
    if "method" in value and value.get("id") is None:
        if value["method"] != "notifications/message" or bench.logging:
            return True
    elif not (is_answer(value) and value.get("id") is None and "error" in value):
        return False
    outcome = outcome_of(None, frame)
    verdicts = [judge(row, outcome, bench.revision, bench.transport) for row in rows]
    return all(verdict.level != "FAIL" for verdict in verdicts) and ("method" not in value or bool(rows))
