"""Command line and assembly: switches in, a running server out. Knows all parts and does none of their work."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

from mcpfuzz.lab.core import Server
from mcpfuzz.lab.kit import Draw, Names, Tool, World
from mcpfuzz.lab.listing import Listing
from mcpfuzz.lab.notes import Notes
from mcpfuzz.lab.shop import Shop
from mcpfuzz.lab.stdio import serve
from mcpfuzz.lab.texts import Texts
from mcpfuzz.lab.weaknesses import TABLE, by_name

__all__ = ["TOOLSETS", "build", "main", "selected", "served_names"]

TOOLSETS: Final[Mapping[str, tuple[str, str]]] = {
    name: (f"mcpfuzz.lab.{name}", name.capitalize())
    for name in ("files", "data", "lookups", "formats", "net", "state", "desk")
}
"""Toolset -> module and class of its tools, imported when it is served. `core` is always served."""

GROUPS: Final[Mapping[str, frozenset[str]]] = {
    "all": frozenset(weakness.name for weakness in TABLE),
    "robustness": frozenset(weakness.name for weakness in TABLE if weakness.group == "robustness"),
    "attacks": frozenset(weakness.name for weakness in TABLE if weakness.group == "attack"),
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


def _tools(lab: World, notes: Notes, toolsets: Iterable[str]) -> list[Tool]:
    tools = [*notes.tools(), *Shop(lab).tools(), *Texts(lab).tools()]
    for name in toolsets:
        module, maker = TOOLSETS[name]
        tools += getattr(import_module(module), maker)(lab).tools()
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
) -> Server:
    """A server with these weaknesses on.

    Args:
        era: `legacy`, `modern` or `both`.
        shuffle: seed that renames tools and arguments and draws thresholds; None: canonical names.
        workspace: folder of the file tools; None: LAB_WORKSPACE, else a fresh one when first needed.
        toolsets: besides `core` and those the weaknesses need; `all` for all.
    """
    folder = workspace or os.environ.get("LAB_WORKSPACE")
    weaknesses = frozenset(weak)
    lab = World(weaknesses, Draw(shuffle), Path(folder).resolve() if folder else None)
    notes = Notes(lab)
    return Server(lab, _tools(lab, notes, _needed(weaknesses, toolsets)), Listing(lab, notes), era=era)


def served_names(shuffle: str | None = None) -> Mapping[str, tuple[str, Mapping[str, str]]]:
    """Canonical tool name -> (name it is served as, canonical argument -> served argument), of all toolsets."""
    lab = World(frozenset({"hidden-tool", "forgotten-tool"}), Draw(shuffle), None)
    names = {tool.name: Names(tool, lab.draw) for tool in _tools(lab, Notes(lab), TOOLSETS)}
    return {name: (served.tool, served.served) for name, served in names.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mcpfuzz lab", description="A reference MCP server over stdio: hardened, with one switch per weakness."
    )
    parser.add_argument(
        "--weakness", action="append", default=[], metavar="NAME", help="switch on; also all, robustness, attacks"
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
    parser.add_argument("--transport", choices=("stdio",), default="stdio", help="how it is served")
    parser.add_argument("--list", action="store_true", help="print the weaknesses and exit")
    return parser


def main(argv: list[str]) -> int:
    """Serve on stdio until stdin ends; the exit code. Wrong usage ends in SystemExit(2), as argparse has it."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.list:
        for weakness in TABLE:
            print(f"{weakness.name:24} {weakness.title}")
        return 0
    try:
        weak = selected(options.weakness, options.without)
    except ValueError as error:
        parser.error(str(error))
    if options.workspace and not Path(options.workspace).is_dir():
        parser.error(f"--workspace {options.workspace}: there is no such folder")
    return serve(
        build(weak, era=options.era, shuffle=options.shuffle, workspace=options.workspace, toolsets=options.toolset)
    )
