"""A 405 lists in Allow the methods that work (RFC 9110, section 15.5.6)."""

import re

import pytest
from django.contrib.admindocs.views import simplify_regex
from django.core.cache import cache
from django.test import Client
from django.urls import get_resolver

from tests.signing_in import sign_in
from tests.url_paths import paths

pytestmark = pytest.mark.slow

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


@pytest.fixture
def operator(olive):
    """Return someone who may open every page, also of the console."""
    olive.is_staff = olive.is_superuser = True
    olive.save()
    return olive


@pytest.fixture
def answers(operator, acme):
    """Return a function: {method: (status, methods in Allow)} of a path."""
    client = Client(raise_request_exception=False)
    headers = {"X-Organization-Id": str(acme.pk)}

    def answer(path, method):
        cache.clear()  # limits on attempts count there
        if "_auth_user_id" not in client.session:
            sign_in(client, operator)
        response = client.generic(method, path, headers=headers)
        response.getvalue()  # reads a stream to its end, which closes it
        return response.status_code, re.findall(r"\w+", response.get("Allow", ""))

    return lambda path: {method: answer(path, method) for method in METHODS}


def is_worth_a_visit(path):
    """Whether no other path has the same view; the console's pages differ by model."""
    model = re.match(r"/admin/(\w+/\w+)/", path)
    return not model or model[1] == "apikeys/apikey"


@pytest.fixture
def routes(acme, issue):
    """Return the paths of the URLconf, with ids in the place of their parameters."""
    key, _ = issue()
    ids = {"organization": str(acme.pk), "public_id": key.public_id}

    def filled(path):
        return re.sub(
            r"<(?:\w+:)?(\w+)>",
            lambda name: ids.get(name[1], "1"),
            simplify_regex(path),
        )

    found = {filled(path) for path, _ in paths(get_resolver().url_patterns)}
    return sorted(filter(is_worth_a_visit, found))


def test_allow_lists_what_works_and_nothing_else(routes, answers):
    wrong = []
    refused = 0
    for path in routes:
        told = answers(path)
        working = {method for method in METHODS if told[method][0] != 405}
        for status, allow in told.values():
            refused += status == 405
            if status == 405 and set(allow) != working:
                wrong.append(f"{path} allows {allow}, but {sorted(working)} work")

    assert wrong == []
    assert refused > 300
