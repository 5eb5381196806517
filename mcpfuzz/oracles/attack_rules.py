"""The rules of the attacks: one row a rule, in the form of `rules`, which joins both tables."""

from __future__ import annotations

from mcpfuzz.oracles.rule import Rule

__all__ = ["ATTACK_RULES"]

_AGAIN = " Shown again on a fresh server with fresh canaries, while a benign call shows nothing of the kind."

ATTACK_RULES = (
    Rule(id="path-traversal", title="A path leads out of the workspace", cwe=22, severity="high",
         about="Whoever calls the tool reads files that the server was never meant to hand out.",
         proof="The answer holds the canary of a decoy file that lies outside of the workspace." + _AGAIN,
         mend="Resolve the path (links too), compare it by components with the resolved root, and use the resolved "
         "one.",
         references=("CWE-22", "OWASP-API1", "OWASP-LLM06", "MCP RS-11")),
    Rule(id="symlink-escape", title="A link inside the workspace is followed out of it", cwe=59, severity="high",
         about="A link that anybody could have put there opens the rest of the disk.",
         proof="The answer holds the canary of a decoy that only a link in the workspace leads to." + _AGAIN,
         mend="Resolve links before the check, open with O_NOFOLLOW or openat2(RESOLVE_BENEATH).",
         references=("CWE-59", "CWE-61", "OWASP-LLM06")),
    Rule(id="file-write", title="A file is written outside of the workspace", cwe=73, severity="high",
         about="Writing anywhere is soon running anything: start-up files, keys, the server's own code.",
         proof="A file with this case's canary in its name appears in a folder that nothing should write to." + _AGAIN,
         mend="Resolve the target (its parent, where it does not exist yet) and refuse what lies outside of the "
         "root.",
         references=("CWE-22", "CWE-73", "OWASP-LLM06", "OWASP-LLM08")),
    Rule(id="command-injection", title="An argument becomes part of a command line", cwe=78, severity="critical",
         about="Whoever calls the tool, or words the text that a model passes on, runs commands on the server.",
         proof="A harmless command inside the argument makes a file with this case's canary." + _AGAIN,
         mend="Pass arguments as a list, without a shell; allow what is known to be good.",
         references=("CWE-78", "CWE-77", "OWASP-LLM02", "OWASP-API8")),
    Rule(id="argument-injection", title="An argument becomes an option of a program", cwe=88, severity="high",
         about="No shell is needed: options of ordinary programs write files and run commands.",
         proof="A value that begins with a dash makes a file with this case's canary." + _AGAIN,
         mend="Put -- before what the caller gives, refuse a leading dash, or pass the resolved absolute path.",
         references=("CWE-88", "OWASP-LLM02")),
    Rule(id="sql-injection", title="An argument becomes part of an SQL statement", cwe=89, severity="critical",
         about="Every row of the database can be read, and often written.",
         proof="A product of two random numbers that only the database could compute stands in the answer, or "
         "conditions that hold and conditions that do not are told apart." + _AGAIN,
         mend="Bind parameters; never build a statement from text.",
         references=("CWE-89", "OWASP-API8", "OWASP-LLM02")),
    Rule(id="read-only-bypass", title="What should only read writes", cwe=184, severity="high",
         about="A tool or mode that promises to read lets changes through.",
         proof="What one call made is shown by a later one." + _AGAIN,
         mend="Let the database, the account or the file system forbid writing; do not read the statement's first "
         "word.",
         references=("CWE-184", "CWE-269", "OWASP-LLM08")),
    Rule(id="code-evaluation", title="An argument is evaluated as code", cwe=95, severity="critical",
         about="Whoever calls the tool runs code inside the server.",
         proof="Code in the argument makes a file with this case's canary." + _AGAIN,
         mend="Parse what you mean to accept; never hand text to eval, exec or Function.",
         references=("CWE-95", "CWE-94", "OWASP-LLM02")),
    Rule(id="template-injection", title="An argument is rendered as a template", cwe=1336, severity="high",
         about="Template engines reach into the process; what is evaluated can read its secrets.",
         proof="The product of two random numbers that stood in template braces is in the answer, and it is not "
         "without the braces." + _AGAIN,
         mend="Pass values to a fixed template; never render text that came from outside.",
         references=("CWE-1336", "OWASP-LLM02")),
    Rule(id="ssrf", title="The server asks any address it is given", cwe=918, severity="high",
         about="It reaches what only it can reach: loopback, private networks, metadata services.",
         proof="Our listener on loopback, whose address nobody was told, is asked for this case's canary." + _AGAIN,
         mend="Resolve the name, allow public addresses only, pin the resolved address for the request and each "
         "redirect.",
         references=("CWE-918", "OWASP-API7", "OWASP-LLM02")),
    Rule(id="upstream-path", title="An argument climbs out of its place in an upstream's path", cwe=22, severity="high",
         about="The caller chooses which of the upstream's endpoints is asked, with the server's credentials.",
         proof="The upstream (our listener) is asked for a path that does not lie behind the argument's place."
         + _AGAIN,
         mend="Percent-encode every path parameter, slashes and dots included.",
         references=("CWE-22", "CWE-918", "OWASP-API10")),
    Rule(id="header-injection", title="An argument becomes a header", cwe=113, severity="medium",
         about="Line ends in a value add headers, or a second request, to what the server sends on.",
         proof="The upstream (our listener) receives a header whose name is this case's canary." + _AGAIN,
         mend="Refuse CR and LF in whatever becomes a header.",
         references=("CWE-113", "CWE-93")),
)  # fmt: skip
