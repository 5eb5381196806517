"""Slots: the holes of a conversation that are filled only when a step is sent.

    {workspace}        the scratch copy of the workspace        {scratch}     an empty folder
    {folder}           the workspace's own name                 {outside}     the folder around it, with decoys
    {listener}         base URL of the loopback listener        {port}        a free loopback port
    {bait}             base URL that nobody was told of         {watch}       a folder that nothing should write to
    {rebind}           a name that leads to loopback for the server alone (in a sandbox; else loopback itself)
    {canary:NAME}      a fresh random token, one per NAME       {number:NAME} a fresh random number of six digits
    {session}          the HTTP session id of the connection opened last; over HTTP+SSE the path that it posts to
    {event}            the first event id of the stream that an HTTP step read last
    {address}          path of a networked server     {authority}   its host and port        {own_port}  its port
    {endpoint}         the same, over Streamable HTTP alone
    {repeat:N:X}       X, N times over                          {bait_port}   the port of {bait}
    {base64:X}         X in base64; X may hold slots of its own, one level deep
    {archive:TRICK.FORM} an archive (`mcpfuzz.archives`) in base64, with a file {canary:1} that unpacks into {watch}
    {step:K#/a/b}      the value at a JSON pointer of step K's answer, K counted from 1
    {got:K:NAME}       what step K's answer gives for an argument called NAME (`mcpfuzz.harvest`)
    {like:K:NAME}      the same in form, and made up: an id that nobody gave out
    {near-FORM:K:NAME} the same id in another form (`mcpfuzz.likeness.FORMS`)
    {inputs:K}         a yes to all that step K's answer asks for (`mcpfuzz.rounds`)
    {swapped:K:A:B}    the requestState of step K's answer, canary A in it exchanged for canary B
    {browser:WHAT}     what a browser goes on with after what it was shown (`mcpfuzz.onward`): onward, form, fields,
                       cookies, code
    {wanted:K}         the argument that step K's refusal says is missing
    {first-message}      what the first caller says first over WebSocket      {false-message} as nobody says it
    {brace}            a literal "{" (`quote` writes it)

A slot that is the whole string keeps the type of what fills it; inside a longer string it is text.
Nothing else in braces is a slot, so templates of other languages pass through unharmed.
"""

from __future__ import annotations

import base64
import math
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from mcpfuzz.archives import packed as archive
from mcpfuzz.errors import Fault
from mcpfuzz.harvest import gained, missing, similar
from mcpfuzz.likeness import near
from mcpfuzz.model import Json, at_pointer
from mcpfuzz.onward import Browser
from mcpfuzz.rounds import agreed, altered
from mcpfuzz.wire import encode

__all__ = ["MAX_REPEAT_BYTES", "Filler", "canary", "has_slots", "may_have_slots", "quote", "quoted"]

MAX_REPEAT_BYTES = 64 << 20
"""A reproducer is untrusted input too: what the slots of one fill put in does not grow beyond the largest
stimulus of the ORACLE (F9), all together."""

_SLOT = re.compile(
    r"""\{(?:
    (workspace|folder|outside|watch|scratch|listener|bait|bait_port|rebind|port|session|event|endpoint|address|authority|own_port|brace
    |first-message|false-message)
    |canary:([A-Za-z0-9_./-]+)
    |number:([A-Za-z0-9_.-]+)
    |repeat:(\d{1,9}):([^{}]+)
    |step:(\d+)\#((?:/[^{}]*)?)
    |base64:((?:[^{}]|\{[^{}]*\})*)
    |inputs:(\d{1,4})
    |swapped:(\d{1,4}):([A-Za-z0-9_.-]+):([A-Za-z0-9_.-]+)
    |(got|like|wanted|near-[a-z0-9]+):(\d{1,4})(?::([A-Za-z0-9_.-]*))?
    |browser:(onward|form|fields|cookies|code)
    |archive:(climb|absolute|link|plain)\.(zip|tar|tgz)
    )\}""",
    re.VERBOSE,
)


def canary() -> str:
    """A token that nobody can guess: from the system's entropy, never from the seed."""
    return "c" + secrets.token_hex(8)


def quote(text: str) -> str:
    """`text` as a template that fills to itself, whatever it holds."""
    return text.replace("{", "{brace}") if has_slots(text) else text


def quoted(value: Json) -> Json:
    """What comes from elsewhere as a template, names of members too: what looks like a slot is none, what JSON cannot
    say is 0."""
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, dict):
        return {quote(key): quoted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [quoted(item) for item in value]
    return 0 if isinstance(value, float) and not math.isfinite(value) else value


def has_slots(text: str) -> bool:
    """Whether filling would change `text`."""
    return "{" in text and _SLOT.search(text) is not None


_BEGINS = re.compile(rb"\{[a-z]")


def may_have_slots(data: bytes) -> bool:
    """Whether an encoded message may hold a slot: no JSON of its own has a letter behind a brace. Where there
    is none, that costs a fifth of filling."""
    return _BEGINS.search(data) is not None


class Filler:
    """Fills the slots of one run of one conversation.

    Args:
        places: values of workspace, scratch, listener and port, as far as the target has them.
        fresh: makes a canary; a fresh one per name and run.
        known: canaries that stand already: those of the decoys.
    """

    def __init__(
        self,
        places: Mapping[str, str] | None = None,
        *,
        fresh: Callable[[], str] = canary,
        known: Mapping[str, str] | None = None,
    ) -> None:
        self._places = dict(places or {})
        self._fresh = fresh
        self.canaries: dict[str, str] = dict(known or {})
        self.browser = Browser(self._places.get("issuer", ""))
        self._answers: dict[int, Json] = {}
        self._made_up: dict[str, Json] = {}
        self._grown = 0

    def knows(self, name: str) -> bool:
        """Whether this target has such a place."""
        return name in self._places

    def place(self, name: str, value: str) -> None:
        """Give a place its value, once it is known."""
        self._places[name] = value

    def remember(self, step: int, answer: Json) -> None:
        """Keep step's answer (index from 0) for `{step:...}` slots."""
        self._answers[step] = answer

    def fill(self, value: Json) -> Json:
        """A copy of `value` with all slots filled; the same object where there is none.

        Raises:
            KeyError: a slot names what this run does not have (no workspace, no such earlier answer).
            Fault: the slots together would grow beyond `MAX_REPEAT_BYTES`.
        """
        if isinstance(value, dict | list) and not may_have_slots(encode(value)):
            return value
        self._grown = 0
        return self._filled(value)

    def _filled(self, value: Json) -> Json:
        if isinstance(value, str):
            return self._text(value) if "{" in value else value
        if isinstance(value, dict):
            return {self._filled(key): self._filled(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._filled(item) for item in value]
        return value

    def _grow(self, size: int) -> None:
        self._grown += size
        if self._grown > MAX_REPEAT_BYTES:
            raise Fault(f"slots would grow to {self._grown} bytes; the cap is {MAX_REPEAT_BYTES}")

    def _text(self, text: str) -> Any:
        whole = _SLOT.fullmatch(text)
        if whole:
            return self._value(whole)
        return _SLOT.sub(lambda match: str(self._value(match)), text)

    def _value(self, match: re.Match[str]) -> Any:
        place, name, number, count, unit, step, path, packed, inputs, swapped, old, new, *rest = match.groups()
        how, source, wish, browser, trick, form = rest
        if place:
            return "{" if place == "brace" else self._places[place]
        if name:
            return self.canaries.setdefault(name, self._fresh())
        if number:
            return self.canaries.setdefault(f"number.{number}", str(100_003 + secrets.randbelow(899_990)))
        if count:
            self._grow(int(count) * len(unit.encode("utf-8", "surrogatepass")))
            return unit * int(count)
        if packed is not None:
            data = str(self._text(packed)).encode("utf-8", "surrogatepass")
            self._grow(len(data) * 4 // 3)
            return base64.b64encode(data).decode("ascii")
        if inputs:
            return agreed(at_pointer(self._answers[int(inputs) - 1], "/result"))
        if swapped:
            state = at_pointer(self._answers[int(swapped) - 1], "/result/requestState")
            return altered(state, self.canaries[old], self.canaries.setdefault(new, self._fresh()))
        if browser:
            return self.browser.value(browser)
        if trick:
            name = f"{self.canaries.setdefault('1', self._fresh())}.txt"
            return base64.b64encode(archive(form, trick, self._places["watch"], name)).decode("ascii")
        if how:
            return self._harvested(how, int(source) - 1, wish or "")
        if len(step) > 9:  # more digits than steps; beyond 4,300 int() refuses them
            raise KeyError(step[:20])
        found = at_pointer(self._answers[int(step) - 1], path)
        self._grow(len(found.encode("utf-8", "surrogatepass") if isinstance(found, str) else encode(found)))
        return found

    def _harvested(self, how: str, step: int, name: str) -> Any:
        answer = self._answers[step]
        if how == "wanted":
            return missing(answer)
        found = gained(answer, name)
        if how == "got":
            return found
        if how.startswith("near-"):
            return near(how.removeprefix("near-"), found)
        key = f"like/{step}/{name}"  # the same all through one conversation
        if key not in self._made_up:
            self._made_up[key] = similar(found)
        return self._made_up[key]
