"""Strict request bodies: what is sent must be of the type that is asked for.

Litestar converts bodies leniently (`"1"` and `1.0` pass as an int). Money must not:
this decodes the raw bytes strictly, and refuses a body model that lets unknown
fields pass. Installed once for the whole application.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import msgspec
from litestar._openapi.schema_generation import SchemaCreator
from litestar.connection import Request
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.enums import RequestEncodingType
from litestar.exceptions import ImproperlyConfiguredException
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from hub.web.problems import BodyError

BODY_BYTES_MAX = 256 * 1024
"""The largest honest body, a tariff with all tiers and bands, is a tenth of this."""


class StrictBody(AbstractDTO[msgspec.Struct]):
    """Decodes a body strictly into its `msgspec.Struct`; answers pass unchanged."""

    model_type = msgspec.Struct

    def decode_bytes(self, value: bytes) -> Any:
        connection = self.asgi_connection
        if isinstance(connection, Request):
            _check_content_type(connection)
        field = connection.route_handler.parsed_data_field
        try:
            return msgspec.json.decode(value, type=field.annotation if field else Any)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            # ValueError covers text that is no UTF-8, and models that check themselves.
            raise BodyError(str(error)) from None

    @classmethod
    def create_for_field_definition(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,
        backend_cls: Any = None,
    ) -> None:
        """Check a handler's body model; nothing is generated from it."""
        del handler_id, backend_cls
        model = field_definition.annotation
        if not (isinstance(model, type) and issubclass(model, msgspec.Struct)):
            raise ImproperlyConfiguredException(f"a body must be a msgspec.Struct, not {model}")
        if not model.__struct_config__.forbid_unknown_fields:
            raise ImproperlyConfiguredException(f"{model.__name__} must forbid unknown fields")

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: SchemaCreator
    ) -> Reference | Schema:
        """Document the model itself."""
        del handler_id
        return schema_creator.for_field_definition(field_definition)

    @classmethod
    def generate_field_definitions(
        cls, model_type: type[Any]
    ) -> Generator[DTOFieldDefinition, None, None]:
        """Nothing is generated: the model decodes itself."""
        del model_type
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """Nested models decode themselves too."""
        del field_definition
        return False


def _check_content_type(request: Request[Any, Any, Any]) -> None:
    # A cross-site form can send text/plain without asking; JSON needs a preflight.
    if request.content_type[0] != RequestEncodingType.JSON:
        raise BodyError("send the body as JSON, with Content-Type: application/json")
