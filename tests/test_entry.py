"""Who comes in by which credential: logins renewed in time, made again once where they are refused, and for each
server."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from mcpfuzz.campaign import supply as supply_module
from mcpfuzz.campaign.facts import leave_of
from mcpfuzz.campaign.roles import LEAST, with_roles
from mcpfuzz.campaign.settings import Settings
from mcpfuzz.campaign.supply import Supply
from mcpfuzz.errors import Late, TargetError, Unauthorized
from mcpfuzz.model import Http, Open, Step, replace
from mcpfuzz.surface import discover
from mcpfuzz.target import Prepared, Target
from mcpfuzz.transports.once import http_exchange

KEY = "5ac4f7-a-key-that-no-tutorial-has-91be"
LOGIN = {"url": "/login", "json": {"username": "alice", "password": "pw-alice"}, "token": "/access_token"}
GUESS = json.dumps({"username": "alice", "password": "a guess"})
BOB = {"url": "/login", "json": {"username": "bob", "password": "wrong"}, "token": "/access_token"}


def target(folder: Path, identities: Mapping[str, tuple[str, ...]], *switches: str) -> Target:
    command = (sys.executable, "-m", "mcpfuzz.lab", "--transport", "http", "--port", "{port}", *switches)
    return Target(
        command=command, url="http://127.0.0.1:{port}/mcp", identities=identities, state=str(folder), sandbox="off"
    )


def login(given: Mapping[str, object] = LOGIN) -> tuple[str, ...]:
    return (f"login:{json.dumps(given)}",)


SIGNS_IN = ("--jwt-key", KEY, "--login", "alice=pw-alice", "--login", "bob=pw-bob")


@asynccontextmanager
async def supplied(prepared: Prepared, starts: int = 3) -> AsyncIterator[Supply]:
    async with trio.open_nursery() as nursery:
        supply = Supply(prepared, nursery, wanted=None, start_timeout=20, starts=starts)
        try:
            yield supply
        finally:
            with trio.CancelScope(shield=True):
                await supply.drop()
            prepared.sweep()
            nursery.cancel_scope.cancel()


def shown(prepared: Prepared) -> str:
    return dict(prepared.identities["alice"].headers)["Authorization"]


def test_callers_are_told_apart_however_late_it_is(tmp_path: Path) -> None:
    callers = {"alice": ("header:Authorization: Bearer a-token",), "bob": ("header:Authorization: Bearer b-token",)}

    async def main(prepared: Prepared) -> None:
        async with supplied(prepared) as supply:
            surface = prepared.known(await discover(await supply.first(), timeout=10, leave=leave_of(prepared)))
            late = Settings(scenarios=(), seed=1, max_time=0.001)
            found = await with_roles(prepared, late, supply, surface)
            assert "authenticated" in found.places
            assert sum(cells["bob"] != "untried" for cells in found.roles.values()) == LEAST

    with Prepared.of(target(tmp_path, callers, "--token", "alice=a-token", "--token", "bob=b-token")) as prepared:
        trio.run(main, prepared)


def test_a_token_is_renewed_before_it_ends(tmp_path: Path) -> None:
    learned: list[str] = []

    async def main(prepared: Prepared) -> None:
        async with supplied(prepared) as supply:
            first = await supply.first()
            before = shown(prepared)
            with trio.fail_after(20):
                while await supply.client() is first:
                    await trio.sleep(0.05)
            assert shown(prepared) != before
            assert (await (await supply.client()).barrier(5)).whole

    with Prepared.of(target(tmp_path, {"alice": login()}, *SIGNS_IN, "--life", "2")) as prepared:
        prepared.on_secrets = lambda *secrets: learned.extend(secrets)
        trio.run(main, prepared)
    assert len(set(learned)) >= 2 and shown(prepared).removeprefix("Bearer ") in learned


def test_a_credential_that_was_good_and_is_refused_is_fetched_once_more(tmp_path: Path) -> None:
    async def main(prepared: Prepared) -> None:
        async with supplied(prepared) as supply:
            client = await supply.first()
            good = prepared.identities["alice"]
            prepared.identities["alice"] = good.garbage()  # as if the server had forgotten it
            client = await supply.regained("it was refused")
            assert (await client.barrier(5)).whole and supply.starts == 1
            assert prepared.identities["alice"] != good.garbage()

    with Prepared.of(target(tmp_path, {"alice": login()}, *SIGNS_IN)) as prepared:
        trio.run(main, prepared)


def test_a_credential_that_never_was_good_is_not_fetched_again(tmp_path: Path) -> None:
    """The login works, and what it gives is not what the server takes."""
    wrong = {**LOGIN, "use": "header:Authorization: Bearer not-{token}"}

    async def main(prepared: Prepared) -> None:
        async with supplied(prepared) as supply:
            with pytest.raises(Unauthorized, match="401"):
                await supply.first()
            assert len([one for one in prepared.secrets if one.startswith("eyJ")]) == 1

    with Prepared.of(target(tmp_path, {"alice": login(wrong)}, *SIGNS_IN)) as prepared:
        trio.run(main, prepared)


def test_a_second_callers_wrong_password_is_told_at_the_start(tmp_path: Path) -> None:
    async def main(prepared: Prepared) -> None:
        async with supplied(prepared) as supply:
            with pytest.raises(TargetError, match="login of bob: POST http://127.0.0.1:.*/login is refused with 401"):
                await supply.first()

    with Prepared.of(target(tmp_path, {"alice": login(), "bob": login(BOB)}, *SIGNS_IN)) as prepared:
        trio.run(main, prepared)


def test_a_new_server_means_a_new_login(tmp_path: Path) -> None:
    async def main(prepared: Prepared) -> None:
        async with supplied(prepared, starts=1_000) as supply:  # a fast machine has many of them a second
            await supply.first()
            before = len(prepared.secrets)
            with trio.fail_after(30):
                while len(prepared.secrets) == before:  # a token of the same second is the same
                    assert (await (await supply.fresh("to see")).barrier(5)).whole

    many = target(tmp_path, {"alice": login()}, *SIGNS_IN)
    with Prepared.of(many) as prepared:
        trio.run(main, prepared)


def test_the_issuers_tokens_open_and_false_ones_do_not(tmp_path: Path) -> None:
    async def main(prepared: Prepared) -> None:
        async with supplied(prepared) as supply:
            await supply.first()
            opener = supply.opener()
            for name in ("alice", "bob"):
                client = await opener(Step(action=Open(), as_=name, on="c2"), Open())
                assert (await client.barrier(5)).whole
                await client.close()
            for variant in ("expired", "early", "audience", "issuer", "wrong-key", "none", "confused", "unsigned"):
                with pytest.raises(Unauthorized):
                    await opener(Step(action=Open(), as_=f"alice~{variant}", on="c3"), Open())

    identities = {"alice": ("issuer:alice",), "bob": ('issuer:{"sub": "bob", "scope": "notes"}',)}
    with Prepared.of(target(tmp_path, identities, "--issuer", "{issuer}")) as prepared:
        trio.run(main, prepared)


def test_anew_is_another_login_and_a_refused_one_leaves_what_there_was(tmp_path: Path) -> None:
    async def main(prepared: Prepared) -> None:
        async with supplied(prepared) as supply:
            await supply.first()
            good = prepared.identities["alice"]
            prepared.identities["alice"] = good.garbage()  # as if it had been another one
            step = Step(action=Open(), as_="alice~anew", on="c2")
            client = await supply.opener()(step, Open())
            assert client.alive and shown(prepared) == dict(good.headers)["Authorization"]
            await client.close()
            again = shown(prepared)
            assert prepared.endpoint is not None
            headers = (("Host", prepared.endpoint.authority), ("Content-Type", "application/json"))
            wrong = Http("POST", "/login", headers, GUESS)
            for _ in range(6):
                await http_exchange(prepared.endpoint, wrong, 0, time.monotonic() + 10)
            with pytest.raises(TargetError, match="429"):
                await supply.opener()(step, Open())
            assert shown(prepared) == again
            client = await supply.opener()(replace(step, as_="alice"), Open())
            assert client.alive
            await client.close()

    with Prepared.of(target(tmp_path, {"alice": login()}, *SIGNS_IN)) as prepared:
        trio.run(main, prepared)


WAITS = ("--token", "alice=alice-token", "--auth", "first-message", "--introduction", "60", "--weakness")


@pytest.mark.parametrize("busy", [False, True])
def test_who_is_nobody_and_left_waiting_is_not_waited_for_unless_others_wait_too(
    busy: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A false first message is not refused here, and no answer comes; on a busy machine that says nothing."""
    monkeypatch.setattr(supply_module, "NOBODY_S", 1.0)
    monkeypatch.setattr(supply_module, "SLOWER", 0)
    told = {"alice": ('first-message:{"type":"auth","token":"alice-token"}',)}
    asked: list[float] = []

    async def slow(self: Supply, seconds: float) -> bool:
        asked.append(seconds)
        return not busy

    async def main(prepared: Prepared) -> None:
        async with supplied(prepared) as supply:
            await supply.first()
            supply._start_timeout = 4.0
            monkeypatch.setattr(Supply, "_serves", slow)
            began = time.monotonic()
            with pytest.raises(Late):
                await supply.opener()(Step(action=Open(), as_="garbage", on="c2"), Open())
            assert (time.monotonic() - began > 4.5) is busy

    lab = replace(target(tmp_path, told, *WAITS, "introductions-unlimited"), url="ws://127.0.0.1:{port}/ws")
    with Prepared.of(replace(lab, command=tuple("ws" if word == "http" else word for word in lab.command))) as prepared:
        trio.run(main, prepared)
    assert asked == [0.5]
