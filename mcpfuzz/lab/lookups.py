"""Tools that ask other stores than SQL (documents, XML, a directory), a pricing rule, a card. Sound and weak twins."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from mcpfuzz.lab.arithmetic import NotArithmetic, evaluate
from mcpfuzz.lab.codec import Json
from mcpfuzz.lab.kit import Call, Reply, Tool, ToolError, World, brief
from mcpfuzz.lab.schema import Schema, quoted

__all__ = ["Lookups"]

_POTS: tuple[Mapping[str, Json], ...] = (
    {"name": "mug", "glaze": "celadon", "sold": False},
    {"name": "bowl", "glaze": "tenmoku", "sold": False},
    {"name": "jug", "glaze": "shino", "sold": True},
)
_MEMBERS = (
    "<guild><member name='Gita' craft='throwing' open='1'>Gita throws.</member>"
    "<member name='Hugo' craft='glazing' open='1'>Hugo glazes.</member>"
    "<member name='Ines' craft='firing' open='0'>Ines fires.</member></guild>"
)
_PEOPLE: tuple[Mapping[str, str], ...] = (
    {"uid": "jonas", "objectclass": "person", "phone": "100-11"},
    {"uid": "karin", "objectclass": "person", "phone": "100-12"},
    {"uid": "root", "objectclass": "account", "phone": "100-99"},
)
_FILTER = re.compile(r"\(([a-zA-Z]+)=([^()]*)\)")
_RULE = re.compile(r"price\s*=\s*([-+*/().\s\da-z]{1,200})")
MOST_DEPTH = 20
"""Brackets within brackets of a directory's filter."""


class Lookups:
    """The stores and the tools over them."""

    def __init__(self, lab: World) -> None:
        self.lab = lab

    # ---- documents ----

    def pot(self, call: Call) -> Reply:
        wanted = {"name": call.args["name"], "sold": False}
        found = [pot for pot in _POTS if all(_matches(pot[field], value) for field, value in wanted.items())]
        return Reply(json.dumps(found) if found else "There is no such pot.")

    # ---- XML ----

    def member(self, call: Call) -> Reply:
        import xml.etree.ElementTree as tree  # 10 ms, and only this tool needs it

        guild, name = tree.fromstring(_MEMBERS), call.args["name"]
        if self.lab.on("xpath-injection"):
            # xpath-injection: the name becomes part of the expression
            try:
                found = guild.findall(f"./member[@open='1'][@name='{name}']")
            except (SyntaxError, KeyError):
                raise ToolError("The guild cannot be asked for that.") from None
        else:
            found = [one for one in guild.iter("member") if one.get("open") == "1" and one.get("name") == name]
        return Reply("\n".join(one.text or "" for one in found) or "The guild has no such member.")

    # ---- the directory ----

    def phone(self, call: Call) -> Reply:
        login = call.args["login"]
        if not self.lab.on("ldap-injection"):
            login = re.sub(r"[\\*()\0]", lambda sign: f"\\{ord(sign[0]):02x}", login)  # RFC 4515, section 3
        # ldap-injection: brackets and stars of the login are part of the filter
        try:
            tree, rest = _filter(f"(&(objectClass=person)(uid={login}))")
        except ValueError:
            raise ToolError("The directory did not understand.") from None
        found = [] if rest else [person["phone"] for person in _PEOPLE if _fits(tree, person)]
        return Reply("\n".join(found) or "The directory has no such login.")

    # ---- a rule ----

    def price(self, call: Call) -> Reply:
        """A trap: the price is truly worked out, and nothing is run."""
        match = _RULE.fullmatch(call.args["rule"].strip())
        if match is None:
            raise ToolError("A rule reads: price = and a sum over cost.")
        try:
            price = evaluate(re.sub(r"\bcost\b", "450", match[1]))
        except NotArithmetic:
            raise ToolError(f"{quoted(match[1])} cannot be worked out.") from None
        return Reply(f"The price is {price}.")

    def price_run(self, call: Call) -> Reply:
        """code-script: the rule is Python, and so is whatever else the client writes."""
        names: dict[str, Any] = {"cost": 450}
        exec(call.args["rule"], names)
        return Reply(f"The price is {names.get('price')}.")

    # ---- a card ----

    def card(self, call: Call) -> Reply:
        name = call.args["name"]
        # unsafe-output: HTML that is declared clean, and is only put together
        shown = name if self.lab.on("unsafe-output") else escape(name)
        return Reply(f"<article><h1>Welcome, {shown}!</h1></article>")

    # ---- what is served ----

    def tools(self) -> list[Tool]:
        text: Schema = {"type": "string", "minLength": 1, "maxLength": 200}
        return [
            brief(
                "find_pot",
                ("look_for_pot", "pot_by_name"),
                "Pots that are not sold, by name.",
                {"name": {**text, "examples": ["mug", "bowl"]}},
                self.pot,
                {"name": ("pot", "title")},
                # nosql-injection: the name is handed to the store as it came, whatever it is
                checked=not self.lab.on("nosql-injection"),
            ),
            brief(
                "guild_member",
                ("find_member", "who_is_in_guild"),
                "What a member of the guild does.",
                {"name": {**text, "examples": ["Gita", "Hugo"]}},
                self.member,
                {"name": ("member", "person")},
            ),
            brief(
                "phone_of",
                ("extension_of", "directory_entry"),
                "The telephone extension of a login.",
                {"login": {**text, "examples": ["jonas", "karin"]}},
                self.phone,
                {"login": ("user", "uid")},
            ),
            brief(
                "price_rule",
                ("apply_rule", "pricing"),
                "Works out a price by a rule over cost, in cents.",
                {"rule": {**text, "examples": ["price = cost * 2"]}},
                self.price_run if self.lab.on("code-script") else self.price,
                {"rule": ("formula", "script")},
            ),
            brief(
                "welcome_card",
                ("greeting_card", "name_card"),
                "A card as HTML; the name is escaped, so that the card can be shown as it is.",
                {"name": {**text, "examples": ["Ada"]}},
                self.card,
                {"name": ("person", "guest")},
            ),
        ]


def _matches(value: Json, wanted: Json) -> bool:
    """Whether a document's field matches, as document stores have it: a value, or an object of operators."""
    if not isinstance(wanted, dict):
        return bool(value == wanted)
    tests: Mapping[str, Callable[[Json], bool]] = {
        "$eq": lambda one: bool(value == one),
        "$ne": lambda one: bool(value != one),
        "$in": lambda one: isinstance(one, list) and value in one,
        "$exists": bool,
    }
    if not wanted.keys() <= tests.keys():
        raise ToolError("The store does not know that operator.")
    return all(tests[name](one) for name, one in wanted.items())


def _filter(text: str, depth: int = 0) -> tuple[Any, str]:
    """One filter of RFC 4515 (and, or, not, equality, presence) and the text behind it. ValueError for none."""
    if depth > MOST_DEPTH:
        raise ValueError(text)
    match = _FILTER.match(text)
    if match:
        return (match[1].lower(), match[2]), text[match.end() :]
    if text[:1] != "(" or text[1:2] not in ("&", "|", "!"):
        raise ValueError(text)
    parts, rest = [], text[2:]
    while not rest.startswith(")"):
        part, rest = _filter(rest, depth + 1)
        parts.append(part)
    return (text[1], parts), rest[1:]


def _fits(tree: Any, person: Mapping[str, str]) -> bool:
    sign, what = tree
    if sign == "&":
        return all(_fits(part, person) for part in what)
    if sign == "|":
        return any(_fits(part, person) for part in what)
    if sign == "!":
        return not any(_fits(part, person) for part in what)
    plain = re.sub(r"\\([0-9a-f]{2})", lambda code: chr(int(code[1], 16)), what)
    return sign in person and (what == "*" or person[sign] == plain)
