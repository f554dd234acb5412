"""Answers to HEAD: monitors and proxies ask so, and Dash registers its pages for GET only."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class HeadAsGet:
    """ASGI middleware that lets the application answer HEAD as it answers GET. The server sends no body.

    Parameters
    ----------
    app : ASGIApp
        The application behind it.

    References
    ----------
    RFC 9110, section 9.3.2: the fields of an answer to HEAD are those of the answer to GET.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        is_head = scope["type"] == "http" and scope["method"] == "HEAD"
        await self._app({**scope, "method": "GET"} if is_head else scope, receive, send)
