"""Attacks on a model that reads data, the places they are written to, and a model that obeys them."""
