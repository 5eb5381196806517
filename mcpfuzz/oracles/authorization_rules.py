"""The rules about authorization servers: one row a rule, in the form of `rules`."""

from __future__ import annotations

from mcpfuzz.oracles.rule import Rule

__all__ = ["AUTHORIZATION_RULES"]

AUTHORIZATION_RULES = (
    Rule(id="redirect-uri-unchecked", title="A code goes to where no client is registered", cwe=601, severity="high",
         about="A link to this server, opened by somebody who is signed in, sends their code to an attacker.",
         proof="A browser is redirected, with a code or an error, to a URI that is not the one the client registered; "
         "with the registered one nothing leads there.",
         mend="Compare redirect URIs as whole strings (loopback: but for the port); refuse with a page.",
         references=("CWE-601", "OWASP-API2", "RFC 9700 4.1.3")),
    Rule(id="redirect-uri-script", title="A client registers a script for its redirect URI", cwe=601, severity="info",
         about="Redirect URIs are https: or on the user's own machine. Browsers follow no redirect to a script, but "
         "pages that link to it run it, and so do applications that open what they are given.",
         proof="A client registers at javascript: or data:, and a redirect leads there.",
         mend="Register https: and loopback http: alone, and the schemes of applications that you know.",
         references=("CWE-601", "CWE-79", "MCP authorization, Communication Security")),
    Rule(id="pkce-unchecked", title="A code is redeemed without its proof key", cwe=287, severity="high",
         about="Whoever gets hold of a code, from a log or another application, has the token.",
         proof="A code that was asked for with a challenge is redeemed with another verifier, or with none.",
         mend="Keep the challenge beside the code; refuse where the verifier is missing or does not hash to it.",
         references=("CWE-287", "OWASP-API2", "RFC 7636 4.6")),
    Rule(id="pkce-optional", title="Codes can be had without a proof key", cwe=287, severity="medium",
         about="A client that leaves it out, or is made to, is as open as before there was one.",
         proof="A public client gets a code without a challenge, or with one that is the verifier itself though the "
         "metadata names S256 alone, and redeems it.",
         mend="Refuse a request without code_challenge or with another method than S256.",
         references=("CWE-287", "CWE-757", "OWASP-API2", "RFC 9700 2.1.1")),
    Rule(id="code-reused", title="A code is redeemed twice", cwe=294, severity="medium",
         about="A code that was used already, and stands in logs and histories, still gives a token.",
         proof="The same code, with its proof key, gets an access token a second time.",
         mend="Take the code out of the store and look at it in one step (RFC 6749, 4.1.2).",
         references=("CWE-294", "OWASP-API2", "RFC 6749 10.5")),
    Rule(id="code-unbound", title="A code is redeemed by another client", cwe=863, severity="high",
         about="Any client that gets hold of a code has what its user gave to another one.",
         proof="Two clients register; the code of the one is redeemed under the id of the other.",
         mend="Keep the client beside the code, and compare (RFC 6749, 4.1.3).",
         references=("CWE-863", "OWASP-API2")),
    Rule(id="consent-missing", title="Somebody else's sign-in is used for any client", cwe=441, severity="high",
         about="Users who agreed to this server there once are not asked again: a link gives their token to whoever "
         "registered a client here (confused deputy).",
         proof="A client that was just registered asks for a code. The browser is led to the test authorization "
         "server, for another client, and from there to the new one with a code; no page was shown on the way.",
         mend="Ask for consent for each client before leading on (MCP Security Best Practices, Confused Deputy).",
         references=("CWE-441", "OWASP-API2", "OWASP-LLM08")),
    Rule(id="consent-unbound", title="One browser agrees, another one is sent on with the code", cwe=352,
         severity="high",
         about="An attacker agrees for themselves and hands the link on to a victim, whose code then comes to them.",
         proof="The test authorization server's answer, brought without the cookies that consent gave, is taken: the "
         "client gets a code.",
         mend="Bind the way to the browser that agreed (a cookie), and look at it when the answer comes back.",
         references=("CWE-352", "CWE-441", "OWASP-API2")),
)  # fmt: skip
