"""The bar chart of a key's requests."""

from datetime import date

from django.template import Context, Template

from apikeys.db.write_buffers import write_buffers
from apikeys.models import KeyUsage
from apikeys.models.usage import Day
from apikeys.templatetags.apikeys_usage import HEIGHT, bars


def drawn(key):
    return Template("{% load apikeys_usage %}{% usage key %}").render(
        Context({"key": key})
    )


def test_an_unused_key_has_no_picture_but_a_sentence(issue):
    text = drawn(issue()[0])

    assert "<svg" not in text
    assert "None." in text


def test_the_picture_has_its_numbers_in_words_too(issue):
    key, _ = issue()
    for _ in range(3):
        KeyUsage.objects.allow(key, ("flows:read",))
    KeyUsage.objects.refuse(key, ("webhooks:read",))
    write_buffers.flush()

    text = drawn(key)

    assert "3 allowed, 1 refused" in text
    assert 'role="img"' in text
    assert "style=" not in text


def test_the_busiest_day_fits_and_a_single_request_is_seen():
    days = [Day(date(2026, 6, 1), 1, 0), Day(date(2026, 6, 2), 999_999, 1)]

    quiet, busy = bars(days)

    assert quiet["allowed"] >= 2
    assert busy["allowed"] + busy["refused"] <= HEIGHT
    assert busy["refused_y"] >= 0


def test_a_day_without_requests_has_no_bar():
    (bar,) = bars([Day(date(2026, 6, 1), 0, 0)])

    assert (bar["allowed"], bar["refused"]) == (0, 0)
