"""Whatever is said on the command line, in the environment and in the contexts: no installation gets another's key."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.cli.key_ring import admin_key_file
from infra.cli.remote.contexts import Context, ContextBook, read_book, write_book
from infra.cli.remote.place import Asked, Endpoint, elsewhere
from infra.runtime.settings import Settings
from schemas.errors import TocsinError

URLS = st.sampled_from(["", "https://flag.example", "http://127.0.0.1:1"])
NAMES = st.sampled_from(["", "keyed", "bare", "local", "unknown"])
KEYS = st.sampled_from(["", "the-flags"])
VARIABLES = st.fixed_dictionaries(
    {},
    optional={
        "TOCSIN_URL": st.sampled_from(["https://env.example", "http://localhost:1"]),
        "TOCSIN_CONTEXT": st.sampled_from(["keyed", "bare", "local"]),
        "TOCSIN_API_KEY": st.just("the-environments"),
        "TOCSIN_DATA_DIR": st.just("/env"),
    },
)
OWN = {"https://keyed.example": "the-contexts"}


def found(folder: Path, asked: Asked, current: str, environ: dict[str, str]) -> Endpoint | None:
    """Resolve beside a data folder with an admin's key, and a context whose key is in a file."""
    (folder / "key").write_text("the-contexts")
    settings = Settings(data_dir=folder)
    path = admin_key_file(folder)
    path.parent.mkdir(exist_ok=True)
    path.write_text("the-admins")
    keyed = Context(url="https://keyed.example", key_file=folder / "key")
    book = ContextBook(
        contexts={"keyed": keyed, "bare": Context(url="https://bare.example")}, current=current
    )
    return elsewhere(asked, book, environ, settings)


@settings(deadline=None)
@given(
    URLS,
    NAMES,
    KEYS,
    st.sampled_from([None, Path("/flag")]),
    st.sampled_from(["", "keyed", "bare"]),
    VARIABLES,
)
def test_a_key_goes_where_it_is_meant_for(  # noqa: PLR0917 - each is one of the places where something is said
    url: str, context: str, key: str, data: Path | None, current: str, environ: dict[str, str]
) -> None:
    given_data = data or (Path(environ["TOCSIN_DATA_DIR"]) if "TOCSIN_DATA_DIR" in environ else None)
    asked = Asked(
        context=context or environ.get("TOCSIN_CONTEXT", ""),
        url=url or environ.get("TOCSIN_URL", ""),
        key=key or environ.get("TOCSIN_API_KEY", ""),
        data=given_data,
    )
    with TemporaryDirectory() as folder, suppress(TocsinError):
        endpoint = found(Path(folder), asked, current, environ)
        if endpoint is None:
            assert not url
            return
        if key:
            assert endpoint.key == key
        elif endpoint.url in OWN:
            assert endpoint.key == OWN[endpoint.url]
        else:
            assert endpoint.key in {"the-environments", "the-admins"}
        if endpoint.key == "the-contexts":
            assert endpoint.url in OWN
        if endpoint.key == "the-admins":
            assert endpoint.url.startswith(("http://127.0.0.1", "http://localhost"))
        assert not url or endpoint.url == url


@settings(deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True).filter(
            lambda name: name != "local"
        ),
        st.sampled_from(
            [Context(url="https://a"), Context(url="http://b:1", keyring=True, ca_file=Path("/ca"))]
        ),
        max_size=5,
    )
)
def test_what_is_written_is_read(contexts: dict[str, Context]) -> None:
    book = ContextBook(contexts=contexts, current=next(iter(contexts), ""))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tocsin" / "contexts.json"
        write_book(path, book)
        assert read_book(path) == book
