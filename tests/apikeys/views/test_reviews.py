"""The pages of access reviews."""

import csv
from datetime import timedelta
from io import StringIO

import pytest
from django.urls import reverse
from django.utils import timezone

from apikeys import policy
from apikeys.actors import Actor
from apikeys.forms.reviews import shown_value
from apikeys.models import AccessReview, ApiKey, AuditEvent, ScopeRecording, ScopeUse
from apikeys.views import reviews as module
from tests.signing_in import sign_in

SYSTEM = Actor.command("test")
DAY = timedelta(days=1)


@pytest.fixture
def admin(client, alice):
    sign_in(client, alice)
    return client


@pytest.fixture
def url(acme):
    """Return a function from the name of a page, and a review's number, to its address."""

    def url(name, *args):
        return reverse(f"apikeys:{name}", args=[acme.pk, *args])

    return url


@pytest.fixture
def opened(acme, issue):
    """Return a function that issues keys with these names and opens a review."""

    def opened(*names, action="report"):
        for name in names:
            issue("flows:read", name=name)
        policy.change(acme, by=SYSTEM, unconfirmed_action=action)
        return AccessReview.objects.open(acme, by=SYSTEM)

    return opened


def key_named(name):
    return ApiKey.objects.get(name=name)


def form(*names, **more):
    """Return the form of a page that shows all keys, with these selected."""
    shown = [shown_value(key) for key in ApiKey.objects.all()]
    return {"shown": shown, "key": [key_named(n).public_id for n in names]} | more


def names_on(page):
    return [row.key.name for row in page.context["listed"]]


def said_on(page):
    """Return the message that the page shows."""
    [message] = page.context["messages"]
    return str(message)


def test_a_review_is_started_from_the_page(admin, issue, url):
    issue()
    assert "No review opens automatically" in admin.get(url("reviews")).text
    assert "all <strong>1 key</strong>" in admin.get(url("review_start")).text

    response = admin.post(url("review_start"), {"shown": "report 14"}, follow=True)

    assert response.redirect_chain == [(url("review", 1), 302)]
    assert "Access review 1 is open, with 1 key." in response.text
    assert "Access review 1 is open" in admin.get(url("reviews")).text


@pytest.mark.parametrize(
    "change", [{"unconfirmed_action": "suspend"}, {"review_period_days": 30}]
)
def test_a_start_under_another_policy_than_the_shown_one_is_refused(
    admin, issue, acme, url, change
):
    issue()
    sent = {"shown": admin.get(url("review_start")).context["shown"]}
    policy.change(acme, by=SYSTEM, **change)

    refused = admin.post(url("review_start"), sent)

    assert "The policy for reviews was changed since this page" in refused.text
    assert not AccessReview.objects.exists()
    sent = {"shown": refused.context["shown"]}
    assert f'name="shown" value="{sent["shown"]}"' in refused.text
    assert admin.post(url("review_start"), sent).status_code == 302
    review = AccessReview.objects.get()
    opened_with = {
        "unconfirmed_action": review.unconfirmed_action,
        "review_period_days": (review.ends_at - review.opened_at).days,
    }
    assert change.items() <= opened_with.items()


@pytest.mark.parametrize("sent", [{}, {"shown": ""}, {"shown": "\x00"}])
def test_a_start_without_the_shown_policy_is_refused(admin, issue, url, sent):
    issue()

    page = admin.post(url("review_start"), sent)

    assert page.status_code == 200
    assert "No review was started" in page.text
    assert not AccessReview.objects.exists()


@pytest.mark.parametrize("email_url", ["smtp://mail.example.com", ""])
def test_the_start_promises_emails_only_if_they_are_sent(
    admin, issue, url, settings, email_url
):
    issue()
    settings.EMAIL_URL = email_url

    page = admin.get(url("review_start"))

    said = "get an e-mail at the next run of <code>run_access_reviews</code>"
    assert (said in page.text) == bool(email_url)


def test_the_policy_names_the_command_that_opens_reviews(client, olive, acme):
    sign_in(client, olive)

    page = client.get(reverse("apikeys:policy", args=[acme.pk]))

    assert "opens at the next run of the command run_access_reviews" in page.text
    assert "within a day" not in page.text


def test_a_second_start_changes_nothing(admin, opened, url):
    opened("a")

    assert "A review is open" in admin.get(url("review_start")).text
    response = admin.post(url("review_start"), follow=True)

    assert "A review is open already; nothing changed." in response.text
    assert AccessReview.objects.count() == 1


def test_a_start_without_keys_is_explained(admin, url):
    assert "No key to review" in admin.get(url("review_start")).text

    response = admin.post(url("review_start"), follow=True)

    assert "There is no key to review; nothing changed." in response.text


def test_the_page_shows_what_a_decision_needs(admin, issue, acme, bob, url, rf):
    now = timezone.now()
    ScopeRecording.objects.update_or_create(
        pk=1, defaults={"began_at": now - 100 * DAY}
    )
    key, _ = issue(
        "flows:read",
        "flows:delete",
        name="nightly",
        owner_email=bob.email,
        at=now - 60 * DAY,
    )
    ScopeUse.objects.record(key, ["flows:read"], now)
    ScopeUse.objects.flush()
    ApiKey.objects.update(last_used_at=now, last_used_ip="192.0.2.7")
    AccessReview.objects.open(acme, by=SYSTEM)

    page = admin.get(url("review", 1))

    for text in (
        "nightly",
        key.display_id,
        "flows:delete",
        "Unused",
        "from 192.0.2.7",
        "command test",
        "Rotate without 1 unused scope",
        "Still needed",
        "Confirm each key that is still needed until",
    ):
        assert text in page.text
    assert "bob@" in page.text.replace("<wbr>", "")
    rotate = reverse("apikeys:rotate", args=[acme.pk, key.public_id])
    assert f'href="{rotate}?without=unused"' in page.text
    assert reverse("apikeys:revoke", args=[acme.pk, key.public_id]) in page.text


def test_one_key_is_confirmed_by_its_button(admin, opened, alice, url):
    review = opened("a", "b")
    sent = form(only=key_named("a").public_id, note="builds")

    response = admin.post(url("review", 1), sent, follow=True)

    assert "1 key confirmed." in response.text
    assert names_on(response) == ["b"]
    row = review.rows().get(outcome="confirmed")
    assert (row.key.name, row.confirmed_by_label, row.note) == (
        "a",
        alice.email,
        "builds",
    )
    assert names_on(admin.get(url("review", 1) + "?show=confirmed")) == ["a"]


def test_selected_keys_are_confirmed_together(admin, opened, url):
    review = opened("a", "b", "c")

    response = admin.post(url("review", 1), form("a", "c"), follow=True)

    assert "2 keys confirmed." in response.text
    assert names_on(response) == ["b"]
    again = admin.post(url("review", 1), form("a", "b"), follow=True)
    assert "1 key confirmed. 1 was confirmed already." in again.text
    assert review.counts()["confirmed"] == 3
    assert "No key is left to confirm" in again.text


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, "Select 1 to 100 keys"),
        ({"key": ["zzzzzzzzzzzz"]}, "was not on this page"),
        ({"only": "\x00"}, "was not on this page"),
        ({"only": "\x00", "shown": ["\x00:00", "x", ":", "é:0"]}, "was not on this"),
        ({"key": [str(n) for n in range(101)]}, "Select 1 to 100 keys"),
    ],
)
def test_a_wrong_selection_is_refused_and_loses_nothing(admin, opened, url, sent, said):
    review = opened("a")

    page = admin.post(url("review", 1), {"note": "nightly builds"} | sent)

    assert page.status_code == 200
    assert said in page.text
    assert 'value="nightly builds"' in page.text
    assert review.counts()["pending"] == 1


def test_a_key_that_changed_is_shown_again(admin, opened, bob, url):
    review = opened("changed", "other")
    sent = form("changed", "other", note="builds")
    key_named("changed").set_owner(bob.email, by=SYSTEM)

    page = admin.post(url("review", 1), sent)

    assert "Changed or ended since this page was shown: changed." in page.text
    assert 'value="builds"' in page.text
    selected = {row.key.name: row.is_selected for row in page.context["listed"]}
    assert selected == {"changed": False, "other": True}
    assert review.counts()["confirmed"] == 0
    assert admin.post(url("review", 1), form("changed")).status_code == 302


def test_a_key_that_is_not_in_the_review_is_refused(admin, opened, issue, globex, url):
    opened("a")
    issue(name="later")
    theirs, _ = issue(name="theirs", organization=globex)

    for name in ("later", "theirs"):
        page = admin.post(url("review", 1), form("a", name))

        assert "A key is not part of this review." in page.text
    assert not AuditEvent.objects.filter(action="api_key.confirmed").exists()


def test_confirming_in_a_closed_review_is_explained(admin, opened, url):
    review = opened("a")
    sent = form("a")
    review.sign_off(by=SYSTEM)

    response = admin.post(url("review", 1), sent, follow=True)

    assert "Access review 1 was closed. Nothing was confirmed." in response.text


def test_a_review_that_closes_while_a_confirmation_waits_is_explained(
    admin, opened, url, monkeypatch
):
    review = opened("a")
    sent = form("a")
    confirm = AccessReview.confirm

    def close_first(self, *args, **options):
        review.sign_off(by=SYSTEM)
        return confirm(self, *args, **options)

    monkeypatch.setattr(AccessReview, "confirm", close_first)

    response = admin.post(url("review", 1), sent, follow=True)

    assert response.redirect_chain == [(url("review", 1), 302)]
    assert said_on(response) == "Access review 1 was closed. Nothing was confirmed."


def test_after_the_period_the_page_offers_no_confirmation(admin, opened, url):
    review = opened("a")
    AccessReview.objects.update(ends_at=review.opened_at)

    page = admin.get(url("review", 1))
    refused = admin.post(url("review", 1), form("a"))

    assert "The period ended on" in page.text
    assert "Confirm selected" not in page.text
    assert "The period of Access review 1 ended" in refused.text


def test_ended_and_rotated_keys_are_apart(admin, opened, url):
    opened("a", "b", "c")
    key_named("b").revoke(by=SYSTEM)
    key_named("c").rotate(by=SYSTEM)

    assert names_on(admin.get(url("review", 1))) == ["a"]
    assert names_on(admin.get(url("review", 1) + "?show=ended")) == ["b", "c"]
    assert admin.get(url("review_sign_off", 1)).context["pending"] == 1


def test_pages_go_on_after_the_last_key(admin, opened, url, monkeypatch):
    monkeypatch.setattr(module.ReviewView, "page_size", 2)
    opened("e", "d", "c", "b", "a")
    address, seen = url("review", 1), []
    for _ in range(3):
        page = admin.get(address)
        seen += names_on(page)
        address = url("review", 1) + page.context["next"]

    assert seen == ["a", "b", "c", "d", "e"]
    for cursor in ("x", "W251bGwsMV0"):
        assert admin.get(f"{url('review', 1)}?after={cursor}").status_code == 200


@pytest.mark.parametrize("action", ["report", "suspend"])
def test_the_sign_off_names_the_keys_and_what_happens(admin, opened, url, action):
    opened("kept", "forgotten", action=action)
    admin.post(url("review", 1), form("kept"))

    page = admin.get(url("review_sign_off", 1))

    assert "1 of 2 keys are confirmed" in page.text
    assert "forgotten" in page.text
    assert ("suspended, unless rotated" in page.text) == (action == "suspend")
    response = admin.post(url("review_sign_off", 1), follow=True)
    assert "Access review 1 is signed off." in response.text
    assert ("1 key was suspended." in response.text) == (action == "suspend")
    assert bool(key_named("forgotten").suspended_at) == (action == "suspend")
    again = admin.post(url("review_sign_off", 1), follow=True)
    assert "Access review 1 was finished already; nothing changed." in again.text
    assert "is finished" in admin.get(url("review_sign_off", 1)).text


@pytest.fixture
def one_at_a_time(monkeypatch):
    """One submission of the sign-off settles one key."""
    monkeypatch.setattr("apikeys.models.access_review.BATCH", 1)
    monkeypatch.setattr(module, "MAX_SETTLED", 1)


@pytest.mark.parametrize(
    ("action", "done"), [("report", ""), ("suspend", " 1 key was suspended.")]
)
@pytest.mark.usefixtures("one_at_a_time")
def test_a_long_sign_off_is_continued(admin, opened, url, action, done):
    opened("a", "b", "c", action=action)

    first = admin.post(url("review_sign_off", 1), follow=True)

    rest = f"{done} 2 keys are still to be processed."
    assert said_on(first) == f"Access review 1 is signed off.{rest}"
    assert "2 keys are still to be processed. The next run" in first.text
    assert "some keys are still to be processed" in admin.get(url("reviews")).text
    assert "Finish Access review 1?" in admin.get(url("review_sign_off", 1)).text
    refused = admin.post(url("review_start"))
    assert "some of its keys are still to be processed. Open its" in refused.text
    second = admin.post(url("review_sign_off", 1), follow=True)
    assert said_on(second) == f"{done} 1 key is still to be processed.".strip()
    third = admin.post(url("review_sign_off", 1), follow=True)
    assert said_on(third) == f"Access review 1 is finished.{done}"
    assert AccessReview.objects.get().finished_at
    suspended = ApiKey.objects.exclude(suspended_at=None).count()
    assert suspended == (3 if action == "suspend" else 0)


@pytest.mark.usefixtures("one_at_a_time")
def test_a_full_last_batch_finishes_the_review(admin, opened, url):
    opened("a", action="suspend")

    page = admin.post(url("review_sign_off", 1), follow=True)

    assert said_on(page) == "Access review 1 is signed off. 1 key was suspended."
    assert "still to be processed" not in page.text
    assert AccessReview.objects.get().finished_at


def test_continuing_a_review_that_its_period_closed_is_no_sign_off(admin, opened, url):
    review = opened("a", action="suspend")
    review.end_period(by=SYSTEM, at=review.ends_at)

    page = admin.post(url("review_sign_off", 1), follow=True)

    assert said_on(page) == "Access review 1 is finished. 1 key was suspended."
    assert not AccessReview.objects.get().is_signed_off


@pytest.mark.usefixtures("one_at_a_time")
def test_the_sign_off_of_many_keys_says_that_the_others_wait(admin, opened, url):
    opened("a", "b", action="suspend")

    page = admin.get(url("review_sign_off", 1))

    assert "up to 1 of them are suspended. The others are suspended when" in page.text
    assert "With this step, it is" not in page.text
    admin.post(url("review", 1), form("a"))
    assert "With this step, it is" in admin.get(url("review_sign_off", 1)).text


def test_the_report_marks_own_confirmations(admin, issue, acme, alice, url):
    issue(name="own", owner_email=alice.email)
    issue(name="other")
    AccessReview.objects.open(acme, by=SYSTEM)
    admin.post(url("review", 1), form("own", "other", note="still <used>"))

    page = admin.get(url("review_sign_off", 1))
    assert "1 of them by their own owner or creator" in page.text
    report = admin.post(url("review_sign_off", 1), follow=True)

    assert report.text.count("its own owner") == 1
    assert "still &lt;used&gt;" in report.text
    assert "signed off by alice@" in report.text.replace("<wbr>", "")
    assert names_on(report) == ["other", "own"]
    some = admin.get(url("review", 1) + "?outcome=unconfirmed")
    assert names_on(some) == []


def test_the_csv_file_has_every_key_and_no_formula(
    admin, issue, acme, alice, url, monkeypatch
):
    monkeypatch.setattr("apikeys.review_report.BATCH", 1)
    issue(name="=1+2", owner_email=alice.email)
    issue(name="forgotten")
    AccessReview.objects.open(acme, by=SYSTEM)
    admin.post(url("review", 1), form("=1+2", note="@note"))
    admin.post(url("review_sign_off", 1))

    response = admin.get(url("review_export", 1))

    text = b"".join(response.streaming_content).decode("utf-8-sig")
    first, second = csv.DictReader(StringIO(text))
    assert "attachment; filename=" in response["Content-Disposition"]
    assert (first["name"], first["note"]) == ("'=1+2", "'@note")
    assert first["outcome"] == "confirmed"
    assert first["confirmed_by"] == alice.email
    assert first["confirmed_own_key"] == "its own owner"
    assert first["owner"] == alice.email
    assert (second["name"], second["outcome"]) == ("forgotten", "unconfirmed")
    assert second["confirmed_at"] == ""
    some = admin.get(url("review_export", 1) + "?outcome=unconfirmed")
    lines = b"".join(some.streaming_content).decode().splitlines()
    assert len(lines) == 2
    assert admin.get(url("review_export", 1) + "?outcome=x").status_code == 400


@pytest.mark.parametrize("number", [0, 2, 2**31, 10**30])
@pytest.mark.parametrize("name", ["review", "review_sign_off", "review_export"])
def test_an_unknown_number_is_not_found(admin, opened, url, name, number):
    opened("a")

    assert admin.get(url(name, number)).status_code == 404


def test_an_old_sign_in_loses_neither_the_note_nor_the_selection(
    client, alice, opened, url
):
    opened("a", "b")
    sign_in(client, alice, ago=3600)

    asked = client.post(url("review", 1), form("b", note="builds"))
    assert asked["Location"].startswith("/accounts/reauthenticate/?")
    page = client.get(url("review", 1))

    assert 'value="builds"' in page.text
    selected = {row.key.name: row.is_selected for row in page.context["listed"]}
    assert selected == {"a": False, "b": True}


def test_only_owners_and_admins_see_the_tab(client, bob, alice, acme):
    for user, is_shown in ((bob, False), (alice, True)):
        sign_in(client, user)

        page = client.get(reverse("apikeys:list", args=[acme.pk]))

        assert ("/reviews/" in page.text) == is_shown


def test_a_page_of_keys_reads_the_same_number_of_queries(
    admin, opened, url, statements
):
    def queries():
        with statements() as found:
            admin.get(url("review", 1))
        return len(found)

    opened("a", "b")
    AccessReview.objects.get()
    two = queries()
    ApiKey.objects.get(name="a").revoke(by=SYSTEM)

    assert queries() == two
