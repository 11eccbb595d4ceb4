"""A good value of any type that travels, made from the type itself, as JSON."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect

TEXT = "acc_1"
HASH = "ab" * 32


def sample(type_: Any) -> bytes:
    """JSON of a value with every field set."""
    return msgspec.json.encode(_of(inspect.type_info(type_)))


def _of(info: inspect.Type) -> Any:  # noqa: PLR0911 one line for each kind of type
    match info:
        case inspect.StructType():
            return _struct(info)
        case inspect.UnionType(types=types):
            return _of(next(one for one in types if not isinstance(one, inspect.NoneType)))
        case inspect.DictType(value_type=value):
            return {TEXT: _of(value)}
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return [_of(item)]
        case inspect.SetType(item_type=item) | inspect.FrozenSetType(item_type=item):
            return [_of(item)]
        case inspect.EnumType(cls=cls):
            return next(iter(cls)).value
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.Metadata(type=inner):
            return _of(inner)
        case _:
            return _plain(info)


def _struct(info: inspect.StructType) -> Any:
    if info.array_like:
        return [_of(field.type) for field in info.fields]
    made = {field.encode_name: _of(field.type) for field in info.fields}
    return made if info.tag_field is None else {info.tag_field: info.tag} | made


def _plain(info: inspect.Type) -> Any:
    match info:
        case inspect.StrType(pattern=pattern, max_length=longest):
            return HASH if pattern else TEXT[: longest or None]
        case inspect.IntType(ge=least, gt=above):
            return max(5, least or 0, (above or 0) + 1)
        case inspect.BoolType():
            return True
        case inspect.FloatType():
            return 1.5
        case inspect.RawType() | inspect.AnyType():
            return {}
        case _:
            return None
