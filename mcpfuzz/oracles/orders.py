"""What a description should not hold: letters that a person does not see, and orders to the model that go behind
the user's back. Descriptions of honest servers are full of imperatives ("IMPORTANT: always call X first"), so a
visible order counts only where it conceals, overrides or reaches for what is not the tool's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mcpfuzz.model import Json

__all__ = ["hidden_order", "orders_in"]

MAX_TEXTS = 3_000
MAX_TEXT = 60_000
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f")
"""A flag of a region is a black flag and tag characters: the one honest use of them."""
_TAGS = re.compile("[\U000e0000-\U000e007f]+")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")
"""Variation selectors follow one character each; a row of them is bytes in disguise."""
_OVERRIDE = re.compile("[\u202d\u202e]")
_ISOLATE = re.compile("[\u202a\u202b\u2066-\u2068]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_UNSEEN = "\u200b\u200c\u200d\u2060-\u2064\ufeff\u180e\u00ad"
_BETWEEN = re.compile(rf"(?<=[A-Za-z ,.~/_])[{_UNSEEN}]+(?=[A-Za-z ,.~/_])")
"""Joiners belong between letters of other scripts, and in emoji; between Latin letters they hide or break words."""
BROKEN = 4
"""Places where a Latin text is broken by what is not seen; a word processor leaves one or two."""
_COMMENT = re.compile(r"<!--(.{0,4000}?)-->|\[//\]: ?# ?\((.{0,2000}?)\)", re.DOTALL)
_STYLED = re.compile(
    r"<[a-z]+[^>]{0,200}(?:display: ?none|visibility: ?hidden|font-size: ?0|opacity: ?0)[^>]{0,200}>(.{0,2000}?)</",
    re.IGNORECASE | re.DOTALL,
)
_ORDER = re.compile(
    r"\b(?:you must|always|never|before (?:using|calling|you)|after (?:using|calling)"
    r"|first (?:read|call|run|send)|ignore"
    r"|do not|don't|instead|read|call|send|pass|include|forward|execute|run|append|use)\b",
    re.IGNORECASE,
)
_CONCEALS = re.compile(
    r"\b(?:do not|don't|never|without)\s+(?:\w+\s+){0,2}?(?:mention|tell|telling|inform|informing|reveal|revealing"
    r"|disclose|disclosing|notify|notifying"
    r"|alert|alerting|explain|show|mentioning)\b(?:\s+\w+){0,3}?\s*"
    r"(?:\bthis\b|\bthe user\b|\bthem\b|\busers?\b|\bit\b|\banyone\b|\bthese\b)",
    re.IGNORECASE,
)
_OVERRIDES = re.compile(
    r"\b(?:ignore|disregard|forget|override)\s+(?:\w+\s+){0,3}?(?:previous|prior|above|earlier|other|system|safety|your)\s+(?:\w+\s+)?"
    r"(?:instructions?|prompts?|rules?|messages?|guidelines?|directions?)",
    re.IGNORECASE,
)
_REACHES = re.compile(
    r"(?:~|\$HOME|/home/\w+|/root|%USERPROFILE%)/?\.(?:ssh|aws|gnupg|config|cursor|kube|docker|netrc|npmrc)\b"
    r"|\bid_(?:rsa|ed25519|ecdsa)\b"
    r"|/etc/(?:passwd|shadow)\b|\.cursor/mcp\.json|claude_desktop_config"
    r"|\bprivate keys?\b|\bcredit ?card number\b|\bcard number\b"
    r"|\b(?:conversation|chat) history\b|\bsystem prompt\b|\benvironment variables\b",
    re.IGNORECASE,
)
_MOVES = re.compile(
    r"\b(?:read|open|cat|fetch|collect|copy|pass|send|include|append|forward|ask|put|attach|exfiltrate|upload)\b[^.\n]{0,160}$",
    re.IGNORECASE,
)
_SPEAKS_OF = re.compile(
    r"\b(?:detect|inject|attempt|attack|such as|e\.g\.|example|jailbreak|scan|guard|filter)", re.IGNORECASE
)
"""Whoever guards against such orders quotes them."""
_WRAPPED = re.compile(r"<(important|system|secret|hidden|instructions?|admin|critical)>", re.IGNORECASE)


def hidden_order(text: str) -> str | None:
    """What is wrong with one text, in words; None: nothing."""
    text = text[:MAX_TEXT]
    if not text.isascii():
        found = _unseen(text)
        if found:
            return found
    for pattern, where in ((_COMMENT, "a comment"), (_STYLED, "text that is styled away")):
        for match in pattern.finditer(text):
            inner = next((group for group in match.groups() if group), "")
            if _ORDER.search(inner) and len(inner.split()) >= 4 and (_bad(inner) or _addressed(inner)):
                return f"{where} gives orders: {inner.strip()[:120]!r}"
    marks = _bad(text)
    wrapped = _WRAPPED.search(text)
    alone = "overrides" in marks and _SPEAKS_OF.search(text) is None
    if len(marks) >= 2 or (marks and wrapped and _ORDER.search(text)) or alone:
        return f"an order that {' and '.join(marks)}: {_excerpt(text)!r}"
    return None


def _bad(text: str) -> list[str]:
    """What makes a visible order one that no honest author writes."""
    marks = []
    if _CONCEALS.search(text):
        marks.append("conceals")
    if _OVERRIDES.search(text):
        marks.append("overrides")
    for match in _REACHES.finditer(text):
        if _MOVES.search(text[max(0, match.start() - 200) : match.start()]):
            marks.append("reaches for what is not the tool's")
            break
    return marks


def _addressed(text: str) -> bool:
    """Whether a text speaks to a model."""
    return re.search(r"\b(?:assistant|model|llm|ai|agent|you)\b", text, re.IGNORECASE) is not None


def _excerpt(text: str) -> str:
    for pattern in (_OVERRIDES, _CONCEALS, _REACHES):
        match = pattern.search(text)
        if match:
            return text[max(0, match.start() - 40) : match.end() + 60]
    return text[:100]


def _unseen(text: str) -> str | None:
    bare = _FLAG.sub("", text)
    tags = "".join(_TAGS.findall(bare))
    if tags:
        spelt = "".join(chr(ord(sign) - 0xE0000) for sign in tags if ord(sign) > 0xE001F)
        return f"tag characters, which nobody sees, spell {spelt[:120]!r}"
    if _SELECTORS.search(bare):
        return "a row of variation selectors, which nobody sees, holds bytes"
    if _OVERRIDE.search(bare):
        return "an override of the writing direction shows the text in another order than it has"
    if _ISOLATE.search(bare) and not _RIGHT_TO_LEFT.search(bare):
        return "marks of writing direction stand in a text that has only one"
    broken = len(_BETWEEN.findall(bare))
    if broken >= BROKEN:
        seen = re.sub(f"[{_UNSEEN}]", "", bare)
        return f"characters of no width stand in {broken} places between Latin letters: {seen[-120:]!r}"
    return None


def orders_in(entry: Json) -> Iterator[tuple[str, str]]:
    """Where (JSON pointer) an entry of a listing holds what it should not, and what. Keys are texts too."""
    todo: list[tuple[str, Json]] = [("", entry)]
    count = 0
    while todo and count < MAX_TEXTS:
        where, value = todo.pop(0)
        count += 1
        if isinstance(value, str):
            found = hidden_order(value)
            if found:
                yield where, found
        elif isinstance(value, Mapping):
            for key, item in value.items():
                found = hidden_order(str(key))
                if found:
                    yield f"{where}/{str(key)[:40]}", found
                todo.append((f"{where}/{str(key)[:40]}", item))
        elif isinstance(value, list):
            todo += [(f"{where}/{index}", item) for index, item in enumerate(value[:200])]
