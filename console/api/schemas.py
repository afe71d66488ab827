"""The OpenAPI document read for people: types in words, fields as rows, examples as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Type:
    """A type in words, with the shape it leads to, if any."""

    words: str
    shape: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter or field."""

    name: str
    type: Type
    required: bool
    about: str
    where: str = ""  # "query", "header", "path"


@dataclass(frozen=True, slots=True)
class Shapes:
    """The named schemas of a document."""

    named: Mapping[str, Schema]

    def resolve(self, schema: Schema) -> Schema:
        """The schema itself, where this one only refers to it."""
        return self.named[_name(schema)] if "$ref" in schema else schema

    def fields(self, schema: Schema) -> list[Field]:
        """The fields of an object."""
        found = self.resolve(schema)
        required = found.get("required", ())
        return [
            Field(name, type_of(value), name in required, _about(value))
            for name, value in found.get("properties", {}).items()
        ]

    def example(self, schema: Schema) -> Any:
        """A value that fits the schema, from the examples in it."""
        if "examples" in schema:
            return schema["examples"][0]
        found = self.resolve(schema)
        if "properties" in found:
            return {name: self.example(value) for name, value in found["properties"].items()}
        if "anyOf" in found:
            return self.example(found["anyOf"][0])
        if found.get("type") == "array":
            return [self.example(found["items"])]
        if found.get("type") == "object":
            inner = found.get("additionalProperties")
            return {"phone": self.example(inner)} if isinstance(inner, dict) and "$ref" in inner else {}
        return {"boolean": True, "integer": found.get("default", 1)}.get(found.get("type", ""), "…")


def parameters(operation: Mapping[str, Any]) -> list[Field]:
    """What an operation takes in path, query and header."""
    return [
        Field(
            each["name"],
            type_of(each["schema"]),
            bool(each.get("required")),
            each.get("description", ""),
            each["in"],
        )
        for each in operation.get("parameters", ())
    ]


def type_of(schema: Schema) -> Type:
    """The type in words: `text`, `list of Message`, `"in" | "out"`, `uuid or null`."""
    if "$ref" in schema:
        return Type(_name(schema), _name(schema))
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return _join([type_of(each) for each in schema[several]])
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return Type(" | ".join(f'"{value}"' for value in values))
    kind = schema.get("type", "any")
    if kind == "array":
        inner = type_of(schema.get("items", {}))
        return Type(f"list of {inner.words}", inner.shape)
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        inner = type_of(schema["additionalProperties"])
        return Type(f"name → {inner.words}", inner.shape)
    return Type(schema.get("format", kind) + _bounds(schema))


def _join(types: Sequence[Type]) -> Type:
    shape = next((each.shape for each in types if each.shape), "")
    return Type(" or ".join(each.words for each in types), shape)


def _bounds(schema: Schema) -> str:
    low = schema.get("minimum", schema.get("minLength"))
    high = schema.get("maximum", schema.get("maxLength"))
    if low is None and high is None:
        return ""
    unit = " characters" if schema.get("type") == "string" else ""
    if high is None:
        return f", at least {low}{unit}"
    return f", {low} to {high}{unit}" if low is not None else f", at most {high}{unit}"


def _name(schema: Schema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _about(schema: Schema) -> str:
    return str(schema.get("description", ""))
