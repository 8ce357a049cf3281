"""What the Schema Registry's REST form takes and answers, under the names that its clients know."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.registry import SubjectVersion

__all__ = [
    "Compatible",
    "Level",
    "Mode",
    "Place",
    "RegistryProblem",
    "SchemaId",
    "SchemaOfId",
    "SchemaText",
    "VersionOfSubject",
]


class RegistryProblem(BaseModel):
    """How the registry refuses: the first three digits of the code are the HTTP status."""

    error_code: int
    message: str


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class SchemaText(_Value):
    """A schema that a client sends. What else it sends is not looked at."""

    schema_: Annotated[str, Field(alias="schema", max_length=100_000)]
    schemaType: Literal["AVRO"] = "AVRO"  # noqa: N815 - the registry's name


class SchemaOfId(_Value):
    schema_: Annotated[str, Field(serialization_alias="schema")]
    subject: str
    version: int
    id: int


class VersionOfSubject(_Value):
    """A schema under its subject."""

    subject: str
    version: int
    id: int
    schema_: Annotated[str, Field(serialization_alias="schema")]
    schemaType: Literal["AVRO"] = "AVRO"  # noqa: N815 - the registry's name

    @classmethod
    def of(cls, found: SubjectVersion) -> VersionOfSubject:
        return cls(subject=found.subject, version=found.version, id=found.id, schema_=found.schema)


class Place(_Value):
    subject: str
    version: int


class SchemaId(_Value):
    id: int


class Level(_Value):
    compatibilityLevel: str  # noqa: N815 - the registry's name


class Mode(_Value):
    mode: Literal["READONLY"] = "READONLY"


class Compatible(_Value):
    is_compatible: bool
    messages: list[str] | None = None
