"""The kiln: bookings that the customer confirms. Sound and weak twins.

In the modern form a tool cannot ask in the middle of its work. It answers that input is required, gives its state
away, and goes on when the client comes back with the input and the state (2026-07-28, multi round-trip requests).
That state has been in a stranger's hands: what it says must be sealed, and for whom it was made must be looked at.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import time
from typing import Any, Final

from mcpfuzz.lab.codec import Json, dumps
from mcpfuzz.lab.eras import Refusal
from mcpfuzz.lab.kit import WRITE, Ask, Call, Reply, Tool, World, brief
from mcpfuzz.lab.schema import Schema, closed

__all__ = ["Kiln"]

GOOD_FOR_S: Final = 300.0
"""A state that is older is worth nothing."""
QUESTION: Final = "confirm"


class Kiln:
    """What the kiln's desk knows."""

    def __init__(self, lab: World) -> None:
        self.lab = lab
        self._key = os.urandom(32)

    def book(self, call: Call) -> Reply | Ask:
        """Books, once the customer has confirmed it; at once where there is nobody who can be asked."""
        wanted = {"day": call.args["day"], "remark": call.args["remark"]}
        askable = isinstance(call.client.get("elicitation"), dict) or (call.modern and self.lab.on("asks-undeclared"))
        if not askable:
            # asks-undeclared: whoever speaks the new revision will know how to ask
            return Reply(structured=wanted)
        if call.state is None:
            return self._ask(wanted, call)
        confirmed = self._opened(call.state, wanted, call)
        answer = call.given.get(QUESTION)
        content = answer.get("content") if isinstance(answer, dict) else None
        if not isinstance(answer, dict) or answer.get("action") not in ("accept", "decline", "cancel"):
            return self._ask(wanted, call)
        if answer["action"] != "accept" or not isinstance(content, dict) or content.get("yes") is not True:
            return Reply("Nothing was booked.")
        return Reply(structured=confirmed)

    def _ask(self, wanted: dict[str, Json], call: Call) -> Ask:
        params = {
            "mode": "form", "message": f"Shall the kiln be booked for {wanted['day']}?",
            "requestedSchema": closed({"yes": {"type": "boolean", "title": "Book it"}}, "yes"),
        }  # fmt: skip
        return Ask({QUESTION: {"method": "elicitation/create", "params": params}}, self._sealed(wanted, call))

    # ---- what is given away ----

    def _sealed(self, wanted: dict[str, Json], call: Call) -> str:
        told = {"what": wanted, "who": call.identity, "until": time.time() + GOOD_FOR_S}
        text = base64.urlsafe_b64encode(dumps(told).encode()).decode()
        if self.lab.on("state-unsigned"):
            # state-unsigned: base64 looks sealed enough
            return text
        return f"{text}.{self._seal(text)}"

    def _seal(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def _opened(self, state: str, wanted: dict[str, Json], call: Call) -> dict[str, Json]:
        """What was asked about.

        Raises:
            Refusal: -32602 for a state that we did not make, or not for this caller and this request.
        """
        text, _, seal = state.partition(".")
        unsigned = self.lab.on("state-unsigned")
        try:
            told: Any = json.loads(base64.b64decode(text, altchars=b"-_", validate=True))
        except (ValueError, binascii.Error):
            raise _refused() from None
        if not unsigned and not hmac.compare_digest(seal.encode("utf-8", "replace"), self._seal(text).encode()):
            raise _refused()
        if not _readable(told) or told["until"] < time.time():
            raise _refused()
        if told["who"] != call.identity and not self.lab.on("state-shared"):
            raise _refused()
        if unsigned or self.lab.on("state-shared"):
            # state-unsigned, state-shared: what was asked about is what stands in the state, so why look elsewhere
            # state-shared: the seal is ours, so the state must be the caller's
            return {"day": told["what"]["day"], "remark": told["what"]["remark"]}
        if told["what"] != wanted:
            raise _refused()
        return wanted

    # ---- what is served ----

    def tools(self) -> list[Tool]:
        day: Schema = {
            "type": "string", "enum": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"],
        }  # fmt: skip
        remark: Schema = {"type": "string", "minLength": 1, "maxLength": 200, "examples": ["Twelve bowls, stoneware."]}
        string: Schema = {"type": "string"}
        return [
            brief(
                "book_kiln", ("reserve_kiln", "order_firing"),
                "Books the kiln for a day, with a remark for whoever fires it. Asks before it does so, if it can.",
                {"day": day, "remark": remark}, self.book, {"day": ("weekday",), "remark": ("note", "comment")},
                hints=WRITE, output=closed({"day": string, "remark": string}, "day", "remark"),
            ),
        ]  # fmt: skip


def _readable(told: Any) -> bool:
    what = told.get("what") if isinstance(told, dict) else None
    known = isinstance(what, dict) and isinstance(what.get("day"), str) and isinstance(what.get("remark"), str)
    return known and isinstance(told.get("until"), int | float) and isinstance(told.get("who"), str)


def _refused() -> Refusal:
    return Refusal(-32602, "Invalid params: this requestState is none of ours for this request")
