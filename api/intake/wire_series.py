"""The series of a remote write request, read alike from both versions of the message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from google.protobuf.message import DecodeError, Message

from api.intake.proto import remote_write_v1_pb2 as v1
from api.intake.proto import remote_write_v2_pb2 as v2
from api.intake.refusal import ItemError, ItemReason, RefusalKind, RefusedError
from api.intake.units import unit_of_name, unit_of_word

__all__ = ["NAME", "WireSample", "WireSeries", "read_v1", "read_v2"]

NAME: Final = "__name__"
_GROWS: Final = ("_total", "_count", "_sum", "_bucket")
_M = TypeVar("_M", bound=Message)


class WireSample(Protocol):
    """`timestamp` in unix milliseconds."""

    @property
    def value(self) -> float: ...

    @property
    def timestamp(self) -> int: ...


class WireSeries(Protocol):
    """One series as it came."""

    @property
    def samples(self) -> Sequence[WireSample]: ...

    @property
    def histograms(self) -> int:
        """How many native histograms it has."""
        ...

    def labels(self) -> dict[str, str]:
        """Raises ItemError where they cannot be read or the metric has no name."""
        ...

    def unit(self, metric: str) -> str: ...

    def grows(self, metric: str) -> bool:
        """Whether it is a counter."""
        ...

    def raw(self, sample: int | None = None) -> bytes:
        """The series as protobuf: with this sample only, or with all."""
        ...


@dataclass(frozen=True, slots=True)
class _V1:
    message: v1.TimeSeries

    @property
    def samples(self) -> Sequence[WireSample]:
        return self.message.samples

    @property
    def histograms(self) -> int:
        return len(self.message.histograms)

    def labels(self) -> dict[str, str]:
        return _labels((one.name, one.value) for one in self.message.labels)

    def unit(self, metric: str) -> str:
        return unit_of_name(metric)

    def grows(self, metric: str) -> bool:
        return metric.endswith(_GROWS)

    def raw(self, sample: int | None = None) -> bytes:
        if sample is None:
            return self.message.SerializeToString()
        return v1.TimeSeries(
            labels=self.message.labels, samples=[self.message.samples[sample]]
        ).SerializeToString()


_TYPES: Final = v2.Metadata
_COUNTERS: Final = frozenset({_TYPES.METRIC_TYPE_COUNTER})
_UNTOLD: Final = frozenset({_TYPES.METRIC_TYPE_UNSPECIFIED})
_FAMILIES: Final = frozenset({_TYPES.METRIC_TYPE_HISTOGRAM, _TYPES.METRIC_TYPE_SUMMARY})


@dataclass(frozen=True, slots=True)
class _V2:
    message: v2.TimeSeries
    symbols: Sequence[str]

    @property
    def samples(self) -> Sequence[WireSample]:
        return self.message.samples

    @property
    def histograms(self) -> int:
        return len(self.message.histograms)

    def labels(self) -> dict[str, str]:
        references = self.message.labels_refs
        if len(references) % 2:
            raise ItemError(ItemReason.INVALID_VALUE, "a label has no value", pointer="/labels_refs")
        texts = [self._symbol(one) for one in references]
        return _labels(zip(texts[::2], texts[1::2], strict=True))

    def unit(self, metric: str) -> str:
        word = self._symbol(self.message.metadata.unit_ref)
        return unit_of_word(word) if word else unit_of_name(metric)

    def grows(self, metric: str) -> bool:
        """A histogram's and a summary's parts are counters but for the quantiles, which their names tell apart."""
        kind = self.message.metadata.type
        return kind in _COUNTERS or (kind in _UNTOLD | _FAMILIES and metric.endswith(_GROWS))

    def raw(self, sample: int | None = None) -> bytes:
        """As a request of its own, with the texts of its labels; a reference to no text is left as it is."""
        references = list(self.message.labels_refs)
        readable = max(references, default=0) < len(self.symbols)
        series = v2.TimeSeries(
            labels_refs=range(1, len(references) + 1) if readable else references,
            samples=self.message.samples if sample is None else [self.message.samples[sample]],
        )
        texts = ["", *(self.symbols[one] for one in references)] if readable else []
        return v2.Request(symbols=texts, timeseries=[series]).SerializeToString()

    def _symbol(self, reference: int) -> str:
        if reference >= len(self.symbols):
            detail = f"symbol {reference} of {len(self.symbols)}"
            raise ItemError(ItemReason.INVALID_VALUE, detail, pointer="/labels_refs")
        return self.symbols[reference]


def read_v1(body: bytes) -> list[WireSeries]:
    """Raises RefusedError: MALFORMED."""
    return [_V1(one) for one in _decoded(v1.WriteRequest(), body).timeseries]


def read_v2(body: bytes) -> list[WireSeries]:
    """Raises RefusedError: MALFORMED."""
    request = _decoded(v2.Request(), body)
    symbols = tuple(request.symbols)
    if request.timeseries and (not symbols or symbols[0]):
        raise RefusedError(RefusalKind.MALFORMED, "The first symbol is not the empty text.")
    return [_V2(one, symbols) for one in request.timeseries]


def _decoded(message: _M, body: bytes) -> _M:
    try:
        message.ParseFromString(body)
    except DecodeError as error:
        raise RefusedError(
            RefusalKind.MALFORMED, "The body is not the message that it says it is."
        ) from error
    return message


def _labels(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for name, value in pairs:
        if not name or name in labels:
            detail = f"label {name[:40]!r} comes twice" if name else "a label has no name"
            raise ItemError(ItemReason.INVALID_VALUE, detail, pointer="/labels")
        labels[name] = value
    if not labels.get(NAME):
        raise ItemError(ItemReason.MISSING_FIELD, f"the label {NAME} is missing", pointer="/labels")
    return labels
