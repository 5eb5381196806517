"""Tools over a small SQL database: customers, invoices, profiles, price history. Sound and weak twins side by side."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterable
from contextlib import closing
from functools import cached_property
from typing import Any

from mcpfuzz.lab.kit import WRITE, Call, Reply, Tool, ToolError, World, brief
from mcpfuzz.lab.schema import Schema, closed, quoted

__all__ = ["Data"]

_CUSTOMERS = (
    ("Ada Brandt", "Kiel", 0), ("Bruno Costa", "Faro", 0), ("Chiara Dini", "Siena", 0),
    ("Derya Ersoy", "Izmir", 0), ("Edda Falk", "Bergen", 1), ("Finn Geary", "Cork", 1),
)  # fmt: skip
_TABLES = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, city TEXT, hidden INTEGER);
CREATE TABLE invoices (number INTEGER PRIMARY KEY, customer INTEGER, cents INTEGER, hidden INTEGER);
CREATE TABLE profiles (
    user TEXT PRIMARY KEY, name TEXT, city TEXT, email TEXT, role TEXT, credit INTEGER, password_hash TEXT
);
"""
_OPEN_TABLES = frozenset({"customers", "invoices"})
"""What free queries may read."""
_MOST_ROWS = 100
_MOST_STEPS = 200_000
"""Virtual machine steps of a statement, some 10 ms."""
_ARRAY = 3_000_000
"""Days that the price array holds: large, yet no harm to the machine that runs the weak twin."""


class Data:
    """The database and its tools."""

    def __init__(self, lab: World) -> None:
        self.lab = lab
        self._lock = threading.Lock()
        self._ticks = 0
        first = lab.draw.between("first invoice", 5001, 1000, 9000)
        self.invoices = [first + step for step in range(12)]

    @cached_property
    def db(self) -> sqlite3.Connection:
        """The database, filled at its first use."""
        db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 100_000)
        db.executescript(_TABLES)
        for step, (name, city, hidden) in enumerate(_CUSTOMERS):
            db.execute("INSERT INTO customers VALUES (?, ?, ?, ?)", (step + 1, name, city, hidden))
            for number in self.invoices[2 * step : 2 * step + 2]:
                invoice = (number, step + 1, 900 + 37 * number % 5000, hidden)
                db.execute("INSERT INTO invoices VALUES (?, ?, ?, ?)", invoice)
            user = name.split()[0].lower()
            stored = f"pbkdf2_sha256$600000${os.urandom(6).hex()}${os.urandom(16).hex()}"
            row = (user, name, city, f"{user}@mail.example", "customer", 0, stored)
            db.execute("INSERT INTO profiles VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        db.set_progress_handler(self._tick, 1000)
        return db

    def _tick(self) -> int:
        """SQLite asks every 1,000 steps whether to stop."""
        self._ticks += 1
        return int(self._ticks > _MOST_STEPS // 1000)

    def _execute(self, sql: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        self._ticks = 0
        return self.db.execute(sql, values)

    def _rows(self, sql: str, values: Iterable[Any] = ()) -> list[dict[str, Any]]:
        with self._lock:
            cursor = self._execute(sql, tuple(values))
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchmany(_MOST_ROWS)]

    # ---- lookups ----

    def customer(self, call: Call) -> Reply:
        name = call.args["name"]
        if self.lab.on("sql-injection"):
            # sql-injection: the name becomes part of the statement
            rows = self._rows(f"SELECT id, name, city FROM customers WHERE name = '{name}' AND hidden = 0")
        else:
            rows = self._rows("SELECT id, name, city FROM customers WHERE name = ? AND hidden = 0", [name])
        return Reply(json.dumps(rows) if rows else "No customer has this name.")

    def invoice(self, call: Call) -> Reply:
        number = call.args["number"]
        if self.lab.on("sql-injection-number"):
            # sql-injection-number: no quotes to break out of, and nobody looks whether it is a number
            rows = self._rows(f"SELECT number, cents FROM invoices WHERE hidden = 0 AND number = {number}")
        elif number.isascii() and number.isdigit() and len(number) < 16:
            rows = self._rows("SELECT number, cents FROM invoices WHERE hidden = 0 AND number = ?", [int(number)])
        else:
            raise ToolError(f"{quoted(number)} is no invoice number.")
        return Reply(json.dumps(rows) if rows else "There is no such invoice.")

    def search(self, call: Call) -> Reply:
        text = call.args["text"]
        if self.lab.on("sql-injection-like"):
            # sql-injection-like: quotes are doubled nowhere, and the pattern is no excuse
            rows = self._rows(
                f"SELECT name, city FROM customers WHERE (hidden = 0 AND city LIKE '%{text}%') ORDER BY id"
            )
        else:
            pattern = "%" + text.replace("!", "!!").replace("%", "!%").replace("_", "!_") + "%"
            sql = "SELECT name, city FROM customers WHERE (hidden = 0 AND city LIKE ? ESCAPE '!') ORDER BY id"
            rows = self._rows(sql, [pattern])
        return Reply(json.dumps(rows) if rows else "No customer lives there.")

    # ---- free queries ----

    def query(self, call: Call) -> Reply:
        """Reads only: SQLite itself is told which actions and tables are allowed."""
        with self._lock:
            self.db.set_authorizer(_may)
            try:
                rows = self._execute(call.args["sql"]).fetchmany(_MOST_ROWS)
            except (sqlite3.Error, sqlite3.Warning):
                raise ToolError("That query is not allowed, not finished in time, or not SQL.") from None
            finally:
                self.db.set_authorizer(None)
        return Reply(json.dumps([[str(cell)[:200] for cell in row] for row in rows]))

    def query_checked_by_name(self, call: Call) -> Reply:
        """sql-read-only: looks at the first word; WITH can delete, and so can what follows a semicolon."""
        sql = call.args["sql"].strip()
        if not sql.lower().startswith(("select", "with")):
            raise ToolError("Only reading is allowed: begin with SELECT or WITH.")
        rows: list[tuple[Any, ...]] = []
        for statement in filter(None, (part.strip() for part in sql.split(";"))):
            try:
                with self._lock:
                    rows = self._execute(statement).fetchmany(_MOST_ROWS)
            except sqlite3.Error:
                raise ToolError("That query is not SQL.") from None
        return Reply(json.dumps([[str(cell)[:200] for cell in row] for row in rows]))

    def sandbox(self, call: Call) -> Reply:
        """Any statement, in a database that is thrown away; other files are not its business."""
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 100_000)
            db.execute("CREATE TABLE prices(day INTEGER, cents INTEGER)")
            db.executemany("INSERT INTO prices VALUES (?, ?)", [(day, 450 + day) for day in range(9)])
            if not self.lab.on("sql-attach"):
                # sql-attach: nobody thought of ATTACH and VACUUM INTO, which open files
                db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
                db.set_authorizer(_keep_out)
            self._ticks = 0
            db.set_progress_handler(self._tick, 1000)
            try:
                rows = db.execute(call.args["sql"]).fetchmany(_MOST_ROWS)
            except (sqlite3.Error, sqlite3.Warning):
                raise ToolError("That is not allowed, not finished in time, or not SQL.") from None
        return Reply(json.dumps([[str(cell)[:200] for cell in row] for row in rows]))

    # ---- profiles ----

    def profile(self, call: Call) -> Reply:
        # data-exposure: every column there is, and those that will come
        columns = "*" if self.lab.on("data-exposure") else "user, name, city, role"
        rows = self._rows(f"SELECT {columns} FROM profiles WHERE user = ?", [call.args["user"]])
        if not rows:
            raise ToolError(f"There is no user {quoted(call.args['user'])}.")
        return Reply(structured=rows[0])

    def update(self, call: Call) -> Reply:
        """mass-assignment: with an open schema every column that is named is set; else the schema names them all."""
        changes = dict(call.args)
        user = changes.pop("user")
        columns = {row["name"] for row in self._rows("PRAGMA table_info(profiles)")}
        with self._lock:
            for column, value in changes.items():
                if column in columns and column != "user" and isinstance(value, (str, int)):
                    self.db.execute(f"UPDATE profiles SET {column} = ? WHERE user = ?", (value, user))
        return self.profile(call)

    # ---- history ----

    def history(self, call: Call) -> Reply:
        days = min(call.args["days"], _ARRAY)
        return Reply("\n".join(f"day -{day}: {450 + day * 7919 % 101}" for day in range(days)))

    # ---- what is served ----

    def tools(self) -> list[Tool]:
        lab = self.lab
        user: Schema = {
            "type": "string",
            "pattern": "^[a-z]{1,20}$",
            "description": "A user's name",
            "examples": ["ada", "bruno"],
        }
        city: Schema = {"type": "string", "minLength": 1, "maxLength": 40, "examples": ["Kiel"]}
        name: Schema = {"type": "string", "minLength": 1, "maxLength": 200, "examples": ["Ada Brandt", "Chiara Dini"]}
        text: Schema = {"type": "string"}
        shown = closed({"user": text, "name": text, "city": text, "role": text}, "user", "name", "city", "role")
        del shown["additionalProperties"]
        days = {"type": "integer", "minimum": 1, "maximum": 366, "examples": [7]}
        if lab.on("unbounded-limit"):
            # unbounded-limit: nobody said how much is too much
            del days["maximum"]
        return [
            brief(
                "find_customer",
                ("lookup_customer", "customer_by_name"),
                "Customers with exactly this name.",
                {"name": name},
                self.customer,
                {"name": ("customer", "full_name")},
            ),
            brief(
                "get_invoice",
                ("show_invoice", "invoice_details"),
                "Number and cents of an invoice.",
                {"number": {**name, "examples": [str(self.invoices[1]), str(self.invoices[2])]}},
                self.invoice,
                {"number": ("invoice", "invoice_id")},
            ),
            brief(
                "customers_in",
                ("search_city", "customers_by_city"),
                "Customers whose city's name holds this text.",
                {"text": {**name, "examples": ["Kiel", "ar"]}},
                self.search,
                {"text": ("city", "part")},
            ),
            brief(
                "try_statement",
                ("sandbox_sql", "analyse_prices"),
                "Runs one SQL statement, of any kind, on a copy of prices (day, cents) that is then thrown away.",
                {"sql": {"type": "string", "maxLength": 1000, "examples": ["SELECT max(cents) FROM prices"]}},
                self.sandbox,
                {"sql": ("query", "statement")},
                hints=WRITE,
            ),
            brief(
                "query_records",
                ("run_query", "report_sql"),
                "Runs one reading SQL statement over customers (id, name, city) and invoices (number, cents).",
                {"sql": {"type": "string", "maxLength": 1000, "examples": ["SELECT name FROM customers LIMIT 2"]}},
                self.query_checked_by_name if lab.on("sql-read-only") else self.query,
                {"sql": ("query", "statement")},
            ),
            brief(
                "get_profile",
                ("show_profile", "whois"),
                "What a user shows of themselves.",
                {"user": user},
                self.profile,
                {"user": ("username", "login")},
                output=shown,
            ),
            brief(
                "update_profile",
                ("edit_profile", "change_profile"),
                "Changes name or city of a user.",
                {"user": user, "name": name, "city": city},
                self.update,
                {"user": ("username", "login")},
                required=("user",),
                output=shown,
                hints=WRITE,
                open=lab.on("mass-assignment"),
            ),
            brief(
                "price_history",
                ("past_prices", "price_log"),
                "Prices in cents of the last days, one to a line.",
                {"days": days},
                self.history,
                {"days": ("limit", "span")},
            ),
        ]


def _keep_out(action: int, *_: str | None) -> int:
    """Everything but other files, extensions and settings."""
    closed_off = (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_PRAGMA)
    return sqlite3.SQLITE_DENY if action in closed_off else sqlite3.SQLITE_OK


def _may(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """SQLite asks before each action of a free query."""
    reading = action == sqlite3.SQLITE_READ and first in _OPEN_TABLES
    harmless = action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE)
    function = action == sqlite3.SQLITE_FUNCTION and second not in (
        "load_extension",
        "zeroblob",
        "randomblob",
        "printf",
    )
    return sqlite3.SQLITE_OK if reading or harmless or function else sqlite3.SQLITE_DENY
