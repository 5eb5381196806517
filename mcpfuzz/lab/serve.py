"""Command line and assembly: switches in, a running server out. Knows all parts and does none of their work."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

from mcpfuzz.lab.core import Server
from mcpfuzz.lab.kit import Draw, Names, Tool, World
from mcpfuzz.lab.listing import Listing
from mcpfuzz.lab.notes import Notes
from mcpfuzz.lab.shop import Shop
from mcpfuzz.lab.stdio import serve
from mcpfuzz.lab.texts import Texts
from mcpfuzz.lab.weakness import EVERYWHERE
from mcpfuzz.lab.weaknesses import TABLE, by_name

__all__ = ["TOOLSETS", "build", "main", "selected", "served_names"]

TOOLSETS: Final[Mapping[str, tuple[str, str]]] = {
    name: (f"mcpfuzz.lab.{name}", name.capitalize())
    for name in ("files", "bundles", "data", "lookups", "formats", "net", "state", "desk", "tenants", "kiln", "samples")
}
"""Toolset -> module and class of its tools, imported when it is served. `core` is always served."""

GROUPS: Final[Mapping[str, frozenset[str]]] = {
    "all": frozenset(weakness.name for weakness in TABLE),
    "robustness": frozenset(weakness.name for weakness in TABLE if weakness.group == "robustness"),
    "attacks": frozenset(weakness.name for weakness in TABLE if weakness.group == "attack"),
    "network": frozenset(weakness.name for weakness in TABLE if weakness.group == "network"),
    "identity": frozenset(weakness.name for weakness in TABLE if weakness.group == "identity"),
}
"""Names that stand for many weaknesses on the command line."""


def selected(names: Iterable[str], without: Iterable[str] = ()) -> frozenset[str]:
    """The weaknesses that `--weakness` and `--except` name.

    Raises:
        ValueError: a name is no weakness and no group; the message tells which there are.
    """
    known = by_name()

    def expand(name: str) -> Iterable[str]:
        if name in GROUPS:
            return GROUPS[name]
        if name not in known:
            raise ValueError(f"there is no weakness {name!r}; there are: {', '.join([*GROUPS, *known])}")
        return {name}

    chosen = {one for name in names for one in expand(name)}
    return frozenset(chosen - {one for name in without for one in expand(name)})


def _made(lab: World, toolsets: Iterable[str]) -> dict[str, Any]:
    """Toolset -> what holds its tools."""
    return {name: getattr(import_module(TOOLSETS[name][0]), TOOLSETS[name][1])(lab) for name in toolsets}


def _tools(lab: World, notes: Notes, made: Mapping[str, Any]) -> list[Tool]:
    tools = [*notes.tools(), *Shop(lab).tools(), *Texts(lab).tools()]
    for one in made.values():
        tools += one.tools()
    return tools


def _needed(weak: frozenset[str], asked: Iterable[str]) -> list[str]:
    """Toolsets besides core: those asked for, and those the weaknesses live in."""
    known = by_name()
    wanted = {*asked, *(known[name].toolset for name in weak)}
    return [name for name in TOOLSETS if name in wanted or "all" in wanted]


def build(
    weak: Iterable[str] = (),
    *,
    era: str = "both",
    shuffle: str | None = None,
    workspace: str | None = None,
    toolsets: Iterable[str] = (),
    read_only: bool = False,
) -> Server:
    """A server with these weaknesses on.

    Args:
        era: `legacy`, `modern` or `both`.
        shuffle: seed that renames tools and arguments and draws thresholds; None: canonical names.
        workspace: folder of the file tools; None: LAB_WORKSPACE, else a fresh one when first needed.
        toolsets: besides `core` and those the weaknesses need; `all` for all.
        read_only: tools that do more than read are refused.
    """
    folder = workspace or os.environ.get("LAB_WORKSPACE")
    weaknesses = frozenset(weak)
    lab = World(weaknesses, Draw(shuffle), Path(folder).resolve() if folder else None, read_only=read_only)
    notes = Notes(lab)
    made = _made(lab, _needed(weaknesses, toolsets))
    return Server(lab, _tools(lab, notes, made), Listing(lab, notes, made.get("tenants")), era=era)


def served_names(shuffle: str | None = None) -> Mapping[str, tuple[str, Mapping[str, str]]]:
    """Canonical tool name -> (name it is served as, canonical argument -> served argument), of all toolsets."""
    lab = World(frozenset({"hidden-tool", "forgotten-tool"}), Draw(shuffle), None)
    names = {tool.name: Names(tool, lab.draw) for tool in _tools(lab, Notes(lab), _made(lab, TOOLSETS))}
    return {name: (served.tool, served.served) for name, served in names.items()}


class _Parser(argparse.ArgumentParser):
    """What is wrong, in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="mcpfuzz lab", description="A reference MCP server: hardened, with one switch per weakness.")
    parser.add_argument(
        "--weakness",
        action="append",
        default=[],
        metavar="NAME",
        help="switch on; also all, robustness, attacks, network, identity",
    )
    parser.add_argument(
        "--except", action="append", default=[], metavar="NAME", dest="without", help="switch off again"
    )
    parser.add_argument(
        "--era", choices=("legacy", "modern", "both"), default="both", help="which revisions are spoken"
    )
    parser.add_argument("--shuffle", metavar="SEED", help="other names, other thresholds; the same for the same seed")
    parser.add_argument("--workspace", metavar="DIR", help="folder of the file tools (LAB_WORKSPACE, else a fresh one)")
    parser.add_argument(
        "--toolset",
        action="append",
        default=[],
        choices=(*TOOLSETS, "all"),
        help="tools besides core and what the weaknesses need",
    )
    parser.add_argument("--read-only", action="store_true", help="tools that do more than read are refused")
    parser.add_argument("--list", action="store_true", help="print the weaknesses, where they show, and exit")
    _network_options(parser.add_argument_group("over the network, on loopback"))
    return parser


def _network_options(group: Any) -> None:
    group.add_argument("--transport", choices=EVERYWHERE, default="stdio", help="how it is served")
    group.add_argument("--port", type=int, default=0, metavar="N", help="0, the default: a free one, told on stderr")
    group.add_argument(
        "--token",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an identity's bearer token; without: no auth",
    )
    group.add_argument(
        "--jwt-key",
        default="",
        metavar="KEY",
        help="tokens are JSON Web Tokens (HS256) signed with KEY; NAME of --token is who they are for",
    )
    group.add_argument("--issuer", default="", metavar="URL", help="tokens are those that URL issues (RS256)")
    group.add_argument("--mint", metavar="NAME", help="print a token of NAME, signed with --jwt-key, and exit")
    group.add_argument(
        "--login",
        action="append",
        default=[],
        metavar="NAME=PASSWORD",
        help="NAME signs in at /login, and gets tickets at /api/ws-ticket",
    )
    group.add_argument(
        "--authority",
        action="store_true",
        help="an authorization server beside it: /authorize, /token, /register (http)",
    )
    group.add_argument("--upstream", default="", metavar="URL", help="where people sign in, behind --authority")
    group.add_argument("--life", type=int, default=3600, metavar="S", help="seconds that a login's token lives (3600)")
    group.add_argument("--ticket-life", type=float, default=30, metavar="S", help="seconds that a ticket lives (30)")
    group.add_argument(
        "--introduction", type=float, default=10, metavar="S", help="seconds for a first message (10; ws, wss)"
    )
    group.add_argument(
        "--auth",
        choices=("header", "query", "subprotocol", "first-message", "ticket"),
        default="header",
        help="where the token is looked for (ws, wss)",
    )
    group.add_argument(
        "--answers", choices=("auto", "json", "sse", "poll"), default="auto", help="how requests are answered (http)"
    )
    group.add_argument("--rate", type=float, default=2000.0, metavar="N", help="requests a second (2000)")
    group.add_argument("--burst", type=int, default=20_000, metavar="N", help="requests at once (20000)")
    group.add_argument(
        "--rate-scope",
        choices=("identity", "address", "session", "global", "none"),
        default="identity",
        help="whose requests are counted together",
    )
    group.add_argument(
        "--framework", choices=("fastapi",), default="", help="the application of tutorials (http, ws, wss)"
    )
    group.add_argument("--tls", action="store_true", help="https instead of http; wss has TLS anyway")
    group.add_argument("--ca-out", metavar="FILE", help="write the certificate of our authority here")


def main(argv: list[str]) -> int:
    """Serve until stdin ends, or over the network until interrupted; the exit code.

    Wrong usage ends in SystemExit(2), as argparse has it.
    """
    parser = _parser()
    options = parser.parse_args(argv)
    if options.list:
        for weakness in TABLE:
            where = "all" if weakness.transports == EVERYWHERE else ",".join(weakness.transports)
            print(f"{weakness.name:26} {where:16} {weakness.title}")
        return 0
    if options.mint:
        from mcpfuzz.lab.fronts.tokens import mint

        print(mint(options.mint, options.jwt_key))
        return 0
    try:
        weak = selected(options.weakness, options.without)
        access = _access(options)
    except ValueError as error:
        parser.error(str(error))
    if options.workspace and not Path(options.workspace).is_dir():
        parser.error(f"--workspace {options.workspace}: there is no such folder")
    server = build(
        weak, era=options.era, shuffle=options.shuffle, workspace=options.workspace, toolsets=options.toolset,
        read_only=options.read_only,
    )  # fmt: skip
    if options.framework and options.transport not in ("http", "ws", "wss"):
        parser.error("--framework goes with --transport http, ws or wss")
    if options.framework and options.auth == "subprotocol":
        parser.error("--framework has no --auth subprotocol: the guide has none")
    if options.transport == "stdio":
        return serve(server)
    return _over_the_network(parser, options, server, access)


def _access(options: argparse.Namespace) -> Mapping[str, Any]:
    """What `guard.Access` is made of. Raises ValueError for what cannot be."""
    tokens = {}
    for given in options.token:
        name, _, value = given.partition("=")
        if not (name and len(value) >= 4 and value.isascii() and value.isprintable()) or " " in value:
            raise ValueError(f"--token {name}=...: wants NAME=VALUE, the value 4 printable characters or more")
        tokens[name] = value
    if not (options.rate > 0 and options.burst >= 1):
        raise ValueError("--rate and --burst are greater than nothing")
    if not 0 <= options.port <= 65535:
        raise ValueError("--port is from 0 to 65535")
    passwords = dict(given.partition("=")[::2] for given in options.login)
    if options.jwt_key or options.issuer:
        tokens.setdefault(
            "jwt", options.jwt_key or options.issuer
        )  # somebody is known, so nobody comes in without a token
    unknown = [name for name in passwords if name not in tokens and not options.jwt_key]
    if unknown or not all(passwords.values()):
        raise ValueError("--login wants NAME=PASSWORD, and --token NAME=VALUE or --jwt-key for what it gives")
    if not (options.life > 0 and options.ticket_life > 0 and options.introduction > 0):
        raise ValueError("--life, --ticket-life and --introduction are greater than nothing")
    return {
        "tokens": tokens,
        "issuer": options.issuer,
        "passwords": passwords,
        "authority": options.authority,
        "upstream": options.upstream,
        "life_s": options.life,
        "ticket_s": options.ticket_life,
        "introduction_s": options.introduction,
        "jwt_key": options.jwt_key,
        "rate": options.rate,
        "burst": options.burst,
        "scope": options.rate_scope,
    }


def _over_the_network(
    parser: argparse.ArgumentParser, options: argparse.Namespace, server: Server, access: Mapping[str, Any]
) -> int:
    from mcpfuzz.lab.fronts.guard import Access  # ssl and socket cost a tenth of a lab's start; stdio needs neither
    from mcpfuzz.lab.fronts.serving import Missing, Network
    from mcpfuzz.lab.fronts.serving import serve as serve_network

    network = Network(
        transport=options.transport,
        port=options.port,
        access=Access(**access),
        answers=options.answers,
        pattern=options.auth,
        framework=options.framework,
        tls=options.tls,
        authority=Path(options.ca_out) if options.ca_out else None,
    )
    try:
        return serve_network(server, network)
    except Missing as error:
        parser.error(f"--transport {options.transport}: {error}")
    except OSError as error:
        parser.error(f"--port {options.port}: {error.strerror or error}")
