"""Where a `$ref` leads inside one document: by JSON pointer, by `$anchor`, by `$id`.

Nothing is ever fetched: a reference that leads out of the document is an error.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from urllib.parse import unquote, urljoin

from mcpfuzz.model import Json, unescaped
from mcpfuzz.strategies.schemas.limits import MAX_CONJUNCTS, MAX_INDEXED, CannotGenerate
from mcpfuzz.strategies.schemas.values import shown

__all__ = ["REFERRING", "References"]

REFERRING = ("$ref", "$dynamicRef", "$recursiveRef")
"""Keywords whose value is a reference; dynamic ones are followed as plain ones."""


class References:
    """The places of one document, indexed when a reference first asks by name."""

    def __init__(self, root: Json) -> None:
        self.root = root
        self._places: dict[str, Json] | None = None

    def resolve(self, reference: Json) -> Json:
        """What a `$ref` leads to. Raises CannotGenerate where it leads out, or nowhere."""
        if not isinstance(reference, str):
            raise CannotGenerate(f"$ref is {shown(reference)}, not a string")
        base, _, fragment = reference.partition("#")
        target = self._base(base, reference) if base else self.root
        fragment = unquote(fragment)
        if not fragment:
            return target
        if not fragment.startswith("/"):
            return self._named("#" + fragment, reference)
        for part in fragment[1:].split("/"):
            part = unescaped(part)
            if isinstance(target, dict) and part in target:
                target = target[part]
            elif isinstance(target, list) and part.isdecimal() and int(part[:9]) < len(target):
                target = target[int(part[:9])]
            else:
                raise CannotGenerate(f"$ref {shown(reference)} leads nowhere")
        return target

    def _base(self, base: str, reference: str) -> Json:
        own = self.root.get("$id") if isinstance(self.root, dict) else None
        for name in (base, urljoin(own, base) if isinstance(own, str) else base):
            if name in self._index():
                return self._index()[name]
        raise CannotGenerate(f"$ref {shown(reference)} leads out of the schema; nothing is ever fetched")

    def _named(self, name: str, reference: str) -> Json:
        try:
            return self._index()[name]
        except KeyError:
            raise CannotGenerate(f"$ref {shown(reference)} leads nowhere") from None

    def _index(self) -> dict[str, Json]:
        if self._places is None:
            self._places = {}
            for node in self._nodes():
                self._note(node, self._places)
        return self._places

    def _note(self, node: dict[str, Json], places: dict[str, Json]) -> None:
        own = self.root.get("$id") if isinstance(self.root, dict) else None
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(node.get(keyword), str):
                places.setdefault("#" + node[keyword], node)
        if isinstance(name := node.get("$id"), str):
            places.setdefault(name, node)
            places.setdefault(urljoin(own, name) if isinstance(own, str) else name, node)

    def _nodes(self) -> Iterator[dict[str, Json]]:
        """The objects in the document, from the top, at most MAX_INDEXED of its parts."""
        queue: deque[Json] = deque([self.root])
        for _ in range(MAX_INDEXED):
            if not queue:
                return
            node = queue.popleft()
            if isinstance(node, dict):
                yield node
                queue.extend(item for item in node.values() if isinstance(item, dict | list))
            elif isinstance(node, list):
                queue.extend(item for item in node[:MAX_CONJUNCTS] if isinstance(item, dict | list))

    def names(self) -> frozenset[str]:
        """Names of properties that the schema itself speaks of, as far as the first MAX_INDEXED parts go."""
        found: set[str] = set()
        for node in self._nodes():
            for keyword in ("properties", "dependentRequired", "dependentSchemas"):
                if isinstance(node.get(keyword), dict):
                    found.update(node[keyword])
            if isinstance(required := node.get("required"), list):
                found.update(name for name in required if isinstance(name, str))
        return frozenset(found)
