"""Queries of Prometheus that panels are made of, by metrics of the catalogue."""

from __future__ import annotations

from infra.deploy.grafana_model import Prom
from schemas.metrics import Metric

__all__ = ["quantile", "rate", "total"]


def rate(metric: Metric, by: str, where: str = "") -> Prom:
    legend = " ".join(f"{{{{{label}}}}}" for label in by.split(", "))
    return Prom(f"sum by ({by}) (rate({metric.name}{where}[$__rate_interval]))", legend)


def total(metric: Metric) -> Prom:
    return Prom(f"sum({metric.name})")


def quantile(metric: Metric, share: float, by: str = "") -> Prom:
    labels = f"{by}, le" if by else "le"
    series = f"sum by ({labels}) (rate({metric.name}_bucket[$__rate_interval]))"
    name = f"p{share * 100:g}"
    return Prom(f"histogram_quantile({share:g}, {series})", f"{{{{{by}}}}} {name}" if by else name)
