"""Proofs about whose things are whose: what one caller made is shown to another, changed or removed by another. The
params name the steps by their role, as in `stateful`.

Pure, as all proofs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mcpfuzz.harvest import gained
from mcpfuzz.model import Exchange, Frame, Json, Trace
from mcpfuzz.oracles.bench import Bench, Seen
from mcpfuzz.oracles.reading import accepted, answered_result, strings
from mcpfuzz.oracles.stateful import masked
from mcpfuzz.tasks import ENDED, task_of
from mcpfuzz.wire import decode

__all__ = ["OWNERSHIP"]


_SLOWED = re.compile(r"too many|too often|wait|locked|blocked|later|limit|slow down|throttl", re.IGNORECASE)
WRONG_PASSWORD = frozenset({302, 303, 400, 401, 403, 404, 422})
"""Statuses of a login that is refused for what it says; 423, 429 and 503 are those of one that is slowed."""
SLOWER_S = 0.1
"""By which a slowed answer comes later, at least."""


def _steps(params: Mapping[str, Any], trace: Trace) -> dict[int, Exchange] | None:
    """Exchanges by step, where the whole conversation was said."""
    if len(trace.conversation) != params["steps"] or trace.ending.kind != "alive":
        return None
    return {exchange.step: exchange for exchange in trace.exchanges}


def _text(exchange: Exchange | None) -> str:
    result = answered_result(exchange) if exchange is not None else None
    return "" if result is None else strings(result)


def _shows(exchange: Exchange | None, canary: str) -> bool:
    """Whether a normal answer holds what its request did not."""
    if exchange is None or not accepted(exchange) or canary.encode() in exchange.sent:
        return False
    return canary in _text(exchange)


def _shared(params: Mapping[str, Any], said: Mapping[int, Exchange], canary: str) -> bool:
    """Whether a listing shows the thing to the other caller too: then everybody's things are shown to everybody, and
    nothing says that they are meant to be private."""
    made = said.get(params["made"])
    try:
        key = str(gained(made.answer.value, params["argument"])) if made and made.answer else ""
    except KeyError:
        key = ""
    for step in params.get("listings", ()):
        text = _text(said.get(step))
        if canary in text or (len(key) > 3 and re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])", text)):
            return True
    return False


def _crossed_read(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """What one caller made is shown to another who names its id; an id that nobody has shows nothing."""
    said, canary = _steps(params, trace), trace.canaries.get(str(params["canary"]))
    if said is None or not canary or not _shows(said.get(params["own"]), canary):
        return None
    if canary in _text(said.get(params["absent"])) or _shared(params, said, canary):
        return None
    foreign = params["foreign"]
    for step in foreign if isinstance(foreign, list) else [foreign]:
        if _shows(said.get(step), canary):
            return f"step {step + 1}, by another caller, shows what step {params['made'] + 1} made"
    return None


def _crossed_list(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """What one caller made stands in another's list of their own things; or in a list of things, though they are
    refused it under its id."""
    said, canary = _steps(params, trace), trace.canaries.get(str(params["canary"]))
    if said is None or not canary or not _shows(said.get(params["own"]), canary):
        return None
    if "refused" in params and not (_shows(said.get(params["read"]), canary) and _refused(said.get(params["refused"]))):
        return None
    if not _shows(said.get(params["foreign"]), canary):
        return None
    return f"step {params['foreign'] + 1}, another caller's list, shows what step {params['made'] + 1} made"


def _crossed_complete(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Another caller, who is refused a thing under its id, is told that id while they type."""
    said, canary = _steps(params, trace), trace.canaries.get(str(params["canary"]))
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
    named = re.compile(rf"(?<![\w-]){re.escape(key)}(?![\w-])")
    if not named.search(_text(said.get(params["own"]))) or not named.search(_text(foreign)):
        return None
    return f"step {params['foreign'] + 1} tells another caller the id of what step {params['made'] + 1} made"


def _crossed_watch(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Another caller, who is refused a resource, is told that it has changed, once its owner changed it."""
    said, canary = _steps(params, trace), trace.canaries.get(str(params["canary"]))
    if said is None or not canary or not _shows(own := said.get(params["own"]), canary):
        return None
    refused = said.get(params["refused"])
    if own is None or refused is None or refused.answer is None or accepted(refused):
        return None
    uri = _params(own).get("uri")
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


def _task_told(exchange: Exchange | None) -> str:
    """What an answer tells of a task that its request does not: since when there is one, or what came of it."""
    if exchange is None or not accepted(exchange):
        return ""
    result = answered_result(exchange) or {}
    made = result.get("createdAt")
    if isinstance(made, str):
        return made
    return strings({name: value for name, value in result.items() if name != "_meta"})


def _task_read(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Another caller is told of a task what its owner is told; of an id that nobody has they are told nothing."""
    said = _steps(params, trace)
    if said is None or not (told := _task_told(said.get(params["own"]))):
        return None
    absent, foreign = said.get(params["absent"]), said.get(params["foreign"])
    if absent is None or absent.answer is None or accepted(absent) or _task_told(foreign) != told:
        return None
    return f"step {params['foreign'] + 1}, by another caller, tells of the task that step {params['made'] + 1} made"


def _task_listed(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """One caller's task stands in the list of another's."""
    said = _steps(params, trace)
    made, foreign = (said.get(params["made"]), said.get(params["foreign"])) if said is not None else (None, None)
    if said is None or not _task_told(said.get(params["own"])) or foreign is None or not accepted(foreign):
        return None
    task = task_of(answered_result(made)) if made is not None else None
    tasks = (answered_result(foreign) or {}).get("tasks")
    listed = [one.get("taskId") for one in tasks if isinstance(one, dict)] if isinstance(tasks, list) else []
    if task is None or task["taskId"] not in listed:
        return None
    return f"step {params['foreign'] + 1}, another caller's list, holds the task that step {params['made'] + 1} made"


def _task_cancelled(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A task that was under way is cancelled for its owner after another caller cancelled it."""
    said = _steps(params, trace)
    own, foreign = (said.get(params["own"]), said.get(params["foreign"])) if said is not None else (None, None)
    if said is None or own is None or foreign is None or not accepted(foreign) or not _task_told(own):
        return None
    if (answered_result(own) or {}).get("status") in ENDED:
        return None
    for step in params["again"]:
        again = said.get(step)
        if again is not None and (answered_result(again) or {}).get("status") == "cancelled":
            return f"step {step + 1}: the task of step {params['made'] + 1} is cancelled, by another caller"
    return None


def _task_existence(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Another caller is refused in other words where the task exists than where it does not."""
    said = _steps(params, trace)
    if said is None or not _task_told(said.get(params["own"])):
        return None
    return _other_words(said.get(params["absent"]), said.get(params["foreign"]))


def _overheard(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A notification to another caller holds what the first alone had said."""
    said = _steps(params, trace)
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
    said = _steps(params, trace)
    before, after = trace.canaries.get(str(params["canary"])), trace.canaries.get(str(params["after"]))
    if said is None or not before or not after or not _shows(said.get(params["own"]), before):
        return None
    if _shared(params, said, before) or not _shows(said.get(params["again"]), after):
        return None
    return f"step {params['again'] + 1} shows the owner what another caller wrote in step {params['foreign'] + 1}"


def _crossed_change(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """What one caller made, and another is refused as a reading, is another thing to its owner after that other one
    used it; the same under a made-up id had changed nothing."""
    said, canary = _steps(params, trace), trace.canaries.get(str(params["canary"]))
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
    said, canary = _steps(params, trace), trace.canaries.get(str(params["canary"]))
    if said is None or not canary or not all(_shows(said.get(step), canary) for step in params["owns"]):
        return None
    again, foreign = said.get(params["again"]), said.get(params["foreign"])
    if _shared(params, said, canary) or foreign is None or not accepted(foreign):
        return None
    if again is None or again.answer is None or canary in _text(again):
        return None
    return f"step {params['again'] + 1}: what step {params['made'] + 1} made is gone, removed by another caller"


def _existence(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """Another caller is refused in other words where the thing exists than where it does not."""
    said, canary = _steps(params, trace), trace.canaries.get(str(params["canary"]))
    if said is None or not canary or not _shows(said.get(params["own"]), canary):
        return None
    if _shared(params, said, canary):
        return None
    return _other_words(said.get(params["absent"]), said.get(params["foreign"]))


def _other_words(absent: Exchange | None, foreign: Exchange | None) -> str | None:
    """Where both are refused: in which words each is, where they differ."""
    if absent is None or foreign is None or accepted(absent) or accepted(foreign):
        return None
    one, two = _refusal(absent), _refusal(foreign)
    if not one or not two or one == two:
        return None
    return f"to another caller {two[:80]!r} is said of what exists, {one[:80]!r} of what does not"


def _refusal(exchange: Exchange) -> str:
    """The words of a refusal, ids and numbers taken out, and what was asked for."""
    value = exchange.answer.value if exchange.answer is not None else None
    error = value.get("error") if isinstance(value, dict) else None
    result = answered_result(exchange) or {}
    text = f"{error.get('code')} {error.get('message')}" if isinstance(error, dict) else strings(result.get("content"))
    for name in _asked(exchange):
        text = text.replace(name, "#")
    text = re.sub(r"^(?:type|text)\n", "", text, flags=re.MULTILINE)
    return re.sub(r"[\w-]*\d[\w.,:-]*", "#", text)


def _asked(exchange: Exchange) -> list[str]:
    """The texts in a request's params, longest first: a refusal may repeat them."""
    given = {name: value for name, value in _params(exchange).items() if name != "_meta"}
    found = {line for value in (given, given.get("arguments")) for line in _leaves(value)}
    return sorted((one for one in found if len(one) > 3), key=len, reverse=True)


def _params(exchange: Exchange) -> Mapping[str, Json]:
    said = decode(exchange.sent).value
    params = said.get("params") if isinstance(said, dict) else None
    return params if isinstance(params, dict) else {}


def _leaves(value: Json) -> Iterator[str]:
    for item in value.values() if isinstance(value, dict) else ():
        if isinstance(item, str):
            yield item


def _took_effect(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """A call was served, and a later reading shows what it brought in."""
    said, canary = _steps(params, trace), trace.canaries.get(str(params["canary"]))
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


def _told_apart(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """All are refused: known names in one way, made-up ones in another, every time."""
    said = _steps(params, trace)
    if said is None or len(said) < params["steps"] or any(accepted(exchange) for exchange in said.values()):
        return None
    name = str(params["name"])
    known = {_refusal(said[step]).replace(name, "#") for step in params["known"]}
    unknown = {_refusal(said[step]).replace(name, "#") for step in params["unknown"]}
    if len(known) != 1 or len(unknown) != 1 or known == unknown or "" in known | unknown:
        return None
    if any(map(_SLOWED.search, known | unknown)):
        return None  # one of them was tried too often
    return f"{known.pop()[:80]!r} is said of a known name, {unknown.pop()[:80]!r} of a made-up one"


def _unthrottled(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """So many refusals in a row, in the same words and in no more time."""
    said = _steps(params, trace)
    if said is None or len(said) < params["steps"] or any(accepted(exchange) for exchange in said.values()):
        return None
    words = {_refusal(exchange) for exchange in said.values()}
    if (
        len(words) != 1
        or "" in words
        or _SLOWED.search("".join(words))
        or any(exchange.status == 429 for exchange in said.values())
    ):
        return None
    late = _no_later([exchange.took_s for _, exchange in sorted(said.items())])
    if late is None:
        return None
    return f"{len(said)} wrong passwords in a row: {words.pop()[:80]!r} each time, after {late * 1000:.0f} ms"


def _no_later(times: Sequence[float]) -> float | None:
    """Seconds that the last answers took; None where that is clearly more than the first ones did."""
    third = len(times) // 3
    early, late = (sorted(part)[third // 2] for part in (times[:third], times[-third:]))
    return None if late > 3 * early + SLOWER_S else late


def _never_slowed(params: Mapping[str, Any], trace: Trace, bench: Bench) -> str | None:
    """The same over HTTP; that the right password is taken behind them is the last step: it opens a connection."""
    said, tries = _steps(params, trace), int(params["tries"])
    if said is None or any(step not in said or said[step].status is None for step in range(tries)):
        return None
    tried = [said[step] for step in range(tries)]
    status, words = {exchange.status for exchange in tried}, {_page_words(exchange) for exchange in tried}
    if len(status) != 1 or len(words) != 1 or not status & WRONG_PASSWORD or _SLOWED.search(words.pop()):
        return None
    if any(name == "retry-after" for exchange in tried for name, _ in exchange.headers):
        return None
    late = _no_later([exchange.took_s for exchange in tried])
    if late is None:
        return None
    return (
        f"{tries} wrong passwords in a row: HTTP {status.pop()} each time, after {late * 1000:.0f} ms; the right one "
        "is taken after them"
    )


def _page_words(exchange: Exchange) -> str:
    """What a page says and where it leads, ids and numbers taken out."""
    led = [value for name, value in exchange.headers if name == "location"]
    return re.sub(r"[\w-]*\d[\w.,:-]*", "#", " ".join((*led, exchange.body[:4_000].decode("utf-8", "replace"))))


OWNERSHIP: Mapping[str, Seen] = {
    "crossed-read": _crossed_read,
    "crossed-list": _crossed_list,
    "crossed-complete": _crossed_complete,
    "crossed-watch": _crossed_watch,
    "task-read": _task_read,
    "task-listed": _task_listed,
    "task-cancelled": _task_cancelled,
    "task-existence": _task_existence,
    "overheard": _overheard,
    "crossed-write": _crossed_write,
    "crossed-delete": _crossed_delete,
    "crossed-change": _crossed_change,
    "existence": _existence,
    "told-apart": _told_apart,
    "unthrottled": _unthrottled,
    "never-slowed": _never_slowed,
    "took-effect": _took_effect,
    "refused-to": _refused_to,
}
"""Kind -> how it is seen."""
