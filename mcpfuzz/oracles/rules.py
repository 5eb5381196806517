"""The rules: what a finding can be, in the words of people who must mend it. One row a rule; `list`,
`explain`, the reports and the documentation are made from this table. Nothing here looks at a trace.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcpfuzz.oracles.attack_rules import ATTACK_RULES
from mcpfuzz.oracles.authorization_rules import AUTHORIZATION_RULES
from mcpfuzz.oracles.identity_rules import IDENTITY_RULES
from mcpfuzz.oracles.load_rules import LOAD_RULES
from mcpfuzz.oracles.network_rules import NETWORK_RULES
from mcpfuzz.oracles.page_rules import PAGE_RULES
from mcpfuzz.oracles.rule import Rule

__all__ = ["RULES", "Rule", "set_own_rules"]


_ROWS = (
    Rule(id="crash", title="The server ends", cwe=248, severity="high",
         about="One message from any client ends the process, and with it every other client's session.",
         proof="The process is gone after the message, and again on a fresh process; a benign call leaves it alive.",
         mend="Catch what one request raises at the dispatcher and answer -32603; bound recursion, sizes and numbers first.",
         references=("CWE-248", "OWASP-API4", "OWASP-LLM04", "MCP U1")),
    Rule(id="hang", title="The whole server stops answering", cwe=400, severity="high",
         about="One message keeps the server busy or blocked: nobody is served any more.",
         proof="Neither the call nor a later ping is answered within --timeout, on a fresh process too; a benign call is.",
         mend="Bound the work of one call (input length, linear-time patterns, timeouts) and keep it off the loop that reads.",
         references=("CWE-400", "CWE-835", "CWE-1333", "OWASP-API4", "OWASP-LLM04", "MCP U1")),
    Rule(id="no-answer", title="A call is never answered", cwe=772, severity="medium",
         about="The client waits until its own timeout; the server has lost the request.",
         proof="The call is not answered within --timeout while a ping behind it is; a benign call is answered.",
         mend="Answer on every path, errors included; put a deadline around what the call waits for.",
         references=("CWE-772", "MCP JR-01")),
    Rule(id="poisoned", title="A bad message breaks later good ones", cwe=460, severity="high",
         about="The process lives but no longer serves: one client can switch it off for all.",
         proof="A known-good call fails after the message and succeeds on a fresh process without it.",
         mend="Leave no state behind when a request is rejected; set state only after validation.",
         references=("CWE-460", "OWASP-API4", "MCP U1")),
    Rule(id="memory-growth", title="Memory grows with every call", cwe=401, severity="medium",
         about="The server is killed for lack of memory after enough ordinary calls.",
         proof="Resident memory rises in step with repeated identical calls, and not with as many pings.",
         mend="Bound caches and histories, release what a call allocates.",
         references=("CWE-401", "CWE-770", "OWASP-API4", "MCP U10")),
    Rule(id="oversized-answer", title="A small request draws a huge answer", cwe=770, severity="medium",
         about="Whoever asks makes the server and its client hold megabytes: amplification.",
         proof="The answer is larger than the cap and thousands of times larger than the request.",
         mend="Cap sizes and counts, page long results.",
         references=("CWE-770", "OWASP-API4", "OWASP-LLM04")),
    Rule(id="stack-trace-leak", title="A stack trace in an answer", cwe=209, severity="low",
         about="Answers show source files, lines and internals, which help an attacker.",
         proof="The answer holds a stack trace that the request did not and a benign call's answer does not.",
         mend="Log the exception with a correlation id; answer a generic message.",
         references=("CWE-209", "OWASP-API8", "MCP U6", "MCP LG-09")),
    Rule(id="path-leak", title="A path of the server's machine in an error", cwe=209, severity="low",
         about="Errors tell where the server's files lie.",
         proof="An error names an absolute path that was neither sent nor configured.",
         mend="Answer with the name the client used, never with the resolved path.",
         references=("CWE-209", "OWASP-API8", "MCP U6")),
    Rule(id="secret-leak", title="A secret in an answer", cwe=200, severity="high",
         about="A credential of the server reaches any client and the model behind it.",
         proof="The answer holds a configured secret, or text of a credential's form, that was not sent.",
         mend="Never put configuration into messages; rotate the secret.",
         references=("CWE-200", "CWE-522", "OWASP-LLM06", "OWASP-API3", "MCP U6")),
    Rule(id="stdout-pollution", title="Something that is no MCP message on stdout", cwe=116, severity="low",
         about="Strict clients drop the line or the session; logs and answers mix.",
         proof="A line on stdout is not a JSON-RPC message.",
         mend="Log to stderr; send print() and library banners there too.",
         references=("MCP FR-01", "MCP FR-02")),
    Rule(id="wrong-id", title="An answer under another id", cwe=843, severity="medium",
         about="Clients match answers by id and type: the caller waits for ever, or another gets the answer.",
         proof="The answer's id differs from the request's in value or type, or was never asked with.",
         mend="Echo the id exactly as it was decoded.",
         references=("MCP JR-01", "MCP U3")),
    Rule(id="duplicate-answer", title="One request, two answers", cwe=675, severity="low",
         about="Clients that have forgotten the id may fail on the second answer.",
         proof="A second response with the same id arrives.",
         mend="Answer once, on one path.",
         references=("CWE-675", "MCP U7")),
    Rule(id="answer-to-notification", title="A notification is answered", cwe=573, severity="low",
         about="JSON-RPC forbids it; clients treat the answer as stray.",
         proof="A response arrives for a message that asked for none.",
         mend="Never answer a message without an id.",
         references=("MCP JR-06", "MCP U7")),
    Rule(id="malformed-frame", title="A broken frame is mishandled", cwe=684, severity="low",
         about="What is no JSON, no UTF-8 or too large is not met as JSON-RPC asks.",
         proof="The ORACLE table calls the outcome a violation, again on a fresh process.",
         mend="Decode strictly, one line at a time; answer -32700 and read on.",
         references=("MCP JR-17", "CWE-20")),
    Rule(id="malformed-message", title="A malformed message is mishandled", cwe=684, severity="low",
         about="A message with a wrong envelope, method or moment is not met as the specification asks.",
         proof="The ORACLE table calls the outcome a violation, again on a fresh process.",
         mend="Validate the envelope before dispatch; answer -32600 or -32601.",
         references=("MCP JR-15", "MCP JR-18", "CWE-20")),
    Rule(id="malformed-params", title="Malformed parameters are mishandled", cwe=684, severity="low",
         about="Parameters of the wrong shape are not met as the specification asks.",
         proof="The ORACLE table calls the outcome a violation, again on a fresh process.",
         mend="Validate params per method; answer -32602.",
         references=("MCP JR-19", "CWE-20")),
    Rule(id="result-shape", title="A result or error of the wrong shape", cwe=684, severity="low",
         about="Clients that validate drop the answer.",
         proof="The answer breaks the specification's schema for this method.",
         mend="Build results with the SDK's types, or validate before sending.",
         references=("MCP JR-02", "MCP JR-04", "MCP JR-05", "MCP FR-05")),
    Rule(id="output-schema", title="structuredContent breaks the tool's own outputSchema", cwe=684, severity="low",
         about="Clients and models rely on the declared schema.",
         proof="The structuredContent of an accepted call does not validate against the outputSchema.",
         mend="Make the result, or the schema, true.",
         references=("MCP TL-09",)),
    Rule(id="unvalidated-arguments", title="Arguments that the schema forbids are accepted", cwe=1173, severity="low",
         about="The schema promises a check that does not happen; the tool works on values it never expected.",
         proof="A call whose arguments break inputSchema in one known place gets a normal answer.",
         mend="Validate arguments against inputSchema before the tool runs.",
         references=("CWE-20", "MCP TL-12", "OWASP-API8")),
    Rule(id="extra-argument-accepted", title="A closed schema lets unknown arguments pass", cwe=1173, severity="info",
         about="additionalProperties is false, yet an unknown argument is ignored in silence: a misspelt one is lost.",
         proof="A call with one unknown argument gets a normal answer.",
         mend="Reject unknown arguments, or leave the schema open.",
         references=("MCP TL-12",)),
    Rule(id="fabricated-success", title="Success for what does not exist", cwe=393, severity="medium",
         about="A model believes what a server answers: an unknown tool or resource must be an error.",
         proof="A tool, prompt or resource with a random name is answered as a success.",
         mend="Answer unknown names with -32602, unknown resources with the revision's error.",
         references=("CWE-393", "OWASP-LLM09", "MCP TL-16", "MCP RS-05", "MCP PR-03")),
    Rule(id="no-shutdown", title="The server stays when its stdin ends", cwe=404, severity="info",
         about="Orphaned servers pile up on the user's machine.",
         proof="The process still runs seconds after stdin was closed.",
         mend="Leave the read loop and exit at end of file.",
         references=("CWE-404", "MCP FR-06")),
)  # fmt: skip

_BUNDLED = {
    rule.id: rule
    for rule in (*_ROWS, *ATTACK_RULES, *NETWORK_RULES, *PAGE_RULES, *IDENTITY_RULES, *AUTHORIZATION_RULES, *LOAD_RULES)
}
_known = dict(_BUNDLED)
RULES: Mapping[str, Rule] = _known
"""Every rule by its id; the user's own among them."""


def set_own_rules(rules: Mapping[str, Rule]) -> None:
    """From now on exactly these besides the bundled ones; ids are all different."""
    _known.clear()
    _known.update(_BUNDLED, **rules)
