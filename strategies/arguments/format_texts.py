"""Texts of a `format`, as two tables: makers of ones that keep it, ones that break it.

All that they can say is safe: hosts are reserved or loopback, no path, no command. A format that is in neither
table says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mcpfuzz.strategies.arguments.words import HOSTS, PEOPLE
from mcpfuzz.strategies.choices import Choices

__all__ = ["FLAWED", "FORMATS"]


def _two(number: int) -> str:
    return f"{number:02d}"


def _date(choices: Choices) -> str:
    return f"{choices.integer(2000, 2030)}-{_two(choices.integer(1, 12))}-{_two(choices.integer(1, 28))}"


def _time(choices: Choices) -> str:
    clock = ":".join((_two(choices.integer(0, 23)), _two(choices.integer(0, 59)), _two(choices.integer(0, 59))))
    return clock + choices.pick(("Z", "+01:00", ".5Z", "-08:30"))


def _uuid(choices: Choices) -> str:
    digits = f"{choices.integer(0, (1 << 122) - 1):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def _ipv4(choices: Choices) -> str:
    return choices.pick(("127.0.0.", "192.0.2.", "198.51.100.", "203.0.113.")) + str(choices.integer(1, 254))


def _ipv6(choices: Choices) -> str:
    number = choices.integer(1, 65535)
    return choices.pick(("::1", f"2001:db8::{number:x}", f"2001:DB8:0:0:1:0:0:{number:X}"))


def _url(choices: Choices, hosts: Sequence[str] = HOSTS) -> str:
    scheme = choices.pick(("http", "https", "ws", "ftp"))
    host = choices.pick((choices.pick(hosts), _ipv4(choices), f"[{_ipv6(choices)}]"))
    port = choices.pick(("", "", ":8080", ":9"))
    return f"{scheme}://{host}{port}{choices.pick(('', '/', '/a/b', '/a?b=1&c=d', '/%41#e'))}"


def _reference(choices: Choices) -> str:
    return choices.pick((_url(choices), "a/b", "?q=1", "#top", "a;b=c?d", "notes.txt"))


def _duration(choices: Choices) -> str:
    return choices.pick((f"P{choices.integer(1, 30)}D", f"PT{choices.integer(1, 59)}M", "P1Y2M3DT4H5M6S", "P2W"))


FORMATS: dict[str, Callable[[Choices], str]] = {
    "date": _date,
    "time": _time,
    "date-time": lambda choices: f"{_date(choices)}T{_time(choices)}",
    "duration": _duration,
    "email": lambda choices: f"{choices.pick(PEOPLE)}@{choices.pick(HOSTS)}",
    "idn-email": lambda choices: choices.pick((*PEOPLE, "zo\u00eb")) + "@" + choices.pick((*HOSTS, "b\u00fccher.test")),
    "hostname": lambda choices: choices.pick((*HOSTS, f"h{choices.integer(0, 9999)}.test")),
    "idn-hostname": lambda choices: choices.pick(
        (*HOSTS, "b\u00fccher.test", f"\u4f8b{choices.integer(0, 99)}.invalid")
    ),
    "ipv4": _ipv4,
    "ipv6": _ipv6,
    "uri": lambda choices: choices.pick((_url(choices), f"urn:uuid:{_uuid(choices)}", "mailto:alice@example.test")),
    "uri-reference": _reference,
    "iri": lambda choices: choices.pick((_url(choices), f"http://b\u00fccher.test/\u00e4/{choices.integer(0, 99)}")),
    "iri-reference": lambda choices: choices.pick((_reference(choices), "\u00e4/\u00f6")),
    "uri-template": lambda choices: choices.pick(
        (f"http://a.test/{{id}}/{choices.integer(0, 99)}", "a/{b}", "a{?q,r}", "notes/{+name}")
    ),
    "uuid": _uuid,
    "json-pointer": lambda choices: "",  # every other one starts with "/", as a path does
    "relative-json-pointer": lambda choices: f"{choices.integer(0, 9)}{choices.pick(('', '#', '/a', '/a/0'))}",
    "regex": lambda choices: choices.pick(("a+", "^[a-z]{1,3}$", "(b|c)", "[0-9]*")),
    "byte": lambda choices: choices.pick(("", "YWxwaGE=", "AAEC", "Kg==")),
    "color": lambda choices: f"#{choices.integer(0, 0xFFFFFF):06x}",
}
"""Makers by format; any other format says nothing."""
FLAWED: dict[str, tuple[str, ...]] = {
    "date": ("2026-13-01", "2026-02-30", "yesterday", "01-02-2026"),
    "time": ("25:00:00Z", "12:30", "noon"),
    "date-time": ("2026-02-30T00:00:00Z", "2026-01-02 03:04", "2026-01-02", "now"),
    "duration": ("P", "1 day", "PT"),
    "email": ("alice", "alice@", "@example.test", "alice at example"),
    "idn-email": ("alice", "alice@"),
    "hostname": ("-a.test", "a b", "a_b", "a..test"),
    "idn-hostname": ("a b", "a!b"),
    "ipv4": ("127.0.0", "localhost", "127.0.0.1x"),
    "ipv6": ("127.0.0.1", ":g", "localhost"),
    "uri": ("not a uri", "alpha", "a b:c"),
    "uri-reference": ("a b", "a<b>", "a^b"),
    "iri": ("not an iri", "alpha"),
    "iri-reference": ("a b", "a<b>"),
    "uri-template": ("a{b", "a}b", "a b"),
    "uuid": ("1234", "00000000-0000-4000-8000-00000000000g", "alpha"),
    "json-pointer": ("a", "0"),
    "relative-json-pointer": ("-1", "a"),
    "regex": ("(", "[a", "a**"),
}
"""Texts that break a format; the judge decides."""
