"""Connections that name another host, as a rebound DNS name does."""

from __future__ import annotations

from mcpfuzz.model import Case, Operation, Surface
from mcpfuzz.scenarios.base import Scenario
from mcpfuzz.scenarios.networked import second_connection
from mcpfuzz.strategies.choices import Choices

HOSTS = (
    ("attacker.example", None, "another site's name"),
    ("attacker.example:80", None, "another site's name and port"),
    ("localhost.attacker.example", None, "a name that begins with localhost"),
    ("attacker.example:{own_port}", "http://attacker.example:{own_port}", "a page of the site that Host names"),
)
"""(Host, Origin, words)"""


def draw(choices: Choices, surface: Surface, operation: Operation | None, index: int) -> Case | None:
    """Where callers are told apart, as nobody: a page under a rebound name has none of the server's cookies, and
    knows no token."""
    name, origin, words = HOSTS[index % len(HOSTS)]
    headers = (("Host", name), *((("Origin", origin),) if origin else ()))
    as_ = "anonymous" if "authenticated" in surface.places else None
    return second_connection(SCENARIO.id, surface, "host-unchecked", words, headers=headers, as_=as_)


SCENARIO = Scenario(
    id="foreign-host",
    title="Connections under another host name",
    about="A second connection names another site in Host, as a browser does after a DNS name was rebound to this "
    "address; once with the Origin that goes with it. A normal answer on it proves that nobody looks.",
    draw=draw,
    rules=("host-unchecked",),
    cases=len(HOSTS),
    rounds=1,
    early=True,
    alone=True,
    needs=("network",),
    references=(
        "CWE-350",
        "CWE-346",
    ),
)
