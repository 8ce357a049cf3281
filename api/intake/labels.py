"""What labels say: the service, the instance, the host, how bad it is; and how many and how long they may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from api.intake.limits import Limits
from api.intake.refusal import ItemError, ItemReason
from schemas.events import Severity

__all__ = ["UNKNOWN", "called_service", "check_labels", "entity_of", "host_of", "service_of", "severity_of"]

UNKNOWN: Final = "unknown"
"""The service of what does not name one: it is kept all the same."""

_NAME: Final = 256
_SERVICE: Final = (
    "service",
    "service_name",
    "service.name",
    "app",
    "app_kubernetes_io_name",
    "app.kubernetes.io/name",
    "application",
    "deployment",
    "statefulset",
    "daemonset",
    "k8s.deployment.name",
    "container",
    "job",
)
"""In order of precedence: what teams name themselves before what an orchestrator or a scrape names."""
_SERVICE_GRAPH: Final = "traces_service_graph_"
_ENTITY: Final = ("pod", "k8s.pod.name", "service.instance.id", "instance", "device")
_HOST: Final = ("node", "host", "hostname", "nodename", "kubernetes_node", "k8s.node.name", "host.name")
_SEVERITY: Final = ("severity", "level", "priority")

_SEVERITIES: Final[Mapping[str, Severity]] = {
    **dict.fromkeys(
        ("critical", "crit", "page", "fatal", "emergency", "disaster", "alert", "p0", "p1", "sev0", "sev1"),
        Severity.CRITICAL,
    ),
    **dict.fromkeys(("major", "error", "err", "high", "p2", "sev2"), Severity.MAJOR),
    **dict.fromkeys(("minor", "medium", "average", "p3", "sev3"), Severity.MINOR),
    **dict.fromkeys(
        ("warning", "warn", "low", "info", "informational", "notice", "none", "p4", "p5", "sev4", "sev5"),
        Severity.WARNING,
    ),
}


def service_of(labels: Mapping[str, str]) -> str:
    """Return the service that the labels name, by the precedence above, at most 256 characters; else `unknown`."""
    return _first(labels, _SERVICE)[:_NAME] or UNKNOWN


def called_service(metric: str, labels: Mapping[str, str]) -> str:
    """Return whom a service-graph metric is about: the one called, not what counted its calls. Empty for other metrics.

    The names are those of the OpenTelemetry Collector's `servicegraph` connector and of Grafana Tempo.
    """
    return labels.get("server", "")[:_NAME] if metric.startswith(_SERVICE_GRAPH) else ""


def entity_of(labels: Mapping[str, str]) -> str:
    """Return the pod, instance or device; empty where none is named."""
    return _first(labels, _ENTITY)


def host_of(labels: Mapping[str, str]) -> str:
    """Return the machine; empty where none is named."""
    return _first(labels, _HOST)


def severity_of(labels: Mapping[str, str]) -> Severity:
    """Fold what monitoring systems call severities into those of ITU-T X.733; unknown or missing is major."""
    return _SEVERITIES.get(_first(labels, _SEVERITY).strip().lower(), Severity.MAJOR)


def _first(labels: Mapping[str, str], names: Sequence[str]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")


def check_labels(labels: Mapping[str, str], limits: Limits, *, pointer: str = "/labels") -> None:
    """Raise ItemError: TOO_MANY_LABELS, LABEL_TOO_LONG, naming the limit and the value."""
    if len(labels) > limits.labels:
        raise ItemError(
            ItemReason.TOO_MANY_LABELS, f"{len(labels)} labels, more than {limits.labels}", pointer=pointer
        )
    for name, value in labels.items():
        _check_length(name, "name", name, limits.label_name, pointer)
        _check_length(name, "value", value, limits.label_value, pointer)
    together = sum(len(name) + len(value) for name, value in labels.items())
    if together > limits.label_text:
        raise ItemError(
            ItemReason.LABEL_TOO_LONG,
            f"the labels have {together} characters together, more than {limits.label_text}",
            pointer=pointer,
        )


def _check_length(name: str, part: str, text: str, most: int, pointer: str) -> None:
    if len(text) > most:
        raise ItemError(
            ItemReason.LABEL_TOO_LONG,
            f"the {part} of label {name[:40]!r} has {len(text)} characters, more than {most}",
            pointer=pointer,
        )
