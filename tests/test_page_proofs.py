"""What else a networked server serves: each proof shows on the answer that has the effect and not on its twin, and a
page's look is no proof."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from mcpfuzz import host
from mcpfuzz.model import Call, Conversation, Exchange, Http, Open, Proof, Trace, replace
from mcpfuzz.oracles.bench import Bench
from mcpfuzz.oracles.page_proofs import PAGES, leads_to, sensitive_in
from mcpfuzz.oracles.proofs import observe
from mcpfuzz.target.listening import faces_a_network
from mcpfuzz.wire import decode

MARK = "5f0c2a9d1b7e4433"
BENCH = Bench(revision="2025-11-25", transport="http", mark=MARK, secrets=("hunter2hunter2",))
NOTE = "c1ffee00c0ffee00"
CANARIES = {"site": "c0ffee00c0ffee00", "note": NOTE}
SITE = "https://c0ffee00c0ffee00.attacker.example"
GOOD = decode(b'{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","serverInfo":{}}}')


def pages(*answers: tuple[int, dict[str, str], bytes], path: str = "/x") -> Trace:
    """What came for plain requests: status, headers, body."""
    exchanges = tuple(
        Exchange(
            step=step, sent=f"GET {path} HTTP/1.1\r\n".encode(), status=status, headers=tuple(headers.items()),
            body=body, due=False, answer=decode(body) if body.startswith(b'{"jsonrpc"') else None,
        )
        for step, (status, headers, body) in enumerate(answers)
    )  # fmt: skip
    steps = Conversation.of(*(Http("GET", path) for _ in answers))
    return Trace(conversation=steps, exchanges=exchanges, canaries=CANARIES)


def beside(own: tuple[int, dict[str, str], bytes], other: tuple[int, dict[str, str], bytes]) -> Trace:
    """What came from the endpoint itself, and from another path."""
    return replace(pages(own, other), conversation=Conversation.of(Http("POST", "{address}"), Http("POST", "/x")))


def allowing(origin: str, lent: str = "true", status: int = 204) -> Trace:
    return pages((status, {"access-control-allow-origin": origin, "access-control-allow-credentials": lent}, b""))


def leading(location: str, status: int = 302) -> Trace:
    return pages((status, {"location": location}, b""))


def showing(text: str, status: int = 200, path: str = "/x") -> Trace:
    return pages((status, {}, text.encode()), path=path)


def listening(*bound: str, answer: bytes = b'{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}') -> Trace:
    exchanges = (
        Exchange(step=0, sent=b"", due=False, bound=bound),
        Exchange(step=1, sent=b"{}", id=1, answer=decode(answer)),
    )
    return Trace(conversation=Conversation.of(Open(), Call("tools/list")), exchanges=exchanges)


REFUSED = (401, {}, b"")
STREAM = (200, {"content-type": "text/event-stream"}, b"/messages?session=1")
ANY = {"origin": "https://{canary:site}.attacker.example"}
TO = {"canary": "site"}
HERE = {"steps": 2, "listens": 0, "served": 1}
BEGUN = (200, {"content-type": "application/json"}, GOOD.raw)
PAIRS: list[tuple[str, dict[str, Any], Trace, Trace]] = [
    ("readable-by-any-site", ANY, allowing(SITE), allowing("https://our.example")),
    ("readable-by-any-site", ANY, allowing(SITE), allowing("*")),
    ("readable-by-any-site", ANY, allowing(SITE), allowing(SITE, "false")),
    ("readable-by-any-site", ANY, allowing(SITE), allowing(SITE, status=403)),
    ("readable-by-any-site", {"origin": "null"}, allowing("null"), allowing(SITE)),
    ("redirected", TO, leading(SITE + "/"), leading("/login?next=" + SITE)),
    ("redirected", TO, leading("/\\" + SITE[8:]), leading("/%5C" + SITE[8:])),
    ("redirected", TO, leading(SITE + "/", 308), leading(SITE + "/", 200)),
    ("redirected", TO, leading(SITE), leading("https://idp.example/?redirect_uri=" + SITE)),
    ("page-shows", {}, showing(f"X={MARK}"), showing("the debug page")),
    ("page-shows", {}, showing("hunter2hunter2"), showing("hunter2hunter2", 401)),
    ("page-shows", {"canary": "note"}, showing(NOTE), showing(NOTE, path="/" + NOTE)),
    ("still-there", {}, beside(REFUSED, STREAM), beside(STREAM, STREAM)),
    ("still-there", {}, beside(REFUSED, BEGUN), beside(REFUSED, REFUSED)),
    ("still-there", {}, beside(REFUSED, BEGUN), beside(REFUSED, (200, {}, b"<html>"))),
    ("bound", HERE, listening("0.0.0.0"), listening("127.0.0.1")),
    ("bound", HERE, listening("127.0.0.1", "::"), listening()),
    ("bound", HERE, listening("::"), listening("::", answer=b'{"jsonrpc":"2.0","id":1,"error":{"code":-32001}}')),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "params", "shows", "silent"), PAIRS)
def test_a_proof_shows_on_the_effect_and_not_on_its_twin(
    kind: str, params: dict[str, Any], shows: Trace, silent: Trace
) -> None:
    proof = Proof(kind=kind, expected="", params=params)
    assert observe(proof, shows, BENCH)
    assert observe(proof, silent, BENCH) is None


def test_every_kind_has_a_pair() -> None:
    assert {kind for kind, *_ in PAIRS} == set(PAGES)


SENSITIVE = {
    "environment": "HOME=/root\nPATH=/usr/local/bin:/usr/bin:/bin\nLANG=C",
    "environment as JSON": '{"HOME": "/root", "PATH": "/usr/local/bin:/usr/bin"}',
    "environment as a table": "<html><tr><td>HOME</td><td>/root</td></tr><tr><td>PATH</td><td>/usr/bin:/bin</td></tr>",
    "git": "ref: refs/heads/main\n",
    "git configuration": "[core]\n\trepositoryformatversion = 0\n",
    "dotenv": "PORT=8000\nDEBUG=false\nAPI_KEY=9f8e7d6c5b4a\n",
    "expvar": '{"cmdline": ["/app"], "memstats": {"Alloc": 1}}',
    "actuator": '{"activeProfiles": [], "propertySources": [{"name": "x"}]}',
    "debugger": "<html><script>var CONSOLE_MODE = true, EVALEX = true;</script>",
    "goroutines": "goroutine 1 [running]:\nmain.main()",
    "traceback": "Traceback (most recent call last):\n  ...",
    "key": "-----BEGIN PRIVATE KEY-----",
    "token": "openai: sk-abc123def456ghi789jkl012",
}
HARMLESS = {
    "page": "<html>It works.</html>",
    "health": '{"status": "ok", "path": "/usr/bin", "home": "https://our.example"}',
    "metrics": "# HELP requests_total\nrequests_total 5\nprocess_resident_memory_bytes 5e7\n",
    "manual": "<html>Set PATH and HOME, then API_KEY=your-key in .env</html>",
    "placeholder": "PORT=8000\nAPI_KEY=changeme-please\nSECRET=<yours>\n",
    "placeholder token": "export KEY=sk-your-api-key-goes-here-please",
    "URL": "postgres://user:password@db.example/x",
    "python": "import os\n\ndef main():\n    pass\n",
    "config": '{"core": {"repositoryformatversion": 0}}',
}


@pytest.mark.parametrize("text", SENSITIVE.values(), ids=SENSITIVE)
def test_what_nobody_should_see_is_known_by_its_values(text: str) -> None:
    assert sensitive_in(text, BENCH)


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS)
def test_a_page_that_shows_no_such_value_is_none(text: str) -> None:
    assert sensitive_in(text, BENCH) is None


def test_a_source_file_is_one_only_where_it_was_asked_for() -> None:
    assert sensitive_in(HARMLESS["python"], BENCH, "GET /server.py HTTP/1.1") == "the server's source"


@pytest.mark.parametrize(
    ("location", "leads"),
    [
        ("https://a.example/x", "a.example"), ("//a.example", "a.example"), ("/\\a.example/", "a.example"),
        ("\\\\a.example", "a.example"), ("http:\\\\a.example\\x", "a.example"), ("ht\ntps://a.example", "a.example"),
        ("https://our.example@a.example:443/", "a.example"), ("///a.example", "a.example"), ("/x//a.example", ""),
        ("/", ""), ("x?u=//a.example", ""), ("mailto:a@a.example", ""),
    ],
)  # fmt: skip
def test_a_location_is_read_as_browsers_read_it(location: str, leads: str) -> None:
    assert leads_to(location) == leads


@pytest.mark.parametrize(
    ("words", "env", "asked"),
    [
        ([], {}, False), (["--port", "8000"], {}, False), (["--host", "127.0.0.1"], {}, False),
        (["--host=localhost"], {"HOST": "127.0.0.1"}, False), (["--host", "0.0.0.0"], {}, True),
        (["--bind=[::]:80"], {}, True), (["--listen", "::"], {}, True), (["--bind", "*:80"], {}, True),
        ([], {"HOST": "0.0.0.0"}, True), ([], {"FASTMCP_HOST": "192.0.2.1"}, True),
        (["--addr", "127.0.0.1:80"], {}, False), (["--version", "10.0.0.0.1"], {}, False),
    ],
)  # fmt: skip
def test_who_asks_for_a_network_gets_one(words: list[str], env: dict[str, str], asked: bool) -> None:
    assert faces_a_network(words, env) is asked


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_where_somebody_listens_is_read_from_the_system(family: socket.AddressFamily, address: str) -> None:
    with socket.socket(family) as listener:
        try:
            listener.bind((address, 0))
        except OSError:
            pytest.skip(f"no {address} here")
        port = listener.getsockname()[1]
        assert host.listening(os.getpid(), port) == ()
        listener.listen()
        assert host.listening(os.getpid(), port) == (address,)
