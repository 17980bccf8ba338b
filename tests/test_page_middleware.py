"""Requests with an API key skip the middleware of pages, and no other request does."""

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from echopoint.api.keyless_views import is_keyless
from echopoint.api.operations import is_api_view, view_patterns
from echopoint.page_middleware import api_roots, first_segment
from echopoint.urls import urlpatterns as site_patterns
from tests.paths import ROOT

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@pytest.fixture
def refuse_sessions(monkeypatch):
    def refuse(*args):
        raise AssertionError("The session was used.")

    monkeypatch.setattr(
        "django.contrib.sessions.middleware.SessionMiddleware.process_request", refuse
    )


def test_a_request_with_a_key_uses_no_session(api, refuse_sessions):
    assert api("flows:read").get("/flows").status_code == 200


def test_a_refused_request_with_a_key_uses_no_session(api, acme, refuse_sessions):
    assert api("webhooks:read").get("/flows").status_code == 403
    assert api(secret="wrong", organization=acme).get("/flows").status_code == 401
    assert api("flows:read").get("/flows/not/a/path").status_code == 404


@pytest.mark.parametrize("scope", ["flows:read", "webhooks:read"])
def test_the_security_headers_of_a_request_with_a_key(api, scope):
    response = api(scope).get("/flows")

    assert {name: response[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "Permissions-Policy" in response
    assert int(response["Content-Length"]) == len(response.content)


def test_an_unknown_host_is_refused(api):
    client = api("flows:read")

    assert client.get("/flows", Host="evil.example").status_code == 400


def test_a_page_requires_its_sign_in_with_a_key_too(api, acme):
    path = f"/orgs/{acme.pk}/api-keys/"

    response = api("flows:read").get(path)

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


def test_a_person_with_the_header_of_a_key_sees_the_page(client, alice, acme):
    client.force_login(alice)

    response = client.get(f"/orgs/{acme.pk}/api-keys/", headers={"X-Api-Key": "pasted"})

    assert response.status_code == 200
    assert "script-src 'self'" in response["Content-Security-Policy"]


def test_no_page_is_below_a_path_of_the_api():
    pages = {
        f"/{path}"
        for path, callback in view_patterns(site_patterns)
        if not (is_api_view(callback) or is_keyless(callback))
    }

    assert pages
    assert [page for page in pages if first_segment(page) in api_roots()] == []


def page(request):
    return HttpResponse("for signed-in people only")


urlpatterns = [path("flows/page", page), *site_patterns]


def test_a_page_below_a_path_of_the_api_is_refused(api, settings):
    client = api("flows:read")
    settings.ROOT_URLCONF = __name__

    response = client.get("/flows/page")

    assert response.status_code == 403
    assert b"signed-in" not in response.content


@pytest.mark.django_db
def test_neither_the_site_nor_nginx_compresses_a_page_with_a_secret_in_it():
    page = Client().get("/accounts/login/?next=/x", headers={"Accept-Encoding": "gzip"})

    assert b"csrfmiddlewaretoken" in page.content
    assert "Content-Encoding" not in page
    assert "    gzip off;\n" in (ROOT / "echopoint/nginx.conf").read_text()
