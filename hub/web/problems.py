"""Problems: every error is `application/problem+json` (RFC 9457).

Beside the standard members stands `code`, a number of `wire.errors.Code` that never
changes its meaning, and `detail` says what to do. One converter serves what routes
raise, what Litestar raises, and what nobody expected.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from hub.errors import HubError
from wire.errors import Code, WireError

MEDIA_TYPE = "application/problem+json"
IDEMPOTENCY_HEADER = "Idempotency-Key"
IDEMPOTENCY_PARAMETER = "idempotency_key"
"""Name of the handlers' argument that carries the header `Idempotency-Key`."""
FAULTS_MAX = 20
"""Enough to correct a form; a body of nothing but faults isn't echoed whole."""

logger = logging.getLogger("standpipe.web")


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a request.

    Attributes:
        where: Name of the parameter or member.
        what: What is wrong with it.
    """

    where: str
    what: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error, as RFC 9457 writes it.

    Attributes:
        type: Names the kind of problem; the same as `code`.
        title: The kind in words, always the same for a code.
        status: HTTP status.
        detail: What happened this time, and what to do.
        code: Number of the reason.
        faults: What is wrong with which part of the request.
    """

    type: str
    title: str
    status: int
    detail: str
    code: int
    faults: tuple[Fault, ...] = ()


class WebError(Exception):
    """Root of errors about the request itself, before any service is asked.

    Args:
        detail: What is wrong and what to do.
        code: Reason.
        headers: To send along.
    """

    def __init__(self, detail: str, code: Code, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.headers = dict(headers or {})


class BodyError(WebError):
    """Raised when a body isn't what the route takes."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, Code.BODY_MALFORMED)


class NotSignedInError(WebError):
    """Raised when a route needs an API key and none that is valid came."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, Code.KEY_INVALID, {"WWW-Authenticate": 'Bearer realm="standpipe"'})


STATUS: dict[Code, HTTPStatus] = {
    Code.AMOUNT_INVALID: HTTPStatus.BAD_REQUEST,
    Code.BODY_MALFORMED: HTTPStatus.BAD_REQUEST,
    Code.CARD_RANDOM_UID: HTTPStatus.BAD_REQUEST,
    Code.IDEMPOTENCY_KEY_MISSING: HTTPStatus.BAD_REQUEST,
    Code.KEY_INVALID: HTTPStatus.UNAUTHORIZED,
    Code.SCOPE_MISSING: HTTPStatus.FORBIDDEN,
    Code.CODE_INVALID: HTTPStatus.FORBIDDEN,
    Code.SIGNATURE_INVALID: HTTPStatus.FORBIDDEN,
    Code.ACCOUNT_UNKNOWN: HTTPStatus.NOT_FOUND,
    Code.CARD_UNKNOWN: HTTPStatus.NOT_FOUND,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.BODY_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.TOO_MANY_REQUESTS: HTTPStatus.TOO_MANY_REQUESTS,
    Code.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    Code.OUTCOME_UNKNOWN: HTTPStatus.GATEWAY_TIMEOUT,
    Code.OVERLOADED: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Codes not listed are refusals by the state that things are in: 409."""

_CODE_OF_STATUS = {
    400: Code.BODY_MALFORMED,
    401: Code.KEY_INVALID,
    403: Code.SCOPE_MISSING,
    404: Code.NOT_FOUND,
    405: Code.NOT_FOUND,
    413: Code.BODY_TOO_LARGE,
    429: Code.TOO_MANY_REQUESTS,
    503: Code.OVERLOADED,
}
_EXPECTED = (HTTPException, WebError, HubError, WireError)
_DETAIL_OF_STATUS = {
    404: "There is nothing at this address: see /schema for those that exist.",
    405: "This address doesn't know that method: see /schema for those that it knows.",
    413: "The body is larger than any request here: send less.",
}


def title_of(code: Code) -> str:
    """A code in words."""
    return code.name.replace("_", " ").capitalize()


def problem_response(
    status: int,
    code: Code,
    detail: str,
    *,
    faults: tuple[Fault, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> Response[Problem]:
    """Build the answer for a problem."""
    problem = Problem(
        type=f"urn:standpipe:problem:{int(code)}",
        title=title_of(code),
        status=status,
        detail=detail,
        code=int(code),
        faults=faults,
    )
    return Response(problem, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def handle_any(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Turn whatever a request raised into its answer; what nobody expected is logged."""
    if not isinstance(error, _EXPECTED) or _is_internal(error):
        # The path is logged as it was declared: what stood in it may be a person's.
        logger.error("unexpected error in %s", request.scope.get("path_template"), exc_info=error)
    return problem_of(error)


def problem_of(error: Exception) -> Response[Problem]:
    """The answer for an error."""
    if isinstance(error, HTTPException):
        return _of_http(error)
    if isinstance(error, (WebError, HubError, WireError)) and not _is_internal(error):
        code = getattr(error, "code", Code.BODY_MALFORMED)
        status = STATUS.get(code, HTTPStatus.CONFLICT)
        return problem_response(status, code, str(error), headers=getattr(error, "headers", None))
    return problem_response(
        500,
        Code.INTERNAL,
        "The hub failed on this request; nothing is known to have changed. "
        "Repeat it with the same Idempotency-Key, and tell the operator to look at the log.",
    )


def _is_internal(error: Exception) -> bool:
    """Whether it is about the hub's own files or database: for the log, not for callers."""
    return isinstance(error, HubError) and error.code is Code.INTERNAL


def _of_http(error: HTTPException) -> Response[Problem]:
    faults = _faults(error)
    code = _CODE_OF_STATUS.get(error.status_code, Code.INTERNAL)
    detail = _DETAIL_OF_STATUS.get(error.status_code, str(error.detail))
    if isinstance(error, ValidationException):
        detail = "; ".join(f"{fault.where}: {fault.what}" for fault in faults) or error.detail
        missing = not faults and IDEMPOTENCY_HEADER in str(error.detail)
        if missing or any(fault.where == IDEMPOTENCY_PARAMETER for fault in faults):
            code = Code.IDEMPOTENCY_KEY_MISSING
            detail = (
                "Send the header Idempotency-Key: an id that you made and stored first, of "
                "1 to 64 letters, digits and _ . : -; sent again it never moves money twice."
            )
    return problem_response(error.status_code, code, detail, faults=faults, headers=error.headers)


def _faults(error: HTTPException) -> tuple[Fault, ...]:
    if not isinstance(error, ValidationException) or not isinstance(error.extra, list):
        return ()
    return tuple(
        Fault(where=str(one.get("key", "body")), what=str(one.get("message", "")))
        for one in error.extra[:FAULTS_MAX]
    )
