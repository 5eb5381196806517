"""The gate: no secret and no unbounded evidence passes, and what is replayed still means the same."""

from __future__ import annotations

import base64
import html
import json
import math
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpfuzz.events import Discovered, Finished, Found, LaunchRecord, Noted, Started
from mcpfuzz.model import Call, Conversation, Finding, Http, Json, Raw, Send, Step, Ws, replace
from mcpfuzz.reports import REDACTED, Gate, known_secrets
from mcpfuzz.reports.launch import looks_secret, stored
from mcpfuzz.reports.redact import Redactor
from mcpfuzz.reports.safe import is_plain
from mcpfuzz.reports.testing import hostile_run, sample_finding, sample_run

SECRET = 's3cr3t/+"pass\\ünd'


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


CODINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda s: s,
    "url": lambda s: quote(s, safe=""),
    "url, slashes kept": quote,
    "form": quote_plus,
    "url, lower case": lambda s: re.sub("%..", lambda code: code.group().lower(), quote(s, safe="")),
    "base64": b64,
    "base64 at offset 1": lambda s: b64("x" + s),
    "base64 at offset 2": lambda s: b64("user:" + s + "!"),
    "base64url": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "json": lambda s: json.dumps(s)[1:-1],
    "json, not ascii": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "python": lambda s: repr(s)[1:-1],
    "html": html.escape,
}


@pytest.mark.parametrize("coding", CODINGS)
def test_a_known_secret_is_found_in_every_coding(coding: str) -> None:
    shown = CODINGS[coding](SECRET)
    redacted = Redactor([SECRET]).by_value(f"before {shown} after")
    assert REDACTED in redacted
    assert shown not in redacted
    assert len(redacted) < len("before  after") + len(REDACTED) + 12  # base64 keeps its neighbours' characters


def test_the_longest_secret_goes_first() -> None:
    assert Redactor(["abcd", "abcdefgh"]).by_value("abcdefgh abcd") == f"{REDACTED} {REDACTED}"


def test_short_values_are_left_alone() -> None:
    assert Redactor(["abc", "", " "]).text("abc def") == "abc def"


@given(
    secret=st.text(st.characters(codec="utf-8"), min_size=6, max_size=30).filter(lambda s: len(s.strip()) >= 6),
    before=st.text(st.characters(codec="utf-8"), max_size=10),
    after=st.text(st.characters(codec="utf-8"), max_size=10),
    coding=st.sampled_from(sorted(CODINGS)),
)
def test_no_secret_survives_whatever_stands_around_it(secret: str, before: str, after: str, coding: str) -> None:
    stripped = secret.strip()
    assert (
        stripped not in Redactor([secret]).text(f"{before}{CODINGS[coding](stripped)}{after}") or stripped in REDACTED
    )


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abc123def456",
        "authorization: bearer AbCdEfGhIjKl",
        "Basic dXNlcjpwYXNz",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
        "https://user:pw@host.test/x",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "AKIAABCDEFGHIJKLMNOP",
    ],
)
def test_what_is_shaped_like_a_credential_is_taken_out_of_evidence(text: str) -> None:
    assert REDACTED in Redactor().text(text)
    assert Redactor().by_value(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Bearer authentication is required",
        'WWW-Authenticate: Bearer realm="x", error="invalid_token"',
        'Bearer resource_metadata="http://127.0.0.1:1/x"',
        "the basic idea",
        "http://host.test/a@b",
        "eyJ is how a JWT begins",
    ],
)
def test_prose_stays(text: str) -> None:
    assert Redactor().text(text) == text


def test_no_shape_takes_long_on_hostile_text() -> None:
    for unit in ("a", "eyJ", "Bearer ", "://", "Bearer a", "eyJaaaaa.", "A" * 7 + "."):
        Redactor().text(unit * (20_000 // len(unit)))


# ---- the launch -----------------------------------------------------------------------------------

LAUNCH = LaunchRecord(
    command=("node", "s.js", "--api-key", "k-123456", "--token=t-123456", "--key", "server.pem", "--no-auth", "dir"),
    url="http://bob:hunter22@127.0.0.1:1/mcp?access_token=q-123456&page=2",
    transport="http",
    env={"API_TOKEN": "${TOKEN}", "DB_PASS": "literal-pass", "HOME": "/root", "AUTHOR": "me myself"},
    headers={"Authorization": "Bearer ${TOKEN}", "X-Api-Key": "literal-key", "Accept": "application/json"},
    identities={
        "alice": ("header:Authorization: Bearer alice-token-1", "query:key=alice-key", "env:PW=alice-env"),
        "bob": ("subprotocol:bob-protocol", 'first-message:{"method":"auth","params":{"token":"bob-first"}}'),
        "carol": ("header:Authorization: Bearer ${CAROL}", "header:Authorization: Basic ZGF2ZTpkYXZlLXB3"),
        "erin": ("subprotocol:bearer.${ERIN}", "subprotocol:eyJhbGciOiJIUzI1NiJ9.${ERIN}"),
    },
)


def test_the_launch_is_stored_without_literal_secrets_and_with_references_as_written() -> None:
    kept = stored(LAUNCH, Redactor(known_secrets(LAUNCH, {})))
    assert kept.command == (
        *("node", "s.js", "--api-key", REDACTED, f"--token={REDACTED}", "--key", "server.pem", "--no-auth", "dir"),
    )
    assert kept.url == f"http://{REDACTED}@127.0.0.1:1/mcp?access_token={REDACTED}&page=2"
    assert kept.env == {"API_TOKEN": "${TOKEN}", "DB_PASS": REDACTED, "HOME": "/root", "AUTHOR": "me myself"}
    assert kept.headers == {"Authorization": "Bearer ${TOKEN}", "X-Api-Key": REDACTED, "Accept": REDACTED}
    assert kept.identities == {
        "alice": (f"header:Authorization: {REDACTED}", f"query:key={REDACTED}", f"env:PW={REDACTED}"),
        "bob": (f"subprotocol:{REDACTED}", f"first-message:{REDACTED}"),
        "carol": ("header:Authorization: Bearer ${CAROL}", f"header:Authorization: {REDACTED}"),
        "erin": ("subprotocol:bearer.${ERIN}", f"subprotocol:{REDACTED}"),
    }


def test_every_secret_of_a_launch_is_known_by_value() -> None:
    found = known_secrets(LAUNCH, {"TOKEN": "tok-from-env", "CAROL": "carol-from-env"})
    assert {
        *(
            "tok-from-env",
            "Bearer tok-from-env",
            "carol-from-env",
            "literal-key",
            "literal-pass",
            "k-123456",
            "t-123456",
        ),
        *("alice-token-1", "alice-key", "alice-env", "bob-protocol", "bob-first", "dave-pw", "hunter22", "q-123456"),
    } <= found
    assert not found & {"application/json", "/root", "server.pem", "me myself", "dir", "auth", ""}


def test_a_variable_that_is_not_set_is_no_secret() -> None:
    assert known_secrets(LaunchRecord(headers={"Authorization": "Bearer ${NONE}"}), {}) == frozenset()


def test_a_secret_beside_a_reference_is_still_a_secret() -> None:
    launch = LaunchRecord(headers={"X-Keys": "abc123def456 ${B}"})
    assert stored(launch, Redactor()).headers == {"X-Keys": REDACTED}


@pytest.mark.parametrize(
    "name", ["API_TOKEN", "apikey", "MY_SECRET", "DB_PASS", "DBPASSWORD", "AUTHORIZATION", "SENTRY_DSN"]
)
def test_names_that_look_secret(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "COMPASS_DIR", "GIT_AUTHOR_NAME", "KEYBOARD", "MONKEY", "BYPASS_CACHE"]
)
def test_names_that_do_not(name: str) -> None:
    assert not looks_secret(name)


# ---- the gate -------------------------------------------------------------------------------------


def passed(finding: Finding, *secrets: str, **caps: int) -> Finding:
    return Gate(secrets, **caps).pass_(Found(finding=finding)).finding


def answered(answer: Json, *secrets: str, **caps: int) -> Any:
    return passed(replace(sample_finding(), receive=(answer,)), *secrets, **caps).receive[0]


def test_the_secret_is_in_no_string_of_any_event() -> None:
    for event in hostile_run(f"it says {SECRET} and {b64(SECRET)}"):
        shown = repr(Gate([SECRET]).pass_(event))
        assert SECRET not in shown
        assert repr(SECRET)[1:-1] not in shown
        assert b64(SECRET) not in shown


def test_what_mcpfuzz_coined_is_never_redacted() -> None:
    before = sample_finding()
    coined = ("path-traversal", "5f1c0a77e2b94d10", "file-read", "CWE-22", "tool", "proved")
    after = passed(before, *coined)
    for name in ("rule", "fingerprint", "references", "scenario", "severity", "confidence"):
        assert getattr(after, name) == getattr(before, name)
    assert after.proof.kind == before.proof.kind


def test_a_stimulus_loses_known_secrets_and_keeps_forged_tokens() -> None:
    forged = "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."
    actions = (
        Call("tools/call", {"token": "known-secret", "url": "http://trusted@evil.test/", "auth": forged}),
        Send([forged, "known-secret"]),
        Raw(b"\xff known-secret"),
        Http("GET", "/?t=known-secret", (("Authorization", forged), ("X", "known-secret")), "known-secret"),
        Ws(1, "known-secret"),
    )
    after = passed(replace(sample_finding(), conversation=Conversation.of(*actions)), "known-secret").conversation
    assert after == Conversation.of(
        Call("tools/call", {"token": REDACTED, "url": "http://trusted@evil.test/", "auth": forged}),
        Send([forged, REDACTED]),
        Raw(b"\xff <redacted>"),
        Http("GET", f"/?t={REDACTED}", (("Authorization", forged), ("X", REDACTED)), REDACTED),
        Ws(1, REDACTED),
    )


def test_evidence_is_cut_and_says_so() -> None:
    assert answered("x" * 50_000) == "x" * 4096 + "… (45904 more characters)"
    assert answered("x" * 100, max_evidence=10) == "x" * 10 + "… (90 more characters)"
    assert answered({"bytes": {"base64": "A" * 50_000}})["bytes"]["base64"].endswith("… (45904 more characters)")
    assert answered(b"\xff" * 50_000)["of"] == 50_000
    assert answered(list(range(1000)))[-1] == "… (800 more items)"
    assert len(json.dumps(answered([["y" * 4000] * 100] * 100))) < 200_000


def test_the_answers_of_many_steps_share_one_budget() -> None:
    many = passed(replace(sample_finding(), receive=("x" * 4000,) * 2000)).receive
    assert len(many) == 2000
    assert sum(map(len, many)) < 2000 * 1100


def test_a_secret_across_the_cut_leaves_no_half() -> None:
    for start in range(4080, 4100):
        shown = answered("x" * start + "known-secret" + "y" * 9000, "known-secret")
        assert "known" not in shown
    stderr = "x" * 5000 + "known-secret" + "y" * 4090
    assert "secret" not in passed(replace(sample_finding(), stderr=stderr), "known-secret").stderr


def test_the_end_of_stderr_is_what_is_kept() -> None:
    shown = passed(replace(sample_finding(), stderr="a" * 10_000 + "the end")).stderr
    assert shown.startswith("(5911 more characters) …aaa")
    assert shown.endswith("the end")


def test_deep_nesting_neither_kills_nor_passes() -> None:
    deep: Json = []
    for _ in range(100_000):
        deep = [deep]
    shown = answered(deep)
    assert is_plain(shown)
    assert "nested deeper" in json.dumps(shown)


def test_what_json_does_not_have_is_made_harmless() -> None:
    odd = {
        "nan": math.nan,
        "inf": -math.inf,
        "half": "\ud800",
        "big": 1 << 700_000,
        "\udfff": 1,
        "raw": b"\xff",
        "o": object,
    }
    shown = answered(odd)
    assert json.loads(json.dumps(shown, allow_nan=False).encode("utf-8")) == shown
    assert (shown["nan"], shown["inf"], shown["half"]) == ("NaN", "-Infinity", "\\ud800")
    assert shown["big"] == "… (an integer of 700001 bits)"
    assert answered([1 << 64, (1 << 64) - 1]) == ["18446744073709551616", (1 << 64) - 1]


def test_a_secret_hides_in_no_key_and_no_number() -> None:
    assert answered({"known-secret": 12345678}, "known-secret", "12345678") == {REDACTED: REDACTED}


def test_a_reproducer_that_is_too_large_says_that_it_was_cut() -> None:
    long = replace(sample_finding(), conversation=Conversation.of(Raw("x" * (2 << 20)), Raw(b"y" * (2 << 20))))
    assert "the reproducer was cut" in passed(long).note
    assert passed(sample_finding()).note == ""


def test_deep_stimuli_pass_unchanged() -> None:
    deep: Json = "x"
    for _ in range(5000):
        deep = {"a": [deep]}
    kept = passed(replace(sample_finding(), conversation=Conversation.of(Send(deep)))).conversation.steps[0].action
    assert isinstance(kept, Send)
    depth, node = 0, kept.message
    while node != "x":
        depth, node = depth + 1, node["a"][0]
    assert depth == 5000


def test_secrets_may_be_learned_on_the_way() -> None:
    gate = Gate()
    assert gate.pass_(Noted(text="session abcdef")).text == "session abcdef"
    gate.learn("abcdef")
    assert gate.pass_(Noted(text="session abcdef")).text == f"session {REDACTED}"


def test_a_surface_of_ten_thousand_huge_tools_is_bounded() -> None:
    (discovered,) = (event for event in sample_run() if isinstance(event, Discovered))
    schema = {"enum": list(range(10_000)), "deep": {"x": ["y" * 10_000] * 1000}}
    tool = replace(discovered.surface.operations[0], schema=schema, name="n" * 1_000_000)
    surface = replace(discovered.surface, operations=(tool,) * 10_000)
    kept = Gate().pass_(replace(discovered, surface=surface)).surface
    assert len(repr(kept)) < 10_000 * 1000
    assert kept.operations[0].name == "n" * 200 + "… (999800 more characters)"


def test_names_are_cut_alike_everywhere() -> None:
    run = [Gate().pass_(event) for event in hostile_run("n" * 1000)]
    (finished,) = (event for event in run if isinstance(event, Finished))
    assert finished.findings[0].place.name == finished.operations[-1].name


def test_the_gate_takes_the_secrets_out_of_the_start() -> None:
    (started,) = (event for event in sample_run() if isinstance(event, Started))
    kept = Gate(known_secrets(LAUNCH, {})).pass_(replace(started, launch=LAUNCH))
    assert "hunter22" not in repr(kept)
    assert "alice-token-1" not in repr(kept)


def test_steps_keep_who_and_where() -> None:
    step = Step(action=Raw("x"), as_="bob", on="c2", group="g")
    assert passed(replace(sample_finding(), conversation=Conversation((step,)))).conversation.steps == (step,)
