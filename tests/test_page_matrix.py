"""Every page × nobody, a stranger, another tenant's admin, a member, an admin, the owner."""

import pytest
from django.middleware.csrf import _get_new_csrf_string as get_token_string
from django.test import Client
from django.urls import get_resolver, reverse

from apikeys.actors import Actor
from apikeys.models import ApiKey, AuditEvent
from echopoint.organizations.models import User
from tests.signing_in import sign_in
from tests.walk import paths

# page: (status for a member, for an admin, for an owner if it is another), by method
PAGES = {
    "apikeys:list": {"GET": (200, 200), "POST": (405, 405)},
    "apikeys:issue": {"GET": (403, 200), "POST": (403, 200)},
    "apikeys:revoke": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:detail": {"GET": (200, 200), "POST": (405, 405)},
    "apikeys:rotation_status": {"GET": (200, 200), "POST": (405, 405)},
    "apikeys:rotate": {"GET": (403, 200), "POST": (403, 200)},
    "apikeys:retire": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:unretire": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:cancel_rotation": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:limit": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:suspend": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:resume": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:find": {"GET": (302, 302), "POST": (302, 302)},
    "apikeys:revoke_selected": {"GET": (403, 302), "POST": (403, 302)},
    "apikeys:audit": {"GET": (200, 200), "POST": (405, 405)},
    "apikeys:audit_export": {"GET": (403, 302), "POST": (403, 400)},
    "apikeys:audit_verify": {"GET": (302, 302), "POST": (302, 302)},
    "apikeys:policy": {"GET": (200, 200), "POST": (403, 403, 200)},
}
ROWS = [
    pytest.param(page, method, expected, id=f"{page}-{method}")
    for page, methods in PAGES.items()
    for method, expected in methods.items()
]


def organization_pages():
    """Return every page of an organization, as {name: path}."""
    return {
        f"apikeys:{pattern.name}": path
        for path, pattern in paths(get_resolver().url_patterns)
        if path.startswith("orgs/<str:organization>/")
    }


ABOUT_A_KEY = sorted(
    name for name, path in organization_pages().items() if "public_id" in path
)


def test_every_page_of_an_organization_is_in_the_table():
    assert set(organization_pages()) == set(PAGES)


CHANGES = sorted(page for page in PAGES if PAGES[page]["POST"] != (405, 405))
ROTATING = {
    "apikeys:rotation_status",
    "apikeys:retire",
    "apikeys:unretire",
    "apikeys:cancel_rotation",
}


def prepare(page, key):
    """Bring a key into the state that a page is for."""
    by = Actor.command("test")
    if page in ROTATING:
        key.rotate(by=by)
    if page == "apikeys:unretire":
        key.retire(by=by)
    if page == "apikeys:resume":
        key.suspend(by=by)


@pytest.fixture
def stranger(db):
    """Return someone who is in no organization."""
    return User.objects.create_user("stranger@example.com")


@pytest.fixture
def visit(issue, acme):
    """Return a visitor: the answer of a page of acme for a user, or for nobody.

    Each visit is of a key of its own, in the state that the page is for.
    """

    def visit(page, method, user, organization=acme, csrf=False, **options):
        args = [organization.pk]
        if page in ABOUT_A_KEY:
            key, _ = issue()
            prepare(page, key)
            args.append(key.public_id)
        visit.before = rows()
        client = Client(**options)
        if user:
            sign_in(client, user)
        headers = {}
        if csrf:
            token = client.cookies["csrftoken"] = get_token_string()
            headers["X-CSRFToken"] = token
        return client.generic(method, reverse(page, args=args), headers=headers)

    return visit


def rows():
    """Return all that the pages could change."""
    return [list(ApiKey.objects.order_by("pk").values()), AuditEvent.objects.count()]


@pytest.mark.parametrize(("page", "method", "expected"), ROWS)
def test_a_role_sees_what_it_may(visit, page, method, expected, alice, bob, olive):
    assert visit(page, method, bob).status_code == expected[0]
    assert visit(page, method, alice).status_code == expected[1]
    assert visit(page, method, olive).status_code == expected[-1]


@pytest.mark.parametrize(("page", "method", "expected"), ROWS)
def test_nobody_is_asked_to_sign_in(visit, page, method, expected):
    response = visit(page, method, None)

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=")
    assert rows() == visit.before


@pytest.mark.parametrize(("page", "method", "expected"), ROWS)
def test_a_stranger_and_anothers_admin_find_nothing(
    visit, page, method, expected, stranger, mallory, globex
):
    assert globex.memberships.filter(user=mallory).exists()
    for outsider in (stranger, mallory):
        response = visit(page, method, outsider)

        assert response.status_code == 404
        assert rows() == visit.before


@pytest.mark.parametrize("page", PAGES)
def test_opening_a_page_changes_nothing(visit, page, alice, bob, olive):
    for user in (bob, alice, olive):
        visit(page, "GET", user)

        assert rows() == visit.before


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("page", PAGES)
def test_a_change_is_made_by_post_alone(visit, page, method, olive):
    response = visit(page, method, olive)

    assert response.status_code == 405
    assert rows() == visit.before


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("page", ABOUT_A_KEY)
def test_anothers_key_is_not_found_through_ones_own_organization(
    visit, page, method, mallory, globex
):
    allowed = PAGES[page][method] != (405, 405)

    response = visit(page, method, mallory, globex)

    assert response.status_code == (404 if allowed else 405)
    assert rows() == visit.before


@pytest.mark.parametrize("page", CHANGES)
def test_a_change_without_the_csrf_token_is_refused(visit, page, olive):
    response = visit(page, "POST", olive, enforce_csrf_checks=True)

    assert response.status_code == 403
    assert response.templates[0].name == "403_csrf.html"
    assert rows() == visit.before


@pytest.mark.parametrize("page", CHANGES)
def test_a_change_with_the_csrf_token_is_taken(visit, page, olive):
    response = visit(page, "POST", olive, csrf=True, enforce_csrf_checks=True)

    assert response.status_code == PAGES[page]["POST"][-1]
