"""Where a networked target listens, and which slots follow from that and from what its command says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mcpfuzz.errors import UsageError
from mcpfuzz.target.described import Target
from mcpfuzz.target.listening import faces_a_network
from mcpfuzz.target.modes import is_read_only
from mcpfuzz.transports.endpoint import Endpoint

__all__ = ["endpoint_of", "places_of", "told_to"]


def endpoint_of(target: Target, fill: Callable[[str], str]) -> Endpoint:
    """Where the target listens.

    Raises:
        UsageError: the URL is none, or leads away from this machine without leave; --cacert cannot be read.
    """
    made = Endpoint.of(fill(target.url or ""), target.transport)
    if not made.loopback and not target.allow_remote:
        raise UsageError(f"--url {made.origin}: not on this machine; --allow-remote attacks it all the same")
    headers = tuple((name, fill(value)) for name, value in target.headers)
    endpoint = replace(made.with_headers(headers), cacert=target.cacert, insecure=target.insecure)
    if target.cacert is not None:
        endpoint.context()  # says what is wrong with it now, not when the server has been started
    return endpoint


def places_of(endpoint: Endpoint, *, ours: bool) -> dict[str, str]:
    """What a networked target adds to the slots and to what scenarios need; `ours`: mcpfuzz starts it."""
    authority = f"{endpoint.host}:{endpoint.port}"
    places = {"network": endpoint.origin, "authority": authority, "own_port": str(endpoint.port)}
    places["address"] = endpoint.target
    if endpoint.scheme in ("https", "wss"):
        places["encrypted"] = endpoint.scheme
    if endpoint.transport == "http":
        places["endpoint"] = endpoint.target
    if endpoint.transport in ("http", "sse"):
        places["pages"] = authority
    if endpoint.transport == "ws":
        places["websocket"] = endpoint.target
    if ours:
        places["process"] = "ours"
    return places


def told_to(argv: Sequence[str], env: Mapping[str, str], endpoint: Endpoint | None) -> dict[str, str]:
    """Slots that say what the server is told to keep to: to write nothing, to stay on loopback."""
    made = {"read-only": argv[0]} if is_read_only(argv[1:], env) else {}
    if argv and endpoint is not None and endpoint.loopback and not faces_a_network(argv[1:], env):
        made["loopback-only"] = endpoint.host
    return made
