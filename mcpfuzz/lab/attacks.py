"""The attack rows of the table of weaknesses (see `weaknesses`): what somebody who means harm makes use of.

They are dangerous to the machine that runs them: they read, write, fetch and execute what they are told.
"""

from __future__ import annotations

from typing import Any, Final

from mcpfuzz.lab.weakness import Weakness

__all__ = ["ATTACKS"]


def _row(
    name: str,
    cwe: int,
    rule: str,
    toolset: str,
    where: str,
    argument: str | None,
    **more: Any,
) -> Weakness:
    """A row of a weakness that sits on one tool."""
    return Weakness(
        name=name,
        cwe=cwe,
        expected=(rule,),
        group="attack",
        kind="tool",
        toolset=toolset,
        where=where,
        argument=argument,
        **more,
    )


ATTACKS: Final[tuple[Weakness, ...]] = (
    # ---- files and programs ----
    _row(
        *("path-traversal", 22, "path-traversal", "files", "read_file", "path"),
        title="A path is joined to the workspace and opened",
        trigger="../ or an absolute path",
    ),
    _row(
        *("prefix-escape", 22, "path-traversal", "files", "read_document", "path"),
        title="A folder whose name begins like the workspace passes for the workspace",
        trigger="../NAME-OF-WORKSPACE followed by more, as ../shop-private/file beside /srv/shop",
    ),
    _row(
        *("symlink-escape", 59, "symlink-escape", "files", "preview_file", "path"),
        title="A link inside the workspace is followed out of it",
        trigger="a symbolic link that lies in the workspace",
        implied={"path-traversal": "what is read lies outside of the workspace"},
    ),
    _row(
        *("path-write", 22, "file-write", "files", "save_file", "path"),
        title="A path is joined to the workspace and written",
        trigger="../ or an absolute path",
        implied={"path-traversal": "the path leads out of the workspace"},
    ),
    _row(
        *("zip-slip", 22, "zip-slip", "bundles", "unpack_archive", "archive"),
        title="The names in an archive are joined to the folder it is unpacked into",
        trigger="an archive with an entry of ../ or an absolute path",
    ),
    _row(
        *("archive-link", 59, "zip-slip", "bundles", "install_theme", "data"),
        title="A link in an archive is made, and then written through",
        trigger="an archive with a symbolic link and an entry behind it",
    ),
    _row(
        *("command-injection", 78, "command-injection", "files", "count_lines", "path"),
        title="A path becomes part of a shell's command line",
        trigger="; or $( ) or a line feed, and a command",
        implied={
            "path-traversal": "wc counts the lines of any file",
            "file-write": "a shell can write files",
            "argument-injection": "a leading dash is an option of wc",
        },
    ),
    _row(
        *("argument-injection", 88, "argument-injection", "files", "sort_lines", "path"),
        title="A file name that begins with a dash is an option",
        trigger="-oNAME or --output=NAME, which sort writes to; --files0-from=NAME, which it reads",
        implied={"file-write": "sort -o writes where it is told to"},
    ),
    _row(
        *("read-only-mode", 184, "read-only-bypass", "files", "save_file", "text"),
        title="A writing tool is missing from the list of those that read-only mode refuses",
        trigger="--read-only, and save_file with a new name",
    ),
    # ---- SQL ----
    _row(
        *("sql-injection", 89, "sql-injection", "data", "find_customer", "name"),
        title="A name becomes part of an SQL statement, between quotes",
        trigger="a quote and a condition",
    ),
    _row(
        *("sql-injection-number", 89, "sql-injection", "data", "get_invoice", "number"),
        title="A number becomes part of an SQL statement, without quotes",
        trigger="a number and a condition",
    ),
    _row(
        *("sql-read-only", 184, "read-only-bypass", "data", "query_records", "sql"),
        title="Queries are taken for reading by their first word",
        trigger="SELECT 1; DELETE ..., or WITH ... DELETE ...",
        implied={
            "data-exposure": "every table can be read, the password hashes too",
            "sql-injection": "any statement runs",
            "file-write": "VACUUM INTO and ATTACH make files",
            "path-traversal": "ATTACH opens any database",
        },
    ),
    _row(
        *("sql-injection-like", 89, "sql-injection", "data", "customers_in", "text"),
        title="A text becomes part of a LIKE pattern in brackets",
        trigger="a quote, a bracket and a union of two columns",
    ),
    _row(
        *("sql-attach", 73, "file-write", "data", "try_statement", "sql"),
        title="Statements of a throw-away database open files",
        trigger="ATTACH DATABASE '/tmp/x.db' AS x, or VACUUM INTO",
    ),
    _row(
        *("mass-assignment", 915, "mass-assignment", "data", "update_profile", "role"),
        title="Every column that the client names is set",
        trigger="role or credit beside the declared arguments",
        implied={"unvalidated-arguments": "the schema is open, and more than it names has an effect"},
    ),
    _row(
        *("data-exposure", 213, "data-exposure", "data", "get_profile", "user"),
        title="A whole row is answered, the password's hash with it",
        trigger="any user",
        implied={"secret-leak": "a password's hash is a secret"},
    ),
    _row(
        *("unbounded-limit", 770, "resource-consumption", "data", "price_history", "days"),
        title="Nobody said how much is too much",
        trigger="a very large number of days",
        implied={
            "oversized-answer": "a day is a line",
            "memory-growth": "the answer is built in memory",
            "hang": "nothing else is served meanwhile",
        },
    ),
    # ---- other stores ----
    _row(
        *("nosql-injection", 943, "nosql-injection", "lookups", "find_pot", "name"),
        title="An object in place of a name is an operator",
        trigger='{"$ne": null} in place of a text',
        implied={"unvalidated-arguments": "nobody looks whether the name is a text"},
    ),
    _row(
        *("xpath-injection", 643, "xpath-injection", "lookups", "guild_member", "name"),
        title="A name becomes part of an XPath expression",
        trigger="a quote, a bracket and another predicate",
    ),
    _row(
        *("ldap-injection", 90, "ldap-injection", "lookups", "phone_of", "login"),
        title="A login becomes part of a directory's filter",
        trigger="*, or a bracket and another filter",
    ),
    # ---- formats and evaluation ----
    _row(
        *("code-evaluation", 95, "code-evaluation", "core", "calculate", "expression"),
        title="An expression is evaluated as Python",
        trigger="a call, such as __import__('os').getpid()",
        implied={
            "command-injection": "Python can start programs",
            "file-write": "Python can write files",
            "path-traversal": "Python can read files",
            "crash": "Python can end its process",
            "hang": "9**9**9 is an expression too",
        },
    ),
    _row(
        *("code-script", 94, "code-evaluation", "lookups", "price_rule", "rule"),
        title="A pricing rule is run as Python",
        trigger="import, or any other statement",
        implied={
            "template-injection": "braces make a set of the product",
            "command-injection": "Python can start programs",
            "file-write": "Python can write files",
            "hang": "a rule may run for ever",
            "crash": "Python can end its process",
        },
    ),
    _row(
        *("unsafe-output", 79, "unsafe-output", "lookups", "welcome_card", "name"),
        title="A name stands in HTML as it came",
        trigger="<script>, or any other element",
    ),
    _row(
        *("template-injection", 1336, "template-injection", "formats", "render_message", "template"),
        title="What stands between a template's braces is evaluated",
        trigger="{{ 7 * 7 }}",
        implied={"code-evaluation": "it is Python that is evaluated", "command-injection": "Python can start programs"},
    ),
    _row(
        *("deserialisation", 502, "deserialisation", "formats", "restore_snapshot", "data"),
        title="A client's bytes are unpickled",
        trigger="a pickle whose __reduce__ calls something",
        implied={"command-injection": "a pickle can start programs", "file-write": "a pickle can write files"},
    ),
    _row(
        *("xml-entity", 611, "xml-entity", "formats", "import_feed", "xml"),
        title="External entities of a feed are fetched",
        trigger='<!ENTITY x SYSTEM "file:///..."> and &x; in an item',
        implied={"path-traversal": "a file's text is in the answer", "ssrf": "an entity may be a URL"},
    ),
    _row(
        *("redos", 1333, "resource-consumption", "formats", "match_pattern", "pattern"),
        title="A client's regular expression is run",
        trigger="(a+)+$ on aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
        implied={"hang": "the whole server waits for it", "no-answer": "nothing is answered meanwhile"},
    ),
    _row(
        *("zip-bomb", 409, "resource-consumption", "formats", "unpack", "data"),
        title="Packed data is unpacked in one piece, however large",
        trigger="base64 of 100 MB of zeros, packed",
        implied={"memory-growth": "all of it is held in memory"},
    ),
    # ---- other servers ----
    _row(
        *("ssrf", 918, "ssrf", "net", "fetch_page", "url"),
        title="Any URL is fetched",
        trigger="a loopback URL; file:// is a URL too",
        implied={"path-traversal": "file:// reads any file"},
    ),
    _row(
        *("upstream-path", 22, "upstream-path", "net", "article_details", "article"),
        title="An id is pasted into the path of a request to another server",
        trigger="../admin, or an id with ? or #; needs UPSTREAM in the environment",
        implied={"path-traversal": "../ reaches other paths of the upstream"},
    ),
    _row(
        *("header-injection", 113, "header-injection", "net", "pass_note", "topic"),
        title="A topic becomes a header of a request to another server",
        trigger="a line break and another header; needs UPSTREAM in the environment",
    ),
    _row(
        *("upstream-trusted", 20, "unsafe-consumption", "net", "wholesale_price", "article"),
        title="What the upstream answers is taken apart unseen",
        trigger="an upstream that answers a list, nested text or no number; needs UPSTREAM in the environment",
        implied={"crash": "the process ends with it"},
    ),
    # ---- state ----
    _row(
        *("use-after-delete", 672, "use-after-delete", "state", "get_document", "id"),
        title="A cache answers for documents that are deleted",
        trigger="create, get, delete, get",
    ),
    _row(
        *("replay", 294, "replayed-action", "state", "redeem_voucher", "code"),
        title="A voucher is looked up and not used up",
        trigger="redeeming a voucher twice",
        implied={"race": "what works twice works in parallel"},
    ),
    _row(
        *("race", 367, "race", "state", "use_ticket", "code"),
        title="A ticket is looked at first and used up later",
        trigger="using a ticket several times in parallel",
    ),
    _row(
        *("dry-run-writes", 684, "read-only-bypass", "state", "tidy_drafts", "dry_run"),
        title="A dry run does what it only should tell",
        trigger="a dry run, and another",
    ),
    _row(
        *("annotation-lies", 1059, "annotation-lies", "state", "document_info", "id"),
        title="A tool that says it only reads leaves a mark",
        trigger="create, get, info, get",
    ),
    # ---- the listing ----
    _row(
        *("hidden-tool", 912, "hidden-tool", "state", "grant_credit", None),
        title="A tool that is not listed answers",
        trigger="calling the staff's tool, which another description mentions",
    ),
    _row(
        *("poisoned-description", 1427, "poisoned-description", "state", "greet", None),
        title="A description gives orders that a person does not see",
        trigger="listing the tools",
    ),
    _row(
        *("listing-changes", 494, "listing-changes", "state", "daily_special", None),
        title="A description changes from one listing to the next",
        trigger="listing the tools three times",
    ),
    _row(
        *("poisoned-schema", 1427, "poisoned-description", "desk", "leave_message", "text"),
        title="An argument's description gives orders in a comment",
        trigger="listing the tools",
    ),
    _row(
        *("forgotten-tool", 912, "hidden-tool", "desk", "debug_info", None),
        title="A developers' tool is not listed and answers",
        trigger="calling it by one of the usual names",
    ),
    # ---- the desk ----
    _row(
        *("stale-read", 524, "stale-read", "desk", "show_account", "account"),
        title="An account is shown as it was before it was changed",
        trigger="open, show, change, show",
    ),
    _row(
        *("idempotence-lies", 1059, "annotation-lies", "desk", "keep_pieces", None),
        title="A tool that says it may be repeated adds up",
        trigger="the same call twice, and what is kept",
    ),
    _row(
        *("unconfirmed-action", 862, "unconfirmed-action", "desk", "clear_account", "confirm"),
        title="The confirmation that the schema asks for is not looked at",
        trigger="open, show, clear without confirmation, show",
    ),
    _row(
        *("state-unsigned", 642, "request-state-forged", "kiln", "book_kiln", "remark"),
        title="The state of a booking is given away without a seal, and believed when it comes back",
        trigger="elicitation declared, the requestState unpacked, changed and packed again (2026-07-28)",
    ),
    _row(
        *("token-exposure", 200, "data-exposure", "desk", "at_the_desk", None),
        title="The session's token is answered with what it belongs to",
        trigger="any call",
    ),
)
