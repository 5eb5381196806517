"""The target as the user described it, and what is made of it for one run: workspace copied, placeholders
filled, environment cleaned. Nothing is started here.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson

from mcpfuzz import host
from mcpfuzz.effects.listener import Listener
from mcpfuzz.effects.scene import Scene
from mcpfuzz.effects.workspace import ScratchTree, copy_workspace, rewrite, rewrite_json
from mcpfuzz.errors import Fault, UsageError
from mcpfuzz.events import LaunchRecord
from mcpfuzz.identities import ANONYMOUS, GARBAGE, Identity
from mcpfuzz.model import Json, Surface
from mcpfuzz.recordings import examples as recorded
from mcpfuzz.recordings import is_recording
from mcpfuzz.sandbox.box import Mode, Sandbox, open_sandbox
from mcpfuzz.tokens import find, forged
from mcpfuzz.transports.dial import Way
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.launch import Launch, clean_environment

__all__ = ["Prepared", "Target", "expand_variables", "read_examples"]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Who is tested and what it is told, as written by the user."""

    command: tuple[str, ...] = ()
    """Empty: the server runs already, at `url`."""
    url: str | None = None
    """Of a networked server; with a command, where the command's server will listen."""
    transport: str | None = None
    """http, sse or ws, where the user insists on one."""
    headers: tuple[tuple[str, str], ...] = ()
    """On every request, as written."""
    identities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name -> specs; the campaign runs as the first."""
    cacert: str | None = None
    insecure: bool = False
    allow_remote: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    """May hold `${NAME}` of our own environment and placeholders."""
    cwd: str | None = None
    workspaces: tuple[str, ...] = ()
    examples: tuple[Mapping[str, Json], ...] = ()
    """`{"tool": ..., "arguments": ...}`, also `resource` and `prompt`."""
    stubs: Mapping[str, str | None] = field(default_factory=dict)
    """Stand-ins: name -> program that is run in its place, None for none."""
    allow_destructive: bool = False
    trusted_lab: bool = False
    """The bundled lab is behind it: nothing it does can hurt."""
    state: str = ".mcpfuzz"
    sandbox: Mode = "auto"

    @property
    def record(self) -> LaunchRecord:
        """How to start it again, for the report."""
        return LaunchRecord(
            command=self.command,
            url=self.url,
            transport=self.transport or ("stdio" if self.url is None else "ws" if self.url[:2] == "ws" else "http"),
            cwd=self.cwd or ".",
            workspace=self.workspaces,
            env=dict(self.env),
            headers=dict(self.headers),
            identities=dict(self.identities),
        )


@dataclass(slots=True)
class Prepared:
    """A target made ready for one run. A context manager: leaving it ends the sandbox and removes the
    scratch tree.

    Attributes:
        launch: how a process of it is started; None where it runs already.
        endpoint: where it listens, without any identity; None over stdio.
        identities: who may speak; the first is whom the campaign runs as.
        places: values of the slots, as far as this target has them.
        scene: what stands around the server.
        examples: the user's, re-pointed at the copy.
        notes: what the user should know (links cut, a folder that occurs nowhere).
        sandbox: where its servers run; may be off.
    """

    target: Target
    tree: ScratchTree
    launch: Launch | None
    endpoint: Endpoint | None
    identities: dict[str, Identity]
    places: dict[str, str]
    scene: Scene
    examples: tuple[Mapping[str, Json], ...]
    notes: list[str]
    secrets: tuple[str, ...]
    sandbox: Sandbox

    @classmethod
    def of(cls, target: Target) -> Prepared:
        """Copy workspaces, fill placeholders, clean the environment.

        Raises:
            UsageError: a workspace cannot be copied, a variable or placeholder has no value.
            TargetError: `--sandbox require`, and the system allows none.
        """
        tree = ScratchTree(Path(target.state))
        sandbox: Sandbox | None = None
        try:
            sandbox = open_sandbox(
                target.sandbox,
                tree.tmp,
                tree.root,
                places=(os.getcwd(), os.path.abspath(target.cwd or ".")),
                trusted=target.trusted_lab,
            )
            return cls._made(target, tree, sandbox)
        except BaseException:
            if sandbox is not None:
                sandbox.close()
            tree.remove()
            raise

    @classmethod
    def _made(  # noqa: C901 - one step after the other, each of them short
        cls, target: Target, tree: ScratchTree, sandbox: Sandbox
    ) -> Prepared:
        notes: list[str] = []
        mapping: dict[str, str] = {}
        for index, folder in enumerate(target.workspaces):
            source = Path(folder)
            if not source.is_dir():
                raise UsageError(f"--workspace {folder}: there is no such folder")
            copy = tree.ws / str(index) / (source.resolve().name or "workspace")
            copy.parent.mkdir(parents=True)
            notes += copy_workspace(source.resolve(), copy).notes
            mapping[folder] = str(copy)
        around = tree.ws / "0"
        around.mkdir(exist_ok=True)
        listener = Listener(sandbox.listen)
        places = {
            "scratch": str(tree.scratch),
            "outside": str(around),
            "watch": str(tree.watch),
            "listener": listener.url,
            "bait": listener.bait,
            "bait_port": str(listener.bait_port),
            "rebind": sandbox.rebind_host or "localhost",
        }
        workspace = Path(next(iter(mapping.values()))) if mapping else None
        if workspace is not None:
            places |= {"workspace": str(workspace), "folder": workspace.name}
        scene = Scene(
            around=around, workspace=workspace, watch=tree.watch, listener=listener, stub_folder=tree.stubs,
            stubs=target.stubs,
        )  # fmt: skip
        texts = (
            *target.command[1:],
            *target.env.values(),
            target.cwd or "",
            target.url or "",
            *(value for _, value in target.headers),
            *(spec for specs in target.identities.values() for spec in specs),
            orjson.dumps(list(target.examples)).decode(),
        )
        if any("{listener}" in text for text in texts):
            places["upstream"] = listener.url  # the server was told of it: it plays its upstream
        if any("{port}" in text for text in texts):
            places["port"] = str(sandbox.free_port())
        env = {name: _fill(expand_variables(value), places, mapping) for name, value in target.env.items()}
        argv = (*target.command[:1], *(_fill(word, places, mapping) for word in target.command[1:]))
        cwd = _fill(target.cwd or os.getcwd(), places, mapping)  # relative words of the command mean this folder
        for folder, copied in mapping.items():
            if not any(rewrite(text, {folder: copied}) != text for text in texts) and "{workspace}" not in "".join(
                texts
            ):
                notes.append(
                    f"--workspace {folder} occurs in no argument, --env, --cwd or example: "
                    "the server is not told of the copy"
                )
        if target.stubs:
            env["PATH"] = f"{tree.stubs}:{env.get('PATH') or os.environ.get('PATH', os.defpath)}"
        reached = sandbox.let_through((*target.command, *map(expand_variables, target.env.values())))
        if reached:
            notes.append(
                f"the server reaches what listens on this machine's port {', '.join(map(str, reached))}: "
                "its command or environment names it"
            )
        home, temporary = str(tree.home), str(tree.tmp)
        fill = lambda text: _fill(expand_variables(text), places, mapping)  # noqa: E731
        identities = {name: Identity.of(name, specs, fill) for name, specs in target.identities.items()}
        launch = endpoint = None
        if target.command:
            launch = Launch(
                argv=(_program(target.command[0]), *argv[1:]),
                env={**clean_environment(home, temporary, tree.environment), **env},
                cwd=cwd,
                token=secrets.token_hex(8),
                sandbox=sandbox,
            )
        if target.identities:
            places["credential"] = next(iter(target.identities))
            first = identities[places["credential"]]
            said = [value for _, value in (*first.headers, *first.query, *first.env)] + [first.first_message or ""]
            if any(map(find, (*said, *first.subprotocols))):
                places["jwt"] = first.name
                places |= {"jwt-key": first.name} if first.key else {}
        if len(target.identities) > 1:
            places["second"] = list(target.identities)[1]
        if target.url is not None:
            endpoint = _endpoint(target, fill)
            places["network"] = endpoint.origin
            if endpoint.transport == "http":
                places |= {"endpoint": endpoint.target, "authority": f"{endpoint.host}:{endpoint.port}"}
            if target.command:
                endpoint = replace(endpoint, dial=sandbox.socket)
        secret = tuple(value for name, value in env.items() if _SECRET_NAME.search(name) and len(value) >= 6)
        secret += tuple(_credentials(identities.values()))
        # slots rather than folders: a reproducer that grows from an example must fit the next run's copy
        slotted = {folder: "{workspace}" if Path(copy) == workspace else copy for folder, copy in mapping.items()}
        examples = tuple(rewrite_json(example, slotted) for example in target.examples)
        return cls(target, tree, launch, endpoint, identities, places, scene, examples, notes, secret, sandbox)

    def way(self, identity: str | None = None) -> Way:
        """How a server is reached as somebody: a process to start, or an address to connect to.

        Args:
            identity: a name; None: whom the campaign runs as.

        Raises:
            Fault: there is nobody of that name.
        """
        who = self.identity(identity)
        if self.endpoint is None:
            assert self.launch is not None
            return replace(self.launch, env={**self.launch.env, **dict(who.env)}) if who.env else self.launch
        there = self.endpoint
        if who.name in (ANONYMOUS, GARBAGE) or "~" in who.name:
            there = replace(there, headers=tuple(pair for pair in there.headers if not _SECRET_NAME.search(pair[0])))
        there = there.with_headers(who.headers).with_query(who.query)
        return replace(there, subprotocols=who.subprotocols, first_message=who.first_message)

    def identity(self, name: str | None) -> Identity:
        """A caller by name; `anonymous` and `garbage` are made of the first.

        Raises:
            Fault: there is nobody of that name.
        """
        first = next(iter(self.identities.values()), Identity(name=ANONYMOUS))
        if name is None:
            return first if self.identities else Identity(name="")
        if name in (ANONYMOUS, GARBAGE):
            return first.anonymous() if name == ANONYMOUS else first.garbage()
        base, mark, variant = name.partition("~")
        if mark and base in self.identities:
            return self._variant(self.identities[base], name, variant)
        if name not in self.identities:
            raise Fault(f"nobody is called {name!r}; there are {', '.join(self.identities) or 'no identities'}")
        return self.identities[name]

    def known(self, surface: Surface) -> Surface:
        """What this target adds to what discovery learned: what a scenario may aim at."""
        headers = self.endpoint.headers if self.endpoint is not None else ()
        addresses = tuple((name, value) for name, value in headers if re.match(r"[a-z][a-z0-9+.-]*://", value, re.I))
        return replace(surface, places=frozenset(self.places), callers=tuple(self.identities), headers=addresses)

    def _variant(self, who: Identity, name: str, variant: str) -> Identity:
        """A caller whose credential is changed in one point (`mcpfuzz.tokens`), or stands in the URL (`query`).

        Raises:
            TargetError: the credential does not allow it.
        """
        if variant == "query":
            return who.in_url(name)
        return who.turned(
            name, lambda text: text.replace(found, forged(found, variant, who.key)) if (found := find(text)) else text
        )

    @property
    def served(self) -> Launch | None:
        """The process of a networked server, as whom the campaign runs; None where none is started by us."""
        if self.launch is None:
            return None
        return replace(self.launch, env={**self.launch.env, **dict(self.identity(None).env)})

    def sweep(self) -> None:
        """End whatever processes of the run are left."""
        if self.launch is not None:
            host.sweep(self.launch.token)

    @property
    def writable(self) -> str:
        """The folder the server can be expected to write to."""
        return self.places.get("workspace") or str(self.tree.home)

    @property
    def known_folders(self) -> tuple[str, ...]:
        """Folders whose paths are no leak: those that the server was told of."""
        if self.launch is None:
            return (str(self.tree.ws),)
        given = [word for word in (*self.launch.argv, *self.target.env.values()) if word.startswith("/")]
        return (str(self.tree.ws), self.launch.cwd, os.path.realpath(self.launch.cwd), *given)

    def __enter__(self) -> Prepared:
        return self

    def __exit__(self, *_: object) -> None:
        self.scene.close()
        self.sandbox.close()
        self.tree.remove()


_SECRET_NAME = re.compile(r"token|secret|passw|api_?key|credential|cookie|auth|dsn|private", re.IGNORECASE)


def _credentials(identities: Iterable[Identity]) -> Iterator[str]:
    """What nobody should ever see in an answer: the callers' secrets."""
    for who in identities:
        for name, value in (*who.headers, *who.query, *who.env):
            secret = value.split(" ", 1)[-1] if name.lower() == "authorization" else value
            if len(secret) >= 6:
                yield secret
        if len(who.key) >= 6:
            yield who.key


def _endpoint(target: Target, fill: Callable[[str], str]) -> Endpoint:
    """Where the target listens.

    Raises:
        UsageError: the URL is none, or leads away from this machine without leave.
    """
    made = Endpoint.of(fill(target.url or ""), target.transport)
    if not made.loopback and not target.allow_remote:
        raise UsageError(f"--url {made.origin}: not on this machine; --allow-remote attacks it all the same")
    headers = tuple((name, fill(value)) for name, value in target.headers)
    return replace(made.with_headers(headers), cacert=target.cacert, insecure=target.insecure)


def _program(name: str) -> str:
    """A relative path of a program is meant from where the user stands, whatever --cwd says."""
    # not resolve(): .venv/bin/python is a link, and what it leads to knows nothing of the venv
    return os.path.abspath(name) if "/" in name else name


def _placed(value: Json, places: Mapping[str, str]) -> Json:
    if isinstance(value, str):
        for name, place in places.items():
            value = value.replace("{" + name + "}", place)
        return value
    if isinstance(value, dict):
        return {key: _placed(item, places) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_placed(item, places) for item in value]
    return value


def _fill(text: str, places: Mapping[str, str], mapping: Mapping[str, str]) -> str:
    if "{workspace}" in text and "workspace" not in places:
        raise UsageError(f"{text!r} holds {{workspace}}, but no --workspace was given")
    filled = _placed(text, places)
    return rewrite(filled, mapping)


def expand_variables(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """`${NAME}` and `${NAME:-default}` from our own environment.

    Raises:
        UsageError: a variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        found = environ.get(match[1], match[2])
        if found is None:
            raise UsageError(f"${{{match[1]}}} is not set in the environment of mcpfuzz")
        return found

    return _VARIABLE.sub(value, text)


def read_examples(path: str) -> tuple[Mapping[str, Json], ...]:
    """Known-good calls, JSON Lines; or a recording of `mcpfuzz record`, of which the calls that were answered
    normally are taken.

    Raises:
        UsageError: the file is missing, or a line is no such call; the line's number is told.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")  # not splitlines(): U+2028 may stand in a string
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"--example {path}: {why}") from None
    made = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = orjson.loads(line)
        except ValueError as error:
            raise UsageError(f"--example {path}, line {number}: not JSON ({error})") from None
        if is_recording(entry):
            return tuple(recorded(lines))
        if not isinstance(entry, dict) or not any(
            isinstance(entry.get(kind), str) for kind in ("tool", "resource", "prompt")
        ):
            raise UsageError(f'--example {path}, line {number}: needs "tool", "resource" or "prompt" with a name')
        if not isinstance(entry.get("arguments", {}), dict):
            raise UsageError(f'--example {path}, line {number}: "arguments" is no object')
        made.append(entry)
    return tuple(made)
