"""Security headers of every response."""

import pytest
from django.test import Client


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/flows", "/orgs/", "/nothing/here", "/docs/"]
)
def test_every_answer_has_the_headers(path):
    answer = Client(raise_request_exception=False).get(path)

    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    policy = answer["Permissions-Policy"]
    assert "camera=()" in policy
    # Passkeys and the copy button need these.
    assert "publickey" not in policy
    assert "clipboard" not in policy
