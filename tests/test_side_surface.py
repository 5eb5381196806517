"""The HTTP side surface: Schemathesis on a FastAPI server beside MCP, its failures proved and told as our own, its twin
silent; and what is left alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mcpfuzz.campaign.side_surface import _http, _leads_out, _prefix, documented, response_schema
from mcpfuzz.model import Conversation, Exchange, Http, Proof, Trace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.http_proofs import HTTP
from mcpfuzz.oracles.proofs import observe
from mcpfuzz.scenarios.http_side_surface import SCENARIO

SERVER = Path(__file__).parent / "fastapi_server.py"
MAX_TIME = 60
WITHOUT = """
import importlib.util, sys
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "schemathesis" else found(name, *more)
from mcpfuzz.cli import cli
cli()
"""


def run(
    *words: str, module: tuple[str, ...] = ("-m", "mcpfuzz"), server: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    target = ("--url", "http://127.0.0.1:{port}/mcp", "--", sys.executable, str(SERVER), "{port}", *server)
    return subprocess.run(
        [sys.executable, *module, *words, *target], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=MAX_TIME * 2, text=True, encoding="utf-8", errors="replace",
    )  # fmt: skip


def play(folder: Path, *server: str, **more: Any) -> tuple[dict[str, Any], str]:
    path = folder / "report.json"
    done = run(
        "run", "--profile", "quick", "--max-time", str(MAX_TIME), "--seed", "1", "--scenario", SCENARIO.id,
        "--report", f"json={path}", "--state", str(folder / "state"), "--no-color", server=server, **more,
    )  # fmt: skip
    assert path.exists(), done.stdout
    return json.loads(path.read_text(encoding="utf-8")), done.stdout


def status_of(report: dict[str, Any]) -> tuple[str, str]:
    (told,) = [item for item in report["scenarios"] if item["id"] == SCENARIO.id]
    return told["status"], told["reason"] or ""


@pytest.mark.matrix
@pytest.mark.timeout(MAX_TIME * 4)
def test_what_schemathesis_finds_is_proved_minimal_and_shows_again(tmp_path: Path) -> None:
    pytest.importorskip("schemathesis")
    report, said = play(tmp_path)
    told = {item["rule"]: item for item in report["findings"]}
    assert set(told) == {"http-server-error", "http-response-schema"}, said
    assert {item["confidence"] for item in told.values()} == {"proved"}, said
    (step,) = told["http-server-error"]["reproducer"]["steps"]
    assert (step["http"]["method"], step["http"]["path"]) == ("POST", "/share")
    assert json.loads(step["http"]["body"]["utf8"]) == {"pots": 0, "boxes": 0}
    (step,) = told["http-response-schema"]["reproducer"]["steps"]
    assert step["http"]["path"] == "/prices/100"
    replayed = ("replay", str(tmp_path / "report.json"))
    assert run(*replayed).returncode == 1
    assert run(*replayed, server=("--sound",)).returncode == 0


@pytest.mark.matrix
@pytest.mark.timeout(MAX_TIME * 4)
def test_the_sound_twin_is_silent(tmp_path: Path) -> None:
    pytest.importorskip("schemathesis")
    report, said = play(tmp_path, "--sound")
    assert not report["findings"], said
    assert status_of(report)[0] == "clean" and "3 operations" in said, said


@pytest.mark.timeout(MAX_TIME * 2)
def test_without_the_extra_it_is_not_run_and_says_why(tmp_path: Path) -> None:
    report, said = play(tmp_path, module=("-c", WITHOUT))
    assert status_of(report)[0] == "not-run" and "pytest-mcpfuzz[schema]" in status_of(report)[1], said


DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.3",
    "servers": [{"url": "/api/v1/"}],
    "paths": {
        "/mcp": {"post": {}},
        "/users/{id}": {
            "get": {
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/User"}}}},
                    "404": {"$ref": "#/components/responses/Gone"},
                }
            }
        },
    },
    "components": {
        "schemas": {
            "User": {
                "type": "object",
                "required": ["name", "password"],
                "properties": {
                    "name": {"type": "string", "nullable": True},
                    "password": {"type": "string", "writeOnly": True},
                },
            }
        },
        "responses": {"Gone": {"content": {"application/problem+json": {"schema": {"type": "object"}}}}},
    },
}


def test_mcp_itself_is_no_operation_and_alone_is_no_document() -> None:
    text = json.dumps(DOCUMENT).encode()
    found = documented(text, "/mcp?x=1")
    assert found is not None and list(found["paths"]) == ["/users/{id}"]
    alone = {**DOCUMENT, "paths": {"/mcp": DOCUMENT["paths"]["/mcp"]}}
    assert documented(json.dumps(alone).encode(), "/mcp") is None
    assert documented(b"<html>", "/mcp") is documented(b'{"paths": {}}', "/mcp") is None


@pytest.mark.parametrize(
    ("servers", "prefix"),
    [
        ([], ""),
        ([{"url": "/api/v1/"}], "/api/v1"),
        ([{"url": "https://other.example/x"}], "/x"),
        ([{"url": "{a}"}], ""),
    ],
)
def test_paths_stand_behind_the_first_servers_path(servers: list[Any], prefix: str) -> None:
    assert _prefix({"servers": servers}) == prefix


def test_a_document_that_refers_out_of_itself_is_known() -> None:
    assert not _leads_out(DOCUMENT)
    assert _leads_out({"paths": {"/x": {"$ref": "http://127.0.0.1/x.json"}}})
    assert _leads_out([{"$ref": "other.json"}])


BENCH = Bench(revision="2025-11-25", transport="http")


def answered(body: str, status: int = 200, kind: str = "application/json") -> Trace:
    exchange = Exchange(step=0, sent=b"GET", status=status, headers=(("content-type", kind),), body=body.encode())
    return Trace(conversation=Conversation.of(Http("GET", "/users/1")), exchanges=(exchange,))


@pytest.mark.parametrize(
    ("body", "shows"),
    [
        ('{"name": "a"}', False), ('{"name": null}', False), ('{"name": 1}', True), ("{}", True), ("[]", True),
        ('{"name": "a", "more": 1}', False),
    ],
)  # fmt: skip
def test_an_answer_is_held_against_the_documented_schema(body: str, shows: bool) -> None:
    schema = response_schema(DOCUMENT, "GET /users/{id}", 200)
    proof = Proof(kind="http-breaks-schema", expected="", params={"status": 200, "schema": schema})
    assert bool(observe(proof, answered(body), BENCH)) is shows
    assert observe(proof, answered(body, status=404), BENCH) is None
    assert observe(proof, answered(body, kind="text/html"), BENCH) is None


def test_a_status_without_a_schema_has_none() -> None:
    assert response_schema(DOCUMENT, "GET /users/{id}", 201) is None
    assert response_schema(DOCUMENT, "GET /users/{id}", 404)
    assert response_schema({}, "GET /x", 200) is None


@pytest.mark.parametrize(("status", "shows"), [(500, True), (505, True), (501, False), (503, False), (404, False)])
def test_only_an_error_that_nobody_expected_is_one(status: int, shows: bool) -> None:
    proof = Proof(kind="http-fails", expected="", params={})
    assert bool(observe(proof, answered("", status), BENCH)) is shows


def test_every_kind_has_a_pair() -> None:
    assert set(HTTP) == {"http-fails", "http-breaks-schema"}


def test_a_request_is_kept_as_it_was_whatever_it_holds() -> None:
    asked = {
        "method": "POST",
        "path": "/x/{port}",
        "headers": [["Host", "side.invalid"], ["A", "{bait}"]],
        "body": "e30=",
    }
    made = _http(asked)
    assert made == Http("POST", "/x/{brace}port}", (("Host", "{authority}"), ("A", "{brace}bait}")), "{}")
    assert _http({**asked, "body": "/w=="}).body == b"\xff"
    with pytest.raises(ValueError, match="no path"):
        _http({**asked, "path": "http://elsewhere.example/"})
