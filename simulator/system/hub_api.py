"""The hub's HTTP API, as staff programs use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import msgspec

from simulator.errors import HubRefusedError, TooSlowError
from wire.machines import Machine
from wire.tariff import Tariff

TIMEOUT_S = 15.0
"""The hub answers within milliseconds; on a machine that starts ten programs at once
it may take seconds."""
PAGE_LIMIT = 200
PAGES_MAX = 1_000
"""A listing that goes on longer is a cursor that doesn't move."""

Json = dict[str, Any]


class HubApi:
    """One caller with one key. May be used from several threads.

    Args:
        url: Where the hub is, as `http://127.0.0.1:8080`.
        token: Staff key.
    """

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._client = httpx.Client(
            base_url=f"{url}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_S,
            trust_env=False,
        )

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def get(self, path: str, **query: str | int) -> Json:
        """Read.

        Raises:
            HubRefusedError: The hub says no.
            TooSlowError: It doesn't answer.
        """
        return self._send("GET", path, params=query)

    def pages(self, path: str, **query: str | int) -> Iterator[Json]:
        """Read a list, page after page."""
        for _ in range(PAGES_MAX):
            page = self.get(path, limit=PAGE_LIMIT, **query)
            yield from page["items"]
            if not page.get("next"):
                return
            query["after"] = page["next"]

    def post(self, path: str, body: Mapping[str, Any], key: str | None = None) -> Json:
        """Write; with `key` as `Idempotency-Key`, which money needs. Raises as `get`."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return self._send("POST", path, content=msgspec.json.encode(body), headers=headers)

    def patch(self, path: str, body: Mapping[str, Any]) -> Json:
        """Change. Raises as `get`."""
        return self._send("PATCH", path, content=msgspec.json.encode(body))

    def _send(self, method: str, path: str, **options: Any) -> Json:
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        try:
            answer = self._client.request(method, path, headers=headers, **options)
        except httpx.TransportError as error:
            raise TooSlowError(f"the hub answers {method} {path} ({error})", TIMEOUT_S) from None
        if answer.is_success:
            decoded: Json = msgspec.json.decode(answer.content) if answer.content else {}
            return decoded
        raise _refusal(f"{method} {path}", answer)


def tariff_body(tariff: Tariff) -> Json:
    """A tariff as the API takes it."""
    body: Json = msgspec.to_builtins(tariff)
    body["unit"] = tariff.unit.code
    return body


def machine_body(controller: str, machine: Machine) -> Json:
    """A machine as the API takes it: what isn't usual about it."""
    usual: Json = msgspec.to_builtins(Machine(id=machine.id, name=machine.name))
    own: Json = msgspec.to_builtins(machine)
    said = {name: value for name, value in own.items() if value != usual[name]}
    return {"controller": controller, "id": machine.id, "name": machine.name, **said}


def _refusal(request: str, answer: httpx.Response) -> HubRefusedError:
    try:
        problem: Json = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        problem = {}
    detail = str(problem.get("detail") or problem.get("title") or answer.text[:200])
    faults = problem.get("faults")
    if faults:
        detail = f"{detail} {faults}"
    return HubRefusedError(request, answer.status_code, int(problem.get("code") or 0), detail)
