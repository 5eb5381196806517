"""What is made of a target for one run: workspace copied, placeholders filled, environment cleaned. Nothing is
started here.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from mcpfuzz import host
from mcpfuzz.effects.issuer import Issuer
from mcpfuzz.effects.listener import Listener
from mcpfuzz.effects.scene import Scene
from mcpfuzz.effects.workspace import Copies, ScratchTree, rewrite_json
from mcpfuzz.errors import Fault
from mcpfuzz.identities import ANONYMOUS, GARBAGE, Identity
from mcpfuzz.logins import guess
from mcpfuzz.model import Http, Json, Surface
from mcpfuzz.sandbox.box import Sandbox, open_sandbox
from mcpfuzz.target.copying import copied, cwd_of, untold, working_folder
from mcpfuzz.target.credentials import (
    OF_CALLERS,
    SECRET_NAME,
    TICKETS,
    check_logins,
    credentials,
    told_of_callers,
)
from mcpfuzz.target.described import Target
from mcpfuzz.target.filling import expand_variables, filled
from mcpfuzz.target.modes import is_read_only
from mcpfuzz.target.owned import Owned
from mcpfuzz.target.places import endpoint_of, places_of, told_to
from mcpfuzz.tokens import find, forged
from mcpfuzz.transports.dial import Way
from mcpfuzz.transports.endpoint import Endpoint
from mcpfuzz.transports.launch import Launch, clean_environment

__all__ = ["Prepared"]


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
        issuer: the test authorization server, where the target was pointed at it.
        copies: the workspaces' copies.
        owned: this run in the journal of processes; None: nothing of it can outlive it.
        on_secrets: told of secrets that are met on the way, such as a login's token.
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
    issuer: Issuer | None = None
    copies: Copies = field(default_factory=Copies)
    on_secrets: Callable[..., None] = lambda *secrets: None
    owned: Owned | None = None

    @classmethod
    def of(cls, target: Target) -> Prepared:
        """Copy workspaces, fill placeholders, clean the environment.

        Raises:
            UsageError: a workspace cannot be copied, a variable or placeholder has no value.
            TargetError: `--sandbox require`, and the system allows none.
        """
        with ExitStack() as undone:
            tree = ScratchTree(Path(target.state), server=working_folder(target))
            undone.callback(tree.remove)
            sandbox = open_sandbox(
                target.sandbox,
                tree.tmp,
                tree.root,
                places=(os.getcwd(), os.path.abspath(target.cwd or ".")),
                trusted=target.trusted_lab,
                ours=bool(target.command),
            )
            undone.callback(sandbox.close)
            made = cls._made(target, tree, sandbox, undone)
            undone.pop_all()
            return made

    @classmethod
    def _made(cls, target: Target, tree: ScratchTree, sandbox: Sandbox, undone: ExitStack) -> Prepared:
        """Args: undone: takes what is to be closed where the rest cannot be made."""
        made = Copies()
        mapping, notes = copied(target, tree, made)
        around = tree.ws / "0"
        around.mkdir(exist_ok=True)
        listener = Listener(sandbox.listen)
        undone.callback(listener.close)
        places = {
            "scratch": str(tree.scratch),
            "outside": str(around),
            "watch": str(tree.watch),
            "listener": listener.url,
            "bait": listener.bait,
            "bait_port": str(listener.bait_port),
            "rebind": sandbox.rebind_host or "localhost",
        }
        if tree.apart:
            places["apart"] = str(tree.root)
        workspace = Path(next(iter(mapping.values()))) if mapping else None
        if workspace is not None:
            places |= {"workspace": str(workspace), "folder": workspace.name}
        scene = Scene(
            around=around, workspace=workspace, watch=tree.watch, listener=listener, stub_folder=tree.stubs,
            stubs=target.stubs, inside=is_read_only(target.command[1:], target.env),
        )  # fmt: skip
        texts = target.texts
        if any("{listener}" in text for text in texts):
            places["upstream"] = listener.url  # the server was told of it: it plays its upstream
        issuer: Issuer | None = None
        if any("{issuer}" in text or text.startswith("issuer:") for text in texts):
            issuer = Issuer(sandbox.listen)
            undone.callback(issuer.close)
            places["issuer"] = issuer.url
        if any("{port}" in text for text in texts):
            places["port"] = str(sandbox.free_port())
        env = {name: filled(expand_variables(value), places, mapping) for name, value in target.env.items()}
        argv = (*target.command[:1], *(filled(word, places, mapping) for word in target.command[1:]))
        cwd = cwd_of(target, lambda text: filled(text, places, mapping))
        notes += untold(mapping, texts)
        if target.stubs:
            env["PATH"] = f"{tree.stubs}:{env.get('PATH') or os.environ.get('PATH', os.defpath)}"
        reached = sandbox.let_through((*target.command, *map(expand_variables, target.env.values())))
        if reached:
            notes.append(
                f"the server reaches what listens on this machine's port {', '.join(map(str, reached))}: "
                "its command or environment names it"
            )
        home, temporary = str(tree.home), str(tree.tmp)
        fill = lambda text: filled(expand_variables(text), places, mapping)  # noqa: E731
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
        places |= told_of_callers(identities)
        if target.url is not None:
            endpoint = endpoint_of(target, fill)
            places |= places_of(endpoint, ours=bool(target.command))
            if target.command:
                endpoint = replace(endpoint, dial=sandbox.socket)
        places |= told_to(argv, env, endpoint)
        check_logins(identities.values(), endpoint)
        secret = tuple(value for name, value in env.items() if SECRET_NAME.search(name) and len(value) >= 6)
        secret += tuple(credentials(identities.values()))
        # slots rather than folders: a reproducer that grows from an example must fit the next run's copy
        slotted = {folder: "{workspace}" if Path(copy) == workspace else copy for folder, copy in mapping.items()}
        examples = tuple(rewrite_json(example, slotted) for example in target.examples)
        owned = Owned(tree.state, launch.token) if launch is not None and not sandbox.on else None
        if owned is not None and owned.ended:
            notes.append(f"ended {owned.ended} process{'es' if owned.ended > 1 else ''} of a run that was killed")
        return cls(
            target, tree, launch, endpoint, identities, places, scene, examples, notes, secret, sandbox, issuer, made,
            owned=owned,
        )  # fmt: skip

    def restore(self) -> None:
        """Workspaces as they were, for a server that is about to start (`Copies.renew`), and fresh canaries."""
        self.copies.renew()
        self.lay()

    def lay(self) -> None:
        """Fresh canaries in the decoys; all that stands in the workspaces now is as a server should find it."""
        self.scene.refresh()
        self.copies.settle()

    def way(self, identity: str | None = None) -> Way:
        """How a server is reached as somebody: a process to start, or an address to connect to.

        Args:
            identity: a name; None: whom the campaign runs as.

        Raises:
            Fault: there is nobody of that name.
        """
        return self.way_of(self.identity(identity))

    def way_of(self, who: Identity) -> Way:
        """The same, as somebody whose credential is at hand."""
        if self.endpoint is None:
            assert self.launch is not None
            return replace(self.launch, env={**self.launch.env, **dict(who.env)}) if who.env else self.launch
        there = self.endpoint
        if who.name in (ANONYMOUS, GARBAGE) or "~" in who.name:
            there = replace(there, headers=tuple(pair for pair in there.headers if not SECRET_NAME.search(pair[0])))
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

    def signed_in(self, name: str, who: Identity, secrets: Iterable[str]) -> None:
        """What a caller shows from now on: what signing in gave them.

        Args:
            secrets: values in it that nobody should see.
        """
        self.identities[name] = who
        if name == next(iter(self.identities)):
            kept = {place: value for place, value in self.places.items() if place not in OF_CALLERS}
            self.places.clear()
            self.places.update(kept | told_of_callers(self.identities))
        self.learn(*secrets)

    def learn(self, *secrets: str) -> None:
        """Nobody should see these, either."""
        fresh = tuple(secret for secret in dict.fromkeys(secrets) if secret and secret not in self.secrets)
        if fresh:
            self.secrets += fresh
            self.on_secrets(*fresh)

    def known(self, surface: Surface) -> Surface:
        """What this target adds to what discovery learned: what a scenario may aim at."""
        headers = self.endpoint.headers if self.endpoint is not None else ()
        addresses = tuple((name, value) for name, value in headers if re.match(r"[a-z][a-z0-9+.-]*://", value, re.I))
        places = frozenset(self.places)
        if self.endpoint is not None and self.endpoint.transport == "sse":
            places -= {"endpoint"}  # it is where the stream is: no session begins, and none ends, with a request to it
        if addresses:
            places |= {"address-header"}
        sign_in = self._sign_in()
        if sign_in is not None:
            places |= {"sign-in"}
        within = float(self.places["within"]) if "within" in self.places else None
        callers = tuple(self.identities)
        return replace(surface, places=places, callers=callers, headers=addresses, sign_in=sign_in, within=within)

    def _sign_in(self) -> Http | None:
        """The first caller's login, to be tried with wrong passwords: of a server that is ours to lock somebody out
        of, or where that is allowed."""
        first = self.identity(None)
        if first.login is None or self.endpoint is None or self.endpoint.scheme not in ("http", "https"):
            return None
        if self.launch is None and not self.target.allow_destructive:
            return None
        return guess(self.endpoint, first.name, first.login)

    def _variant(self, who: Identity, name: str, variant: str) -> Identity:
        """A caller whose credential is changed in one point (`mcpfuzz.tokens`), or stands in the URL (`query`).

        Raises:
            TargetError: the credential does not allow it.
        """
        if variant == "query":
            return who.in_url(name)
        if variant.startswith("spelled-"):
            return who.spelled(name, variant.removeprefix("spelled-"))
        if variant in TICKETS:
            return replace(who, name=name)
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
        """The folder the server can be expected to write to; empty where nobody told it of one."""
        if self.launch is None:
            return ""
        return self.places.get("workspace") or str(self.tree.home)

    @property
    def known_folders(self) -> tuple[str, ...]:
        """Folders whose paths are no leak: those that the server was told of, also by what attacks say."""
        if self.launch is None:
            return (str(self.tree.ws), str(self.tree.watch))
        given = [word for word in (*self.launch.argv, *self.target.env.values()) if word.startswith("/")]
        return (str(self.tree.ws), str(self.tree.watch), self.launch.cwd, os.path.realpath(self.launch.cwd), *given)

    def __enter__(self) -> Prepared:
        return self

    def __exit__(self, *_: object) -> None:
        self.scene.close()
        if self.issuer is not None:
            self.issuer.close()
        self.sandbox.close()
        if self.owned is not None:
            self.sweep()
            self.owned.close()
        self.tree.remove()


def _program(name: str) -> str:
    """A relative path of a program is meant from where the user stands, whatever --cwd says."""
    # not resolve(): .venv/bin/python is a link, and what it leads to knows nothing of the venv
    return os.path.abspath(name) if "/" in name else name
