"""Options of the MLLP listener: address, limits and TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from schemas.errors import UsageError

MAX_BYTES = 1_048_576
"""Per message."""
IDLE_S = 600.0
"""Longest silence between two messages of a connection."""
MESSAGE_S = 30.0
"""Longest time from the start of a message to its end."""
MAX_CONNECTIONS = 500


@dataclass(frozen=True, kw_only=True)
class MllpOptions:
    """Where the listener listens, and within which limits.

    Port 0 takes a free port. With `tls_ca`, senders need a certificate of that authority.
    """

    host: str = "127.0.0.1"
    port: int = 2575
    largest_bytes: int = MAX_BYTES
    idle_s: float = IDLE_S
    message_s: float = MESSAGE_S
    most_connections: int = MAX_CONNECTIONS
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_ca: str | None = None

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return the TLS context, or None for plain TCP.

        Raises
        ------
        UsageError
            When a certificate or key cannot be used.
        """
        if not self.tls_cert:
            if self.tls_key or self.tls_ca:
                raise UsageError("--tls-key and --tls-ca need --tls-cert.")
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.tls_cert, self.tls_key)
            if self.tls_ca:
                context.load_verify_locations(self.tls_ca)
                context.verify_mode = ssl.CERT_REQUIRED
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                f"The TLS certificate or key cannot be used: {error}. Name PEM files that can be read."
            ) from None
        return context
