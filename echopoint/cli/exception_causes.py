"""The causes of an exception."""

from collections.abc import Iterator


def exception_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and all its causes, including those in exception groups."""
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        cause = pending.pop(0)
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        pending += [cause.__cause__, cause.__context__]
        pending += getattr(cause, "exceptions", ())


def innermost(error: BaseException) -> BaseException:
    """Return the first cause of the error."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error
