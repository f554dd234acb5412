"""Access to the dashboard: only from its own pages on this machine, until sign-in exists.

The gate covers HTTP and WebSockets: Dash checks only the origin of WebSockets, and never the host.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.errors import SettingsError

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
READ_ONLY = ("GET", "HEAD", "OPTIONS")
POLICY_VIOLATION = 1008

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def require_loopback(host: str) -> None:
    """Reject an address that other machines could reach.

    Raises
    ------
    SettingsError
        When `host` is not a loopback address.
    """
    if host in LOOPBACK_NAMES:
        return
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise SettingsError(
            f"WARDWATCH_DASHBOARD_HOST: {host} can be reached from other machines, and there is no sign-in yet. "
            "Use 127.0.0.1, and an SSH tunnel from other machines."
        )


def content_security_policy(script_hashes: Sequence[str]) -> str:
    """Return the policy: only this origin, and only the inline scripts that Dash writes into the page.

    Inline styles are allowed because Plotly, AG Grid and Mantine set them.

    Parameters
    ----------
    script_hashes : sequence of str
        As `Dash.csp_hashes` gives them, quotes included.
    """
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' {' '.join(script_hashes)}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


class Gate:
    """ASGI middleware that rejects foreign hosts and origins, and sets the security headers.

    A host name other than loopback's means that another site's name points here (DNS rebinding). A request
    that changes something, or a WebSocket, must come from a page of this origin.

    Parameters
    ----------
    app : ASGIApp
        The application behind the gate.
    host : str
        The address that the dashboard listens on.
    policy : callable
        Returns the Content-Security-Policy; asked for each response, since Dash knows its scripts only once started.
    """

    def __init__(self, app: ASGIApp, host: str, policy: Callable[[], str]) -> None:
        self._app = app
        self._hosts = frozenset((*LOOPBACK_NAMES, host))
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or reject it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        rejection = self._rejection(scope)
        if rejection is None:
            await self._app(scope, receive, self._with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": rejection})
        else:
            response = PlainTextResponse(f"{rejection}\n", status_code=403)
            await response(scope, receive, self._with_headers(send))

    def _rejection(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _host_name(host) not in self._hosts:
            return "Host: not a name of this dashboard. Open it as localhost."
        if scope["type"] == "http" and scope["method"] in READ_ONLY:
            return None
        origin = urlsplit(headers.get("origin", ""))
        if origin.scheme not in ("http", "https") or origin.netloc != host:
            return "Origin: not a page of this dashboard. Send the request from the dashboard."
        return None

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers["Content-Security-Policy"] = self._policy()
                if headers.get("content-type", "").startswith("text/html"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        return sending


def _host_name(host: str) -> str:
    """Return the name in a Host header, without port and brackets; empty when it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
