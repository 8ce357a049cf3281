"""What the settings say of detection is what the role goes by."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from infra.cli.compose.detect import detect_rules
from infra.runtime.settings import DetectSection
from streams.detect.settings import DetectRules, Method


def test_whoever_sets_nothing_has_the_rules_as_they_are() -> None:
    assert detect_rules(DetectSection()) == DetectRules()
    assert DetectRules().method is Method.CHANGES


def test_every_method_can_be_chosen_and_no_other() -> None:
    assert set(get_args(DetectSection.model_fields["method"].annotation)) == {one.value for one in Method}
    assert detect_rules(DetectSection(method="records")).method is Method.RECORDS
    with pytest.raises(ValidationError):
        DetectSection.model_validate({"method": "guesses"})
