"""The rules of networked servers and of their callers: one row a rule, in the form of `rules`."""

from __future__ import annotations

from mcpfuzz.oracles.rule import Rule

__all__ = ["NETWORK_RULES"]

NETWORK_RULES = (
    Rule(id="server-error", title="A request is answered with an HTTP 5xx status", cwe=755, severity="medium",
         about="The server did not expect what it was sent; what else it did not expect is not known to it either.",
         proof="The status is 5xx, again on a fresh server, while a benign request gets a normal one.",
         mend="Validate before you dispatch; answer what is malformed with 400 and a JSON-RPC error.",
         references=("CWE-755", "MCP U5")),
    Rule(id="origin-unchecked", title="A foreign Origin is served", cwe=346, severity="high",
         about="Any web page that the user opens can speak to the server from the user's browser (cross-site WebSocket "
         "hijacking, DNS rebinding) with whatever the server is allowed to do.",
         proof="A connection whose Origin header names another site gets a normal answer, on a fresh server too; over "
         "HTTP, where a browser asks first, the preflight allows it, too.",
         mend="Compare Origin with a list of those allowed, before the session or the upgrade, and answer 403.",
         references=("CWE-346", "CWE-1385", "OWASP-API8", "MCP TR-01")),
    Rule(id="host-unchecked", title="A foreign Host is served", cwe=350, severity="high",
         about="A name that an attacker controls and points at this address (DNS rebinding) makes a browser send the "
         "attacker's page here as if it were of the same origin.",
         proof="A connection whose Host header names another site gets a normal answer, again on a fresh server.",
         mend="Compare Host with the names that are served (localhost, 127.0.0.1, your own), and answer 403 or 421.",
         references=("CWE-350", "CWE-346", "MCP TR-01")),
    Rule(id="auth-missing", title="Without a credential one is served", cwe=306, severity="critical",
         about="Whoever can reach the port can do what a caller with a credential can.",
         proof="The same call gets a normal answer on a connection that carries no credential.",
         mend="Check the credential on every request, every method and every endpoint; answer 401.",
         references=("CWE-306", "OWASP-API2", "OWASP-LLM07")),
    Rule(id="auth-unchecked", title="A credential that is nobody's is accepted", cwe=287, severity="critical",
         about="The credential is looked for and not looked at.",
         proof="The same call gets a normal answer on a connection whose credential has other characters at its end.",
         mend="Verify the credential: signature, issuer, audience, expiry; compare secrets in constant time.",
         references=("CWE-287", "OWASP-API2")),
    Rule(id="session-hijack", title="A session id of one caller works for another", cwe=639, severity="high",
         about="Who learns a session id speaks as its owner: ids stand in logs and URLs.",
         proof="A call with another caller's credential, or none, on the first one's session gets a normal answer; "
         "over HTTP+SSE, on the first one's stream.",
         mend="Bind the session to the identity that began it, and check both on every request.",
         references=("CWE-639", "CWE-384", "OWASP-API1", "OWASP-API2")),
    Rule(id="malformed-http", title="A broken HTTP request is mishandled", cwe=684, severity="low",
         about="What is no sound request by method, session, revision or length is served, or answered as if the "
         "server were at fault: whoever filters in front of it sees another request than it does.",
         proof="The ORACLE table calls the outcome a violation, again on a fresh server.",
         mend="Check method, headers and length before the body is looked at; answer 400, 404, 405, 406, 413 or 431.",
         references=("CWE-684", "CWE-444", "MCP SH-03", "MCP SE-09")),
    Rule(id="header-mismatch", title="What the headers say is not held against the body", cwe=436, severity="medium",
         about="A gateway lets a request through for what Mcp-Method and Mcp-Name say; the server does what the body "
         "says.",
         proof="A request whose Mcp-Method or Mcp-Name is missing or differs from its body gets a normal answer.",
         mend="Compare both with the body before dispatch, byte for byte; answer 400 with -32020.",
         references=("CWE-436", "MCP SE-11", "MCP SE-13", "MCP SE-26")),
    Rule(id="websocket-protocol", title="WebSocket is not spoken as RFC 6455 says", cwe=436, severity="low",
         about="What sits in between (proxies, gateways, other clients) reads the same bytes otherwise; a strict "
         "client cannot connect, or loses its connection for a frame that is allowed.",
         proof="A frame or upgrade that must be refused is taken for a good one, one that is allowed ends the "
         "connection, or a subprotocol is selected that was not offered; again on a fresh server.",
         mend="Leave frames to a library, unchanged; answer what you cannot use with a JSON-RPC error or close 1003.",
         references=("CWE-436", "CWE-1286", "MCP FR-08")),
    Rule(id="client-cut", title="A frame on one connection ends another", cwe=460, severity="medium",
         about="Any one client can throw out all others, as often as it likes.",
         proof="A connection on which nothing was said is ended when a broken frame comes on another; a good message "
         "there leaves it open.",
         mend="Handle what one connection raises where that connection is handled, and close no other.",
         references=("CWE-460", "OWASP-API4")),
    Rule(id="message-unbounded", title="A message may grow without bound", cwe=770, severity="medium",
         about="One client fills the server's memory with a message that never ends.",
         proof="128 MiB of fragments of one message are taken, the connection stays open, and the process holds them "
         "in memory, on a fresh process too.",
         mend="Give the WebSocket library a limit for whole messages (max_size, maxPayload) and leave it on.",
         references=("CWE-770", "CWE-400", "OWASP-API4")),
    Rule(id="cookie-flags", title="A session's cookie may be read, or sent along, by others", cwe=1004, severity="low",
         about="A script on any page of this host reads a cookie without HttpOnly; without SameSite a page of another "
         "site has it sent along; without Secure it crosses the network in clear.",
         proof="A Set-Cookie whose name is that of a session or a credential lacks HttpOnly, SameSite or, over https, "
         "Secure.",
         mend="Set HttpOnly, Secure and SameSite=Lax or Strict; better, keep to the Authorization header.",
         references=("CWE-1004", "CWE-614", "CWE-1275", "OWASP-API8")),
    Rule(id="credential-logged", title="A caller's credential stands in the log", cwe=532, severity="low",
         about="Who may read the log, its archive or the service that collects it may be any of the callers.",
         proof="After a call of the first caller's the server has written their credential to stderr.",
         mend="Log who it was, never with what; strip Authorization and query strings from what middleware logs.",
         references=("CWE-532", "OWASP-API8")),
)  # fmt: skip
