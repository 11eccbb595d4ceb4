"""Becoming known to a hub: one HTTP exchange, safe to repeat.

The key pair is made and stored before anything is sent. When the answer is lost, the
same key is shown again with the same code, or with a new one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from firmware_agent import tls
from firmware_agent.errors import EnrolmentError
from firmware_agent.identity import Identity, load_key, save_key, save_reply
from firmware_agent.ids import new_seed
from wire.codec import decode, encode
from wire.enrolment import (
    CODE_LENGTH_MAX,
    ENROLMENT_PATH,
    EnrolmentReply,
    EnrolmentRequest,
    prove,
)
from wire.errors import DecodeError
from wire.ids import is_name
from wire.keys import Signer

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 30.0
"""A person waits in front of it."""
REPLY_BYTES_MAX = 64 * 1024
"""The answer is a page of text and a certificate."""
_OK = frozenset({200, 201})


def enrol(
    folder: Path,
    hub_url: str,
    name: str,
    code: str,
    version: str,
    *,
    client: httpx.Client | None = None,
) -> Identity:
    """Enrol this controller.

    Args:
        folder: The data folder; gets the key and the answer.
        hub_url: Address of the hub, `https://…`.
        name: The name that the code was made for.
        code: The one-time code.
        version: Version of the agent.
        client: Another HTTP client than a fresh one.

    Raises:
        EnrolmentError: It didn't work; says what to do. Repeating is safe.
        IdentityError: The key in the folder is damaged.
    """
    _check_arguments(hub_url, name, code)
    seed = load_key(folder)
    try:
        if seed is None:
            seed = new_seed()
            save_key(folder, seed)
        tls_key = tls.prepare_key(folder)
    except OSError as error:
        raise EnrolmentError(f"the key can't be stored in {folder}: {error}") from None
    signer = Signer(seed, name)
    request = EnrolmentRequest(
        controller=name,
        code=code,
        public_key=signer.public,
        proof=prove(signer, code),
        version=version,
        certificate_request=tls.request_for(name, tls_key),
    )
    reply = ask(hub_url, ENROLMENT_PATH, request, client)
    if reply.controller != name:
        raise EnrolmentError(f"the hub answered for {reply.controller!r} instead of {name!r}")
    if reply.broker.certificate_pem:
        tls.keep_certificate(folder, tls_key, reply.broker.certificate_pem)
    save_reply(folder, reply)
    return Identity(seed=seed, reply=reply)


def _check_arguments(hub_url: str, name: str, code: str) -> None:
    if not hub_url.startswith(("http://", "https://")):
        raise EnrolmentError("the hub's address begins with https://")
    if not is_name(name):
        raise EnrolmentError(f"{name!r} is no name: use lower case, digits and _ . -")
    if not 0 < len(code) <= CODE_LENGTH_MAX:
        raise EnrolmentError("the code is what `standpipe-hub enrol` printed")


def ask(
    hub_url: str, path: str, request: msgspec.Struct, client: httpx.Client | None
) -> EnrolmentReply:
    """Send a request to the hub and read its answer.

    Raises:
        EnrolmentError: The hub isn't reached, refuses, or isn't one.
    """
    import httpx

    if not hub_url.startswith(("http://", "https://")):
        raise EnrolmentError("the hub's address begins with https://")
    url = hub_url.rstrip("/") + path
    headers = {"content-type": "application/json"}
    own = client if client is not None else httpx.Client(timeout=TIMEOUT_S)
    try:
        answer = own.post(url, content=encode(request), headers=headers)
    except httpx.HTTPError as error:
        raise EnrolmentError(
            f"{url} wasn't reached ({error}): check the address and the network, and repeat"
        ) from None
    finally:
        if client is None:
            own.close()
    if answer.status_code not in _OK:
        raise EnrolmentError(f"the hub refused ({answer.status_code}): {_why(answer.content)}")
    if len(answer.content) > REPLY_BYTES_MAX:
        raise EnrolmentError(f"{url} didn't answer as a hub does: too long")
    try:
        return decode(answer.content, EnrolmentReply)
    except DecodeError as error:
        raise EnrolmentError(f"{url} didn't answer as a hub does: {error}") from None


def _why(content: bytes) -> str:
    """The sentence of a problem document, or a bit of whatever came."""
    try:
        problem = decode(content[:REPLY_BYTES_MAX], dict)
    except DecodeError:
        return content[:200].decode(errors="replace")
    return str(problem.get("detail") or problem.get("title") or "no reason given")
