"""What led to an error."""

from collections.abc import Iterator


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and all that led to it, those in groups included."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]


def innermost(error: BaseException) -> BaseException:
    """Return what the error began with."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error
