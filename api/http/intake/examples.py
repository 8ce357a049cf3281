"""One body of each format as a sender would send it, for the OpenAPI document."""

from __future__ import annotations

from typing import Final

__all__ = [
    "ALARM",
    "ALERTMANAGER",
    "CHANGE",
    "CLOUDEVENT",
    "GRAFANA",
    "KPI",
    "LOG",
    "OTLP_LOGS",
    "OTLP_METRICS",
]

_AT: Final = "2026-03-01T11:57:00Z"
_AT_NS: Final = "1772366220000000000"
_NEVER: Final = "0001-01-01T00:00:00Z"

ALARM: Final = {
    "name": "DiskFull",
    "service": "orders",
    "severity": "major",
    "time": _AT,
    "entity": "orders-0",
    "labels": {"mount": "/data"},
    "summary": "98 % used",
}
KPI: Final = {"time": _AT, "service": "cart", "metric": "latency_p95", "value": 0.41, "unit": "s"}
LOG: Final = {"time": _AT, "service": "cart", "severity": "error", "message": "connection pool exhausted"}
CHANGE: Final = {
    "service": "cart",
    "title": "deploy cart 2.3.1",
    "kind": "deploy",
    "version": "2.3.1",
    "author": "jo",
    "time": _AT,
}
CLOUDEVENT: Final = {
    "specversion": "1.0",
    "id": "deploy-4711",
    "source": "https://ci.example.org/pipelines/cart",
    "type": "io.tocsin.change.raw",
    "time": _AT,
    "datacontenttype": "application/json",
    "data": CHANGE,
}
ALERTMANAGER: Final = {
    "version": "4",
    "groupKey": '{}:{alertname="HighErrorRate"}',
    "status": "firing",
    "receiver": "tocsin",
    "groupLabels": {"alertname": "HighErrorRate"},
    "commonLabels": {"alertname": "HighErrorRate"},
    "commonAnnotations": {},
    "externalURL": "http://alertmanager.example.org:9093",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "HighErrorRate", "service": "checkout", "severity": "critical"},
            "annotations": {"summary": "5xx above 5 %"},
            "startsAt": _AT,
            "endsAt": _NEVER,
            "generatorURL": "http://prometheus.example.org:9090/graph",
            "fingerprint": "c6eadffa33fcdf37",
        }
    ],
}
GRAFANA: Final = {
    "receiver": "tocsin",
    "status": "firing",
    "orgId": 1,
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "HighMemory", "service_name": "payments", "severity": "minor"},
            "annotations": {"summary": "payments uses 94 % of its memory"},
            "startsAt": _AT,
            "endsAt": _NEVER,
            "fingerprint": "1a30ba71cca2921f",
            "values": {"B": 94.2},
        }
    ],
}
_RESOURCE: Final = {"attributes": [{"key": "service.name", "value": {"stringValue": "cart"}}]}
OTLP_METRICS: Final = {
    "resourceMetrics": [
        {
            "resource": _RESOURCE,
            "scopeMetrics": [
                {
                    "metrics": [
                        {
                            "name": "process.memory.usage",
                            "unit": "By",
                            "gauge": {"dataPoints": [{"asInt": "104857600", "timeUnixNano": _AT_NS}]},
                        }
                    ]
                }
            ],
        }
    ]
}
OTLP_LOGS: Final = {
    "resourceLogs": [
        {
            "resource": _RESOURCE,
            "scopeLogs": [
                {
                    "logRecords": [
                        {
                            "timeUnixNano": _AT_NS,
                            "severityNumber": 17,
                            "body": {"stringValue": "bank does not answer"},
                        }
                    ]
                }
            ],
        }
    ]
}
