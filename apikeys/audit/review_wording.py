"""Events of access reviews in words."""

from apikeys.audit.wording import count_in_words, time_in_words


def opened(at, *, keys=0, ends_at="", unconfirmed_action=""):
    until = f" They can be confirmed until {time_in_words(ends_at)}." if ends_at else ""
    then = (
        " Keys that are not confirmed will be suspended."
        if unconfirmed_action == "suspend"
        else " Keys that are not confirmed will be reported."
    )
    return f"{count_in_words(keys, 'key')}.{until}{then}"


def confirmed(at, *, review=0, scopes=(), owner=None, own="", note=""):
    held = f" Scopes: {', '.join(scopes)}." if scopes else ""
    owned = f" Owner: {owner}." if owner else " No owner."
    by = f" Confirmed by {own}." if own else ""
    return f"In access review {review}.{held}{owned}{by}{f' {note}' if note else ''}"


def closed(at, *, confirmed=0, self_confirmed=0, pending=0):
    by = (
        f", {self_confirmed:,} of them by their own owner or creator"
        if self_confirmed
        else ""
    )
    return (
        f"{count_in_words(confirmed, 'key')} confirmed{by}; {pending:,} not confirmed."
    )


def finished(at, *, confirmed=0, suspended=0, unconfirmed=0, rotated=0, ended=0):
    return (
        f"{count_in_words(confirmed, 'key')} confirmed, {suspended:,} suspended,"
        f" {unconfirmed:,} not confirmed, {rotated:,} rotated, {ended:,} ended."
    )
