"""Signing in and out, and the list of organizations."""

import pytest
from django.urls import reverse

from tests.signing_in import sign_in

LOGIN = "/accounts/login/"
PASSWORD = "correct horse battery"


def test_a_person_signs_in_by_e_mail_in_any_case(client, alice, acme):
    response = client.post(
        LOGIN, {"login": "ALICE@acme.example", "password": PASSWORD}, follow=True
    )

    assert response.redirect_chain[-1][0] == reverse("apikeys:list", args=[acme.pk])


@pytest.mark.parametrize(
    "values",
    [
        {"login": "alice@acme.example", "password": "wrong"},
        {"login": "nobody@acme.example", "password": PASSWORD},
    ],
)
def test_a_wrong_e_mail_and_a_wrong_password_get_the_same_error(client, alice, values):
    response = client.post(LOGIN, values)

    assert response.status_code == 200
    assert "do not match" in response.content.decode()
    assert "_auth_user_id" not in client.session


def test_a_page_is_returned_to_after_signing_in_but_no_other_site(client, alice, acme):
    page = reverse("apikeys:issue", args=[acme.pk])
    values = {"login": "alice@acme.example", "password": PASSWORD}

    inside = client.post(f"{LOGIN}?next={page}", values)
    client.logout()
    outside = client.post(f"{LOGIN}?next=https://evil.example/", values)

    assert inside["Location"] == page
    assert outside["Location"] == "/"


def test_signing_out_takes_a_post(client, alice):
    sign_in(client, alice)

    assert client.get("/accounts/logout/").status_code == 200
    assert "_auth_user_id" in client.session
    assert client.post("/accounts/logout/").status_code == 302
    assert "_auth_user_id" not in client.session


def test_a_person_of_two_organizations_chooses(client, alice, acme, globex):
    globex.memberships.create(user=alice)
    sign_in(client, alice)

    text = client.get("/orgs/").content.decode()

    assert "Acme" in text
    assert "Globex" in text


def test_a_user_without_an_organization_sees_what_to_do(client, mallory):
    sign_in(client, mallory)

    response = client.get("/orgs/")

    assert response.status_code == 200
    assert "admin" in response.content.decode()
