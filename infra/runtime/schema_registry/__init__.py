"""A schema registry outside: Confluent's REST API, as Karapace, Redpanda and Apicurio (`ccompat`) serve it too."""

from infra.runtime.schema_registry.client import RegistryAddress, RegistryClient, open_client
from infra.runtime.schema_registry.enrol import (
    RegistryPolicy,
    missing_subjects,
    open_schema_registry,
    open_schemas_by_id,
)

__all__ = [
    "RegistryAddress",
    "RegistryClient",
    "RegistryPolicy",
    "missing_subjects",
    "open_client",
    "open_schema_registry",
    "open_schemas_by_id",
]
