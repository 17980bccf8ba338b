"""Which failed requests are repeated, and after which pause."""

import enum

from echopoint.cli.exceptions import ApiError, CommandError, NoResponse

ATTEMPTS = 3


class Repeat(enum.Enum):
    """What a repetition of a request may cause."""

    UNKNOWN = enum.auto()  # a second effect
    READS = enum.auto()  # nothing, it only reads
    ONCE = enum.auto()  # nothing, the server deduplicates it; it must not be lost


def pause_before(
    error: CommandError, repeat: Repeat, usual_pause: float
) -> float | None:
    """Return the seconds to wait before the repetition, or None for no repetition.

    A rate-limited request had no effect, so any request can be repeated. After 503,
    reads are repeated too. After a lost response or another server error, only
    `Repeat.ONCE` is repeated.
    """
    status = error.status if isinstance(error, ApiError) else None
    retry_after = error.retry_after if isinstance(error, ApiError) else None
    if status == 429:
        return retry_after
    if status == 503 and repeat is not Repeat.UNKNOWN:
        return usual_pause if retry_after is None else retry_after
    is_temporary = isinstance(error, NoResponse) or (status or 0) >= 500
    return usual_pause if repeat is Repeat.ONCE and is_temporary else None
