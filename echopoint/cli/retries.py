"""Which requests are sent again, and after how long."""

import enum

from echopoint.cli.exceptions import ApiError, CommandError, NoAnswer

ATTEMPTS = 3


class Repeat(enum.Enum):
    """What may happen when a request is sent again."""

    UNKNOWN = enum.auto()  # it may do twice what it does
    READS = enum.auto()  # nothing: it only reads
    ONCE = enum.auto()  # the server takes it once, and it is not to be lost


def pause_before(
    error: CommandError, repeat: Repeat, usual_pause: float
) -> float | None:
    """Return after how many seconds to send again; None for not at all.

    A request refused for its rate had no effect, so any can be sent again. Only what is
    not to be lost is sent again when nothing came back or the server failed.
    """
    status = error.status if isinstance(error, ApiError) else None
    told = error.retry_after if isinstance(error, ApiError) else None
    if status == 429:
        return told
    if status == 503 and repeat is not Repeat.UNKNOWN:
        return usual_pause if told is None else told
    is_passing = isinstance(error, NoAnswer) or (status or 0) >= 500
    return usual_pause if repeat is Repeat.ONCE and is_passing else None
