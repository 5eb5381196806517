"""Command line and `[tool.mcpfuzz]` of pyproject.toml -> targets and settings. The command line wins, key by
key; a server named there replaces every server of the file.
"""

from __future__ import annotations

import difflib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mcpfuzz.baseline import Baseline
from mcpfuzz.campaign.config import target_of
from mcpfuzz.errors import UsageError
from mcpfuzz.pytest_support.table import OPTIONS, Option
from mcpfuzz.target import Target

__all__ = ["Options", "read"]

_SERVER_KEYS = (
    *("name", "command", "config", "env", "cwd", "workspace", "example", "allow_destructive", "stub", "sandbox"),
    *("url", "transport", "header", "identity", "cacert", "insecure", "allow_remote"),
)
"""Keys of one `[[tool.mcpfuzz.server]]`; what it lacks is taken from `[tool.mcpfuzz]`."""
_WHERE = ("server", "config", "name", "url")
_PATHS = ("config", "cwd", "workspace", "example", "cacert", "baseline", "policy", "extend")


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for, merged and checked.

    Attributes:
        values: by the names of `run`'s options, defaults filled in.
        targets: by name; empty where neither command line nor file names a server. A single server that has
            no name of its own is "".
    """

    values: Mapping[str, Any]
    targets: Mapping[str, Target]

    def baseline(self) -> Baseline | None:
        """The known findings, where a file of them was named.

        Raises:
            UsageError: it is missing or wrong.
        """
        file, update = self.values["baseline"], self.values["update_baseline"]
        if update and not file:
            raise UsageError("--mcp-update-baseline needs --mcp-baseline FILE")
        return Baseline.load(file, update=update) if file else None

    def shard(self) -> tuple[int, int]:
        """(K, N). Raises UsageError where it is not that."""
        number, _, total = (self.values["shard"] or "1/1").partition("/")
        if not (number.isdigit() and total.isdigit() and 1 <= int(number) <= int(total)):
            raise UsageError(f"--mcp-shard {self.values['shard']}: must be K/N with 1 <= K <= N, as in 3/8")
        return int(number), int(total)

    def settings(self, seed: int) -> Any:
        """`campaign.settings.Settings` of these options.

        Raises:
            UsageError: a glob that fits nothing, a bound that is not positive, an unknown revision.
        """
        from mcpfuzz.campaign.settings import PROFILES, Settings
        from mcpfuzz.model import SEVERITIES
        from mcpfuzz.policy import read_policy
        from mcpfuzz.revisions import revision
        from mcpfuzz.scenarios.catalogue import chosen

        values = self.values
        for name in ("max_time", "timeout", "start_timeout"):
            if not 0 < values[name] < float("inf"):
                raise UsageError(f"--mcp-{name.replace('_', '-')} {values[name]:g}: must be seconds, greater than 0")
        for name, known in (("profile", tuple(PROFILES)), ("fail_on", SEVERITIES)):
            if values[name] not in known:
                raise UsageError(f"--mcp-{name.replace('_', '-')} {values[name]}: must be one of {', '.join(known)}")
        if values["revision"] not in ("auto", "all"):
            revision(values["revision"])
        taken = ("max_time", "profile", "timeout", "start_timeout", "revision", "fail_on", "strict", "require_complete")
        return Settings(
            scenarios=chosen(values["scenario"], values["exclude"], dashes="--mcp-"),
            seed=seed,
            policy=read_policy(values["policy"]) if values["policy"] else {},
            remember="read" if values["seed"] is None else "write",
            **{name: values[name] for name in taken},
        )


def read(config: pytest.Config) -> Options:
    """Merge and check.

    Raises:
        UsageError: a wrong key, type or value; where it stands is told.
    """
    table = _table(config.rootpath)
    given = {name: getattr(config.option, option.dest) for name, option in OPTIONS.items()}
    given = {name: value for name, value in given.items() if value is not None}
    servers = table.pop("server", None)
    if any(name in given for name in ("server", "config", "url")):
        servers = None
        table = {name: value for name, value in table.items() if name not in _WHERE}
    checked = {name: _checked(name, value) for name, value in table.items() if name != "fuzz"}
    checked = {name: _anchored(config, name, value) for name, value in checked.items()}
    defaults = {name: option.default for name, option in OPTIONS.items()}
    defaults["state"] = str(config.rootpath / ".mcpfuzz")
    values = {**defaults, **checked, **given}
    values["server"] = given.get("server", servers)
    return Options(values, _targets(config, values))


def _table(root: Path) -> dict[str, Any]:
    """`[tool.mcpfuzz]` with dashes as underscores."""
    path = root / "pyproject.toml"
    try:
        data = path.read_bytes()
    except OSError:
        return {}
    if b"mcpfuzz" not in data:
        return {}
    import tomllib

    try:
        table = tomllib.loads(data.decode("utf-8")).get("tool", {}).get("mcpfuzz", {})
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    if not isinstance(table, dict):
        raise UsageError(f"{path}: [tool.mcpfuzz] must be a table")
    return _keys(table, (*OPTIONS, "fuzz"), "[tool.mcpfuzz]")


def _keys(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> dict[str, Any]:
    made = {str(key).replace("-", "_"): value for key, value in table.items()}
    for key in made:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise UsageError(
                f"{where}: no key {key!r}; " + (f"did you mean {near[0]}?" if near else f"there is {', '.join(known)}")
            )
    return made


def _checked(name: str, value: Any) -> Any:
    """A value of the file as the command line would have it."""
    option: Option = OPTIONS[name]
    if name == "identity" and isinstance(value, dict):
        return [word for who, specs in value.items() for word in _identity(str(who), specs)]
    if name == "env" and isinstance(value, dict):
        return [f"{key}={item}" for key, item in value.items()]
    if option.kind == "list":
        value = [value] if isinstance(value, str) else value
        fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
    else:
        types = {"flag": (bool,), "text": (str,), "number": (int, float), "integer": (int,)}[option.kind]
        fits = isinstance(value, types) and (option.kind == "flag" or not isinstance(value, bool))
    if not fits:
        words = {"list": "a string or an array of strings", "flag": "true or false", "text": "a string"}
        raise UsageError(
            f"[tool.mcpfuzz] {name.replace('_', '-')} = {value!r}: must be {words.get(option.kind, 'a number')}"
        )
    return value


def _identity(who: str, specs: Any) -> list[str]:
    """`[tool.mcpfuzz.identity.NAME]` as words of --identity: a key is a SPEC's kind, its value a string, an array of
    strings, or a table (`login = {url = ...}`); of `within` also a number."""
    where = f"[tool.mcpfuzz.identity.{who}]"
    if not isinstance(specs, dict):
        raise UsageError(f"{where}: must be a table, as in header = 'Authorization: Bearer ${{TOKEN}}'")
    words = []
    for kind, given in specs.items():
        for item in given if isinstance(given, list) else [given]:
            if kind == "within" and isinstance(item, int | float):
                item = str(item)
            if not isinstance(item, str | dict):
                raise UsageError(f"{where} {kind} = {item!r}: must be a string, an array of strings or a table")
            text = item if isinstance(item, str) else json.dumps(item, default=str)
            words.append(f"{who}={kind.replace('_', '-')}:{text}")
    return words


def _anchored(config: pytest.Config, name: str, value: Any) -> Any:
    """Paths in the file mean the file's folder. Where pytest runs in that folder they stay as they are written,
    since a workspace is found in the command by how it is written."""
    if name not in _PATHS or config.invocation_params.dir == config.rootpath:
        return value
    if isinstance(value, list):
        return [str(config.rootpath / item) for item in value]
    return str(config.rootpath / value)


def _targets(config: pytest.Config, values: Mapping[str, Any]) -> dict[str, Target]:
    server = values["server"]
    if isinstance(server, list) and any(isinstance(item, dict) for item in server):
        return _several(config, server, values)
    if values.get("config"):
        return {"": target_of((), {**values, "server": values.get("name")})}
    if values.get("name"):
        raise UsageError("--mcp-name NAME needs --mcp-config FILE")
    if server is None and not values.get("url"):
        return {}
    words = _words(server, "--mcp-server") if server is not None else ()
    return {"": target_of(words, {**values, "server": None, "cwd": _cwd(config, values)})}


def _cwd(config: pytest.Config, values: Mapping[str, Any]) -> Any:
    return values.get("cwd") or str(config.rootpath)


def _several(config: pytest.Config, servers: list[Any], values: Mapping[str, Any]) -> dict[str, Target]:
    made: dict[str, Target] = {}
    for number, entry in enumerate(servers, 1):
        where = f"[[tool.mcpfuzz.server]] number {number}"
        if not isinstance(entry, dict):
            raise UsageError(f"{where}: must be a table")
        table = _keys(entry, _SERVER_KEYS, where)
        command = table.pop("command", None)
        own = {name: _anchored(config, name, _checked(name, value)) for name, value in table.items()}
        name = own.get("name", "")
        if not name or name in made:
            raise UsageError(f"{where}: needs a name of its own")
        merged = {**values, **own}
        if command is not None or own.get("url"):
            merged = {**merged, "config": None, "server": None, "cwd": _cwd(config, merged)}
            made[name] = target_of(_words(command, where) if command is not None else (), merged)
        elif merged.get("config"):
            made[name] = target_of((), {**merged, "server": name})
        else:
            raise UsageError(f"{where}: needs a command, a url, or a config that has {name!r}")
    return made


def _words(command: Any, where: str) -> tuple[str, ...]:
    if isinstance(command, list) and command and all(isinstance(word, str) for word in command):
        return tuple(command)
    if not isinstance(command, str):
        raise UsageError(f"{where} {command!r}: must be a command")
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise UsageError(f"{where} {command}: {error}") from None
    if not words:
        raise UsageError(f"{where}: the command is empty")
    return words
