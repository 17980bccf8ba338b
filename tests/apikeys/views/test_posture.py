"""The page of the posture."""

import html
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from apikeys.models import ApiKey, KeyWarning, ScopeRecording, WarningRecording
from tests.signing_in import sign_in

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _recorded(db):
    for recording in (ScopeRecording, WarningRecording):
        recording.objects.update(began_at=timezone.now() - 500 * DAY)


@pytest.fixture
def url(acme):
    return reverse("apikeys:posture", args=[acme.pk])


def rows(text):
    """Return {label: (number, address of its list or None)}."""
    pattern = (
        r'<th scope="row">([^<]+)</th>.*?<td class="posture-number">'
        r'<(?:a href="([^"]+)"|span)>([^<]+)<'
    )
    found = re.findall(pattern, text, re.DOTALL)
    return {
        html.unescape(label): (number, html.unescape(address) or None)
        for label, address, number in found
    }


def test_each_number_links_to_its_keys(signed_in, url, issue):
    old, _ = issue()
    issue()
    created_at = timezone.now() - 100 * DAY
    ApiKey.objects.filter(pk=old.pk).update(
        created_at=created_at, expires_at=timezone.now() + 3 * DAY
    )
    old.record_refusal("IP_NOT_ALLOWED")
    KeyWarning.objects.flush()

    shown = rows(signed_in.get(url).text)

    assert shown["90 to 180 days"][0] == shown["Under 30 days"][0] == "1"
    assert shown["Without an owner"][0] == "2"
    linked = {label: row for label, row in shown.items() if row[1]}
    assert len(linked) >= 9
    for label, (number, address) in linked.items():
        page = signed_in.get(address)
        assert len(page.context["listed"]) == int(number), label
        assert not page.context["filters"].ignored


def test_a_number_of_no_keys_is_no_link(signed_in, url, issue):
    issue()

    assert rows(signed_in.get(url).text)["Suspended"] == ("0", None)


def test_the_bars_repeat_numbers_that_are_text(signed_in, url, issue):
    issue()

    text = signed_in.get(url).text

    assert text.count("<svg") == len(re.findall('<svg[^>]* aria-hidden="true"', text))
    assert text.count("<rect") >= 3
    assert "style=" not in text


def test_what_to_do_first_links_to_the_keys(signed_in, url, issue, acme):
    key, _ = issue()
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() + 3 * DAY)

    text = signed_in.get(url).text

    first = text.split("What to do first")[1].split("</ol>")[0]
    path = reverse("apikeys:list", args=[acme.pk])
    assert f'<a href="{path}?expiring=7">1 key expires within 7 days' in first
    assert first.index("?expiring=7") < first.index("owner=none")


def test_incomplete_numbers_do_not_show_that_there_is_nothing_to_do(signed_in, url):
    WarningRecording.objects.update(began_at=timezone.now() - DAY)

    text = signed_in.get(url).text

    assert "nothing that needs action now, but not all of them are complete" in text


def test_an_organization_without_keys_has_nothing_to_do(signed_in, url):
    text = signed_in.get(url).text

    assert "Nothing in these numbers needs action now." in text
    assert "Acme has no keys, or all of them have ended." in text
    assert "<svg" not in text


def test_a_member_sees_the_numbers(client, bob, url, issue):
    issue()
    sign_in(client, bob)

    assert rows(client.get(url).text)["Without an owner"][0] == "1"


def test_the_page_does_not_claim_what_was_not_recorded(signed_in, url, issue):
    issue()
    for recording in (ScopeRecording, WarningRecording):
        recording.objects.update(began_at=timezone.now() - DAY)

    text = signed_in.get(url).text

    assert rows(text)["With scopes unused for 45 days"] == ("Not known yet", None)
    assert "Recording of scope use is complete from <time" in text
    assert "Recording of refused requests and new places is complete from <time" in text


def test_a_lower_bound_is_marked_and_explained(signed_in, url, issue, monkeypatch):
    for _ in range(3):
        issue()
    exact = signed_in.get(url).text
    monkeypatch.setattr("apikeys.db.bounded_counts.MAX_READ", 2)
    bounded = signed_in.get(url).text

    assert "lower bound" not in exact
    assert rows(bounded)["Under 30 days"][0] == "2+"
    assert "A number with + is a lower bound" in bounded


def test_more_keys_need_no_more_statements(signed_in, url, issue, statements):
    issue()
    signed_in.get(url)
    with statements() as few:
        signed_in.get(url)
    for _ in range(10):
        issue()
    with statements() as many:
        signed_in.get(url)

    assert len(many) == len(few) <= 12


def test_the_list_leads_to_the_page(signed_in, url, acme):
    page = signed_in.get(reverse("apikeys:list", args=[acme.pk]))

    assert f'href="{url}">Posture</a>' in page.text
