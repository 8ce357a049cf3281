"""Words of the field, as people ask with them. No system's own names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from agents.analysis.findings import CauseKind, Source

__all__ = ["KINDS", "PEOPLE", "ROLES", "SILENT", "SOURCES", "TOPICS", "Topic"]


class Topic(StrEnum):
    """What is wanted to be known."""

    SUSPECT = "suspect"
    """Was it this one, and why not."""
    WHY = "why"
    CAUSE = "cause"
    CHANGES = "changes"
    COURSE = "course"
    SURE = "sure"
    NEXT = "next"
    COST = "cost"
    MISSING = "missing"
    CLEARED = "cleared"
    SPREAD = "spread"
    PAST = "past"


TOPICS: Mapping[Topic, re.Pattern[str]] = {
    topic: re.compile(pattern)
    for topic, pattern in {
        Topic.SUSPECT: r"\bwhy (not|isn'?t|wasn'?t)\b|\b(could|can|might|couldn'?t|is|isn'?t|was|wasn'?t) (it|this|that|the)\b"
        r"|\binvolve|\bwhat about\b|\bhow about\b|\bblame|\bguilty|\bresponsible|\bsuspect|\binnocent",
        Topic.WHY: r"\bwhy\b|\bevidence\b|\bproof\b|\bprove|\breasons?\b|\bhow do (you|we) know\b|\bbecause\b|\bshow\b",
        Topic.CAUSE: r"\bcaus(e|es|ed|ing)\b|\bculprit|\bbroke\b|\bbroken\b|\bwent wrong\b|\bwrong\b|\bhappened\b|\bsummar"
        r"|\bexplain",
        Topic.CHANGES: r"\bchang|\bdeploy|\brelease|\brollout|\brolled out\b|\bconfig|\bflags?\b|\bscal(ed|ing)\b|\bversion",
        Topic.COURSE: r"\bwhen\b|\btimeline|(?<!do )(?<!try )(?<!check )(?<!look )\bfirst\b|\bstart|\bbegan\b|\bbegin|\border\b|\bhow long\b|\bsequence|\bearliest",
        Topic.SURE: r"\bsure\b|\bconfiden|\bcertain|\bprobab|\blikel|\btrust",
        Topic.NEXT: r"\bnext\b|\bshould\b|\bfix(ed|es)?\b|\bmitigat|\bremed|\broll(ing)? ?back\b|\brecover|\bto do\b|\bdo now\b"
        r"|\bwhat (can|do|must) (i|we)\b",
        Topic.COST: r"\bcosts?\b|\bspen[dt]|\bprices?\b|\bexpens|\bmoney\b|\btokens?\b|\bdollars?\b|\busd\b|\bcheap",
        Topic.MISSING: r"\bmissing\b|\bgaps?\b|\bblind|\bunavailable\b|\bno data\b|\bunknown\b|\bnot (seen|known)\b|\bunseen\b"
        r"|\bdon'?t (you|we) know\b",
        Topic.CLEARED: r"\bruled? out\b|\bexclud|\bexonerat|\bcleared\b|\belse\b|\bother (causes?|suspects?)\b|\balternativ",
        Topic.SPREAD: r"\baffect|\bimpact|\bblast\b|\bvictims?\b|\bspread|\bdownstream\b|\bupstream\b|\bsymptoms?\b"
        r"|\bwhich services\b|\bdepend",
        Topic.PAST: r"\blast time\b|\bsimilar\b|\bpast\b|\bprevious|\brecur|\bagain\b|\brunbooks?\b|\bhappened before\b(?! *\d)"
        r"|\bseen before\b|\bknown (issue|problem)",
    }.items()
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KINDS: Mapping[CauseKind, frozenset[str]] = {
    CauseKind.CPU: _words("cpu processor processors throttling throttled compute"),
    CauseKind.MEMORY: _words("memory ram heap oom leak leaks gc garbage"),
    CauseKind.DISK: _words("disk disks io iops storage volume filesystem"),
    CauseKind.NETWORK: _words("network packets packet loss dns bandwidth net"),
    CauseKind.LATENCY: _words("latency slow slower slowness duration timeouts response delay delays"),
    CauseKind.ERRORS: _words(
        "error errors exception exceptions failing failures failure failed 5xx 500 stacktrace"
    ),
    CauseKind.SATURATION: _words("pool pools saturation saturated exhausted threads connections backlog"),
    CauseKind.TRAFFIC: _words("traffic load requests rps throughput spike surge"),
}

SOURCES: Mapping[Source, frozenset[str]] = {
    Source.ALARMS: _words("alarm alarms alert alerts page pages"),
    Source.KPIS: _words("metric metrics kpi kpis measurement measurements"),
    Source.LOGS: _words("log logs logged stacktrace trace"),
    Source.TOPOLOGY: _words("topology dependency dependencies calls callers"),
    Source.KNOWLEDGE: _words("runbook runbooks"),
}

_STORES = _words(
    "db database sql postgres postgresql mysql mariadb mongo mongodb oracle cassandra rds dynamodb"
)
_CACHES = _words("cache redis memcached memcache valkey")
_QUEUES = _words("queue broker kafka rabbitmq rabbit mq nats pulsar sqs")
_FRONTS = _words("frontend front web ui gateway proxy ingress nginx envoy")

ROLES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys((*_STORES, "databases", "datastore"), _STORES),
    **dict.fromkeys((*_CACHES, "caches"), _CACHES),
    **dict.fromkeys((*_QUEUES, "queues", "messaging"), _QUEUES),
    **dict.fromkeys((*_FRONTS, "website"), _FRONTS),
}
"""What a service may be called by what it does."""

PEOPLE = _words("users customers clients visitors people")
"""Who is hurt: no service is meant, whatever it is called."""

SILENT = _words(
    "a about after all also am an and any anything are as at be been before being between but by came can could did "
    "do does don't during each ever every everything exactly for from get give given go going got had happen happened happens "
    "has have he her here hers him his how i if in into incident investigation is isn't it it's its just kind know known led "
    "let like list long look make many may maybe me mean might mine more most much must my name named no nor not nothing now "
    "of off ok on once one only or other our out over own part please possible problem problems question really report reported "
    "right said same saw say see seen service services she should show so some someone something still such sure system tell "
    "than that that's the their them then there there's these they thing things think this those though to too under until up "
    "us use used very want was wasn't we well were what what's when where whether which while who whole whom whose why "
    "will with within without would yes yet you your point pointed points answer reason reasons find found issue around "
    "actually instead rather does matter explain explained come comes since utc today behind rise rose risen fall fell fallen grow grew grown increase increased decrease decreased drop dropped high low higher lower bad down server svc app api prod"
)
"""Words that name nothing."""
