"""The vitals: known-good calls that poisoning is noticed by. A server that lives but fails them serves nobody."""

from __future__ import annotations

from mcpfuzz.campaign.pace import SLOW_S
from mcpfuzz.campaign.reach import Reach, good_answer
from mcpfuzz.campaign.supply import Supply
from mcpfuzz.campaign.voice import Voice
from mcpfuzz.model import Call, Conversation, Send, Step, Surface
from mcpfuzz.runner import outgoing
from mcpfuzz.surface import bind

__all__ = ["Vitals"]

READY = Step(action=Send({"jsonrpc": "2.0", "method": "notifications/initialized"}))
"""Ends a handshake (legacy era)."""
MOST = 2
"""Calls that are chosen."""


class Vitals:
    """Up to two fast calls that succeed when repeated.

    Attributes:
        calls: the chosen ones; none before `choose`.
    """

    def __init__(self, voice: Voice, supply: Supply, surface: Surface, reach: Reach) -> None:
        self._voice = voice
        self._supply = supply
        self._surface = surface
        self._reach = reach
        self.calls: list[Call] = []

    async def choose(self) -> None:
        """Try good calls of tools, read-only ones first."""
        client = await self._supply.client()
        ready = [item for item in self._surface.operations if item.key in self._surface.good and item.kind == "tool"]
        ready.sort(key=lambda item: item.annotations.get("readOnlyHint") is not True)
        for operation in ready:
            if self._reach.tally(*operation.key).slowest_s > SLOW_S or len(self.calls) >= MOST:
                continue
            call = bind(operation, self._surface.good[operation.key][0])
            trace = await self._voice.say(Conversation.of(call, call))
            answers = [exchange.answer for exchange in trace.exchanges]
            if all(answer is not None and good_answer(answer.value) for answer in answers):
                self.calls.append(call)
            if client is not self._supply.current:
                break

    async def ok(self) -> bool:
        """Whether they all succeed now; True where there are none."""
        if not self.calls:
            return True
        if not self._voice.anew and await self._at_once():
            return True
        if self._voice.anew:
            client = await self._supply.client()
            if client.session.revision.era == "legacy":  # where it waits for the end of a handshake, it gets it
                self._voice.remember(client, (READY,))
                await self._voice.say(Conversation((READY,)))
        trace = await self._voice.say(Conversation.of(*self.calls))
        return all(
            exchange.answer is not None and good_answer(exchange.answer.value) for exchange in trace.exchanges
        ) and len(trace.exchanges) == len(self.calls)

    async def _at_once(self) -> bool:
        """The same together and without a barrier: answers are a sign of life themselves. What fails here is said again
        one by one, where it shows how the server is."""
        client, filler = await self._supply.client(), self._supply.filler()
        said = [outgoing(client, Step(action=call), filler)[0] for call in self.calls]
        volley = await client.volley(said, patience=self._voice.patience())
        answers = [volley.answers.get(sent.due[0]) for sent in said]
        return volley.whole and all(one is not None and good_answer(one.value) for one in answers)
