"""Which operations belong together: what makes a thing, what takes its id, what removes it. Read from names and
descriptions, since nothing else tells; every guess only orders the work, and the proof does not rest on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from mcpfuzz.model import Json, Operation

__all__ = [
    "affinity", "changes", "free_texts", "id_arguments", "looks", "makes", "names_id", "once", "reads_only", "removes",
    "words",
]  # fmt: skip

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_EVERYWHERE = """
a an and are as at be been by can do for from get has have how if in into is it its list many of on one only or set show
tell that the their them there these this to tool up use value was what when where which who will with you your id ids
key code name number string given each all any new add make create return true false not no yes"""
_COMMON = frozenset(_EVERYWHERE.split())
_MAKES = re.compile(
    r"^(?:create|add|new|issue|make|store|insert|start|open|save|register|upload|put|post|generate|keep|write|book|place"
    r"|submit|begin|append|record|draft|schedule|import|clone|copy)(?:s|es)?$"
)
_REMOVES = re.compile(
    r"^(?:delete|remove|drop|erase|destroy|purge|discard|forget|unregister|trash|cancel|revoke|close)(?:s|d)?$"
)
_CHANGES = re.compile(r"^(?:update|edit|change|set|modify|rename|patch|replace|rewrite|move|configure)(?:s|d)?$")
_LOOKS = re.compile(
    r"^(?:get|list|show|read|fetch|find|search|view|describe|look|lookup|browse|query|count|display|inspect|see|retrieve"
    r"|track|recall|whoami|who|my)(?:s|es)?$"
)
_TELLS = re.compile(r"^(?:details?|info|information|status|summary|overview|history|list|listing)$")
"""A name that ends so is of what it tells."""
_ONCE = re.compile(
    r"\b(?:once|one[- ]time|single[- ]use|us(?:es?|ed|ing) (?:it|them|the \w+)? ?up"
    r"|redeem\w*|consum\w+|one (?:entry|use|time)"
    r"|no longer valid|invalidat\w+|expires? after)\b",
    re.IGNORECASE,
)
_ID = re.compile(r"(?:^|_)(?:id|uuid|guid|key|code|handle|slug|token|ref|reference|number|ticket|uri)$", re.IGNORECASE)


@lru_cache(maxsize=4096)
def words(text: str) -> frozenset[str]:
    """The telling words of a name or a description: lower case, singular."""
    found = (word.lower() for word in _WORD.findall(text.replace("_", " ")[:2_000]))
    return frozenset(_singular(word) for word in found if len(word) > 2 and word not in _COMMON)


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def _verbs(operation: Operation) -> list[str]:
    """Words of the name, then the first word of the description."""
    first = _WORD.findall(operation.description[:80])[:1]
    return [word.lower() for word in (*_WORD.findall(operation.name.replace("_", " ")), *first)]


def _says(operation: Operation, verb: re.Pattern[str]) -> bool:
    """Whether a verb is among its words; what begins with a verb of looking ("list_open_orders") has no other."""
    return not _begins_to_look(operation.name) and any(verb.match(word) for word in _verbs(operation))


def _begins_to_look(name: str) -> bool:
    """Not "get_or_create", "find_and_replace"."""
    found = [word.lower() for word in _WORD.findall(name.replace("_", " "))]
    return bool(found) and _LOOKS.match(found[0]) is not None and not {"or", "and"} & set(found)


def reads_only(operation: Operation) -> bool:
    """Whether it says so itself."""
    return operation.annotations.get("readOnlyHint") is True


def looks(operation: Operation) -> bool:
    """Whether a tool is likely to read only: by its own word or, where it says nothing of it, by its name. Good enough
    to look at what an attack did; no proof that it changes nothing."""
    hint = operation.annotations.get("readOnlyHint")
    if isinstance(hint, bool):
        return hint
    if operation.kind != "tool":
        return False
    named = [word.lower() for word in _WORD.findall(operation.name.replace("_", " "))]
    if _begins_to_look(operation.name):
        return True
    if any(verb.match(word) for verb in (_MAKES, _REMOVES, _CHANGES) for word in named):
        return False
    told = _WORD.findall(operation.description[:80])[:1]
    return any(_LOOKS.match(word.lower()) for word in (*named, *told)) or bool(named and _TELLS.match(named[-1]))


def makes(operation: Operation) -> bool:
    """Whether it is likely to make something that has an id."""
    return (
        operation.kind == "tool" and not reads_only(operation) and not removes(operation) and _says(operation, _MAKES)
    )


def removes(operation: Operation) -> bool:
    """Whether it is likely to remove something, for good."""
    return operation.kind == "tool" and not reads_only(operation) and _says(operation, _REMOVES)


def changes(operation: Operation) -> bool:
    """Whether it is likely to change something that is there."""
    return operation.kind == "tool" and not reads_only(operation) and _says(operation, _CHANGES)


def once(*operations: Operation) -> bool:
    """Whether one of them says that something works a single time."""
    return any(_ONCE.search(f"{item.name.replace('_', ' ')} {item.description[:2_000]}") for item in operations)


def id_arguments(operation: Operation) -> tuple[str, ...]:
    """Arguments that may name a thing by its id, likely ones first."""
    needed = operation.required
    found: list[tuple[int, str]] = []
    for name, schema in operation.members.items():
        schema = _whole(schema)
        if not isinstance(schema, Mapping) or "enum" in schema or "const" in schema:
            continue
        if schema.get("type", "string") not in ("string", "integer", "number"):
            continue
        likely = names_id(operation, name)
        if likely or name in needed:
            found.append((0 if likely and name in needed else 1 if likely else 2, name))
    return tuple(name for _, name in sorted(found))


def names_id(operation: Operation, argument: str) -> bool:
    """Whether an argument's own name, or its description, says that it is an id."""
    described = str(_declared(operation, argument).get("description", "")).lower()
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", argument)
    return bool(_ID.search(spaced) or re.search(r"\b(?:id|uuid|code|key)s?\b", described))


def affinity(maker: Operation, user: Operation, argument: str) -> int:
    """How much speaks for a maker's things being what the user's argument names; 0 is nothing."""
    schema = _declared(user, argument)
    described = str(schema.get("description", ""))
    if maker.name in described or maker.name in user.description:
        return 9
    about = words(user.name) | words(argument) | words(described)
    named = words(maker.name) & about
    told = words(maker.description) & (about | words(user.description))
    return 2 * len(named) + min(len(told), 2)


def _declared(operation: Operation, argument: str) -> Mapping[str, Json]:
    schema = operation.members.get(argument)
    return schema if isinstance(schema, Mapping) else {}


def free_texts(operation: Operation) -> Iterator[str]:
    """Arguments that take any text, those that hold contents first."""
    found = []
    for name, schema in operation.members.items():
        schema = _whole(schema)
        if not isinstance(schema, Mapping) or schema.get("type") != "string":
            continue
        if schema.keys() & {"enum", "const", "pattern", "format"} or not _roomy(schema.get("maxLength")):
            continue
        found.append((not re.search(r"text|content|body|note|message|value|description", name.lower()), name))
    return (name for _, name in sorted(found, key=lambda item: item[0]))


def _whole(schema: Json) -> Json:
    """What a value may be besides null: how an argument that may be left out is told by many libraries."""
    if not isinstance(schema, Mapping):
        return schema
    kinds = schema.get("type")
    if isinstance(kinds, list) and len(left := [kind for kind in kinds if kind != "null"]) == 1:
        return {**schema, "type": left[0]}
    choices = schema.get("anyOf") or schema.get("oneOf")
    if not isinstance(choices, list):
        return schema
    left = [item for item in choices if isinstance(item, Mapping) and item.get("type") != "null"]
    outside = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf", "default")}
    return {**outside, **left[0]} if len(left) == 1 else schema


def _roomy(longest: Json) -> bool:
    return not isinstance(longest, int) or longest >= 20
