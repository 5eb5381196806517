"""Nothing generated leaves the machine, touches it, or destroys. The judge here is written a second time, from
the rules and not from the filter, so that both would have to be wrong alike."""

from __future__ import annotations

import dataclasses
import importlib
import ipaddress
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpfuzz.slots import Filler, quoted
from mcpfuzz.strategies import schema_adapter
from mcpfuzz.strategies.arguments.extremes import extremes
from mcpfuzz.strategies.arguments.sites import sites
from mcpfuzz.strategies.choices import RandomChoices
from mcpfuzz.strategies.safety import HARMLESS, destructive, is_safe, safe
from mcpfuzz.strategies.schemas import FORMAT_CHECKS

arguments = importlib.import_module("mcpfuzz.strategies.arguments")  # the package has functions of these names
personas = importlib.import_module("mcpfuzz.strategies.personas")

WALK_DRAWS = 10_000
SCHEMATHESIS_DRAWS = 200
"""Arrays of fifty: ten thousand texts a format."""

RESERVED = re.compile(r"(?:[\w-]+\.)*(?:invalid|test|example\.com|example\.org|example\.net)|localhost")
NETS = [
    ipaddress.ip_network(net)
    for net in ("127.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "::1/128", "2001:db8::/32")
]
FILE_NAMES = ("txt", "json", "csv", "html", "log")


def _ours(host: str) -> bool:
    host = host.strip("[]").rstrip(".").lower()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return not host or RESERVED.fullmatch(host) is not None
    return any(address in net for net in NETS if net.version == address.version)


def complaints(text: str) -> Iterator[str]:
    """What breaks the rules in one filled text."""
    for match in re.finditer(r"(?:^|[\s:\"'(=])[/\\]{2,}(?:[^/\\?#\s]*@)?(\[[^\]]*\]|[^/\\?#\s:\"'<>]*)", text):
        if not _ours(match.group(1)):
            yield f"authority {match.group(1)!r}"
    for match in re.finditer(r"\S@(\[[^\]]*\]|[\w.-]+)", text):
        if not _ours(match.group(1)):
            yield f"mail {match.group(1)!r}"
    for match in re.finditer(r"(?<![\w.])(?:[\w-]+\.)+([^\W\d_]{2,})(?![\w.])", text):
        if match.group(1) not in FILE_NAMES and not _ours(match.group(0)):
            yield f"host {match.group(0)!r}"
    for match in re.finditer(
        r"(?<![\w.:])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])|(?<![\w:.])[0-9a-fA-F:]*::[0-9a-fA-F:]*(?![\w:.])", text
    ):
        if (":" not in match.group(0) or match.group(0).strip(":")) and not _ours(match.group(0)):
            yield f"address {match.group(0)!r}"
    parts = re.split(r"[/\\]", text)
    if text[:1] in ("/", "\\", "~") or re.match(r"[A-Za-z]:", text) or ".." in parts or set(parts) == {"."}:
        yield f"path {text!r}"
    if "file:" in text.lower():
        yield f"scheme {text!r}"
    if re.search(r"(?i)rm -|drop table|delete from|shutdown|mkfs|\bdd .*of=|> ?/dev/[^n]|:\(\)", text):
        yield f"ruin {text!r}"


def texts(value: Any) -> Iterator[str]:
    """All texts in a value, keys included, slots filled."""
    if isinstance(value, str):
        yield Filler({"scratch": "scratch"}).fill(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts(key)
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


UNSAFE = """
/etc/passwd|~|~root|~/x|..|../x|a/../b|a/..|..\\x|.|./|./.|C:\\x|c:|file:///etc/passwd|FILE:x|jar:file:/x|$HOME/x|${HOME}
 /etc|'/etc'|a,/etc/x|cat /etc/passwd|x=/etc|%2e%2e%2fetc|%2Fetc%2Fpasswd|%252e%252e%252f|%USERPROFILE%\\x
\\\\srv\\share|http://google.com|google.com|http://metadata/|http://169.254.169.254/latest|169.254.169.254|http://2130706433/
http://0x7f.1/|http://0177.0.0.1/|0.0.0.0|10.0.0.1:80|100.100.100.200|metadata.google.internal|fe80::1|[fe80::1]
http://[fd00:ec2::254]/|::ffff:169.254.169.254|fe80::1%eth0|ip:fe80::1|bob@gmail.com|bob@intranet|git@github.com:x/y
http://example.com@evil.com/|http://evil.com#@example.com|http://example.com\\@evil.com|//evil/x|http:evil.com|http:/evil
http:///evil|https:\\\\evil|http://127.0.0.1.nip.io/|127.0.0.1.nip.io|localtest.me|lvh.me|http://localhost.evil.com
http://user:p@10.0.0.1/|ldap://evil:389|https://example.com:80:80@evil|google\u3002com|goo\u00adgle.com|\u2025/x
\uff47oogle.com|http://\u2460\u2461\u2466.0.0.1|\uff0e\uff0e\uff0fetc|{scratch}/../x|{canary:a}.com|{listener}.evil.com
{repeat:3:../}x|{repeat:9:/}|{repeat:1:1}69.254.169.254|google.com\x94|\x10evil.com\x01
"""
HARMLESS_TEXTS = """
alpha|hello world|notes.txt|a/b/c.txt|text/plain|America/New_York|http://127.0.0.1:8080/x?y=1#f|https://example.com
alice@example.test|{scratch}/a.txt|{scratch}|{listener}/page|{workspace}|1.2.3|v1.2.3|3.14|::1|2001:db8::7|[::1]:80
http://[2001:db8::1]:80/x|12:30:45|2026-01-02T03:04:05Z|urn:uuid:12345678-1234-1234-1234-123456789abc|192.0.2.7|a//b
b\u00fccher.test|{repeat:5000:a}|std::vector|{step:1#/result/id}|https://u:p@example.org:443/|e.g. this|1/2|a / b
C++|50%
http://127.0.0.1:{port}/|#/a/b|order by name|{canary:x}.example.com|.gitignore|mailto:bob@example.com|drop it|a~b
http://example.test/{id}|deletes nothing|the format of it|{"a": 1}|+1-202-555-0100|Zo\u00eb|x^2|update the note
"""


def cells(table: str) -> list[str]:
    return [cell for line in table.strip("\n").split("\n") for cell in line.split("|")]


@pytest.mark.parametrize("text", cells(UNSAFE))
def test_what_could_leave_or_touch_the_machine_is_rewritten(text: str) -> None:
    assert not is_safe(text)
    assert is_safe(safe(text))
    assert not list(complaints(*texts(safe(text))))


@pytest.mark.parametrize("text", cells(HARMLESS_TEXTS))
def test_harmless_texts_stay_as_they_are(text: str) -> None:
    assert safe(text) == text
    assert is_safe(text)


@pytest.mark.parametrize(
    "text",
    [
        "rm -rf x",
        "sudo rm  -r x",
        "DROP TABLE notes",
        "drop/**/table x",
        "x; DELETE FROM notes",
        "TRUNCATE TABLE x",
        "shutdown",
        "shutdown -h now",
        "mkfs.ext4 x",
        "format c:",
        "dd if=a of=b",
        "echo a > /dev/sda",
        ":(){ :|:& };:",
        "git push --force",
        "kill -9 1",
        "UPDATE users SET a=1",
        "FLUSHALL",
        "os.remove('x')",
        "curl x | sh",
        "MATCH (n) DETACH DELETE n",
        "chmod -R 777 x",
        "kubectl delete pod x",
        "{repeat:1:rm} -rf x",
        "r\u00adm -rf x",
    ],
)
def test_what_destroys_is_replaced(text: str) -> None:
    assert not is_safe(text)
    assert safe(text) == HARMLESS
    assert not destructive(safe(text))


@pytest.mark.parametrize("text", ["remove the comma", "drop by", "information", "a firm offer", "reformat", "deleted"])
def test_ordinary_words_do_not_destroy(text: str) -> None:
    assert not destructive(text)


def test_paths_are_re_rooted_under_the_scratch_folder() -> None:
    assert safe("/etc/passwd") == "{scratch}/etc/passwd"
    assert safe("cat /etc/passwd") == "cat {scratch}/etc/passwd"
    assert safe(".") == "{scratch}"


def test_rewriting_tells_hosts_apart_and_is_always_the_same() -> None:
    assert safe("https://a.dev/x") == safe("https://a.dev/x") != safe("https://b.dev/x")


def test_values_are_walked_and_names_the_schema_demands_are_kept() -> None:
    value = {"evil.com": ["/etc", 1, None], "user.name": {"a": "bob@gmail.com"}, "n": 2.5}
    made = safe(value, keep={"user.name"})
    assert "user.name" in made and "evil.com" not in made and made["n"] == 2.5
    assert not is_safe(value, keep={"user.name"}) and is_safe(made, keep={"user.name"})
    assert is_safe(value["n"]) and is_safe(None) and safe(True) is True


def test_a_declared_word_needs_a_real_domain_to_be_a_host() -> None:
    assert is_safe("order.created", declared=True) and not is_safe("order.created")
    assert not is_safe("api.github.com", declared=True) and not is_safe("/tmp", declared=True)
    assert not is_safe({"a": ["evil.zip"]}, declared=True)


def test_a_value_nested_without_end_is_cut_not_followed() -> None:
    value: Any = "/etc"
    for _ in range(5_000):
        value = [value]
    assert not is_safe(value)
    assert is_safe(safe(value))


@given(st.text(alphabet=st.sampled_from("a1.:/\\@~%{}[]#? \n-_$。．\u200bevilcomxn")))
@settings(max_examples=400, deadline=None)
def test_filtering_twice_changes_nothing(text: str) -> None:
    assert is_safe(safe(text))
    assert safe(safe(text)) == safe(text)


@given(st.lists(st.sampled_from(cells(UNSAFE) + [".", "/", "@", "://", "a", " ", "%2e", "rm", "-rf ", "drop table "])))
@settings(max_examples=400, deadline=None)
def test_no_combination_of_bad_pieces_gets_through(pieces: list[str]) -> None:
    made = safe("".join(pieces))
    assert is_safe(made)


@pytest.mark.parametrize(
    "unit", ["/", "../", ".", "1.", ":", "%25", "a@", "//a", "http:", "rm ", "{", "\u0301", "()", "'"]
)
def test_long_texts_cost_bounded_time(unit: str) -> None:
    start = time.process_time()
    safe(unit * (50_000 // len(unit)))
    assert time.process_time() - start < 3


def test_an_ordinary_short_text_costs_about_a_microsecond() -> None:
    words = ["alpha", "hello world", "report", "two words"]
    safe(words)
    start = time.process_time()
    for _ in range(20_000):
        for word in words:
            safe(word)
    assert (time.process_time() - start) / 80_000 < 4e-6  # four times the promise: the machine is shared


# ---- what the generators make ----------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted({*FORMAT_CHECKS, "byte", "color", "password", "unknown", "int64"}))
def test_thousands_of_texts_of_each_format_name_nothing_foreign(name: str) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "format": name}}, "required": ["a"]}
    plan = arguments.compile(schema)
    choices = RandomChoices("formats", name)
    made = {arguments.valid(choices, plan)["a"] for _ in range(WALK_DRAWS)}
    for text in made:
        assert is_safe(text)
        for filled in texts(text):
            assert not list(complaints(filled))


def test_flawed_and_extreme_values_name_nothing_foreign() -> None:
    properties = {name.replace("-", "_"): {"type": "string", "format": name} for name in FORMAT_CHECKS}
    properties |= {"any": {}, "path": {"type": "string"}, "url": {"type": "string"}, "cwd": {"type": "string"}}
    properties |= {"word": {"type": "string", "pattern": "^[a-z./~:]{1,9}$"}, "deep": {"type": "array"}}
    schema = {"type": "object", "properties": properties, "required": ["any"], "additionalProperties": False}
    plan = arguments.compile(schema)
    seen = set()
    for index in range(1_500):
        choices = RandomChoices("hostile", index)
        for value in (arguments.invalid(choices, plan).value, arguments.boundary(choices, plan).value):
            for text in texts(value):
                if text not in seen and len(text) < 2_000:
                    seen.add(text)
                    assert not list(complaints(text))


def test_every_extreme_is_safe() -> None:
    plan = arguments.compile({"type": "object", "properties": {"a": {}, "b": {"type": "string", "maxLength": 9}}})
    for site in sites(plan.kit):
        for extreme in (one for group in extremes(site) for one in group):
            if "nested" not in extreme.why:
                assert is_safe(extreme.value), extreme.why


def test_a_schemas_own_words_are_filtered_too() -> None:
    schema = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "default": "/etc/passwd"},
            "url": {"type": "string", "examples": ["https://api.github.com/x", "http://169.254.169.254/"]},
            "cwd": {"type": "string", "default": "."},
            "action": {"enum": ["list", "shutdown", "rm -rf /", "order.created", "/", "x.com"]},
            "query": {"const": "DROP TABLE notes"},
        },
        "required": ["path", "url", "cwd", "action"],
    }
    plan = arguments.compile(schema)
    actions = set()
    for index in range(400):
        value = arguments.valid(RandomChoices(index), plan)
        assert is_safe(value, declared=True) and "query" not in value
        actions.add(value["action"])
    assert actions == {"list", "order.created"}


def test_a_schema_that_allows_only_unsafe_words_is_refused() -> None:
    schema = {"type": "object", "properties": {"a": {"enum": ["/", "~"]}}, "required": ["a"]}
    with pytest.raises(arguments.CannotGenerate, match="real path"):
        arguments.valid(RandomChoices(1), schema)


def test_thousands_of_personas_name_nothing_foreign() -> None:
    for seed in range(WALK_DRAWS):
        for value in dataclasses.asdict(personas.persona(seed)).values():
            if isinstance(value, str):
                assert is_safe(value) and not list(complaints(value))


@pytest.mark.runs
@pytest.mark.skipif(not schema_adapter.available(), reason="needs the extra `schema`")
@pytest.mark.parametrize(
    "name",
    [
        "email",
        "idn-email",
        "hostname",
        "idn-hostname",
        "ipv4",
        "ipv6",
        "uri",
        "uri-reference",
        "iri",
        "uri-template",
        "json-pointer",
    ],
)
def test_schemathesis_texts_name_nothing_foreign(name: str) -> None:
    items = {"type": "string", "format": name}
    schema = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": items, "minItems": 50, "maxItems": 50}},
        "required": ["a"],
    }
    plan = arguments.compile(schema)
    raw: list[tuple[Any, str]] = []
    openapi = schema_adapter._openapi(schema)
    with schema_adapter._contained():
        schema_adapter._collect(openapi, "valid", SCHEMATHESIS_DRAWS, 1, 60.0, raw)
    made = [safe(quoted(body), keep=plan.kit.document.names()) for body, _ in raw]
    assert sum(len(body["a"]) for body in made) >= 350
    for text in {text for body in made for text in texts(body)}:
        assert not list(complaints(text))
