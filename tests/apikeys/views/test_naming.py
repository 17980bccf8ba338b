"""The page that changes the name and the description of a key."""

import pytest
from django.urls import reverse

from apikeys import policy
from apikeys.actors import Actor
from apikeys.models import ApiKey, AuditEvent
from tests.signing_in import sign_in

SYSTEM = Actor.command("test")


@pytest.fixture
def key(issue):
    return issue(name="CI", description="Runs the flows")[0]


@pytest.fixture
def page(client, alice, key):
    """Return alice's way to the page: `page()` opens it, `page(name=…)` sends it."""
    sign_in(client, alice)
    url = reverse("apikeys:edit", args=[key.organization_id, key.public_id])

    def page(form=None, **values):
        if form is None:
            return client.get(url)
        sent = {name: form[name].value() for name in form.fields} | values
        return client.post(url, sent, follow=True)

    return page


@pytest.fixture
def form(page):
    return page().context["form"]


def stored(key):
    return ApiKey.objects.get(pk=key.pk)


def names(key):
    return stored(key).name, stored(key).description


def test_the_form_shows_what_is_stored_and_stores_what_is_entered(page, form, key):
    assert (form["name"].value(), form["description"].value()) == names(key)

    response = page(
        form, name=" Deploy ", description="Deploys the shop\r\n\r\n daily "
    )

    assert "Name and description are saved." in response.text
    assert names(key) == ("Deploy", "Deploys the shop daily")
    assert "Deploys the shop daily" in response.text
    assert "From “CI” to “Deploy”." in response.text


def test_the_same_values_change_nothing(page, form):
    assert "nothing changed" in page(form).text
    assert not AuditEvent.objects.filter(action="api_key.renamed").exists()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "Taken"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a\u200bb"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"description": "x" * 501}, "description"),
        ({"description": "a\x00b"}, "description"),
    ],
)
def test_an_invalid_form_changes_nothing_and_keeps_its_input(
    page, form, key, issue, values, field
):
    issue(name="taken")
    typed = {"name": "Deploy", "description": "Deploys the shop"} | values

    response = page(form, **typed)

    assert set(response.context["form"].errors) == {field}
    assert "Name and description were not changed" in response.text
    assert {n: response.context["form"][n].value() for n in typed} == typed
    assert names(key) == ("CI", "Runs the flows")


def test_a_change_in_between_is_shown_and_not_overwritten(page, form, key):
    key.rename("Pipeline", by=SYSTEM)

    asked = page(form, description="Deploys <b>the shop</b>")

    assert "has changed since you opened this page" in asked.text
    assert "“Pipeline”" in asked.text
    assert names(key) == ("Pipeline", "Runs the flows")
    again = asked.context["form"]
    assert again["name"].value() == "CI"
    assert "Deploys &lt;b&gt;the shop&lt;/b&gt;" in asked.text
    page(again, name="Pipeline 2")
    assert names(key) == ("Pipeline 2", "Deploys <b>the shop</b>")


def test_a_form_without_the_shown_values_is_asked_again(page, form, key):
    assert "has changed since" in page(form, name="Deploy", shown="").text
    assert stored(key).name == "CI"


def test_a_required_description_is_not_removed(page, form, key, acme):
    policy.change(acme, by=SYSTEM, require_description=True)

    response = page(form, name="Deploy", description=" ")

    assert "The policy requires a description" in response.text
    assert names(key) == ("CI", "Runs the flows")


def test_a_key_without_a_description_is_renamed_all_the_same(page, form, key, acme):
    key.set_description("", by=SYSTEM)
    policy.change(acme, by=SYSTEM, require_description=True)

    page(page().context["form"], name="Deploy")

    assert names(key) == ("Deploy", "")


def test_a_revoked_key_has_no_form_and_no_link(page, form, key, client):
    link = reverse("apikeys:edit", args=[key.organization_id, key.public_id])
    assert link in client.get(key.get_absolute_url()).text
    key.revoke(by=SYSTEM)

    assert page().status_code == 409
    assert page(form, name="Deploy").status_code == 409
    assert link not in client.get(key.get_absolute_url()).text
    assert stored(key).name == "CI"
