"""Masking through the gateway over real HTTP: what the other side of the wire saw, and what the caller got back.

Shown: the listed kinds do not leave, in body or headers, and the answer's placeholders are resolved. Not shown: that
every secret in the world has one of these forms.
"""

from __future__ import annotations

import json

from agents.llm.journal import InMemoryJournal
from agents.llm.outcomes import Answered
from tests.fakes.llm import REPORT, provider_config, running_gateway, writer_call
from tests.fakes.openai_server import ModelText, Recorded, Status, start_openai_server, structured

KEY = '-----BEGIN RSA PRIVATE KEY-----\nMIIEow"quoted"\nIBAAKCAQEA+/=\n-----END RSA PRIVATE KEY-----'
SECRETS = {
    "mail": "alice.w@example.org",
    "v4": "10.20.30.41",
    "v6": "2001:db8::8a2e:370:7334",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "openai": "sk-proj-abcdefghij0123456789ABCD",
    "card": "4111 1111 1111 1111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "phone": "+49 170 1234567",
    "password": "hunter2-and-more",
    "url": "s3cr3t:pw",
    "pem": KEY,
}
PROMPT = (
    "user {mail} from {v4} and [{v6}]:443 sent Authorization: Bearer {jwt}; keys {aws} {openai}; paid with {card} to {iban}; "
    'call {phone}; db_password="{password}"; dsn postgres://shop:{url}@db/shop\n{pem}\n'
    "checkout.latency_p99 rose, see <EMAIL_1>"
).format(**SECRETS)


async def test_no_secret_reaches_the_wire() -> None:
    with start_openai_server([structured(REPORT)]) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            outcome = await bench.ask(writer_call(PROMPT))
        sent = server.requests[0]
    wire = sent.raw.decode() + json.dumps(dict(sent.headers))
    wire += "".join(message["content"] for message in sent.body["messages"])
    assert {name for name, value in SECRETS.items() if value in wire} == set()
    assert "checkout.latency_p99" in wire
    assert isinstance(outcome, Answered)
    assert outcome.masked_values >= len(SECRETS)


async def test_what_the_model_says_of_a_placeholder_comes_back_as_the_value() -> None:
    def echo(request: Recorded) -> ModelText:
        said = request.body["messages"][1]["content"]
        return structured({**REPORT, "summary": said})

    with start_openai_server(echo) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            outcome = await bench.ask(writer_call(PROMPT))
    assert isinstance(outcome, Answered)
    assert outcome.value.summary == PROMPT
    assert (outcome.invented_placeholders, outcome.broken_placeholders) == (0, 0)


async def test_invented_and_broken_placeholders_stay_and_are_counted() -> None:
    answer = {**REPORT, "headline": "<EMAIL_1> wrote to <EMAIL_77> and email_1"}
    with start_openai_server([structured(answer)]) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            outcome = await bench.ask(writer_call("bob@example.com"))
    assert isinstance(outcome, Answered)
    assert outcome.value.headline == "bob@example.com wrote to <EMAIL_77> and email_1"
    assert (outcome.invented_placeholders, outcome.broken_placeholders) == (1, 1)


async def test_kept_names_go_out_as_they_are() -> None:
    with start_openai_server([structured(REPORT)]) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            await bench.ask(writer_call("10.0.0.5 and 10.0.0.6", keep=frozenset({"10.0.0.5"})))
        content = server.requests[0].body["messages"][1]["content"]
    assert content == "10.0.0.5 and <IPV4_1>"


async def test_a_providers_error_text_is_masked_in_the_ledger() -> None:
    with start_openai_server([Status(401, "key sk-proj-abcdefghij0123456789ABCD is wrong")]) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            await bench.ask(writer_call())
    assert "sk-proj" not in bench.ledger.attempts[0].detail
    assert "<API_KEY_1>" in bench.ledger.attempts[0].detail


async def test_the_journal_holds_no_secret() -> None:
    def echo(request: Recorded) -> ModelText:
        return structured({**REPORT, "summary": request.body["messages"][1]["content"]})

    with start_openai_server(echo) as server:
        journal = InMemoryJournal()
        async with running_gateway([provider_config(server.base_url)], journal=journal) as bench:
            await bench.ask(writer_call(PROMPT))
    kept = "".join(journal._answers.values())
    assert "<EMAIL_1>" in kept
    assert {name for name, value in SECRETS.items() if value in kept} == set()


async def test_a_lone_surrogate_in_a_log_line_does_not_fail_the_call() -> None:
    with start_openai_server([structured(REPORT)]) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            outcome = await bench.ask(writer_call("broken \ud800 line from bob@example.com"))
    assert isinstance(outcome, Answered)
