"""Topics: what flows where, how it is keyed, how long it is kept, and who is behind."""

from __future__ import annotations

from api.http.principal import Reader
from api.http.reads import Reads
from api.http.route import api_router, problems
from api.http.views import Listing, TopicView
from schemas.errors import NotFoundError

__all__ = ["router"]

router = api_router("/topics", "topics")


@router.get("")
async def list_topics(_by: Reader, reads: Reads) -> Listing[TopicView]:
    """List the catalogue, each topic as it is on the broker, with the lag of each group that reads it."""
    return Listing(items=await reads.topics.topics(), next_cursor=None)


@router.get("/{topic}", responses=problems(404))
async def get_topic(topic: str, _by: Reader, reads: Reads) -> TopicView:
    """Return one topic, by its bare name."""
    for one in await reads.topics.topics():
        if one.topic == topic:
            return one
    raise NotFoundError(f"there is no topic {topic}")
