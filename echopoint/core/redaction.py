"""Detect and remove secrets in text before it is logged, stored or shown."""

import logging
import re
from collections.abc import Iterator
from itertools import chain

from django.conf import settings
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from echopoint.core.base62 import checksum
from echopoint.core.characters import unify_breaks, visible_form
from echopoint.core.json_paths import at

FORMATTER = logging.Formatter()
# prefix_publicid_secret. The prefix matches in any case, because people retype keys.
KEY = r"((?ai:{prefix})_[0-9A-Za-z]{{12}}_)([0-9A-Za-z]+)"
# People add suffixes to the public form, as in `epk_live_<id>_old`. Up to 7 characters are
# not treated as part of a secret: the other 36 still hold 214 bits. A single word may be
# longer; one in a thousand pieces of a secret reads like a word.
SHORTEST_PART = 8
LONGEST_WORD = 15
# An id, the underscores around it, and that.
SHORTEST_KEY = 14 + SHORTEST_PART
ONE_WORD = re.compile(r"([A-Z]?[a-z]+|[A-Z]+)[0-9]{0,4}")
# A key of another installation, with a different prefix.
OTHER_KEY = re.compile(r"([a-z]_([0-9A-Za-z]{12})_)([0-9A-Za-z]{16,})")
# A key without its prefix, confirmed by its checksum.
WHOLE = re.compile(r"([0-9A-Za-z]{12}_[0-9A-Za-z]{43})([0-9A-Za-z]{6})")
FRONT = re.compile(r"[a-z]+(_[a-z]+)*_$")
LONGEST_FRONT = 33
# The 43 secret characters alone, with or without checksum, possibly split across lines.
SECRET = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9A-Za-z]\n?){42}[0-9A-Za-z](?:(?:\n?[0-9A-Za-z]){6})?"
    r"(?![0-9A-Za-z])"
)
# Part of a secret: long enough to distinguish it from a name. Digests and UUIDs use one
# case only, so `is_random` accepts them.
RUN = re.compile(r"[0-9A-Za-z]{32,}")
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
HEX = re.compile(r"(0x)?[0-9a-fA-F]+")
KINDS = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))
# Average letters per word. Random text changes between lower case, upper case and digits
# after two characters on average. Nearly all camel-case identifiers have longer words, and
# only one in a thousand secrets has.
SHORTEST_WORDS = 3
# For runs of another length than a secret's, which are more often names.
SHORTEST_WORDS_ELSE = 2.3
LONGEST_ACRONYM = 15
SECRET_LENGTHS = {43, 49}
MAILED = re.compile(
    r"(/accounts/(?:password/reset/key|confirm-email|notices/(?:unsubscribe|contact))/)[^/\s?\"']+"
)
PATH = re.compile(r"(https?://[^\s/?#]*)/[^\s?#]*")


def redact(text: str) -> str:
    """Truncate every API key in the text, complete or partial, after its public id.

    Harmless suffixes are removed too, and so are the tokens of mailed links, which give
    access to an account.
    """
    text = MAILED.sub(r"\1…", text)
    prefix = settings.API_KEY_PREFIX
    if f"{prefix}_" not in text.lower():
        return text
    return re.sub(KEY.format(prefix=prefix), r"\1…", text)


def holds_a_key(text: str) -> bool:
    """Return True if the text definitely contains a key, complete or without its end.

    Finds keys in another case, across lines, and with invisible or full-width
    characters. Keys of other installations need a valid checksum. The public forms
    `key_<id>` and `epk_live_<id>_…`, also followed by a word, do not count.
    """
    if is_too_plain(text):
        return False
    shown = visible_form(text)
    forms = re.finditer(KEY.format(prefix=settings.API_KEY_PREFIX), shown)
    if any(is_part(form[2]) for form in forms):
        return True
    unbroken = unify_breaks(text).replace("\n", "")
    return holds_a_whole_key(shown) or holds_a_whole_key(unbroken)


def is_too_plain(text: str) -> bool:
    """Whether the text cannot hold a key, as is true of most: a quick check.

    Other than ASCII characters may stand for several.
    """
    return text.isascii() and (len(text) < SHORTEST_KEY or "_" not in text)


def is_part(end: str) -> bool:
    """Return True if the characters after the public form may be part of a secret."""
    is_word = ONE_WORD.fullmatch(end) and len(end) <= LONGEST_WORD
    return len(end) >= SHORTEST_PART and not is_word


def holds_a_whole_key(text: str) -> bool:
    """Return True if there is an id and a secret with a valid checksum."""
    for match in WHOLE.finditer(text):
        start = match.start()
        front = FRONT.search(text[max(0, start - LONGEST_FRONT) : start])
        fronts = {f"{settings.API_KEY_PREFIX}_", front[0] if front else ""}
        if match[2] in {checksum(front + match[1]) for front in fronts}:
            return True
    return False


def keys_in(value: object) -> Iterator[str]:
    """Yield the path of each string in a JSON value that contains a key.

    If a field name contains one, yield the path of its object instead, so that the path
    does not repeat the key. Values under such a name are skipped.
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
    """Return True if the text contains a key, or is likely to contain part of one.

    Random-looking characters count after a public id, at the length of a secret, or from
    32 characters on, except in URL paths, which contain document ids. Most secrets of
    other products are detected too.
    """
    if holds_a_key(text):
        return True
    shown = visible_form(text)
    secrets = (match.replace("\n", "") for match in SECRET.findall(unify_breaks(text)))
    runs = RUN.findall(PATH.sub(r"\1 ", shown))
    return any(map(is_random, chain(secrets, runs))) or any(
        are_id_and_secret(match[2], match[3]) for match in OTHER_KEY.finditer(shown)
    )


def is_random(run: str) -> bool:
    """Return True if letters and digits look random. Names and hex digests do not."""
    if HEX.fullmatch(run) or not all(kind.search(run) for kind in KINDS):
        return False
    words = WORD.findall(run)
    if len(run) not in SECRET_LENGTHS:
        return len(run) < SHORTEST_WORDS_ELSE * len(words)
    acronym = max((len(word) for word in words if word.isupper()), default=0)
    return len(run) < SHORTEST_WORDS * len(words) or acronym > LONGEST_ACRONYM


def are_id_and_secret(public_id: str, run: str) -> bool:
    """Return True for a key of another installation, False for two words of a name."""
    changes = len(WORD.findall(public_id))
    return len(public_id) < SHORTEST_WORDS * changes and is_random(run)


def cleaned(value):
    """Remove secrets from all strings of a JSON value. No string gets longer."""
    if isinstance(value, str):
        return without_secrets(value) if holds_a_secret(value) else value
    if isinstance(value, list | tuple):
        return [cleaned(item) for item in value]
    if isinstance(value, dict):
        return {cleaned_name(name): cleaned(item) for name, item in value.items()}
    return value


def cleaned_name(name):
    """Remove secrets from a field name. ASCII names stay ASCII."""
    if not isinstance(name, str):
        return name  # not JSON; validation refuses it
    return cleaned(name).replace("…", "...") if name.isascii() else cleaned(name)


def without_secrets(text: str) -> str:
    """Truncate keys after their ids, and replace other secrets with an ellipsis."""
    shown = OTHER_KEY.sub(ended_at_its_id, redact(visible_form(text)))
    shown = RUN.sub(lambda run: "…" if is_random(run[0]) else run[0], shown)
    # A secret split into pieces survives the substitutions, so drop the whole text.
    return "…" if holds_a_secret(shown) else shown[: len(text)]


def ended_at_its_id(match: re.Match) -> str:
    is_key = are_id_and_secret(match[2], match[3])
    return f"{match[1]}…" if is_key else match[0]


class SecretsRedacted(logging.Filter):
    """Redact the message, arguments and traceback of every log record."""

    def filter(self, record):
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            # A wrong format string in a log call must not fail the request.
            message = f"{record.msg} {record.args}"
        record.msg, record.args = redact(without_path(record, message)), ()
        if record.exc_info:
            text = FORMATTER.formatException(record.exc_info)
            record.exc_text = redact(without_rows(text))
        return True


def route_of(request) -> str:
    """Return the URL pattern. The path itself contains ids and user input."""
    match = getattr(request, "resolver_match", None)
    return f"/{match.route}" if match else NO_ROUTE


NO_ROUTE = "no route"


def without_path(record: logging.LogRecord, message: str) -> str:
    """Replace the path of the record's request with its route."""
    path = getattr(getattr(record, "request", None), "path", "")
    return message.replace(path, route_of(record.request)) if len(path) > 1 else message


# PostgreSQL appends the values of the rejected row, which may contain empty lines.
NEXT_PART = r"^(?:The above exception|During handling of|Traceback \(most)"
DETAIL = re.compile(rf"^(DETAIL|CONTEXT):.*?(?={NEXT_PART}|\Z)", re.S | re.M)


def without_rows(text: str) -> str:
    """Remove row values from a traceback."""
    return DETAIL.sub(r"\1: removed, because it contains row values.\n", text)


class NoValues(SafeExceptionReporterFilter):
    """Hide all values in error reports: locals, form fields, settings, cookies.

    Any of them may be a secret or client data. Code lines and the exception are enough
    to find a bug.
    """

    def is_active(self, request):
        return True

    def get_safe_settings(self):
        return {}

    def get_safe_request_meta(self, request):
        safe = ("REQUEST_METHOD", "CONTENT_TYPE", "CONTENT_LENGTH", "SERVER_PROTOCOL")
        meta = getattr(request, "META", {})
        return {name: meta[name] for name in safe if name in meta}

    def get_safe_cookies(self, request):
        return dict.fromkeys(getattr(request, "COOKIES", ()), self.cleansed_substitute)

    def get_post_parameters(self, request):
        return dict.fromkeys(getattr(request, "POST", ()), self.cleansed_substitute)

    def get_traceback_frame_variables(self, request, tb_frame):
        return []


class RedactedReporter(ExceptionReporter):
    """Django's error report, also on the debug page, without keys and row values."""

    def get_traceback_data(self):
        data = super().get_traceback_data()
        if "exception_value" in data:
            data["exception_value"] = without_rows(data["exception_value"])
        # These two repeat the query string.
        values = dict.fromkeys(dict(data.get("request_GET_items", ())), "…")
        return data | {"request_GET_items": values.items(), "request_insecure_uri": ""}

    def get_traceback_html(self):
        return redact(super().get_traceback_html())

    def get_traceback_text(self):
        return redact(without_rows(super().get_traceback_text()))
