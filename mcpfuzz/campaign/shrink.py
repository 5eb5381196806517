"""Simpler neighbours of a conversation: what the shrinker may try next. Pure; who tries them, on which
server and for how long is the prover's business.

Types are kept: a text becomes a shorter text, a number a smaller number. So a label such as "not a number"
stays true, and what is left is the plainest case of the same kind.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from mcpfuzz.campaign.sizes import EXACT, alone
from mcpfuzz.model import Action, Call, Case, Conversation, Http, Json, Raw, Send, Step, Ws, replace
from mcpfuzz.oracles.reading import strings

__all__ = ["found_in_passing", "keeps", "simpler", "single_readings", "weight"]

_T = TypeVar("_T")
_REPEAT = re.compile(r"\{repeat:(\d+):([^{}]+)\}")
_PIECE = re.compile(r"\{repeat:\d+:[^{}]+\}|\{[a-z_]+(?::[^{}]*)?\}|.", re.DOTALL)
"""What a frame is taken apart into: slots stay whole."""
OWN = "mcpfuzz/"
ODD = 40
"""How members of `_meta` begin that say nothing; those of a greater weight may be what is wrong."""
MAX_KEYS = 60
"""Members of one object or array that are tried one by one."""
LONGEST_JSON = 8192
"""Characters of a frame that is simplified as JSON."""
DEEPEST_JSON = 64
"""Its brackets: deeper ones are sizes to turn down."""


def weight(conversation: Conversation) -> tuple[int, int, float]:
    """What shrinking makes smaller: steps (counting repetitions), what they say, and how odd that is."""
    actions = [step.action for step in conversation.steps]
    times = sum(step.times for step in conversation.steps)
    return (times, sum(map(_action_weight, actions)), sum(map(_oddness, actions)))


def _oddness(action: Action) -> float:
    """Among things of one length: smaller numbers, and texts of the letter a, are plainer."""
    said = action.params if isinstance(action, Call) else action.message if isinstance(action, Send) else None
    total, todo = 0.0, [said]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            total += sum(letter != "a" for letter in item)
        elif isinstance(item, Mapping):
            todo += item.values()
        elif isinstance(item, list | tuple):
            todo += item
        elif isinstance(item, int | float) and abs(item) < 1e300:
            total += abs(item)
    return total


def _action_weight(action: Action) -> int:
    if isinstance(action, Call):
        return _json_weight(action.params)
    if isinstance(action, Send):
        return _json_weight(action.message)
    if isinstance(action, Raw):
        return _text_weight(action.data) if isinstance(action.data, str) else len(action.data)
    if isinstance(action, Ws):
        return 1 + (_text_weight(action.payload) if isinstance(action.payload, str) else len(action.payload))
    if isinstance(action, Http):
        return len(action.path) + sum(len(name) + len(value) for name, value in action.headers)
    return 1


def _json_weight(value: Json) -> int:
    if isinstance(value, str):
        return 1 + _text_weight(value)
    if isinstance(value, Mapping):
        return 1 + sum(len(str(key)) + _json_weight(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return 1 + sum(map(_json_weight, value))
    if isinstance(value, bool) or value is None:
        return 1
    return 1 + len(repr(value))


def _text_weight(text: str) -> int:
    return len(text) + sum(int(count) * len(unit) for count, unit in _REPEAT.findall(text))


def keeps(case: Case, candidate: Conversation, rule: str) -> bool:
    """Whether an attack's pieces are still whole: half a path may name a real file. What was found in passing does not
    need them; in their place stands a text of the letter a, which names nothing, or none."""
    if not case.keep:
        return True
    said = [step.action.params for step in candidate.steps if isinstance(step.action, Call)]
    whole = strings(said)
    if all(piece in whole for piece in case.keep):
        return True
    if not found_in_passing(case, rule):
        return False
    before = set(_all_texts([step.action.params for step in case.conversation.steps if isinstance(step.action, Call)]))
    return all(text in before or not text.strip("a") for text in _all_texts(said))


def found_in_passing(case: Case, rule: str) -> bool:
    """Whether an attack showed something else than what it is made to show."""
    return bool(case.claims) and all(claim.rule != rule for claim in case.claims)


def _all_texts(value: Json) -> Iterator[str]:
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            todo += [*item, *item.values()]
        elif isinstance(item, list | tuple):
            todo += item


def simpler(conversation: Conversation, *, inside: bool = True) -> Iterator[Conversation]:
    """Neighbours, boldest first; each weighs less.

    Args:
        inside: also simplify what the steps say; False only leaves steps out, and what we added to tell cases apart.
    """
    steps = conversation.steps
    yield from (Conversation(kept) for kept in _fewer(steps))
    for index, step in enumerate(steps):
        if step.times > 1:
            for times in (1, step.times // 2, step.times - 1 if step.times <= EXACT else 0):
                if 0 < times < step.times:
                    yield _with(conversation, index, replace(step, times=times))
    for index, step in enumerate(steps):
        plain = _unmarked(step.action)
        if plain is not None:
            yield _with(conversation, index, replace(step, action=plain))
    if not inside:
        return
    for index, step in enumerate(steps):
        for action in _actions(step.action):
            yield _with(conversation, index, replace(step, action=action))


def single_readings(conversation: Conversation) -> Iterator[Conversation]:
    """Where the same is read before and after something: each reading as the only one."""
    steps, middle = conversation.steps, len(conversation) // 2
    if len(steps) > 3 and steps[:middle] == steps[middle + 1 :]:
        yield from (Conversation((steps[at], steps[middle], steps[at])) for at in range(middle))


def _with(conversation: Conversation, index: int, step: Step) -> Conversation:
    return Conversation((*conversation.steps[:index], step, *conversation.steps[index + 1 :]))


def _fewer(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    """Halves, quarters ... and at last each step left out (delta debugging's complements)."""
    size = len(steps)
    part = size // 2
    while size > 1 and part >= 1:
        for start in range(0, size, part):
            kept = steps[:start] + steps[start + part :]
            if kept:
                yield kept
        part //= 2


def _unmarked(action: Action) -> Action | None:
    """A message without the members of `_meta` that only make it differ from others; None where it has none."""
    message = action.message if isinstance(action, Send) else None
    params = message.get("params") if isinstance(message, Mapping) else None
    meta = params.get("_meta") if isinstance(params, Mapping) else None
    if not isinstance(message, Mapping) or not isinstance(params, Mapping) or not isinstance(meta, Mapping):
        return None
    kept = {key: value for key, value in meta.items() if not key.startswith(OWN) or _json_weight(value) > ODD}
    if len(kept) == len(meta):
        return None
    bare = {key: value for key, value in params.items() if key != "_meta"}
    return Send({**message, "params": {**bare, "_meta": kept} if kept else bare})


def _actions(action: Action) -> Iterator[Action]:
    if isinstance(action, Call):
        yield from (Call(action.method, params) for params in _params(action.params))
    elif isinstance(action, Send) and isinstance(action.message, Mapping):
        params = action.message.get("params")
        if isinstance(params, Mapping):
            yield from (Send({**action.message, "params": made}) for made in _params(params))
    elif isinstance(action, Send) and isinstance(action.message, list):
        yield from (Send(made) for made in _arrays(action.message))
    elif isinstance(action, Raw):
        yield from (Raw(data) for data in _raw(action.data))
    elif isinstance(action, Ws):
        payload = action.payload
        made = _texts(payload) if isinstance(payload, str) else (b"", *_raw(payload))
        yield from (replace(action, payload=shorter) for shorter in made if len(shorter) < len(payload))
    elif isinstance(action, Http):
        yield from _requests(action)


def _requests(action: Http) -> Iterator[Action]:
    """With fewer members of the query, and fewer headers."""
    path, mark, query = action.path.partition("?")
    members = query.split("&") if mark else []
    for part in (len(members), len(members) // 2, 1):
        for start in range(0, len(members), part) if part else ():
            kept = members[:start] + members[start + part :]
            yield replace(action, path=path + ("?" + "&".join(kept) if kept else ""))
    for index, (name, _) in enumerate(action.headers):
        if name.lower() != "host":
            yield replace(action, headers=action.headers[:index] + action.headers[index + 1 :])


def _params(params: Json) -> Iterator[Json]:
    """Simpler parameters; what names the operation stays."""
    if not isinstance(params, Mapping):
        return
    if isinstance(params.get("arguments"), Mapping):
        for made in _values(params["arguments"]):
            yield {**params, "arguments": made}
    elif isinstance(params.get("uri"), str):
        yield from ({**params, "uri": made} for made in _texts(params["uri"]))
    elif isinstance(params.get("argument"), Mapping):
        for made in _values(params["argument"].get("value", "")):
            yield {**params, "argument": {**params["argument"], "value": made}}


def _values(value: Json) -> Iterator[Json]:
    """Simpler values of the same type."""
    if isinstance(value, str):
        yield from _texts(value)
    elif isinstance(value, bool):
        if value:
            yield False
    elif isinstance(value, int | float):
        yield from _numbers(value)
    elif isinstance(value, Mapping):
        yield from _objects(value)
    elif isinstance(value, list | tuple):
        yield from _arrays(value)


def _objects(value: Mapping[str, Json]) -> Iterator[Json]:
    keys = list(value)
    for part in (len(keys) // 2, 1):
        if part:
            for start in range(0, min(len(keys), MAX_KEYS), part):
                gone = set(keys[start : start + part])
                yield {key: item for key, item in value.items() if key not in gone}
    for key in keys[:MAX_KEYS]:
        for made in _values(value[key]):
            yield {**value, key: made}


def _arrays(value: Any) -> Iterator[Json]:
    items = list(value)
    for part in (len(items) // 2, 1):
        if part:
            for start in range(0, min(len(items), MAX_KEYS), part):
                yield items[:start] + items[start + part :]
    for index in range(min(len(items), MAX_KEYS)):
        for made in _values(items[index]):
            yield [*items[:index], made, *items[index + 1 :]]


def _numbers(value: int | float) -> Iterator[Json]:
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return
        if value != int(value) or (value == 0 and math.copysign(1.0, value) < 0):
            yield float(int(value))
    for made in (0, 1, -1):
        if abs(made) < abs(value):
            yield type(value)(made)
    whole = int(value)
    bits = abs(whole).bit_length()
    for shift in (bits // 2, 1):  # towards the smallest that still does it: bold, then by half
        if 0 < shift < bits:
            yield type(value)(whole >> shift if whole > 0 else -(-whole >> shift))
    for shift in range(2, bits):  # then down by a quarter, an eighth ... and at last by one
        step = abs(whole) >> shift
        yield type(value)(whole - (step if whole > 0 else -step))
    if abs(whole) > 2:
        yield type(value)(whole - (1 if whole > 0 else -1))


def _texts(text: str) -> Iterator[str]:
    repeated = _REPEAT.search(text)
    if repeated:
        count, unit = int(repeated.group(1)), repeated.group(2)
        nearer = (count * 3 // 4, count * 9 // 10, count - 1) if count <= EXACT else ()  # larger ones: `sizes`
        for fewer in (1, count // 100, count // 10, count // 2, *nearer):
            if 0 < fewer < count:
                made = f"{{repeat:{fewer}:{unit}}}" if fewer * len(unit) > 40 else unit * fewer
                yield text[: repeated.start()] + made + text[repeated.end() :]
        if len(text) > len(repeated.group(0)):
            yield repeated.group(0)
        return
    if not text:
        return
    yield ""
    half = len(text) // 2
    if half:
        yield text[:half]
        yield text[half:]
    if len(text) > 2:
        yield text[1:]
        yield text[:-1]
    if len(text) <= 40:
        for index in range(1, len(text) - 1):
            yield text[:index] + text[index + 1 :]
    if text != "a" * len(text):
        yield "a" * len(text)


def _raw(data: bytes | str) -> Iterator[bytes | str]:
    """Shorter frames; the line end stays."""
    if isinstance(data, str):
        end = "\n" if data.endswith("\n") else ""
        body = data[: len(data) - len(end)]
        yield from (made + end for made in alone(body))
        if _REPEAT.search(body):
            yield from (made + end for made in _texts(body))
        yield from (made + end for made in _messages(body))
        pieces = _PIECE.findall(body)
        yield from ("".join(kept) + end for kept in _without(pieces))
        return
    line_end = b"\n" if data.endswith(b"\n") else b""
    said = data[: len(data) - len(line_end)]
    yield from (bytes(kept) + line_end for kept in _without(said))


def _messages(text: str) -> Iterator[str]:
    """A frame that is JSON, with fewer and simpler members: to leave out characters would seldom leave it so."""
    if len(text) > LONGEST_JSON or text.count("{") + text.count("[") > DEEPEST_JSON:
        return
    try:
        value = json.loads(text)
    except ValueError:
        return
    yield from (json.dumps(made, separators=(",", ":")) for made in _values(value))


def _without(items: Sequence[_T]) -> Iterator[list[_T]]:
    """Halves, quarters ... left out, and each single one where there are not too many; something is always kept."""
    part = len(items) // 2
    while part >= 1:
        for start in range(0, len(items), part):
            kept = [*items[:start], *items[start + part :]]
            if kept:
                yield kept
        part = part // 2 if part > 1 and (len(items) <= 4096 or len(items) // part < 64) else 0
