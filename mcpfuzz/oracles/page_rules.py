"""The rules about what else a networked server serves: one row a rule, in the form of `rules`."""

from __future__ import annotations

from mcpfuzz.oracles.rule import Rule

__all__ = ["PAGE_RULES"]

PAGE_RULES = (
    Rule(id="cors-credentials", title="Any web site may read the answers, with credentials", cwe=942, severity="medium",
         about="A page of any site sends requests with the user's cookies, certificates or HTTP password and reads "
         "what comes back: what protects the user from other sites is off.",
         proof="An origin that was just made up (or `null`) is repeated in Access-Control-Allow-Origin together with "
         "Access-Control-Allow-Credentials: true; a preflight from the server's own origin is the control.",
         mend="List the origins that may, and compare whole strings; leave credentials out where none are needed.",
         references=("CWE-942", "CWE-346", "OWASP-API8")),
    Rule(id="open-redirect", title="A redirect leads wherever the request says", cwe=601, severity="medium",
         about="A link to this server sends its user to an attacker's page, codes and tokens in the URL along with it.",
         proof="The Location of a redirect leads to a host that was just made up and that the request named.",
         mend="Redirect to paths of your own or to a list of URLs; take no host from X-Forwarded-Host unless a "
         "proxy of yours sets it.",
         references=("CWE-601", "OWASP-API8")),
    Rule(id="debug-endpoint", title="A page for developers shows what is inside", cwe=489, severity="high",
         about="Whoever reaches the port reads environment, secrets, stack traces, sources or other clients' requests.",
         proof="A page answers without a credential with such content, which the request does not hold and a page that "
         "does not exist does not show. That a page exists is no proof.",
         mend="Leave debug pages, metrics of internals and dot files out of what is served, or put a credential before "
         "them.",
         references=("CWE-489", "CWE-215", "CWE-538", "OWASP-API8", "OWASP-API9")),
    Rule(id="old-endpoint", title="Another endpoint asks for no credential", cwe=306, severity="critical",
         about="An endpoint of another transport or version was forgotten, and with it what protects the real one.",
         proof="Without a credential the endpoint refuses, while another path of the same server begins a session.",
         mend="Take down what is not used; put the same checks before everything that is served.",
         references=("CWE-306", "CWE-1059", "OWASP-API9", "OWASP-API2")),
    Rule(id="bound-everywhere", title="It listens on every address of the machine", cwe=1327, severity="info",
         about="A local server that asks for no credential is open to the whole network that the machine is in.",
         proof="It listens on 0.0.0.0 or ::, though neither its command nor --env asks for that, and a caller without "
         "a credential is served.",
         mend="Listen on 127.0.0.1 unless told otherwise.",
         references=("CWE-1327", "MCP TS-03")),
    Rule(id="http-server-error", title="An HTTP operation of the same server fails", cwe=755, severity="medium",
         about="Beside MCP the server offers an HTTP interface; a request that its OpenAPI document describes, or "
         "nearly, meets an error that nobody expected.",
         proof="The request, as short as Schemathesis and mcpfuzz can make it, is answered with HTTP 500 again on a "
         "fresh server; another request to the same operation is not.",
         mend="Validate before you work; answer what cannot be served with a 4xx status.",
         references=("CWE-755", "OWASP-API8")),
    Rule(id="http-response-schema", title="An HTTP answer breaks the server's own OpenAPI document", cwe=684,
         severity="low",
         about="Clients are written, and generated, after that document.",
         proof="The JSON body of a documented success does not validate against the schema documented for it, again on "
         "a fresh server.",
         mend="Make the answer, or the document, true.",
         references=("CWE-684", "OWASP-API3")),
)  # fmt: skip
