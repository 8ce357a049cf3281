from __future__ import annotations

from agents.llm.masking import MaskingSession


def test_the_same_value_has_the_same_placeholder_over_several_texts() -> None:
    session = MaskingSession()
    assert session.mask("a@b.de c@d.de") == "<EMAIL_1> <EMAIL_2>"
    assert session.mask("c@d.de e@f.de a@b.de") == "<EMAIL_2> <EMAIL_3> <EMAIL_1>"
    assert session.masked_values == 3


def test_numbering_follows_from_the_text_alone() -> None:
    text = "a@b.de 10.0.0.1 c@d.de"
    assert MaskingSession().mask(text) == MaskingSession().mask(text)


def test_text_that_looks_like_a_placeholder_survives() -> None:
    session = MaskingSession()
    hidden = session.mask("see <EMAIL_1>, mail a@b.de")
    assert hidden == "see <LITERAL_1>, mail <EMAIL_1>"
    assert session.unmask(hidden).value == "see <EMAIL_1>, mail a@b.de"


def test_kept_names_are_not_hidden() -> None:
    session = MaskingSession(keep=frozenset({"mail@shop.internal"}))
    assert session.mask("mail@shop.internal root@shop.internal") == "mail@shop.internal <EMAIL_1>"


def test_unmasking_counts_what_the_model_made_up_or_broke() -> None:
    session = MaskingSession()
    session.mask("a@b.de 10.0.0.1")
    found = session.unmask("<EMAIL_1> <EMAIL_9> <PERSON_1> EMAIL_1 [ipv4-1]")
    assert found.value == "a@b.de <EMAIL_9> <PERSON_1> EMAIL_1 [ipv4-1]"
    assert (found.invented, found.broken) == (2, 2)


def test_unmasking_json_reaches_keys_and_leaves_other_values() -> None:
    session = MaskingSession()
    session.mask("a@b.de")
    found = session.unmask_json({"<EMAIL_1>": ["x <EMAIL_1>", 3, None, True, {"k": "<EMAIL_2>"}]})
    assert found.value == {"a@b.de": ["x a@b.de", 3, None, True, {"k": "<EMAIL_2>"}]}
    assert (found.invented, found.broken) == (1, 0)


def test_a_value_that_would_break_json_text_comes_back_whole() -> None:
    session = MaskingSession()
    secret = 'line\nand "quotes" \\ too'
    hidden = session.mask(f"password='{secret}'")
    assert "quotes" in hidden  # a line break ends an unquoted value; what stands before it is hidden
    found = session.unmask_json({"text": hidden})
    assert found.value == {"text": f"password='{secret}'"}


def test_values_do_not_show_in_the_representation() -> None:
    session = MaskingSession()
    session.mask("a@b.de")
    assert "a@b.de" not in repr(session)
