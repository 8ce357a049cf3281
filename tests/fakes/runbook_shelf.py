"""Runbooks, and incidents told in other words than theirs: what a retrieval by likeness is judged by.

Two shelves, written before anything was measured. What is chosen is chosen on the first and judged on the second.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.investigation.memory import request_for
from schemas.control import Runbook
from schemas.events.incident import Incident
from tests.fakes.incident_data import healthy

__all__ = ["CHOSEN_ON", "JUDGED_ON", "Shelf", "Told"]

_REQUEST = request_for(healthy())


@dataclass(frozen=True, slots=True)
class Told:
    """What an alarm says, and the runbook that is about it; empty: none of the shelf is."""

    service: str
    alarm: str
    summary: str
    about: str = ""

    def incident(self) -> Incident:
        base = _REQUEST.incident
        alarm = base.alarms[0].model_copy(
            update={"name": self.alarm, "service": self.service, "indicator": "", "summary": self.summary}
        )
        return base.model_copy(
            update={
                "title": f"{self.alarm} on {self.service}",
                "services": (self.service,),
                "alarms": (alarm,),
            }
        )


@dataclass(frozen=True, slots=True)
class Shelf:
    books: tuple[Runbook, ...]
    told: tuple[Told, ...]


def _books(**texts: tuple[str, str]) -> tuple[Runbook, ...]:
    return tuple(
        Runbook(runbook_id=name, tenant="local", title=title, body=body)
        for name, (title, body) in texts.items()
    )


CHOSEN_ON = Shelf(
    books=_books(
        pool=(
            "Connection pool exhausted",
            "Requests hang until the database gives them one. Look for open transactions, end idle sessions, raise the limit.",
        ),
        disk=(
            "Disk is full",
            "Nothing can be written any more. Find the largest folders, rotate and compress old logs, grow the volume.",
        ),
        memory=(
            "Memory leak",
            "The heap grows until the process is killed. Take a dump, restart one by one, compare with the last release.",
        ),
        certificate=(
            "Renew a certificate",
            "Handshakes fail when it has run out. Ask the authority for a new one and reload the ingress.",
        ),
        lag=(
            "Consumer lag is growing",
            "The group does not keep up with the topic. Add workers; look for a message that is tried again and again.",
        ),
        dns=(
            "DNS does not resolve",
            "Names of hosts are not found. Check the resolver's pods and the upstream name servers.",
        ),
        deploy=(
            "Roll a release back",
            "Errors that began with a deployment: go back to the version before, then look at the difference.",
        ),
        cache=(
            "Cache is cold",
            "After a flush every request goes to the database. Warm the most wanted keys and limit the misses.",
        ),
        replica=(
            "Replica is behind",
            "Reads are stale. Look for long statements on the primary and for a saturated network between the two.",
        ),
        throttling=(
            "CPU throttling",
            "The container has used up its quota of processor time. Raise its limit or add replicas.",
        ),
        payments=(
            "Card processor is down",
            "Authorisations are declined by the bank's gateway. Switch to the second acquirer and tell the shop.",
        ),
        mail=(
            "Mails are not delivered",
            "The relay refuses our messages. Check the sender's reputation and the queue of the mail server.",
        ),
    ),
    told=(
        Told("orders", "PostgresErrors", "FATAL: sorry, too many clients already", "pool"),
        Told("checkout", "SlowRequests", "timed out waiting for a free database connection", "pool"),
        Told("ledger", "NodeFilesystem", "no space left on device", "disk"),
        Told("images", "StorageAlmostUsedUp", "97 % of the storage of this host is in use", "disk"),
        Told("search", "OOMKilled", "container was terminated because it ran out of RAM", "memory"),
        Told(
            "catalog", "JvmGarbageCollection", "old generation keeps growing after each collection", "memory"
        ),
        Told("edge", "TLSExpiry", "SSL cert expires in two days", "certificate"),
        Told("gateway", "X509Errors", "x509: not valid after yesterday", "certificate"),
        Told("billing", "KafkaBacklog", "messages wait unread in the queue for 20 minutes", "lag"),
        Told("events", "OffsetsBehind", "subscriber is 2 million offsets behind the producer", "lag"),
        Told("web", "LookupErrors", "getaddrinfo: temporary failure in hostname lookup", "dns"),
        Told("search", "NxDomain", "unknown domain for internal addresses", "dns"),
        Told("frontend", "HighErrorRate", "more 500s since the rollout of build 812", "deploy"),
        Told("cart", "NewVersionFailing", "canary fails after upgrade", "deploy"),
        Told("catalog", "RedisHitRatio", "hit ratio of redis fell from 98 % to 3 %", "cache"),
        Told("reports", "ReplicationDelay", "standby lags its master by 340 seconds", "replica"),
        Told("pricing", "CfsPeriods", "61 % of the cpu periods were throttled", "throttling"),
        Told("payment", "VisaRejected", "credit cards are refused by the provider", "payments"),
        Told("newsletter", "SmtpBounce", "smtp 550: e-mail rejected", "mail"),
        Told("auth", "LoginFailures", "users type wrong passwords"),
        Told("robots", "ArmStuck", "gripper reports torque over the threshold"),
        Told("weather", "StationSilent", "no humidity readings from the field for an hour"),
        Told("video", "BitrateLow", "viewers see blurred pictures"),
        Told("fleet", "TruckLate", "vehicle 12 is late at the depot"),
        Told("licences", "SeatsUsed", "all seats of the editor are taken"),
        Told("office", "PrinterJam", "paper is stuck in tray two"),
    ),
)

JUDGED_ON = Shelf(
    books=_books(
        threads=(
            "Thread pool saturated",
            "All workers are busy and requests queue up. Look at what they wait for with a thread dump; add instances.",
        ),
        locks=(
            "Deadlocks in the database",
            "Transactions block one another. Find the blocking session, end it, and order the updates the same way.",
        ),
        index=(
            "Slow queries",
            "A statement reads the whole table. Explain its plan, add the missing index, refresh the statistics.",
        ),
        ratelimit=(
            "We are rate limited by a third party",
            "The provider answers 429. Slow down, spread the calls, ask for a larger quota.",
        ),
        election=(
            "No leader in the cluster",
            "The members cannot agree on one. Check that a majority is up and reach each other; restore the quorum.",
        ),
        clock=(
            "Clocks are apart",
            "Tokens are not valid yet or too old. Check the time synchronisation of the hosts.",
        ),
        secrets=(
            "Rotate a leaked password",
            "Credentials were seen by others. Make new ones, hand them to the services, revoke the old.",
        ),
        flood=(
            "Sudden flood of traffic",
            "Many times as many visitors as usual. Scale out, shed load at the edge, look for bots.",
        ),
        packets=(
            "Packets are lost",
            "Retransmissions between two zones. Ask the network team for the state of the link, move the load away.",
        ),
        backup=(
            "Backup has failed",
            "The nightly copy was not written. Start it again by hand and check that it can be restored.",
        ),
        crashloop=(
            "Pod restarts again and again",
            "It ends soon after its start. Read the log of the last run; check its configuration and its probes.",
        ),
        upload=(
            "Object storage refuses uploads",
            "Files cannot be put into the bucket. Check its policy, its quota and our access keys.",
        ),
    ),
    told=(
        Told("checkout", "TomcatBusy", "executor has no idle threads left", "threads"),
        Told("api", "RequestsQueued", "every worker is occupied, backlog of the server grows", "threads"),
        Told("orders", "LockWaits", "could not obtain lock on row, transaction aborted", "locks"),
        Told("stock", "InnodbErrors", "deadlock found when trying to get lock", "locks"),
        Told("reports", "SqlDuration", "select on invoices takes 40 s, sequential scan", "index"),
        Told("search", "DatabaseLatency", "queries of mysql are slow since the import", "index"),
        Told("geo", "TooManyRequests", "maps vendor throttles us: HTTP 429", "ratelimit"),
        Told("sms", "QuotaExceeded", "daily API allowance of the partner is used up", "ratelimit"),
        Told("etcd", "NoMaster", "raft: lost its master, votes do not reach a majority", "election"),
        Told("auth", "NtpDrift", "host time is off by 94 seconds", "clock"),
        Told("login", "JwtRejected", "token used before issued: time skew", "clock"),
        Told("ci", "SecretExposed", "api key found in a public repository", "secrets"),
        Told("frontend", "TrafficSpike", "requests per second rose tenfold within minutes", "flood"),
        Told("shop", "DdosSuspected", "crawlers hammer the website", "flood"),
        Told("mesh", "TcpRetransmits", "8 % of the segments are sent twice, network is lossy", "packets"),
        Told("vault", "SnapshotMissing", "last night's dump of the database is missing", "backup"),
        Told("cart", "CrashLoopBackOff", "container exits right after starting, 14 restarts", "crashloop"),
        Told("media", "S3PutDenied", "AccessDenied on writing objects to s3", "upload"),
        Told("kitchen", "FreezerWarm", "temperature of freezer 3 is above -10"),
        Told("hr", "BadgeUnknown", "a visitor's badge was not recognised at the door"),
        Told("lab", "PumpPressure", "pressure of the vacuum pump is rising"),
        Told("music", "RoyaltyMismatch", "statements of two labels differ by 4 cents"),
        Told("fleet", "TyrePressure", "left rear tyre of bus 7 is flat"),
        Told("garden", "SoilDry", "beds need water"),
        Told("legal", "ContractEnds", "a lease ends next month"),
    ),
)
