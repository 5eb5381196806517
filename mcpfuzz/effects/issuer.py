"""A test authorization server on loopback, for servers that can be pointed at one (`{issuer}`): metadata (RFC 8414,
OpenID Connect Discovery), a key set (RFC 7517), and tokens that any key of ours may sign. It authenticates nobody.

    {issuer}/.well-known/oauth-authorization-server     {issuer}/.well-known/openid-configuration
    {issuer}/jwks.json                                  {issuer}/.well-known/jwks.json
    {issuer}/token                                      a token, whatever is sent

Nobody is ever asked at {issuer}/authorize: a browser that is led there is as good as back (`mcpfuzz.onward`). The key
is made when it is first needed, and forgotten with the run.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from mcpfuzz.effects.listener import QuietServer, loopback_socket
from mcpfuzz.errors import UsageError
from mcpfuzz.model import Json
from mcpfuzz.rsa import RsaKey
from mcpfuzz.tokens import minted

__all__ = ["Issuer"]

LIFE_S: Final = 3600
"""Of a token."""
IDLE_S: Final = 10.0
MOST_BYTES: Final = 64 << 10
"""Of a request's body."""


class Issuer:
    """The server, until `close`.

    Attributes:
        url: the issuer's identifier, without a slash at the end.
        key: that signs.
    """

    def __init__(self, make: Callable[[], socket.socket] = loopback_socket) -> None:
        """Args: make: makes a listening socket that the server under test reaches as 127.0.0.1:PORT.

        Raises:
            UsageError: there is no loopback to listen on.
        """
        self.key = RsaKey.fresh()
        try:
            sock = make()
        except OSError as error:
            raise UsageError(f"cannot listen on 127.0.0.1: {error.strerror}") from None
        self.url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        pages = _pages(self.url, self.key)

        issuer = self

        class Handler(_Handler):
            documents = pages

            def granted(self) -> Mapping[str, Json]:
                return {
                    "access_token": issuer.token({"sub": "mcpfuzz"}, issuer.url), "token_type": "Bearer",
                    "expires_in": LIFE_S,
                }  # fmt: skip

        self._server = QuietServer(sock.getsockname(), Handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = sock
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="issuer", daemon=True).start()

    def token(self, claims: Mapping[str, Json], audience: str) -> str:
        """A token for a caller, good for an hour (RFC 9068, 2.2).

        Args:
            claims: `sub`, and whatever else is wanted; what is said here wins.
            audience: `aud`, where the claims have none.
        """
        now = int(time.time())
        made: dict[str, Any] = {
            "iss": self.url, "aud": audience, "iat": now, "nbf": now, "exp": now + LIFE_S, "jti": uuid.uuid4().hex,
            "client_id": str(claims.get("sub", "mcpfuzz")),
        }  # fmt: skip
        return minted({**made, **claims}, self.key)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        with contextlib.suppress(OSError):
            self._server.socket.close()


def _pages(url: str, key: RsaKey) -> Mapping[str, bytes]:
    metadata = {
        "issuer": url,
        "jwks_uri": f"{url}/jwks.json",
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code"],
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
    told, keys = json.dumps(metadata).encode(), json.dumps({"keys": [key.jwk]}).encode()
    return {
        "/.well-known/oauth-authorization-server": told,
        "/.well-known/openid-configuration": told,
        "/jwks.json": keys,
        "/.well-known/jwks.json": keys,
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    documents: Mapping[str, bytes] = {}

    def do_GET(self) -> None:
        body = self.documents.get(self.path.partition("?")[0])
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body or b"{}")))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body or b"{}")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        size = self.headers.get("content-length", "0")
        self.rfile.read(min(int(size), MOST_BYTES)) if size.isdigit() else b""
        known = self.path.partition("?")[0] == "/token"
        body = json.dumps(self.granted()).encode() if known else b"{}"
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def granted(self) -> Mapping[str, Json]:
        raise NotImplementedError

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""
