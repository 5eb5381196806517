"""The rules of load: what a run of `mcpfuzz load` can find."""

from __future__ import annotations

from mcpfuzz.oracles.rule import Rule

__all__ = ["LOAD_RULES"]

LOAD_RULES = (
    Rule(id="slo-missed", title="Slower or less reliable than promised", cwe=410, severity="medium",
         about="Under ordinary load the server misses an objective: users wait, or are failed.",
         proof="Latency, errors or throughput under load meet every objective of --slo.",
         mend="Find the knee (scenario ramp) and what is shared below it: one lock, one connection, one blocking call.",
         references=("CWE-410", "OWASP-API4")),
    Rule(id="load-starvation", title="One client's storm shuts others out", cwe=770, severity="medium",
         about="Whoever behaves badly decides whether anybody else is served.",
         proof="Beside the storm a bystander with a connection and, where given, an identity of its own is served within --slo.",
         mend="Bound what one client may hold (connections, sessions, work in progress), with timeouts on heads, bodies and writes.",
         references=("CWE-770", "CWE-410", "OWASP-API4", "OWASP-LLM04")),
    Rule(id="no-recovery", title="The server does not come back after load", cwe=772, severity="high",
         about="When the storm is over the server stays slow or silent, until somebody restarts it.",
         proof="After the storm a bystander is served as at the baseline, within the time of --slo.",
         mend="Drop work whose client is gone, bound queues, and release what a broken connection held.",
         references=("CWE-772", "OWASP-API4")),
    Rule(id="unbounded-concurrency", title="Every connection costs a thread", cwe=770, severity="low",
         about="Whoever opens connections decides how many threads there are; memory and the system's limit end it.",
         proof="While hundreds of connections ask for nothing, the server's threads stay few, or connections are refused.",
         mend="Cap connections, or serve them from an event loop or a pool; refuse with 503 beyond the cap.",
         references=("CWE-770", "OWASP-API4")),
    Rule(id="session-leak", title="Sessions are never let go", cwe=401, severity="medium",
         about="Each handshake costs memory for ever: a loop of them ends the server.",
         proof="Memory is released, or stays small, after a flood of sessions that nobody uses.",
         mend="Expire idle sessions, cap their number, and keep little in each.",
         references=("CWE-401", "CWE-770", "OWASP-API4")),
    Rule(id="rate-limit-missing", title="No rate limit was met", cwe=770, severity="low",
         about="Nothing keeps one client from using all the server has, or from running up the bill of a tool.",
         proof="A client that asks as fast as it can is refused at some point within the range probed.",
         mend="Limit each identity with a token bucket; answer 429 with Retry-After.",
         references=("CWE-770", "OWASP-API4", "OWASP-LLM04")),
    Rule(id="rate-limit-bypass", title="A rate limit can be stepped around", cwe=770, severity="medium",
         about="The limit holds for the honest only.",
         proof="While the limit refuses a client, a variation that costs nothing is refused, too.",
         mend="Count by identity, not by session, header or spelling; trust X-Forwarded-For from your own proxy alone.",
         references=("CWE-770", "CWE-348", "OWASP-API4")),
    Rule(id="retry-after-untrue", title="A refusal tells a wrong time to come back", cwe=684, severity="info",
         about="Clients that obey come too early, and are refused again, or wait for nothing.",
         proof="A request after the time told is served, and none is served long before.",
         mend="Compute Retry-After from the bucket: the time until one token is there, rounded up.",
         references=("CWE-684",)),
)  # fmt: skip
