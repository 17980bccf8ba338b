"""Keys leave no trace in a log."""

import logging
import sys
from io import StringIO

import pytest
from django.conf import settings as project

from apikeys import tokens
from echopoint.core.redaction import SecretsRedacted, redact

KEY = "epk_live_AbCdEfGhIjKl_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg00LuKs"
SHOWN = "epk_live_AbCdEfGhIjKl_…"


@pytest.fixture
def log():
    """Return a logger whose one handler is set up as the project's."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(SecretsRedacted())
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.written = stream.getvalue
    return logger


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (KEY, SHOWN),
        (f"X-Api-Key: {KEY}\r\n", f"X-Api-Key: {SHOWN}\r\n"),
        (f"{KEY},{KEY}", f"{SHOWN},{SHOWN}"),
        (f'{{"key": "{KEY}"}}', f'{{"key": "{SHOWN}"}}'),
        (f"?key={KEY}&a=b", f"?key={SHOWN}&a=b"),
        (KEY[:-30], SHOWN),
        (KEY[:23], SHOWN),
        (KEY + "tail", SHOWN),
        (SHOWN, SHOWN),
        ("epk_live_", "epk_live_"),
        ("key_AbCdEfGhIjKl", "key_AbCdEfGhIjKl"),
        ("", ""),
    ],
)
def test_a_key_ends_at_its_public_id(text, clean):
    assert redact(text) == clean


def test_the_prefix_is_that_of_the_settings(settings):
    settings.API_KEY_PREFIX = "epk_test"

    text = tokens.generate().text

    assert redact(text) == f"{text[:22]}…"


@pytest.mark.parametrize(
    "arguments",
    [
        (f"got {KEY}",),
        ("got %s", KEY),
        ("got %r", {"key": KEY}),
        ("got %(key)s", {"key": KEY}),
        (ValueError(KEY),),
        ("got %s", ValueError(KEY)),
    ],
)
def test_neither_message_nor_arguments_show_a_key(log, arguments):
    log.warning(*arguments)

    assert SHOWN in log.written()
    assert KEY[22:] not in log.written()


def test_a_traceback_shows_no_key(log):
    try:
        raise ValueError(f"bad key {KEY}") from KeyError(KEY)
    except ValueError:
        log.exception("It failed.")

    assert "Traceback" in log.written()
    assert f"bad key {SHOWN}" in log.written()
    assert KEY[22:] not in log.written()


def test_a_traceback_formatted_before_shows_no_key(log):
    record = log.makeRecord("test", logging.ERROR, "", 0, "It failed.", (), None)
    try:
        raise ValueError(KEY)
    except ValueError:
        record.exc_info = sys.exc_info()
    record.exc_text = f"ValueError: {KEY}"

    log.handle(record)

    assert f"ValueError: {SHOWN}" in log.written()
    assert KEY[22:] not in log.written()


def test_what_has_no_key_is_written_as_it_is(log):
    log.warning("%d of %s", 3, "five")

    assert log.written() == "3 of five\n"


def test_a_message_that_does_not_fit_its_arguments_stops_no_request(log, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)

    log.warning("%d of %d", 3)


def test_every_handler_of_the_project_has_the_filter():
    filters = project.LOGGING["filters"]
    names = {n for n, f in filters.items() if f["()"].endswith(".SecretsRedacted")}

    assert project.LOGGING["handlers"]
    for handler in project.LOGGING["handlers"].values():
        assert names & set(handler["filters"])
    loggers = project.LOGGING["loggers"].values()
    assert not [logger for logger in loggers if logger.get("handlers")]
