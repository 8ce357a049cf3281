from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Callable
from urllib.parse import urlencode

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from infra.local.clickhouse_front.access import check_access
from infra.local.clickhouse_front.compression import choose_encoding, compressor, decompress
from infra.local.clickhouse_front.errors import ClickHouseError, http_status
from infra.local.clickhouse_front.forms import parse_form
from infra.local.clickhouse_front.requests import (
    Credentials,
    Query,
    RawRequest,
    parse_credentials,
    parse_query,
)
from infra.local.clickhouse_front.statements import Insertion, Statement, parse_statement

ENCODINGS = ("gzip", "deflate", "lz4", "zstd")


def request(
    body: bytes = b"", *, method: str = "POST", headers: dict[str, str] | None = None, **params: str
) -> RawRequest:
    return RawRequest(method=method, query_string=urlencode(params), headers=headers or {}, body=body)


def parse(body: bytes = b"", **params: str) -> Query:
    return parse_query(RawRequest("POST", urlencode(params), {}, body))


def code_of(work: Callable[[], object]) -> int:
    """The code it is refused with, or 0."""
    try:
        work()
    except ClickHouseError as error:
        return error.code
    return 0


def plain(sql: bytes) -> Statement:
    statement = parse_statement(sql)
    assert isinstance(statement, Statement)
    return statement


def insertion(sql: bytes) -> Insertion:
    statement = parse_statement(sql)
    assert isinstance(statement, Insertion)
    return statement


def multipart(*fields: tuple[str, str], boundary: str = "b0undary", filename: str = "") -> bytes:
    extra = f'; filename="{filename}"' if filename else ""
    parts = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n{value}\r\n'
        for name, value in fields
    )
    return f"{parts}--{boundary}--\r\n".encode()


class TestStatements:
    @pytest.mark.parametrize(
        ("sql", "verb"),
        [
            (b"select 1", "SELECT"),
            (b"  -- why\n /* and */ (SELECT 1)", "SELECT"),
            (b"with 1 as a select a", "WITH"),
            (b"CREATE TABLE t (a Int8) ENGINE = Memory;", "CREATE"),
            (b"insert into t values (1), (2)", "INSERT"),
            (b"INSERT INTO t SELECT 1 FORMAT CSV", "INSERT"),
        ],
    )
    def test_the_verb_is_the_first_word(self, sql: bytes, verb: str) -> None:
        assert plain(sql).verb == verb

    @pytest.mark.parametrize(
        ("sql", "output"),
        [
            (b"SELECT 1 FORMAT JSON", "JSON"),
            (b"SELECT 1\n format Native ;", "Native"),
            (b"SELECT 1 FORMAT CSV SETTINGS max_threads = 1", "CSV"),
            (b"SELECT 1 FORMAT CSV -- thanks", "CSV"),
            (b"SELECT 'FORMAT JSON'", None),
            (b"SELECT 1 -- FORMAT JSON", None),
            (b"SELECT format FROM t", None),
            (b"SELECT * FROM (SELECT 1 FORMAT JSON)", None),
            (b"SELECT $$ FORMAT JSON $$", None),
            (b"SELECT `FORMAT` JSON", None),
        ],
    )
    def test_the_format_clause(self, sql: bytes, output: str | None) -> None:
        assert plain(sql).format == output

    def test_insert_data_starts_behind_the_format(self) -> None:
        found = insertion(b"INSERT INTO db.t (a, format) SETTINGS x = 1 FORMAT CSV\r\n1,2\n")

        assert found == Insertion("INSERT INTO db.t (a, format) ", "SETTINGS x = 1 ", "CSV", b"1,2\n")

    @given(data=st.binary(max_size=200))
    def test_insert_data_is_kept_to_the_byte(self, data: bytes) -> None:
        assert insertion(b"INSERT INTO t FORMAT Native\n" + data).data == data

    @given(literal=st.text(alphabet="ab'\\;`\" -/*\n", max_size=20))
    def test_nothing_inside_a_literal_counts(self, literal: str) -> None:
        escaped = literal.replace("\\", "\\\\").replace("'", "\\'")

        assert plain(f"SELECT '{escaped}' AS a FORMAT CSV".encode()).format == "CSV"

    @given(sql=st.binary(max_size=60))
    def test_any_bytes_parse_or_are_refused(self, sql: bytes) -> None:
        assert code_of(lambda: parse_statement(sql)) in {0, 48, 62}

    @pytest.mark.parametrize("sql", [b"", b"  ", b"-- nothing", b";"])
    def test_nothing_to_run_is_refused(self, sql: bytes) -> None:
        with pytest.raises(ClickHouseError, match="Empty query"):
            parse_statement(sql)

    def test_one_statement_at_a_time(self) -> None:
        with pytest.raises(ClickHouseError, match="Multi-statements"):
            parse_statement(b"SELECT 1; DROP TABLE t")
        assert plain(b"SELECT ';' ;;").verb == "SELECT"

    @pytest.mark.parametrize(
        "sql",
        [
            b"CREATE TABLE k (a Int8) ENGINE = Kafka('b:9092', 't', 'g', 'CSV')",
            b"create table k (a Int8) engine=kafka settings kafka_format = 'CSV'",
            b"ATTACH TABLE k (a Int8) ENGINE Kafka",
            b"CREATE TABLE k (a Int8) ENGINE /* sly */ = `Kafka`('b', 't', 'g', 'CSV')",
            b'CREATE TABLE k (a Int8) ENGINE = "Kafka"()',
            b"CREATE OR REPLACE TEMPORARY TABLE t (a Int8)",
            b"CREATE TEMPORARY TABLE t (a Int8)",
        ],
    )
    def test_what_would_harm_or_get_lost_is_refused(self, sql: bytes) -> None:
        with pytest.raises(ClickHouseError) as caught:
            parse_statement(sql)
        assert caught.value.code == 48
        assert http_status(caught.value.code) == 501

    @pytest.mark.parametrize(
        "sql",
        [
            b"SELECT 'ENGINE = Kafka'",
            b"CREATE TABLE t (engine String, kafka String) ENGINE = MergeTree ORDER BY kafka",
            b"CREATE TABLE kafka (a Int8) ENGINE = Memory COMMENT 'not ENGINE = Kafka'",
        ],
    )
    def test_kafka_as_a_mere_word_is_fine(self, sql: bytes) -> None:
        assert plain(sql).sql == sql


class TestQueries:
    def test_a_query_by_url_by_body_or_begun_in_one_and_ended_in_the_other(self) -> None:
        assert parse(query="SELECT 1").statement == plain(b"SELECT 1")
        assert parse(b"SELECT 1").statement == plain(b"SELECT 1")
        assert parse(b"FROM t", query="SELECT a").statement == plain(b"SELECT a\nFROM t")

    def test_insert_by_url_takes_its_data_from_the_body(self) -> None:
        found = parse(b"\x00\xffdata", query="INSERT INTO t FORMAT RowBinary").statement

        assert found == Insertion("INSERT INTO t ", "", "RowBinary", b"\x00\xffdata")

    def test_values_may_follow_in_the_body(self) -> None:
        assert parse(b"(1)", query="INSERT INTO t VALUES").statement == plain(b"INSERT INTO t VALUES\n(1)")

    @given(
        settings=st.dictionaries(
            st.sampled_from(["max_threads", "log_comment", "insert_deduplication_token"]),
            st.text(max_size=20),
        ),
        parameters=st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.text(max_size=20)),
    )
    def test_settings_and_parameters_come_as_sent(
        self, settings: dict[str, str], parameters: dict[str, str]
    ) -> None:
        params = settings | {f"param_{name}": value for name, value in parameters.items()}

        found = parse(b"SELECT 1", **params, query_id="q", session_id="s", client_protocol_version="54405")

        assert dict(found.settings) == settings
        assert dict(found.parameters) == parameters

    def test_a_setting_that_is_no_name_is_refused(self) -> None:
        with pytest.raises(ClickHouseError) as caught:
            parse(b"SELECT 1", **{"max_threads=1, readonly": "0"})
        assert caught.value.code == 115

    def test_the_rest_of_the_protocol(self) -> None:
        found = parse_query(
            request(
                b"SELECT 1",
                headers={"accept-encoding": "br, gzip", "x-clickhouse-database": "other"},
                enable_http_compression="1",
                wait_end_of_query="1",
                default_format="CSV",
            )
        )

        assert (found.database, found.default_format, found.encoding) == ("other", "CSV", "gzip")
        assert found.buffered
        assert not found.read_only

    def test_compression_is_only_given_when_enabled(self) -> None:
        assert parse_query(request(b"SELECT 1", headers={"accept-encoding": "gzip"})).encoding is None

    def test_get_is_read_only(self) -> None:
        assert parse_query(request(method="GET", query="SELECT 1")).read_only

    @pytest.mark.parametrize(
        "params",
        [{"compress": "1"}, {"decompress": "1"}, {"role": "admin"}],
        ids=lambda params: next(iter(params)),
    )
    def test_what_is_not_supported_says_so(self, params: dict[str, str]) -> None:
        with pytest.raises(ClickHouseError) as caught:
            parse(b"SELECT 1", **params)
        assert caught.value.code == 48

    @pytest.mark.parametrize("sql", [b"SET max_threads = 1", b"USE other"])
    def test_state_of_a_session_is_refused_rather_than_lost(self, sql: bytes) -> None:
        assert parse(sql).statement == plain(sql)
        with pytest.raises(ClickHouseError, match="sessions keep no state"):
            parse(sql, session_id="s")

    @pytest.mark.parametrize("name", ["DataFrame", "ArrowTable", "datastore"])
    def test_formats_that_are_python_objects_are_unknown(self, name: str) -> None:
        with pytest.raises(ClickHouseError) as caught:
            parse(b"SELECT 1", default_format=name)
        assert caught.value.code == 73


class TestForms:
    TYPE = "multipart/form-data; boundary=b0undary"

    def test_query_and_parameters_as_fields(self) -> None:
        body = multipart(("query", "SELECT {a:String}"), ("param_a", "x\r\n--y"))

        found = parse_query(request(body, headers={"content-type": self.TYPE}, param_b="2"))

        assert found.statement == plain(b"SELECT {a:String}")
        assert dict(found.parameters) == {"a": "x\r\n--y", "b": "2"}

    @given(
        fields=st.lists(
            st.tuples(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(max_size=30)), max_size=4
        )
    )
    def test_fields_come_back_as_sent(self, fields: list[tuple[str, str]]) -> None:
        assert parse_form(self.TYPE, multipart(*fields)) == fields

    def test_external_data_is_refused(self) -> None:
        with pytest.raises(ClickHouseError, match="external data") as caught:
            parse_form(self.TYPE, multipart(("ids", "1\n2\n"), filename="ids.tsv"))
        assert caught.value.code == 48

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("multipart/form-data", multipart(("a", "b"))),
            (TYPE, b"--b0undary\r\nContent-Disposition: form-data; name=a\r\n\r\ncut"),
            (TYPE, b"--b0undary\r\n\r\nno name\r\n--b0undary--\r\n"),
            (TYPE, b'--b0undary\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--b0undary--\r\n'),
            (TYPE, b""),
        ],
        ids=["no boundary", "cut", "no name", "not UTF-8", "empty"],
    )
    def test_a_malformed_form_is_refused(self, content_type: str, body: bytes) -> None:
        with pytest.raises(ClickHouseError) as caught:
            parse_form(content_type, body)
        assert caught.value.code == 36

    def test_curl_calls_sql_urlencoded_and_means_sql(self) -> None:
        raw = request(b"SELECT 1", headers={"content-type": "application/x-www-form-urlencoded"})

        assert parse_query(raw).statement == plain(b"SELECT 1")


class TestCompression:
    @given(pieces=st.lists(st.binary(max_size=300), max_size=5), encoding=st.sampled_from(ENCODINGS))
    def test_there_and_back(self, pieces: list[bytes], encoding: str) -> None:
        packer = compressor(encoding)
        packed = b"".join([packer.compress(piece) for piece in pieces]) + packer.flush()

        assert decompress(packed, encoding) == b"".join(pieces)

    @given(
        frames=st.lists(st.binary(min_size=1, max_size=300), max_size=4), encoding=st.sampled_from(ENCODINGS)
    )
    def test_frames_that_follow_one_another_are_one_body(self, frames: list[bytes], encoding: str) -> None:
        def frame(data: bytes) -> bytes:
            packer = compressor(encoding)
            return packer.compress(data) + packer.flush()

        assert decompress(b"".join(map(frame, frames)), encoding) == b"".join(frames)

    def test_other_peoples_encoders(self) -> None:
        data = b"SELECT 1" * 100

        assert decompress(gzip.compress(data) + gzip.compress(data), "gzip") == data * 2
        assert decompress(zlib.compress(data), "deflate") == data
        assert decompress(lz4.frame.compress(data), "lz4") == data
        assert decompress(zstandard.ZstdCompressor().compress(data), "ZSTD") == data
        assert decompress(data, "identity") == data

    @given(body=st.binary(min_size=1, max_size=100), encoding=st.sampled_from(ENCODINGS))
    def test_a_body_that_is_not_what_it_says_is_refused_by_code(self, body: bytes, encoding: str) -> None:
        assert code_of(lambda: decompress(body, encoding)) in {0, 271}

    @pytest.mark.parametrize("encoding", ENCODINGS)
    def test_a_cut_body_is_refused(self, encoding: str) -> None:
        packer = compressor(encoding)
        packed = packer.compress(bytes(range(256)) * 50) + packer.flush()

        with pytest.raises(ClickHouseError, match="271"):
            decompress(packed[: len(packed) // 2], encoding)

    def test_an_unknown_coding_is_refused(self) -> None:
        with pytest.raises(ClickHouseError, match="89"):
            decompress(b"x", "br")

    @pytest.mark.parametrize(
        ("accepted", "chosen"),
        [
            ("lz4,zstd,br,gzip,deflate", "lz4"),
            ("gzip;q=0.5, zstd;q=0", "gzip"),
            ("br", None),
            ("", None),
            ("GZIP", "gzip"),
        ],
    )
    def test_the_cheapest_accepted_coding(self, accepted: str, chosen: str | None) -> None:
        assert choose_encoding(accepted) == chosen


class TestAccess:
    def test_where_credentials_are_looked_for(self) -> None:
        basic = "Basic " + base64.b64encode("ann:a:b\u00e9".encode()).decode()

        assert parse_credentials(request(headers={"authorization": basic})) == Credentials("ann", "a:b\u00e9")
        assert parse_credentials(request(user="u", password="p")) == Credentials("u", "p")
        assert parse_credentials(
            request(
                headers={"x-clickhouse-user": "h", "x-clickhouse-key": "k", "authorization": basic}, user="u"
            )
        ) == Credentials("h", "k")
        assert parse_credentials(request()) == Credentials("default", "")

    @pytest.mark.parametrize("header", ["Bearer abc", "Basic ###", "Basic", "Basic " + "/w=="])
    def test_an_unreadable_authorization_is_refused(self, header: str) -> None:
        with pytest.raises(ClickHouseError) as caught:
            parse_credentials(request(headers={"authorization": header}))
        assert caught.value.code == 516

    @given(asked=st.builds(Credentials, st.text(max_size=5), st.text(max_size=5)))
    def test_only_the_one_pair_is_let_in(self, asked: Credentials) -> None:
        allowed = Credentials("ann", "secr\u00e9t")
        check_access(allowed, allowed)
        check_access(asked, None)
        if asked != allowed:
            with pytest.raises(ClickHouseError, match="516"):
                check_access(asked, allowed)


class TestErrors:
    def test_the_engines_code_is_found_behind_what_python_says(self) -> None:
        error = ClickHouseError.from_engine(
            "Streaming query failed: Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)"
        )

        assert (error.code, str(error)) == (60, "Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)")

    def test_a_failure_without_a_code(self) -> None:
        assert ClickHouseError.from_engine("out of luck").code == 1002

    @pytest.mark.parametrize(
        ("code", "status"),
        [
            (60, 404),
            (62, 400),
            (48, 501),
            (516, 403),
            (194, 401),
            (229, 413),
            (202, 503),
            (159, 408),
            (241, 500),
        ],
    )
    def test_the_status_of_a_code(self, code: int, status: int) -> None:
        assert http_status(code) == status
