"""Proofs about whose things are whose: what one caller made is shown to another, changed or removed by another. The
params name the steps by their role, as in `stateful`.

Pure, as all proofs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcpfuzz.harvest import gained
from mcpfuzz.model import Exchange, Frame, Json, Trace
from mcpfuzz.oracles.bench import Bench, Seen
from mcpfuzz.oracles.reading import accepted, by_step, params_of, stands_in, text_of
from mcpfuzz.oracles.refusing import other_words
from mcpfuzz.oracles.stateful import masked

__all__ = ["OWNERSHIP"]


def _shows(exchange: Exchange | None, canary: str) -> bool:
    """Whether a normal answer holds what its request did not."""
    if exchange is None or not accepted(exchange) or canary.encode() in exchange.sent:
        return False
    return canary in text_of(exchange)


def _shared(params: Mapping[str, Any], said: Mapping[int, Exchange], canary: str) -> bool:
    """Whether a listing shows the thing to the other caller too: then everybody's things are shown to everybody, and
    nothing says that they are meant to be private."""
    made = said.get(params["made"])
    try:
        key = str(gained(made.answer.value, params["argument"])) if made and made.answer else ""
    except KeyError:
        key = ""
    for step in params.get("listings", ()):
        text = text_of(said.get(step))
        if canary in text or (len(key) > 3 and stands_in(text, key)):
            return True
    return False


def _crossed_read(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """What one caller made is shown to another who names its id; an id that nobody has shows nothing."""
    said, canary = by_step(params, trace), trace.canaries.get(str(params["canary"]))
    if said is None or not canary or not _shows(said.get(params["own"]), canary):
        return None
    if canary in text_of(said.get(params["absent"])) or _shared(params, said, canary):
        return None
    foreign = params["foreign"]
    for step in foreign if isinstance(foreign, list) else [foreign]:
        if _shows(said.get(step), canary):
            return f"step {step + 1}, by another caller, shows what step {params['made'] + 1} made"
    return None


def _crossed_list(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """What one caller made stands in another's list of their own things; or in a list of things, though they are
    refused it under its id."""
    said, canary = by_step(params, trace), trace.canaries.get(str(params["canary"]))
    if said is None or not canary or not _shows(said.get(params["own"]), canary):
        return None
    if "refused" in params and not (_shows(said.get(params["read"]), canary) and _refused(said.get(params["refused"]))):
        return None
    if not _shows(said.get(params["foreign"]), canary):
        return None
    return f"step {params['foreign'] + 1}, another caller's list, shows what step {params['made'] + 1} made"


def _crossed_complete(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Another caller, who is refused a thing under its id, is told that id while they type."""
    said, canary = by_step(params, trace), trace.canaries.get(str(params["canary"]))
    if said is None or not canary or not _shows(said.get(params["read"]), canary):
        return None
    made, refused, foreign = said.get(params["made"]), said.get(params["refused"]), said.get(params["foreign"])
    if refused is None or refused.answer is None or accepted(refused) or foreign is None or not made or not made.answer:
        return None
    try:
        key = str(gained(made.answer.value, params["argument"]))
    except KeyError:
        return None
    if len(key) <= 3 or key.encode() in foreign.sent or _shared(params, said, canary):
        return None
    if not stands_in(text_of(said.get(params["own"])), key) or not stands_in(text_of(foreign), key):
        return None
    return f"step {params['foreign'] + 1} tells another caller the id of what step {params['made'] + 1} made"


def _crossed_watch(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Another caller, who is refused a resource, is told that it has changed, once its owner changed it."""
    said, canary = by_step(params, trace), trace.canaries.get(str(params["canary"]))
    if said is None or not canary or not _shows(own := said.get(params["own"]), canary):
        return None
    refused = said.get(params["refused"])
    if own is None or not _refused(refused):
        return None
    uri = params_of(own).get("uri")
    for step, exchange in said.items():
        told = any(_updated(frame) == uri for frame in exchange.others)
        if told and step <= params["before"]:
            return None  # it is told whatever happens
        if told and step in params["listens"] and trace.conversation.steps[step].as_ is not None:
            return f"another caller is told that what step {params['made'] + 1} made has changed"
    return None


def _updated(frame: Frame) -> Json:
    """The URI of the resource that a notification says has changed."""
    value = frame.value if isinstance(frame.value, dict) else {}
    params = value.get("params")
    if value.get("method") != "notifications/resources/updated" or not isinstance(params, dict):
        return ""
    return params.get("uri")


def _overheard(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A notification to another caller holds what the first alone had said."""
    said = by_step(params, trace)
    for step in params["listens"]:
        heard = said.get(step) if said is not None else None
        for frame in heard.others if heard is not None else ():
            if not isinstance(frame.value, dict) or "method" not in frame.value:
                continue
            for name in params["canaries"]:
                canary = trace.canaries.get(str(name))
                if canary and canary.encode() in frame.raw:
                    return f"{frame.value['method']} to another caller holds what the first one had said in a call"
    return None


def _crossed_write(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """What one caller made is shown to them as another changed it."""
    said = by_step(params, trace)
    before, after = trace.canaries.get(str(params["canary"])), trace.canaries.get(str(params["after"]))
    if said is None or not before or not after or not _shows(said.get(params["own"]), before):
        return None
    if _shared(params, said, before) or not _shows(said.get(params["again"]), after):
        return None
    return f"step {params['again'] + 1} shows the owner what another caller wrote in step {params['foreign'] + 1}"


def _crossed_change(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """What one caller made, and another is refused as a reading, is another thing to its owner after that other one
    used it; the same under a made-up id had changed nothing."""
    said, canary = by_step(params, trace), trace.canaries.get(str(params["canary"]))
    if said is None or not canary or not _shows(said.get(params["own"]), canary):
        return None
    own, before, again, foreign = (said.get(params[name]) for name in ("own", "before", "again", "foreign"))
    if not _refused(said.get(params["refused"])) or foreign is None or not accepted(foreign):
        return None
    if not own or not before or not again or again.answer is None or _shared(params, said, canary):
        return None
    if masked(own) != masked(before) or masked(again) == masked(before):
        return None
    return (
        f"step {params['again'] + 1} shows the owner another thing, after another caller's step {params['foreign'] + 1}"
    )


def _refused(exchange: Exchange | None) -> bool:
    """Whether it was answered, and not with what was asked for."""
    return exchange is not None and exchange.answer is not None and not accepted(exchange)


def _crossed_delete(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """What one caller made, and read twice, is gone after another removed it."""
    said, canary = by_step(params, trace), trace.canaries.get(str(params["canary"]))
    if said is None or not canary or not all(_shows(said.get(step), canary) for step in params["owns"]):
        return None
    again, foreign = said.get(params["again"]), said.get(params["foreign"])
    if _shared(params, said, canary) or foreign is None or not accepted(foreign):
        return None
    if again is None or again.answer is None or canary in text_of(again):
        return None
    return f"step {params['again'] + 1}: what step {params['made'] + 1} made is gone, removed by another caller"


def _existence(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Another caller is refused in other words where the thing exists than where it does not."""
    said, canary = by_step(params, trace), trace.canaries.get(str(params["canary"]))
    if said is None or not canary or not _shows(said.get(params["own"]), canary):
        return None
    if _shared(params, said, canary):
        return None
    return other_words(said.get(params["absent"]), said.get(params["foreign"]))


def _took_effect(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A call was served, and a later reading shows what it brought in."""
    said, canary = by_step(params, trace), trace.canaries.get(str(params["canary"]))
    act = said.get(params["act"]) if said is not None else None
    if said is None or not canary or act is None or not accepted(act):
        return None
    for step in params["reads"]:
        if _shows(said.get(step), canary):
            return f"step {params['act'] + 1} was served, and step {step + 1} shows its effect"
    return None


def _refused_to(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A step that should have been served was not, or its connection did not come about."""
    step = int(params["step"])
    for exchange in trace.exchanges:
        if exchange.step == step:
            return None if accepted(exchange) else f"step {step + 1} was refused"
    if trace.ending.kind == "closed" and trace.ending.serves and len(trace.conversation) == params["steps"]:
        return f"the connection was refused: {trace.ending.detail}"
    return None


OWNERSHIP: Mapping[str, Seen] = {
    "crossed-read": _crossed_read,
    "crossed-list": _crossed_list,
    "crossed-complete": _crossed_complete,
    "crossed-watch": _crossed_watch,
    "overheard": _overheard,
    "crossed-write": _crossed_write,
    "crossed-delete": _crossed_delete,
    "crossed-change": _crossed_change,
    "existence": _existence,
    "took-effect": _took_effect,
    "refused-to": _refused_to,
}
"""Kind -> how it is seen."""
