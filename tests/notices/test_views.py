"""The pages on which people choose their notices, and stop them without a sign-in."""

import pytest
from django.test import Client
from django.urls import reverse

from apikeys.models import AuditEvent
from echopoint.notices.models import NoticeChoice
from echopoint.notices.unsubscribing import url_for
from echopoint.organizations.models import Membership
from tests.signing_in import sign_in
from tests.tenants import create_user

CHOICES = "/accounts/notices/"
DEFAULTS = {"own", "none"}


def signed_in(user, **options):
    client = Client(**options)
    sign_in(client, user)
    return client


def chosen(organization, user):
    return NoticeChoice.objects.of(organization.memberships.get(user=user))


def events():
    rows = AuditEvent.objects.filter(action="membership.notices_chosen")
    return [(e.actor_label, e.target_label, e.details) for e in rows.order_by("pk")]


def test_an_admin_may_choose_all_keys_and_a_member_may_not(alice, bob, acme):
    admins = signed_in(alice).get(CHOICES).context["form"].fields[acme.pk].choices
    members = signed_in(bob).get(CHOICES).context["form"].fields[acme.pk].choices

    assert {value for value, _ in admins} == DEFAULTS | {"all"}
    assert {value for value, _ in members} == DEFAULTS


def test_a_choice_is_stored_and_recorded_once(alice, acme):
    client = signed_in(alice)
    assert chosen(acme, alice) == "own"

    for _ in range(2):
        response = client.post(CHOICES, {acme.pk: "all"}, follow=True)
        assert response.status_code == 200

    assert "Nothing changed." in response.text
    assert chosen(acme, alice) == "all"
    ((actor, target, details),) = events()
    assert (actor, target) == (str(alice), str(alice))
    assert details == {"via": "page", "before": "own", "after": "all"}


def test_a_member_cannot_choose_all_keys_by_a_forged_form(bob, acme):
    response = signed_in(bob).post(CHOICES, {acme.pk: "all"})

    assert response.status_code == 200
    assert "Your choice was not saved" in response.text
    assert chosen(acme, bob) == "own"


def test_each_organization_has_a_choice_of_its_own(alice, acme, globex):
    globex.memberships.create(user=alice, role=Membership.Role.MEMBER)

    signed_in(alice).post(CHOICES, {acme.pk: "all", globex.pk: "none"})

    assert (chosen(acme, alice), chosen(globex, alice)) == ("all", "none")


def test_nobody_chooses_in_another_organization(alice, acme, mallory, globex):
    signed_in(alice).post(CHOICES, {acme.pk: "own", globex.pk: "none"})

    assert chosen(globex, mallory) == "own"
    assert NoticeChoice.objects.for_org(globex).count() == 0


def test_a_lost_role_takes_the_choice_with_it(alice, acme):
    client = signed_in(alice)
    client.post(CHOICES, {acme.pk: "all"})
    membership = acme.memberships.get(user=alice)
    membership.role = Membership.Role.MEMBER
    membership.put()

    assert client.get(CHOICES).context["form"][acme.pk].initial == "own"


def test_somebody_without_an_organization_has_nothing_to_choose(db):
    response = signed_in(create_user("nora@example.com")).get(CHOICES)

    assert "Nothing to choose yet" in response.text
    assert "Save" not in response.text


def test_the_page_says_that_there_is_no_mail_server(alice, settings):
    client = signed_in(alice)
    assert "no mail server" not in client.get(CHOICES).text

    settings.EMAIL_URL = ""

    assert "no mail server" in client.get(CHOICES).text


def test_the_choices_need_a_sign_in(db):
    response = Client().get(CHOICES)

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


def test_the_account_leads_to_the_choices(alice):
    assert CHOICES in signed_in(alice).get(reverse("mfa_index")).text


@pytest.fixture
def link(alice, settings):
    """Return the path of the link in alice's mail."""
    settings.SITE_URL = ""
    return url_for(alice)


def test_opening_the_link_asks_and_changes_nothing(link, alice, acme):
    response = Client().get(link)

    assert response.status_code == 200
    assert "Stop the e-mails</button>" in response.text
    assert "no-store" in response["Cache-Control"]
    assert chosen(acme, alice) == "own"
    assert events() == []


@pytest.mark.parametrize("body", [{"List-Unsubscribe": "One-Click"}, {}])
def test_one_post_stops_the_mail_of_all_organizations(
    link, alice, acme, globex, bob, body
):
    globex.memberships.create(user=alice)

    # As a mail program sends it: without a cookie or a token of ours.
    response = Client(enforce_csrf_checks=True).post(link, body)

    assert response.status_code == 200
    assert "The e-mails are stopped" in response.text
    assert chosen(acme, alice) == chosen(globex, alice) == "none"
    assert chosen(acme, bob) == "own"
    assert {(actor, target) for actor, target, _ in events()} == {
        ("someone not signed in", str(alice))
    }


def test_a_repeated_post_changes_nothing(link, alice):
    for _ in range(2):
        assert Client().post(link).status_code == 200

    assert len(events()) == 1


def test_the_link_does_the_same_for_whoever_is_signed_in(link, alice, bob, acme):
    signed_in(bob, enforce_csrf_checks=True).post(link)

    assert (chosen(acme, alice), chosen(acme, bob)) == ("none", "own")


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_forged_link_does_nothing(link, alice, bob, acme, method):
    forged = link.replace(alice.pk, bob.pk)
    for path in (forged, link[:-2] + "/", f"{CHOICES}unsubscribe/x/"):
        response = getattr(Client(), method)(path)

        assert response.status_code == 404
        assert "This link is not valid" in response.text
    assert chosen(acme, bob) == chosen(acme, alice) == "own"


def test_the_link_of_a_deleted_account_is_not_valid(db, settings):
    settings.SITE_URL = ""
    nora = create_user("nora@example.com")
    link = url_for(nora)
    nora.delete()

    assert Client().post(link).status_code == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_only_post_changes_choices(link, alice, acme, method):
    for path in (link, CHOICES):
        assert signed_in(alice).generic(method, path).status_code == 405
    assert chosen(acme, alice) == "own"
