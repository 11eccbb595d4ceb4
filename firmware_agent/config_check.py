"""Checks a table of a TOML file against a struct and finds everything wrong at once.

The decoding library stops at the first error; whoever sets up a controller wants
all of them, each with the key's path and what to write instead.
"""

from __future__ import annotations

import difflib
import typing
from typing import Any

import msgspec

_KINDS = {
    str: "text in quotes",
    int: "a whole number",
    bool: "true or false",
    float: "a number",
    tuple: "a list",
    dict: "a table",
}


def check_table(data: object, type_: type[msgspec.Struct], path: str) -> list[str]:
    """List what keeps `data` from being a `type_`; empty when nothing does.

    Args:
        data: As the TOML reader gave it.
        type_: The struct that it should become.
        path: Path of the table, empty at the top.
    """
    if not isinstance(data, dict):
        return [f"{path}: write a table here, like {{ … }}"]
    fields = {field.encode_name: field for field in msgspec.structs.fields(type_)}
    problems = [_unknown(_join(path, key), key, tuple(fields)) for key in data if key not in fields]
    for name, field in fields.items():
        where = _join(path, name)
        if name in data:
            problems += _check_value(data[name], field.type, where)
        elif field.required:
            problems.append(f"{where}: missing; write {_wanted(field.type)}")
    return problems


def _check_value(value: object, type_: Any, path: str) -> list[str]:
    type_ = _without_none(type_)
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return check_table(value, type_, path)
    if typing.get_origin(type_) is tuple:
        return _check_list(value, typing.get_args(type_)[0], path)
    try:
        msgspec.convert(value, type_, strict=True)
    except msgspec.ValidationError:
        return [f"{path}: is {value!r}; write {_wanted(type_)}"]
    return []


def _check_list(value: object, item: Any, path: str) -> list[str]:
    if not isinstance(value, list):
        return [f"{path}: write [[{path}]] above each of its tables"]
    problems: list[str] = []
    for index, entry in enumerate(value):
        problems += _check_value(entry, item, f"{path}[{index}]")
    return problems


def _unknown(path: str, key: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"{path}: no such key; write {close[0]}"
    return f"{path}: no such key; known here are {', '.join(sorted(known))}"


def _wanted(type_: Any) -> str:
    type_ = _without_none(type_)
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        needed = [f.encode_name for f in msgspec.structs.fields(type_) if f.required]
        return f"a table with {', '.join(needed)}" if needed else "a table"
    return _KINDS.get(typing.get_origin(type_) or type_, "another value")


def _without_none(type_: Any) -> Any:
    options = [option for option in typing.get_args(type_) if option is not type(None)]
    is_union = type(None) in typing.get_args(type_)
    return options[0] if is_union and len(options) == 1 else type_


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
