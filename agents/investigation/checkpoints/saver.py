"""What Tocsin asks of a checkpointer beyond LangGraph's interface: errors that are ours, and forgetting."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)

__all__ = ["StoredCheckpoints", "uuid6_floor"]

# 100 ns intervals between the Gregorian reform, where UUID time begins, and the Unix epoch (RFC 9562, section 5.1).
_UUID_EPOCH = 0x01B21DD213814000


class StoredCheckpoints(BaseCheckpointSaver[str], ABC):
    """Put before one of LangGraph's savers: each call raises that saver's errors as ours.

    UnavailableError where the database does not answer, so that the investigation is tried again; IntegrityError where
    it refuses what is to be kept, so that it is not.
    """

    @abstractmethod
    def _errors(self) -> AbstractContextManager[None]:
        """Turn the driver's errors into ours."""

    @abstractmethod
    async def forget_before(self, before: datetime) -> int:
        """Forget investigations whose last checkpoint is older; return how many checkpoints went."""

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        with self._errors():
            return await super().aget_tuple(config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        with self._errors():
            async for one in super().alist(config, filter=filter, before=before, limit=limit):
                yield one

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        with self._errors():
            return await super().aput(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        with self._errors():
            await super().aput_writes(config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        with self._errors():
            await super().adelete_thread(thread_id)


def uuid6_floor(at: datetime) -> str:
    """Return the smallest checkpoint id of that moment: they are UUIDv6, whose text sorts by time."""
    ticks = round(at.astimezone(UTC).timestamp() * 10_000_000) + _UUID_EPOCH
    digits = f"{ticks:015x}"
    return f"{digits[:8]}-{digits[8:12]}-6{digits[12:]}-0000-000000000000"
