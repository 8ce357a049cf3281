"""What a command's exit status says; documented in docs/reference/cli."""

from __future__ import annotations

from enum import IntEnum

from schemas.errors import (
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
    RetryableError,
    TocsinError,
)

__all__ = ["ExitCode", "exit_code_of"]


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1
    """A defect, or an error of no other kind."""
    USAGE = 2
    """A wrong option or argument."""
    UNAVAILABLE = 3
    """A service does not answer; trying again may help."""
    NOT_FOUND = 4
    CONFIGURATION = 5
    NEGATIVE = 6
    """The command worked, and its answer is no: something was lost, the wrong cause came first, a check failed."""
    INTERRUPTED = 130


def exit_code_of(error: TocsinError) -> ExitCode:
    """Return the status that a command ends with after this error."""
    match error:
        case RetryableError():
            return ExitCode.UNAVAILABLE
        case NotFoundError():
            return ExitCode.NOT_FOUND
        case InvalidRequestError():
            return ExitCode.USAGE
        case ConfigurationError():
            return ExitCode.CONFIGURATION
        case _:
            return ExitCode.FAILED
