"""A throw-away certificate for loopback. Needs the package `trustme`; nothing of it outlives the process."""

from __future__ import annotations

import ssl

import trustme

__all__ = ["fresh"]


def fresh(names: tuple[str, ...] = ("localhost", "127.0.0.1")) -> tuple[ssl.SSLContext, bytes]:
    """A server's context with a certificate for these names, and the PEM of the authority that signed it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Nobody comes back to a throw-away certificate; and a client that reads in one thread and writes in another
    # (websockets.sync) can lose its request where tickets arrive just then: before 3.13 Python's ssl takes no turns.
    context.num_tickets = 0
    authority.issue_cert(*names).configure_cert(context)
    return context, authority.cert_pem.bytes()
