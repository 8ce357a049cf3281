"""Credentials: API keys, how they are made, kept and proved."""

from infra.runtime.security.api_keys import KEY_FORM, MintedKey, PresentedKey, mint, parse
from infra.runtime.security.authentication import ApiKeys, KeyStore, StoredKey
from infra.runtime.security.pepper import derived, load_pepper

__all__ = [
    "KEY_FORM",
    "ApiKeys",
    "KeyStore",
    "MintedKey",
    "PresentedKey",
    "StoredKey",
    "derived",
    "load_pepper",
    "mint",
    "parse",
]
