"""Schemathesis on a server's OpenAPI document, in a process of its own that reaches nobody (`aside`): what it would
send goes to its parent as a line of JSON, and the parent says what came back.

    stdin    {"document", "prefix", "seed", "seconds", "examples", "methods"}, then one answer for each request:
             {"status", "headers": [[name, value]], "body": base64}, or {"error": words}
    stdout   {"ask": REQUEST}, {"failed": {"operation", "check", "status", "request": REQUEST, "passed": REQUEST or
             null}}, {"done": {"operations", "requests", "skipped", "spent"}}
    REQUEST  {"method", "path", "headers": [[name, value]], "body": base64 or null}

Run as `python -m mcpfuzz.strategies.side_worker`.
"""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from mcpfuzz.strategies.aside import Line, begin

__all__ = ["main"]

BASE = "http://side.invalid"
"""Where it believes the server to be (RFC 6761); nothing looks that name up."""
OWN_HEADERS = frozenset({"user-agent", "x-schemathesis-testcaseid", "connection", "accept-encoding", "content-length"})
"""Headers of the tools, not of the case."""
FRAMING = frozenset({"content-length", "transfer-encoding", "content-encoding", "connection"})
"""Headers that do not hold for a body which the parent has read."""
OPERATION_SHARE = 1.5
"""Times its even share of the time that one operation may take."""


class _Spent(BaseException):
    """The time is up. No Exception: Hypothesis would take it for a failure and shrink it."""


class _Found(Exception):
    """A check failed: what Hypothesis shrinks."""


def _adapter(line: Line, log: list[dict[str, Any]]) -> Any:
    """What `requests` sends with: the last request of `log` is the one that was sent last."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3 import HTTPResponse

    class Adapter(HTTPAdapter):
        def send(self, request: Any, *_: Any, **__: Any) -> Any:
            asked = _request(request)
            log.append(asked)
            line.tell({"ask": asked})
            told = line.take()
            if "error" in told:
                raise requests.ConnectionError(told["error"], request=request)
            body = io.BytesIO(base64.b64decode(told["body"]))
            kept = {name: value for name, value in told["headers"] if name.lower() not in FRAMING}
            raw = HTTPResponse(body, kept, told["status"], version=11, preload_content=False)
            return self.build_response(request, raw)

    return Adapter()


def _request(request: Any) -> dict[str, Any]:
    parts = urlsplit(request.url)
    body = request.body
    if body is not None and not isinstance(body, bytes):
        body = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else b"".join(body)
    headers = [[str(name), _text(value)] for name, value in request.headers.items() if name.lower() not in OWN_HEADERS]
    return {
        "method": request.method,
        "path": (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        "headers": headers,
        "body": None if body is None else base64.b64encode(body).decode(),
    }


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


class _Survey:
    """All operations of one document."""

    def __init__(self, line: Line, order: Mapping[str, Any]) -> None:
        import requests

        self._line = line
        self._order = order
        self._until = time.monotonic() + float(order["seconds"])
        self._share = self._until
        self._log: list[dict[str, Any]] = []
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", _adapter(line, self._log))
        self.operations = 0
        self.skipped: list[str] = []

    def run(self) -> None:
        """Raises _Spent."""
        import schemathesis

        loaded = schemathesis.openapi.from_dict(self._order["document"])
        loaded.config.update(base_url=BASE + self._order["prefix"])
        loaded.config.generation.update(codec="ascii")  # the tables of Unicode take seconds to make
        found = [item.ok() for item in loaded.get_all_operations() if hasattr(item, "ok")]
        wanted = [item for item in found if item.method.upper() in self._order["methods"]]
        self.skipped = [item.label for item in found if item not in wanted]
        for position, operation in enumerate(wanted):
            left = self._until - time.monotonic()
            self._share = min(self._until, time.monotonic() + OPERATION_SHARE * left / (len(wanted) - position))
            try:
                self._play(operation, schemathesis.GenerationMode)
            except _Spent:
                if time.monotonic() > self._until:
                    raise
            finally:
                self.operations += 1

    @property
    def requests(self) -> int:
        return len(self._log)

    def _play(self, operation: Any, modes: Any) -> None:
        known: set[str] = set()
        passed: list[dict[str, Any]] = []
        for mode in (modes.POSITIVE, modes.NEGATIVE):
            for _ in range(2):  # one failure hides another: what is known is let pass the second time
                before = len(known)
                try:
                    strategy = operation.as_strategy(generation_mode=mode)
                    self._draw(strategy, lambda case: self._check(case, known, passed))
                except _Found as failure:
                    known.add(str(failure))
                except Exception:  # noqa: BLE001 - nothing to draw from, or an answer that is not the same twice
                    break
                if len(known) == before:
                    break

    def _check(self, case: Any, known: set[str], passed: list[dict[str, Any]]) -> None:
        if time.monotonic() > self._share:
            raise _Spent
        import requests
        from schemathesis.checks import not_a_server_error
        from schemathesis.core.failures import Failure, FailureGroup
        from schemathesis.specs.openapi.checks import response_schema_conformance

        try:
            response = case.call(session=self._session, allow_redirects=False)
        except requests.ConnectionError:
            self._tell(case, "lost", None, passed)
            raise _Spent from None
        for name, check in (("server-error", not_a_server_error), ("response-schema", response_schema_conformance)):
            if name in known:
                continue
            try:
                case.validate_response(response, checks=[check])
            except (Failure, FailureGroup):
                self._tell(case, name, response.status_code, passed)
                raise _Found(name) from None
        if response.status_code < 400:
            passed[:] = [self._log[-1]]

    def _tell(self, case: Any, check: str, status: int | None, passed: list[dict[str, Any]]) -> None:
        failed = {
            "operation": case.operation.label, "check": check, "status": status, "request": self._log[-1],
            "passed": passed[0] if passed else None,
        }  # fmt: skip
        self._line.tell({"failed": failed})

    def _draw(self, strategy: Any, take: Callable[[Any], None]) -> None:
        import hypothesis

        settings = hypothesis.settings(
            max_examples=int(self._order["examples"]), database=None, deadline=None, print_blob=False,
            phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink], report_multiple_bugs=False,
            suppress_health_check=list(hypothesis.HealthCheck), verbosity=hypothesis.Verbosity.quiet,
        )  # fmt: skip

        def drawn(case: Any) -> None:
            take(case)

        given: Any = hypothesis.given(strategy)
        hypothesis.seed(int(self._order["seed"]))(settings(given(drawn)))()


def main() -> None:
    """Take the order, play it, say what came of it."""
    line = begin()
    survey = _Survey(line, line.take())
    try:
        survey.run()
        spent = False
    except _Spent:
        spent = True
    line.tell(
        {
            "done": {
                "operations": survey.operations,
                "requests": survey.requests,
                "skipped": survey.skipped,
                "spent": spent,
            }
        }
    )


if __name__ == "__main__":
    main()
