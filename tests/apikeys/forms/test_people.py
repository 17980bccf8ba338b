"""The filters by creator and owner offer and accept everyone who created or owns a key."""

import re

import pytest
from django.urls import reverse

from apikeys.actors import Actor
from apikeys.forms import people as people_of_keys
from apikeys.models import ApiKey
from echopoint.organizations.models import User
from tests.signing_in import sign_in


@pytest.fixture
def shown(client, alice, acme):
    """Return a reader of the list: its page for a query."""
    sign_in(client, alice)
    url = reverse("apikeys:list", args=[acme.pk])
    return lambda **query: client.get(url, query)


@pytest.fixture
def created(issue):
    """Return a maker of a key of somebody, named like them."""

    def created(user, **values):
        by = Actor.person(user, via="page")
        key, _ = issue(name=f"of {user}", **values)
        ApiKey.objects.filter(pk=key.pk).update(
            created_by=user, created_by_label=by.label
        )

    return created


@pytest.fixture
def many(created, alice, olive, bob, monkeypatch):
    """Lower the limit, so that the creators exceed the select."""
    monkeypatch.setattr(people_of_keys, "MAX_OPTIONS", 2)
    for user in (alice, olive, bob):
        created(user)


def names(response):
    return {key.name for key in response.context["listed"]}


def field(response):
    """Return the HTML of the field."""
    return re.search(
        r'<(select|input) [^>]*name="creator".*?</(select|datalist)>',
        response.content.decode(),
        re.DOTALL,
    )[0]


def test_only_creators_of_keys_are_offered(
    shown, created, acme, alice, olive, bob, globex
):
    created(alice)
    created(olive)
    for id in ("user_0", "user_zzz"):  # the first and the last of all
        user = User.objects.create(pk=id, email=f"{id}@globex.example")
        created(user, organization=globex)
    acme.memberships.filter(user=olive).delete()

    groups = dict(shown().context["filters"].fields["creator"].choices)

    assert groups["Members"] == [(alice.pk, str(alice))]
    assert groups["No longer members"] == [(olive.pk, str(olive))]
    assert "globex" not in field(shown())
    assert names(shown(creator=olive.pk)) == {f"of {olive}"}
    assert names(shown(creator="left")) == {f"of {olive}"}


def test_the_select_has_everybody_up_to_its_limit(shown, created, acme, monkeypatch):
    monkeypatch.setattr(people_of_keys, "MAX_OPTIONS", 12)
    people = [User.objects.create_user(f"{n}@acme.example") for n in range(12)]
    for person in people:
        created(person)

    assert all(f'value="{person.pk}"' in field(shown()) for person in people)
    created(User.objects.create_user("one-more@acme.example"))
    assert "<select" not in field(shown())


def test_of_very_many_each_is_found_by_e_mail_or_part_of_it(shown, many, alice, olive):
    for text in (str(olive), "OLIVE@", "olive", olive.pk):
        response = shown(creator=text)

        assert names(response) == {f"of {olive}"}
        assert f'value="{text}"' in field(response)
    assert len(names(shown(creator="acme.example"))) == 3
    assert names(shown(creator="nobody@")) == set()
    assert 'value="left"' in field(shown())


def test_of_very_many_the_groups_are_found_too(shown, many, acme, olive, issue):
    issue(name="of a command")
    acme.memberships.filter(user=olive).delete()

    assert names(shown(creator="left")) == {f"of {olive}"}
    assert names(shown(creator="command")) == {"of a command"}


def test_keys_of_a_deleted_account_are_found(shown, many, created):
    for name in ("gone", "lost"):
        user = User.objects.create_user(f"{name}@acme.example")
        created(user)
        user.delete()

    found = {"of gone@acme.example", "of lost@acme.example"}
    assert names(shown(creator="left")) == found
    assert names(shown(creator="gone@")) == {"of gone@acme.example"}


def test_text_that_matches_too_many_people_is_refused(shown, many, monkeypatch):
    monkeypatch.setattr(people_of_keys, "MAX_MATCHES", 2)

    response = shown(creator="acme.example")

    assert "Type more of the e-mail address" in response.text
    assert len(names(response)) == 3


def test_a_key_in_the_address_is_not_repeated_by_the_text_field(shown, many, issue):
    _, secret = issue(name="shown all the same")

    response = shown(creator=secret)

    assert "contained part of an API key" in response.text
    assert secret[22:40] not in response.text
    assert "shown all the same" in names(response)


@pytest.mark.parametrize("text", ["\x00", "x" * 5000, "'--", "%", "é\u202e"])
def test_odd_text_is_a_page_all_the_same(shown, many, text):
    assert shown(creator=text).status_code == 200


@pytest.fixture
def demote(acme):
    """Return a function that makes a person a plain member."""

    def demote(user):
        membership = acme.memberships.get(user=user)
        membership.role = "member"
        membership.put()

    return demote


def test_keys_whose_creator_was_demoted_are_found(
    shown, created, demote, alice, olive, mallory, globex
):
    for user in (alice, olive):
        created(user)
    created(mallory, organization=globex)

    assert names(shown(creator="limited")) == set()
    demote(olive)

    assert names(shown(creator="limited")) == {f"of {olive}"}
    assert names(shown(creator="left")) == set()


def test_keys_are_filtered_by_owner(
    shown, issue, acme, globex, demote, alice, olive, bob, mallory
):
    for user in (alice, olive, bob):
        issue(name=f"of {user}", owner_email=user.email)
    issue(name="of nobody")
    issue(name="theirs", organization=globex, owner_email=mallory.email)
    issue(name="theirs, of nobody", organization=globex)

    assert names(shown(owner=olive.pk)) == {f"of {olive}"}
    assert names(shown(owner="none")) == {"of nobody"}
    assert names(shown(owner="left")) == set()
    assert names(shown(owner="limited")) == {f"of {bob}"}
    demote(alice)
    assert names(shown(owner="limited")) == {f"of {bob}", f"of {alice}"}
    acme.memberships.filter(user=olive).delete()  # not by the verb
    assert names(shown(owner="left")) == {f"of {olive}"}
    acme.memberships.get(user=bob).end()
    assert names(shown(owner="none")) == {"of nobody", f"of {bob}"}


def test_each_of_very_many_owners_is_found_by_e_mail(shown, many, issue, olive):
    for user in User.objects.filter(memberships__isnull=False):
        issue(name=f"owned by {user}", owner_email=user.email)

    assert names(shown(owner="olive@")) == {f"owned by {olive}"}
    assert names(shown(owner="acme.example")) >= {f"owned by {olive}"}
    assert len(names(shown(owner="none"))) == 3
