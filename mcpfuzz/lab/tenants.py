"""Tools of a house with several tenants: memos, parcels and bills that are somebody's own, a notice that only staff
may put up, a safe that only staff are told of, a desk where one signs in. Sound and weak twins.

Who is asking is `Call.identity`; over stdio that is always "local", who owns the machine.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from collections import OrderedDict
from typing import Final

from mcpfuzz.lab.kit import READ, WRITE, Call, Reply, Tool, ToolError, World, brief
from mcpfuzz.lab.schema import Schema, closed, quoted
from mcpfuzz.lab.tries import Tries

__all__ = ["Tenants"]

KEEP: Final = 500
"""Memos and parcels that are kept; the oldest goes first."""
STAFF: Final = frozenset({"admin", "local"})
"""Who may put up a notice."""
USERS: Final = ("ada", "bruno", "carla")
_ROUNDS: Final = 1_000


class Tenants:
    """What the tenants have."""

    def __init__(self, lab: World) -> None:
        self.lab = lab
        self._lock = threading.Lock()
        self.memos: OrderedDict[str, tuple[str, str]] = OrderedDict()
        """Id -> owner, text."""
        self.parcels: OrderedDict[str, str] = OrderedDict()
        self.senders: dict[str, str] = {}
        self.bills: OrderedDict[str, tuple[str, str]] = OrderedDict()
        """Id -> who owes it, what for: there from the beginning, made by no tool."""
        self._next = lab.draw.between("first parcel", 4711, 1200, 8900)
        self.notice = "The hall is painted on Monday."
        self._salt = os.urandom(16)
        self._passwords = {name: self._hash(os.urandom(9).hex()) for name in USERS}
        # brute-force: that is the firewall's business
        self._tries = Tries(endless=lab.on("brute-force"))

    # ---- memos ----

    def create(self, call: Call) -> Reply:
        key = f"memo-{os.urandom(8).hex()}"
        with self._lock:
            self.memos[key] = (call.identity, call.args["text"])
            while len(self.memos) > KEEP:
                self.memos.popitem(last=False)
        return Reply(structured={"memo": key})

    def _memo(self, call: Call, *, anybody: bool) -> str:
        """The text of a memo; of somebody else's there is none, and no word says that it exists."""
        key = call.args["memo"]
        found = self.memos.get(key)
        if found is not None and found[0] != call.identity and not anybody:
            # memo-oracle: "forbidden" tells that there is something
            if self.lab.on("memo-oracle"):
                raise ToolError("This memo belongs to somebody else.")
            found = None
        if found is None:
            raise ToolError(f"There is no memo {quoted(key)}.")
        return found[1]

    def of(self, identity: str, *, anybody: bool = False) -> dict[str, str]:
        """Id -> text of this tenant's memos, oldest first; of everybody's, where nobody asks whose they are."""
        with self._lock:
            return {key: text for key, (owner, text) in self.memos.items() if anybody or owner == identity}

    def get(self, call: Call) -> Reply:
        # bola-read: who knows the id must be the one who was told it
        return Reply(structured={"memo": call.args["memo"], "text": self._memo(call, anybody=self.lab.on("bola-read"))})

    def listing(self, call: Call) -> Reply:
        # bola-list: the filter is the client's business, and the client shows only one's own
        every = self.lab.on("bola-list")
        own = [
            {"memo": key, "text": text} for key, (owner, text) in self.memos.items() if every or owner == call.identity
        ]
        return Reply(structured={"memos": own[-50:]})

    def change(self, call: Call) -> Reply:
        # bola-write: reading looks at the owner; the form that writes can only be reached from there
        self._memo(call, anybody=self.lab.on("bola-write"))
        owner, _ = self.memos[call.args["memo"]]
        self.memos[call.args["memo"]] = (owner, call.args["text"])
        self.lab.changed(f"memo://{call.args['memo']}")
        return Reply("Changed.")

    def delete(self, call: Call) -> Reply:
        # bola-delete: DELETE FROM memos WHERE id = ?
        self._memo(call, anybody=self.lab.on("bola-delete"))
        self.memos.pop(call.args["memo"], None)
        self.lab.changed(f"memo://{call.args['memo']}")
        return Reply("Deleted.")

    # ---- parcels ----

    def register(self, call: Call) -> Reply:
        with self._lock:
            key = f"P-{self._next}"
            self._next += 1
            self.parcels[key], self.senders[key] = call.args["contents"], call.identity
            while len(self.parcels) > KEEP:
                self.senders.pop(self.parcels.popitem(last=False)[0], None)
        return Reply(structured={"parcel": key})

    def track(self, call: Call) -> Reply:
        key = call.args["parcel"].strip().upper()
        # bola-spelling: the owner is looked up under the id as it is written, the parcel under the id as it is meant
        sender = self.senders.get(call.args["parcel"] if self.lab.on("bola-spelling") else key, call.identity)
        if key not in self.parcels or sender != call.identity:
            raise ToolError(f"There is no parcel {quoted(key)}.")
        return Reply(structured={"parcel": key, "contents": self.parcels[key]})

    # ---- bills ----

    def _bills(self, identity: str) -> dict[str, str]:
        """Id -> what for, of what this tenant owes: everybody owes something."""
        with self._lock:
            if all(owner != identity for owner, _ in self.bills.values()):
                for what in ("Rent and heating", "Repairs of the balcony"):
                    self.bills[f"bill-{os.urandom(6).hex()}"] = (identity, f"{what}, reference {os.urandom(5).hex()}")
                while len(self.bills) > KEEP:
                    self.bills.popitem(last=False)
            return {key: what for key, (owner, what) in self.bills.items() if owner == identity}

    def list_bills(self, call: Call) -> Reply:
        return Reply(structured={"bills": [{"bill": key} for key in self._bills(call.identity)]})

    def get_bill(self, call: Call) -> Reply:
        key, found = call.args["bill"], self._bills(call.identity)
        # bola-found: the list shows nobody else's, so nobody can know their ids
        if self.lab.on("bola-found") and key in self.bills:
            found = {key: self.bills[key][1]}
        if key not in found:
            raise ToolError(f"There is no bill {quoted(key)}.")
        return Reply(structured={"bill": key, "what": found[key]})

    # ---- staff ----

    def safe(self, call: Call) -> Reply:
        # role-unlisted: who is not told of the tool cannot call it
        if call.identity not in STAFF and not self.lab.on("role-unlisted"):
            raise ToolError("There is no such tool.")
        return Reply("The safe stands behind the boiler.")

    def put_up(self, call: Call) -> Reply:
        # role-missing: the menu shows it to administrators only
        if call.identity not in STAFF and not self.lab.on("role-missing"):
            raise ToolError("Only administrators may do that.")
        self.notice = call.args["text"]
        return Reply("It is up.")

    def read_notice(self, call: Call) -> Reply:
        return Reply(self.notice)

    # ---- signing in ----

    def _hash(self, password: str) -> bytes:
        return hashlib.pbkdf2_hmac("sha256", password.encode("utf-8", "surrogatepass"), self._salt, _ROUNDS)

    def sign_in(self, call: Call) -> Reply:
        name, given = call.args["name"], self._hash(call.args["password"])
        with self._lock:
            if self._tries.too_many(name):
                raise ToolError("Too many tries, wait a little.")
            known = self._passwords.get(name)
            if known is not None and hmac.compare_digest(known, given):
                self._tries.forget(name)
                return Reply(f"Welcome, {name}.")
            if known is None and self.lab.on("user-enumeration"):
                # user-enumeration: people mistype their names, and it is kind to tell them
                raise ToolError("Nobody has this name here.")
            raise ToolError("The name or the password is wrong.")

    # ---- what is served ----

    def tools(self) -> list[Tool]:
        return [*self._memo_tools(), *self._bill_tools(), *self._other_tools()]

    def _memo_tools(self) -> list[Tool]:
        string: Schema = {"type": "string"}
        text: Schema = {**string, "minLength": 1, "maxLength": 200, "examples": ["Call the plumber."]}
        key: Schema = {**string, "pattern": "^memo-[0-9a-f]{16}$", "description": "A memo's id, as it was created with"}
        names = {"memo": ("memo_id", "id"), "text": ("content", "body")}
        one = closed({"memo": string, "text": string}, "memo", "text")
        gone = {"readOnlyHint": False, "destructiveHint": True, "openWorldHint": False}
        return [
            brief(
                "create_memo", ("add_memo", "new_memo"), "Keeps a memo of yours and tells its id.", {"text": text},
                self.create, names, hints=WRITE, output=closed({"memo": string}, "memo"),
            ),
            brief(
                "get_memo", ("read_memo", "show_memo"), "One of your memos.", {"memo": key}, self.get, names,
                hints=READ, output=one,
            ),
            brief(
                "list_memos", ("my_memos", "all_memos"), "Your own memos, oldest first.", {}, self.listing, {},
                hints=READ, output=closed({"memos": {"type": "array", "items": one}}, "memos"),
            ),
            brief(
                "change_memo", ("update_memo", "edit_memo"), "Replaces the text of one of your memos.",
                {"memo": key, "text": text}, self.change, names, hints=WRITE,
            ),
            brief(
                "delete_memo", ("remove_memo", "discard_memo"), "Deletes one of your memos.", {"memo": key},
                self.delete, names, hints=gone,
            ),
        ]  # fmt: skip

    def _bill_tools(self) -> list[Tool]:
        string: Schema = {"type": "string"}
        key: Schema = {**string, "minLength": 1, "maxLength": 40, "description": "A bill's id"}
        names = {"bill": ("bill_id", "id")}
        return [
            brief(
                "list_bills", ("show_bills", "open_bills"), "The bills that are to be paid.", {}, self.list_bills, {},
                hints=READ,
                output=closed({"bills": {"type": "array", "items": closed({"bill": string}, "bill")}}, "bills"),
            ),
            brief(
                "get_bill", ("read_bill", "show_bill"), "What a bill is for.", {"bill": key}, self.get_bill, names,
                hints=READ, output=closed({"bill": string, "what": string}, "bill", "what"),
            ),
        ]  # fmt: skip

    def _other_tools(self) -> list[Tool]:
        string: Schema = {"type": "string"}
        what: Schema = {**string, "minLength": 1, "maxLength": 200, "examples": ["Two mugs."]}
        parcel: Schema = {**string, "minLength": 3, "maxLength": 20, "description": "A parcel's number"}
        name: Schema = {**string, "minLength": 1, "maxLength": 40, "examples": list(USERS)}
        password: Schema = {**string, "minLength": 1, "maxLength": 100}
        return [
            brief(
                "register_parcel", ("submit_parcel", "book_parcel"), "Registers a parcel and tells its number.",
                {"contents": what}, self.register, {"contents": ("content", "goods")}, hints=WRITE,
                output=closed({"parcel": string}, "parcel"),
            ),
            brief(
                "track_parcel", ("find_parcel", "parcel_status"), "A parcel of yours.", {"parcel": parcel},
                self.track, {"parcel": ("parcel_number", "parcel_id")}, hints=READ,
                output=closed({"parcel": string, "contents": string}, "parcel", "contents"),
            ),
            brief(
                "admin_set_notice", ("admin_post_notice", "admin_write_notice"),
                "Administrators only: puts up another notice in the hall.", {"text": what}, self.put_up,
                {"text": ("content", "notice")}, hints=WRITE,
            ),
            brief("read_notice", ("show_notice", "hall_notice"), "The notice in the hall.", {}, self.read_notice, {},
                  hints=READ),
            brief("find_safe", ("locate_safe", "show_safe"), "Where the house's safe stands.", {}, self.safe, {},
                  hints=READ, told=STAFF),
            brief(
                "sign_in", ("log_in", "login"), "Whether a name and a password go together.",
                {"name": name, "password": password}, self.sign_in,
                {"name": ("user", "username"), "password": ("secret",)}, hints=READ,
            ),
        ]  # fmt: skip
