"""Which requests the screen's server answers: those of its own page, nobody else's.

A browser at the controller may have other pages open, and any page can send a form to
127.0.0.1. So the host must be the server's own (a name that was bent to 127.0.0.1 isn't),
and whatever presses a button must come from the page itself and know its token.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import parse_qs

BODY_BYTES_MAX = 1_024
"""The longest form is a code of `wire.codes.TYPED_LENGTH_MAX` characters and a token."""
FIELDS_MAX = 8

FORM_TYPE = "application/x-www-form-urlencoded"


class Headers(Protocol):
    """Headers of a request, by name without regard to case."""

    def get(self, name: str, failobj: str, /) -> str:
        """One of them, or something instead."""
        ...


HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""Sent with every answer: nothing inline, nothing from elsewhere, nothing kept."""


def is_own_host(headers: Headers, port: int) -> bool:
    """Whether a request was meant for this server."""
    return headers.get("Host", "") in {f"127.0.0.1:{port}", f"localhost:{port}"}


def is_own_page(headers: Headers) -> bool:
    """Whether a form was sent by a page of this server, as far as the browser says."""
    host = headers.get("Host", "")
    if headers.get("Origin", f"http://{host}") != f"http://{host}":
        return False
    return headers.get("Sec-Fetch-Site", "same-origin") in {"same-origin", "none"}


def knows_token(form: Mapping[str, str], token: str) -> bool:
    """Whether a form carries the token of the page."""
    return hmac.compare_digest(form.get("token", "").encode(), token.encode())


def read_form(body: bytes) -> dict[str, str] | None:
    """Read a form; the last one of a field that comes twice counts. None: it isn't one."""
    try:
        fields = parse_qs(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            max_num_fields=FIELDS_MAX,
        )
    except ValueError:
        return None
    return {name: values[-1] for name, values in fields.items()}
