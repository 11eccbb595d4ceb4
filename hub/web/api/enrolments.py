"""The one route that a controller calls over HTTP: a code for everything it needs."""

from __future__ import annotations

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from hub.fleet import enrolment, rotation
from hub.fleet.enrolment import Enrolled
from hub.web.limits import EnrolmentThrottle
from hub.web.ports import Hub, HubPort
from hub.web.routing import open_options, problems
from wire.enrolment import (
    ENROLMENT_PATH,
    ROTATION_PATH,
    EnrolmentReply,
    EnrolmentRequest,
    RotationRequest,
)

ADDRESS_UNKNOWN = "unknown"


@post(
    ENROLMENT_PATH.removeprefix("/api/v1"),
    opt=open_options("a new controller has no key; its one-time code lets it in, throttled"),
    tags=["Enrolment"],
    summary="Enrol a controller by its one-time code",
    responses=problems((400, 403, 404, 413, 429, 500, 503)),
    sync_to_thread=True,
)
def enrol(
    hub: Hub,
    enrolments: NamedDependency[EnrolmentThrottle],
    request: Request[Any, Any, Any],
    data: JSONBody[EnrolmentRequest],
) -> EnrolmentReply:
    """Take a controller in. The same key with the same code again: the same reply."""
    enrolments.attempt(request.client.host if request.client else ADDRESS_UNKNOWN)
    enrolled = hub.writer.run(lambda tx: enrolment.enrol(tx, data, hub.keys, hub.config))
    return _let_in(hub, enrolled, data.certificate_request)


@post(
    ROTATION_PATH.removeprefix("/api/v1"),
    opt=open_options("the key that a controller has signs the next one; throttled"),
    tags=["Enrolment"],
    summary="Change the key of a controller by the one that it has",
    responses=problems((400, 403, 404, 409, 413, 429, 500, 503)),
    sync_to_thread=True,
)
def rotate(
    hub: Hub,
    enrolments: NamedDependency[EnrolmentThrottle],
    request: Request[Any, Any, Any],
    data: JSONBody[RotationRequest],
) -> EnrolmentReply:
    """Take a new key for the old one. The same new key again: the same reply."""
    enrolments.attempt(request.client.host if request.client else ADDRESS_UNKNOWN)
    rotated = hub.writer.run(lambda tx: rotation.rotate(tx, data, hub.keys, hub.config))
    return _let_in(hub, rotated, data.certificate_request)


def _let_in(hub: HubPort, enrolled: Enrolled, request_pem: str) -> EnrolmentReply:
    enrolled = enrolment.with_certificate(enrolled, request_pem, hub.authority)
    hub.broker_files.set_password(enrolled.username, enrolled.password)
    if hub.authority.exists:
        hub.broker_files.publish_list(hub.authority.list_pem)
    return enrolled.reply


ROUTES = (enrol, rotate)
