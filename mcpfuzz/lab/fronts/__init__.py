"""The network fronts: HTTP in both eras, HTTP+SSE, WebSocket, each over the one core. Know sockets and framing.

bytes      reading (HTTP in, strictly), replying (HTTP and event streams out), listening (sockets and threads)
access     guard (Host, Origin, tokens, CORS), buckets (rate limit)
state      sessions, outlets (what is on its way to a client), exchange (one message to the core)
doors      streamable, legacy, modern; sse; websocket, certificates (the two that need the extra `lab`); app
"""
