"""Keys leave no trace: what goes to a log or a stored text is cleaned here first."""

import logging
import re
from collections.abc import Iterator
from itertools import chain

from django.conf import settings
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from echopoint.core.base62 import checksum
from echopoint.core.characters import as_seen, in_pieces
from echopoint.core.json_paths import at

FORMATTER = logging.Formatter()
# The one form that all keys have. Whoever types or quotes one may change its case.
KEY = r"((?ai:{prefix})_[0-9A-Za-z]{{12}}_)([0-9A-Za-z]+)"
# What people write after the public form, as `epk_live_<id>_old`, is no part of a secret
# if it is short: without 7 of its 43 characters a secret is still 214 bits, which nobody
# guesses. A word may be longer. One in a thousand pieces of a secret reads like a word.
SHORTEST_PART = 8
LONGEST_WORD = 15
# An id, the underscores around it, and that.
SHORTEST_KEY = 14 + SHORTEST_PART
ONE_WORD = re.compile(r"([A-Z]?[a-z]+|[A-Z]+)[0-9]{0,4}")
# A key of another host, which has a prefix of its own.
OTHER_KEY = re.compile(r"([a-z]_([0-9A-Za-z]{12})_)([0-9A-Za-z]{16,})")
# A key without its prefix, which the checksum tells from anything else.
WHOLE = re.compile(r"([0-9A-Za-z]{12}_[0-9A-Za-z]{43})([0-9A-Za-z]{6})")
FRONT = re.compile(r"[a-z]+(_[a-z]+)*_$")
LONGEST_FRONT = 33
# A secret alone, with its checksum or without, in one piece or in several.
SECRET = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9A-Za-z]\n?){42}[0-9A-Za-z](?:(?:\n?[0-9A-Za-z]){6})?"
    r"(?![0-9A-Za-z])"
)
# This much of a secret is told from a name, while a digest or a UUID has letters of one
# case only.
RUN = re.compile(r"[0-9A-Za-z]{32,}")
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
HEX = re.compile(r"(0x)?[0-9a-fA-F]+")
KINDS = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))
# Letters on average. What is random changes its kind after two; one in a thousand
# secrets has longer words, and so have identifiers in camel case, nearly all.
SHORTEST_WORDS = 3
# Of what is not as long as a secret, which is more often a name than a part of one.
SHORTEST_WORDS_ELSE = 2.3
LONGEST_ACRONYM = 15
SECRET_LENGTHS = {43, 49}
MAILED = re.compile(r"(/accounts/(?:password/reset/key|confirm-email)/)[^/\s?\"']+")
PATH = re.compile(r"(https?://[^\s/?#]*)/[^\s?#]*")


def redact(text: str) -> str:
    """Return the text with every key in it, whole or cut short, ended at its public id.

    A log does without a word after the id too, and without the links that are mailed,
    which open an account.
    """
    text = MAILED.sub(r"\1…", text)
    prefix = settings.API_KEY_PREFIX
    if f"{prefix}_" not in text.lower():
        return text
    return re.sub(KEY.format(prefix=prefix), r"\1…", text)


def holds_a_key(text: str) -> bool:
    """Whether there is a key in the text for certain, whole or without its end.

    It may be in another case, in several lines, or have invisible or full-width
    characters in it; of another host, its checksum must fit. What a key shows of
    itself, `key_<id>` and `epk_live_<id>_…`, is none, whatever word follows.
    """
    if is_too_plain(text):
        return False
    shown = as_seen(text)
    forms = re.finditer(KEY.format(prefix=settings.API_KEY_PREFIX), shown)
    if any(is_part(form[2]) for form in forms):
        return True
    unbroken = in_pieces(text).replace("\n", "")
    return holds_a_whole_key(shown) or holds_a_whole_key(unbroken)


def is_too_plain(text: str) -> bool:
    """Whether the text cannot hold a key, as is true of most: a quick check.

    Other than ASCII characters may stand for several.
    """
    return text.isascii() and (len(text) < SHORTEST_KEY or "_" not in text)


def is_part(end: str) -> bool:
    """Whether what follows the public form of a key can be a part of its secret."""
    is_word = ONE_WORD.fullmatch(end) and len(end) <= LONGEST_WORD
    return len(end) >= SHORTEST_PART and not is_word


def holds_a_whole_key(text: str) -> bool:
    """Whether there are an id and a secret whose checksum fits, of whatever host."""
    for match in WHOLE.finditer(text):
        start = match.start()
        front = FRONT.search(text[max(0, start - LONGEST_FRONT) : start])
        fronts = {f"{settings.API_KEY_PREFIX}_", front[0] if front else ""}
        if match[2] in {checksum(front + match[1]) for front in fronts}:
            return True
    return False


def keys_in(value: object) -> Iterator[str]:
    """Yield the path of each text in a JSON value that holds a key.

    A name that holds one is no part of a path: that of its object is told, and what is
    under the name is not looked at.
    """
    stack = [("", value)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, str):
            if holds_a_key(value):
                yield path
        elif isinstance(value, dict):
            named = {
                name: inner for name, inner in value.items() if not holds_a_key(name)
            }
            if len(named) < len(value):
                yield path
            stack += reversed(
                [(at(path, name), inner) for name, inner in named.items()]
            )
        elif isinstance(value, list):
            stack += reversed([(at(path, n), inner) for n, inner in enumerate(value)])


def holds_a_secret(text: str) -> bool:
    """Whether there is a key in the text, or what is likely to be a part of one.

    That is what looks thrown together: after an id, or as long as a secret, or 32
    characters and more, unless they stand in the path of a URL, where documents have
    their ids. Most secrets of others are noticed by it too.
    """
    if holds_a_key(text):
        return True
    shown = as_seen(text)
    secrets = (found.replace("\n", "") for found in SECRET.findall(in_pieces(text)))
    runs = RUN.findall(PATH.sub(r"\1 ", shown))
    return any(map(is_random, chain(secrets, runs))) or any(
        are_id_and_secret(match[2], match[3]) for match in OTHER_KEY.finditer(shown)
    )


def is_random(run: str) -> bool:
    """Whether letters and digits look thrown together: no name, and no digest either."""
    if HEX.fullmatch(run) or not all(kind.search(run) for kind in KINDS):
        return False
    words = WORD.findall(run)
    if len(run) not in SECRET_LENGTHS:
        return len(run) < SHORTEST_WORDS_ELSE * len(words)
    acronym = max((len(word) for word in words if word.isupper()), default=0)
    return len(run) < SHORTEST_WORDS * len(words) or acronym > LONGEST_ACRONYM


def are_id_and_secret(public_id: str, run: str) -> bool:
    """Whether these are of a key of another host, and not two words of a name."""
    changes = len(WORD.findall(public_id))
    return len(public_id) < SHORTEST_WORDS * changes and is_random(run)


def cleaned(value):
    """Return a text, or each text in a JSON value, without secrets, and no longer."""
    if isinstance(value, str):
        return without_secrets(value) if holds_a_secret(value) else value
    if isinstance(value, list | tuple):
        return [cleaned(item) for item in value]
    if isinstance(value, dict):
        return {cleaned_name(name): cleaned(item) for name, item in value.items()}
    return value


def cleaned_name(name):
    """Return the name of a field without secrets; one in ASCII stays so."""
    if not isinstance(name, str):
        return name  # refused where a JSON value is asked for
    return cleaned(name).replace("…", "...") if name.isascii() else cleaned(name)


def without_secrets(text: str) -> str:
    """Return the text as people see it, a key ended at its id and the rest taken out."""
    shown = OTHER_KEY.sub(ended_at_its_id, redact(as_seen(text)))
    shown = RUN.sub(lambda run: "…" if is_random(run[0]) else run[0], shown)
    # Of one that is in several pieces, nothing is kept.
    return "…" if holds_a_secret(shown) else shown[: len(text)]


def ended_at_its_id(match: re.Match) -> str:
    is_key = are_id_and_secret(match[2], match[3])
    return f"{match[1]}…" if is_key else match[0]


class SecretsRedacted(logging.Filter):
    """Clean a record, its arguments and its traceback, whatever was passed to the log."""

    def filter(self, record):
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            # A mistake in a call to the log must not become one of the request.
            message = f"{record.msg} {record.args}"
        record.msg, record.args = redact(without_path(record, message)), ()
        if record.exc_info:
            text = FORMATTER.formatException(record.exc_info)
            record.exc_text = redact(without_rows(text))
        return True


def route_of(request) -> str:
    """Return the pattern that the path matched: ids and what was typed are in the path."""
    match = getattr(request, "resolver_match", None)
    return f"/{match.route}" if match else NO_ROUTE


NO_ROUTE = "no route"


def without_path(record: logging.LogRecord, message: str) -> str:
    """Return the message with the route for the path of the request that it is about."""
    path = getattr(getattr(record, "request", None), "path", "")
    return message.replace(path, route_of(record.request)) if len(path) > 1 else message


# PostgreSQL adds the values of a row that it refuses, with their own empty lines.
NEXT_PART = r"^(?:The above exception|During handling of|Traceback \(most)"
DETAIL = re.compile(rf"^(DETAIL|CONTEXT):.*?(?={NEXT_PART}|\Z)", re.S | re.M)


def without_rows(text: str) -> str:
    """Return an account of a failure without the values of rows in it."""
    return DETAIL.sub(r"\1: left out, as it holds values.\n", text)


class NoValues(SafeExceptionReporterFilter):
    """Shows no value on the debug page or in an account: locals, fields, settings, cookies.

    Any of them may be a secret, a result or what a client sent; the lines of the code,
    their numbers and the exception are what finds a mistake.
    """

    def is_active(self, request):
        return True

    def get_safe_settings(self):
        return {}

    def get_safe_request_meta(self, request):
        shown = ("REQUEST_METHOD", "CONTENT_TYPE", "CONTENT_LENGTH", "SERVER_PROTOCOL")
        meta = getattr(request, "META", {})
        return {name: meta[name] for name in shown if name in meta}

    def get_safe_cookies(self, request):
        return dict.fromkeys(getattr(request, "COOKIES", ()), self.cleansed_substitute)

    def get_post_parameters(self, request):
        return dict.fromkeys(getattr(request, "POST", ()), self.cleansed_substitute)

    def get_traceback_frame_variables(self, request, tb_frame):
        return []


class RedactedReporter(ExceptionReporter):
    """Django's account of a failure, on the debug page too, without the keys in it."""

    def get_traceback_data(self):
        data = super().get_traceback_data()
        if "exception_value" in data:
            data["exception_value"] = without_rows(data["exception_value"])
        # The query of the address, once more in parts.
        hidden = dict.fromkeys(dict(data.get("request_GET_items", ())), "…")
        return data | {"request_GET_items": hidden.items(), "request_insecure_uri": ""}

    def get_traceback_html(self):
        return redact(super().get_traceback_html())

    def get_traceback_text(self):
        return redact(without_rows(super().get_traceback_text()))
