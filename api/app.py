"""The application: the layers around every request, and one list of routers."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware

from api.http import (
    alarms,
    costs,
    evidence,
    feedback,
    health,
    incidents,
    investigation_events,
    investigations,
    questions,
    reports,
    schema_registry,
    topics,
)
from api.http.answers import HANDLED, answer
from api.http.config import policies, runbooks, silences, tenant, tenants, topology
from api.http.edge import Edge
from api.http.gate import Gate
from api.http.intake import events, otlp, prometheus
from api.http.openapi import install_openapi
from api.http.read_cache import ReadCache
from api.http.readiness import Readiness
from api.intake.counters import CounterBook
from api.options import ApiOptions
from api.ports import Deps

__all__ = ["create_app"]

_ROUTERS: Final[tuple[APIRouter, ...]] = (
    health.router,
    silences.router,
    policies.router,
    topology.router,
    runbooks.router,
    tenant.router,
    tenants.router,
    events.router,
    prometheus.router,
    otlp.router,
    incidents.router,
    investigations.router,
    investigation_events.router,
    feedback.router,
    questions.router,
    evidence.router,
    reports.router,
    alarms.router,
    costs.router,
    topics.router,
    schema_registry.router,
)


def create_app(options: ApiOptions, deps: Deps) -> FastAPI:
    """Return the application. It owns nothing: whoever made `deps` closes them after the last request.

    Call it in the event loop that serves.
    """
    app = FastAPI(
        title="Tocsin",
        version=options.version,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        middleware=_layers(options, deps),
        exception_handlers=dict.fromkeys(HANDLED, answer),
    )
    app.state.deps, app.state.options, app.state.counters = deps, options, CounterBook()
    app.state.readiness = Readiness(
        deps.probes, deps.clock, timeout_s=options.probe_timeout_s, keep_s=options.probe_keep_s
    )
    for router in _ROUTERS:
        app.include_router(router)
    install_openapi(app)
    return app


def _layers(options: ApiOptions, deps: Deps) -> list[Middleware]:
    """The outermost first."""
    kept = [Middleware(ReadCache, deps, options)] if options.read_keep_s else []
    return [Middleware(Edge, deps), Middleware(Gate, deps, options), *kept]


def _operation_id(route: APIRoute) -> str:
    """Name an operation as its function: a change of a path does not rename what clients call."""
    return route.name
