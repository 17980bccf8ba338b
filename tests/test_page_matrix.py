"""Every page × nobody, a stranger, another tenant's admin, a member, an admin, the owner."""

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from tests.walk import paths

# page: (status for a member, for an admin or owner), by method
PAGES = {
    "apikeys:list": {"GET": (200, 200), "POST": (405, 405)},
    "apikeys:issue": {"GET": (403, 200), "POST": (403, 200)},
    "apikeys:revoke": {"GET": (403, 200), "POST": (403, 302)},
}
ROWS = [
    pytest.param(page, method, *expected, id=f"{page}-{method}")
    for page, methods in PAGES.items()
    for method, expected in methods.items()
]


def test_every_page_of_an_organization_is_in_the_table():
    names = {
        f"apikeys:{pattern.name}"
        for path, pattern in paths(get_resolver().url_patterns)
        if path.startswith("orgs/<str:organization>/")
    }

    assert names == set(PAGES)


@pytest.fixture
def visit(issue, acme):
    """Return a visitor: the status of a page of acme for a user, or for nobody."""
    key, _ = issue()

    def visit(page, method, user, organization=acme, **options):
        args = [organization.pk]
        if page == "apikeys:revoke":
            args.append(key.public_id)
        client = Client(**options)
        if user:
            client.force_login(user)
        return client.generic(method, reverse(page, args=args))

    visit.key = key
    return visit


@pytest.mark.parametrize(("page", "method", "member", "admin"), ROWS)
def test_a_role_sees_what_it_may(visit, page, method, member, admin, alice, bob, olive):
    assert visit(page, method, bob).status_code == member
    assert visit(page, method, olive).status_code == admin
    assert visit(page, method, alice).status_code == admin


@pytest.mark.parametrize(("page", "method", "member", "admin"), ROWS)
def test_nobody_is_asked_to_sign_in(visit, page, method, member, admin):
    response = visit(page, method, None)

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=")
    visit.key.refresh_from_db()
    assert visit.key.revoked_at is None


@pytest.mark.parametrize(("page", "method", "member", "admin"), ROWS)
def test_a_stranger_finds_nothing(visit, page, method, member, admin, mallory):
    response = visit(page, method, mallory)

    assert response.status_code == 404
    visit.key.refresh_from_db()
    assert visit.key.revoked_at is None


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_anothers_key_is_not_found_through_ones_own_organization(
    visit, method, mallory, globex
):
    response = visit("apikeys:revoke", method, mallory, globex)

    assert response.status_code == 404
    visit.key.refresh_from_db()
    assert visit.key.revoked_at is None


@pytest.mark.parametrize("page", ["apikeys:issue", "apikeys:revoke"])
def test_a_change_without_the_csrf_token_is_refused(visit, page, alice):
    response = visit(page, "POST", alice, enforce_csrf_checks=True)

    assert response.status_code == 403
    visit.key.refresh_from_db()
    assert visit.key.revoked_at is None
