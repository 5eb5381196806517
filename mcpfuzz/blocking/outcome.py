"""What came of one request, told apart for people who measure: a good answer, a refusal for too much, a tool's
error, a JSON-RPC error, an HTTP error, a broken connection, nothing in time. Pure: no socket, no clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mcpfuzz.model import Json

__all__ = ["Kind", "Outcome", "classify", "refused"]

Kind = Literal["ok", "limited", "tool-error", "rpc-error", "http-error", "broken", "late"]

_TOO_MUCH = re.compile(
    r"rate.?limit|too many (requests|calls)|quota exceeded|throttl|slow down|try again in", re.IGNORECASE
)
_TOO_MUCH_CODES = frozenset({429, -32029, -42900})
_WAIT_KEYS = {
    "retry_after": 1.0,
    "retryafter": 1.0,
    "retry_after_s": 1.0,
    "retry_after_ms": 0.001,
    "retryafterms": 0.001,
}


@dataclass(slots=True)
class Outcome:
    """One request's end.

    Attributes:
        detail: the row of an error table: "JSON-RPC -32603", "HTTP 503", "HTTP 429 Retry-After 1", "isError".
        took_s: from the due instant to the last byte of the answer.
        first_s: to the first event of an SSE answer; None for other answers.
        size: bytes of the answer's body.
        retry_after_s: what a refusal said about when to come again; None where it said nothing.
        form: how a refusal came: "429", "503", "rpc" or "tool"; empty else.
    """

    kind: Kind
    detail: str = ""
    took_s: float = 0.0
    first_s: float | None = None
    size: int = 0
    status: int | None = None
    retry_after_s: float | None = None
    form: str = ""
    value: Json = None

    @property
    def failed(self) -> bool:
        """Whether the server failed the caller; a refusal for too much is a defence, no failure."""
        return self.kind not in ("ok", "limited")


def classify(value: Json, status: int | None = None, retry_after: str | None = None) -> Outcome:
    """The outcome that an answer stands for.

    Args:
        value: the decoded JSON-RPC answer; None where there was none.
        status: of the HTTP response; None on other transports.
        retry_after: the header's text.
    """
    if status is not None and (status == 429 or (status == 503 and retry_after is not None)):
        return refused(str(status), f"HTTP {status}", seconds_of(retry_after), status=status, value=value)
    if isinstance(value, dict):
        error = value.get("error")
        if isinstance(error, dict):
            return _error(error, value, status)
        result = value.get("result")
        if isinstance(result, dict):
            if result.get("isError") is True:
                return _tool_error(result, value, status)
            if status is None or status < 400:
                return Outcome("ok", status=status, value=value)
    if status is not None and status >= 400:
        return Outcome("http-error", f"HTTP {status}", status=status, value=value)
    if value is None and status in (202, 204):
        return Outcome("ok", status=status)
    return Outcome("rpc-error", "no answer in the response", status=status, value=value)


def refused(form: str, words: str, wait_s: float | None, *, status: int | None = None, value: Json = None) -> Outcome:
    """A refusal for too much."""
    said = "" if wait_s is None else f" Retry-After {wait_s:g}"
    return Outcome("limited", words + said, status=status, retry_after_s=wait_s, form=form, value=value)


def _error(error: Mapping[str, Json], value: Json, status: int | None) -> Outcome:
    code, message = error.get("code"), error.get("message")
    if code in _TOO_MUCH_CODES or (isinstance(message, str) and _TOO_MUCH.search(message)):
        return refused("rpc", f"JSON-RPC {code} (limited)", _wait_in(error.get("data")), status=status, value=value)
    return Outcome("rpc-error", f"JSON-RPC {code}", status=status, value=value)


def _tool_error(result: Mapping[str, Json], value: Json, status: int | None) -> Outcome:
    content = result.get("content")
    first = content[0] if isinstance(content, list) and content else None
    text = first.get("text") if isinstance(first, dict) else None
    if isinstance(text, str) and _TOO_MUCH.search(text[:500]):
        return refused("tool", "isError (limited)", _wait_in(result.get("_meta")), status=status, value=value)
    return Outcome("tool-error", "isError", status=status, value=value)


def seconds_of(text: str | None) -> float | None:
    """Seconds of a Retry-After header; None where it is a date or no number."""
    try:
        seconds = float(text) if text is not None else -1.0
    except ValueError:
        return None
    return seconds if 0 <= seconds < 1e6 else None


def _wait_in(data: Json) -> float | None:
    if not isinstance(data, dict):
        return None
    for key, item in data.items():
        unit = _WAIT_KEYS.get(key.lower().replace("-", "_"))
        if unit is not None and isinstance(item, int | float) and not isinstance(item, bool) and 0 <= item < 1e9:
            return item * unit
    return None
