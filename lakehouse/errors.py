"""Every exception of the package, in families by who must act."""

from __future__ import annotations

from typing import Any


class LakehouseError(Exception):
    """Something the caller can act on.

    ``message`` says what happened to which named thing; ``hint`` is the next step; ``fields`` are the facts a
    program would want. ``exit_code`` is what the command line returns.
    """

    exit_code = 1
    retryable = False

    def __init__(self, message: str, *, hint: str | None = None, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.fields = fields

    def as_dict(self) -> dict[str, Any]:
        """The error as the JSON document that ``--output json`` prints."""
        return {
            "error": type(self).__name__,
            "message": self.message,
            "hint": self.hint,
            "fields": self.fields,
        }


class ConfigError(LakehouseError):
    """The operator must change a setting or the machine."""


class ContractError(LakehouseError):
    """The author of a declaration must change it."""


class DataError(LakehouseError):
    """The data is not what was declared or asked for; the owner of the data must act."""


class InsufficientDataError(DataError):
    """There is too little data for what was asked; more of the same would do."""


class UsageError(LakehouseError):
    """The command was called with something it does not know."""

    exit_code = 2


class DriftError(LakehouseError):
    """Two things that must agree do not: findings to look at, not a failure of the machine."""

    exit_code = 3


class ReadInParts(DataError):
    """Capture was interrupted while it read all tables, and began anew: what was deleted in between may be in Kafka."""


class UnavailableError(LakehouseError):
    """A service did not answer; the same call may succeed later."""

    exit_code = 4
    retryable = True


class SafetyError(LakehouseError):
    """Refused, because going on could destroy or mix up data."""


class Refused(LakehouseError):
    """A request that was not taken: nothing of it will be answered as accepted.

    ``status`` is the HTTP status, ``retry_after`` whole seconds after which the same request may be taken. Neither
    message nor fields hold a value of the request, for it may be personal.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        hint: str | None = None,
        retry_after: int | None = None,
        **fields: Any,
    ) -> None:
        super().__init__(message, hint=hint, **fields)
        self.status = status
        self.retry_after = retry_after
        self.retryable = retry_after is not None


def first_line(error: object) -> str:
    """The first line of what an exception says, at most 300 characters; its type's name if it says nothing."""
    told = (line.strip() for line in str(error).splitlines())
    return next((line[:300] for line in told if line), type(error).__name__)


def lost_slot(source: str) -> DataError:
    """PostgreSQL no longer has the changes that come next for the capture of ``source``."""
    return DataError(
        f"PostgreSQL no longer has what comes next for the capture of {source}: its replication slot was dropped or lost",
        hint="what is landed stays; how to go on: docs/runbooks/slot-lost.md",
        source=source,
    )


def is_disk_full(told: str) -> bool:
    """Whether the words of a foreign error, its causes included, say that a disk, a quota or a file's limit is full."""
    return any(sign in told for sign in ("No space left on device", "Disk quota exceeded", "File too large"))


def suggest(name: str, known: list[str] | tuple[str, ...]) -> str:
    """``", did you mean 'x'?"`` for the closest known name, or the empty string."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f", did you mean {close[0]!r}?" if close else ""
