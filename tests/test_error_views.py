"""The 403 page names the reason only if it is known."""

import pytest
from django.core.exceptions import PermissionDenied
from django.test import RequestFactory
from django.urls import reverse

from echopoint.error_views import forbidden
from tests.signing_in import sign_in


def test_a_member_reads_that_the_role_does_not_allow_it(client, bob, acme):
    sign_in(client, bob)

    response = client.get(reverse("apikeys:issue", args=[acme.pk]))

    assert response.status_code == 403
    assert "Your role does not allow this" in response.text


def test_the_console_does_not_blame_a_role(client, alice):
    sign_in(client, alice)

    response = client.get("/admin/", follow=True)

    assert response.status_code == 403
    assert "Request refused" in response.text
    assert "role" not in response.text.lower().replace('role="', "")


@pytest.mark.parametrize("path", ["/orgs/", "/accounts/login/", "/webhook/wh_1"])
def test_no_other_refusal_names_a_cause(path, alice):
    request = RequestFactory().get(path)
    request.user = alice

    response = forbidden(request, PermissionDenied("Unable to determine client IP"))

    assert response.status_code == 403
    assert "role" not in response.content.decode().lower().replace('role="', "")
    assert "Unable" not in response.content.decode()
