"""The template filters for times and audit channels."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apikeys import timestamps
from apikeys.forms.issue import TimeSelect
from apikeys.models import ApiKey
from apikeys.templatetags import apikeys_display as display
from echopoint.organizations.models import Organization

NOW = datetime(2027, 2, 21, 14, 2, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (3 * HOUR, "3 hours ago"),
        (59 * SECOND, "just now"),
        (0 * HOUR, "just now"),
        (-3 * HOUR, "just now"),  # the clock of another server is ahead
        (-400 * DAY, "just now"),
    ],
)
def test_what_has_happened_is_never_yet_to_come(passed, text):
    assert display.relative(NOW - passed, NOW) == text


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (12 * DAY, "in 12 days"),
        (59 * SECOND, "in under a minute"),
        (0 * DAY, "just now"),
        (-12 * DAY, "12 days ago"),
    ],
)
def test_an_end_is_due_or_past(left, text):
    assert display.remaining(NOW + left, NOW) == text


@pytest.mark.parametrize(
    ("left", "kind"),
    [(31 * DAY, ""), (30 * DAY, "info"), (8 * DAY, "info"), (7 * DAY, "warning")],
)
def test_an_expiry_is_noticed_for_a_month_and_warned_of_for_a_week(left, kind):
    key = ApiKey(organization=Organization(), expires_at=timezone.now() + left)

    assert display.expiry_notice(key) == kind
    assert display.expiry_notice(ApiKey(organization=Organization())) == ""


def test_a_time_in_a_sentence_becomes_an_element_and_the_rest_is_escaped():
    text = display.with_times(f"<b> until {timestamps.in_words(NOW)}; & so on")

    assert text == f"&lt;b&gt; until {display.exact(NOW)}; &amp; so on"
    assert 'datetime="2027-02-21T14:02:00Z"' in text
    assert 'data-local="exact"' in text


@pytest.mark.parametrize(
    "text", ["31 February 2027, 14:02 UTC", "1 Foo 2027, 10:00 UTC"]
)
def test_an_invalid_date_stays_unchanged(text):
    assert display.with_times(text) == text


def test_an_option_has_the_time_in_its_label():
    select = TimeSelect(choices=[("1", f"1 day, until {timestamps.in_words(NOW)}")])

    html = select.render("name", "1")

    assert 'data-utc="2027-02-21T14:02Z"' in html
    assert "data-utc" not in TimeSelect(choices=[("", "No expiry")]).render("n", "")


@pytest.mark.parametrize(
    ("via", "text"),
    [
        ("page", "in the web app"),
        ("api", "through the API"),
        ("webhook", "via webhook"),  # of a later version
        ("", "via an unknown channel"),
    ],
)
def test_an_events_channel_is_named_for_people(via, text):
    assert display.channel(via) == text
