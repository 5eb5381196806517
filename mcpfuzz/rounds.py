"""Multi round-trip requests (2026-07-28): a result that asks for input, and the request that follows it. Pure.

A server that needs something of the client answers `input_required` with `inputRequests`, `requestState` or both; the
client asks again under a new id, with `inputResponses` by the same keys and the state as it was.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from mcpfuzz.answers import result_of
from mcpfuzz.model import Json
from mcpfuzz.revisions import META

__all__ = ["CAPABILITIES", "MAX_ROUNDS", "REQUIRED", "agreed", "altered", "asks", "declared", "following", "undeclared"]

REQUIRED = "input_required"
MAX_ROUNDS = 5
"""Times that one request is asked again; a server that asks for ever is told so by what it is answered then."""
MAX_REQUESTS = 50
CAPABILITIES = META + "clientCapabilities"
_NEEDS = {"elicitation/create": "elicitation", "sampling/createMessage": "sampling", "roots/list": "roots"}
"""What may be asked -> the capability that the client must have declared for it."""
_PACKED = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")


def asks(answer: Json) -> Mapping[str, Json] | None:
    """The result of an answer that asks for input; None for any other answer."""
    result = result_of(answer)
    return result if result is not None and result.get("resultType") == REQUIRED else None


def declared(params: Json) -> Mapping[str, Json]:
    """The client capabilities that a modern request declares."""
    meta = params.get("_meta") if isinstance(params, dict) else None
    found = meta.get(CAPABILITIES) if isinstance(meta, dict) else None
    return found if isinstance(found, dict) else {}


def undeclared(request: Json, known: Mapping[str, Json]) -> str | None:
    """What a server asks for although the client did not declare it, in words; None where it may ask."""
    method = request.get("method") if isinstance(request, dict) else None
    if not isinstance(method, str) or method not in _NEEDS:
        return "something that is no request for input"
    return None if isinstance(known.get(_NEEDS[method]), dict) else f"{_NEEDS[method]}, which was not declared"


def following(params: Json, result: Mapping[str, Json]) -> dict[str, Json] | None:
    """The params of the next round, as somebody says them behind whom nobody stands: no to every question, no folders,
    no model. None where there is to be no next round: the result asks for what the request did not declare, for what
    nobody knows, or gives nothing to go on with.
    """
    given = params if isinstance(params, dict) else {}
    requests, state = result.get("inputRequests"), result.get("requestState")
    if not isinstance(requests, dict | None) or not isinstance(state, str | None) or (not requests and state is None):
        return None
    said: dict[str, Json] = {}
    for key, request in list((requests or {}).items())[:MAX_REQUESTS]:
        if undeclared(request, declared(given)) is not None:
            return None
        if request["method"] == "elicitation/create":
            said[key] = {"action": "decline"}
        elif request["method"] == "roots/list":
            said[key] = {"roots": []}
    made = {name: value for name, value in given.items() if name not in ("inputResponses", "requestState")}
    return made | ({"inputResponses": said} if said else {}) | ({"requestState": state} if state is not None else {})


def agreed(result: Json) -> dict[str, Json]:
    """A yes to every question of a result that asks for input, with the simplest content that its form allows.

    Raises:
        KeyError: it asks nothing that can be answered so.
    """
    requests = result.get("inputRequests") if isinstance(result, dict) else None
    said: dict[str, Json] = {}
    for key, request in list(requests.items())[:MAX_REQUESTS] if isinstance(requests, dict) else ():
        if not isinstance(request, dict) or request.get("method") != "elicitation/create":
            raise KeyError("an answer to " + str(key)[:80])
        params = request.get("params")
        form = params.get("requestedSchema") if isinstance(params, dict) else None
        said[key] = {"action": "accept", "content": _filled(form)}
    if not said:
        raise KeyError("anything that was asked")
    return said


def _filled(form: Json) -> dict[str, Json]:
    fields = form.get("properties") if isinstance(form, dict) else None
    named = list(fields.items())[:MAX_REQUESTS] if isinstance(fields, dict) else []
    return {name: _simplest(schema) for name, schema in named if isinstance(schema, dict)}


def _simplest(schema: Mapping[str, Json]) -> Json:
    """Fields of a form are flat: strings, numbers, booleans, and choices."""
    if "default" in schema and schema.get("type") != "boolean":
        return schema["default"]
    choices = schema.get("enum")
    if not isinstance(choices, list):
        options = schema.get("oneOf")
        choices = [one.get("const") for one in options if isinstance(one, dict)] if isinstance(options, list) else []
    if choices:
        return choices[0]
    kind, least = schema.get("type"), schema.get("minimum")
    if kind == "boolean":
        return True
    if kind in ("integer", "number"):
        return least if isinstance(least, int | float) and not isinstance(least, bool) else 1
    if kind == "array":
        return []
    short = schema.get("minLength")
    return "yes" + "s" * max(0, min(short if isinstance(short, int) else 0, 1_000) - 3)


def altered(state: Json, old: str, new: str) -> str:
    """A state with one text in it exchanged for another, be it plain or packed in base64; whatever seals it stays.

    Raises:
        KeyError: the text cannot be found in it: the state is sealed, or does not hold it.
    """
    if not isinstance(state, str):
        raise KeyError("a state")

    def repacked(match: re.Match[str]) -> str:
        text = match[0].rstrip("=")
        plain = text.replace("-", "+").replace("_", "/")
        try:
            data = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except (ValueError, binascii.Error):
            return match[0]
        if old.encode() not in data:
            return match[0]
        packed = base64.b64encode(data.replace(old.encode(), new.encode())).decode()
        if "-" in text or "_" in text or not set("+/") & set(text):
            packed = packed.replace("+", "-").replace("/", "_")
        return packed if len(match[0]) % 4 == 0 else packed.rstrip("=")

    made = _PACKED.sub(repacked, state.replace(old, new))
    if made == state:
        raise KeyError("the text in the state")
    return made
