"""Every page × anonymous, a stranger, another tenant's admin, a member, an admin, the owner."""

import pytest
from django.middleware.csrf import _get_new_csrf_string as get_token_string
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apikeys.models import AccessReview, ApiKey, AuditEvent, NetworkRange, ReviewedKey
from echopoint.notices.models import NoticeDelivery, NoticeWebhook
from echopoint.organizations.models import User
from tests.page_table import (
    CHANGES,
    KEY_PAGES,
    PAGES,
    RANGE_PAGES,
    REVIEW_PAGES,
    organization_pages,
    prepare_key,
    prepare_organization,
    prepare_range,
    prepare_review,
)
from tests.signing_in import sign_in

ROWS = [
    pytest.param(page, method, expected, id=f"{page}-{method}")
    for page, methods in PAGES.items()
    for method, expected in methods.items()
]


def test_every_page_of_an_organization_is_in_the_table():
    assert set(organization_pages()) == set(PAGES)


@pytest.fixture
def stranger(db):
    """Return a user without a membership."""
    return User.objects.create_user("stranger@example.com")


@pytest.fixture
def visit(issue, acme):
    """Return a function that requests a page of acme, as a user or anonymously.

    Each request has a new key, in the state that the page expects.
    """

    def visit(page, method, user, organization=acme, csrf=False, **options):
        args = [organization.pk]
        prepare_organization(page, acme)
        if page in KEY_PAGES:
            key, _ = issue()
            prepare_key(page, key)
            args.append(key.public_id)
        if page in RANGE_PAGES:
            args.append(prepare_range(acme).pk)
        if page in REVIEW_PAGES:
            issue()
            args.append(prepare_review(acme).number)
        if page == "apikeys:review_start":
            issue()
            AccessReview.objects.filter(closed_at=None).update(closed_at=timezone.now())
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
    """Return the rows that the pages could change."""
    models = (ApiKey, NetworkRange, AccessReview, ReviewedKey)
    return [
        *(list(model.objects.order_by("pk").values()) for model in models),
        list(NoticeWebhook.objects.order_by("pk").values_list("pk", "both_sign_until")),
        NoticeDelivery.objects.count(),
        AuditEvent.objects.count(),
    ]


@pytest.mark.parametrize(("page", "method", "expected"), ROWS)
def test_each_role_gets_its_status(visit, page, method, expected, alice, bob, olive):
    assert visit(page, method, bob).status_code == expected[0]
    assert visit(page, method, alice).status_code == expected[1]
    assert visit(page, method, olive).status_code == expected[-1]


@pytest.mark.parametrize(("page", "method", "expected"), ROWS)
def test_an_anonymous_request_is_redirected_to_sign_in(visit, page, method, expected):
    response = visit(page, method, None)

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=")
    assert rows() == visit.before


@pytest.mark.parametrize(("page", "method", "expected"), ROWS)
def test_a_stranger_and_another_tenants_admin_get_404(
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
def test_only_post_makes_changes(visit, page, method, olive):
    response = visit(page, method, olive)

    assert response.status_code == 405
    assert rows() == visit.before


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("page", [*KEY_PAGES, *RANGE_PAGES, *REVIEW_PAGES])
def test_another_tenants_row_is_not_found_through_the_own_organization(
    visit, page, method, mallory, globex
):
    allowed = PAGES[page][method][-1] != 405

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
def test_a_change_with_the_csrf_token_is_accepted(visit, page, olive):
    response = visit(page, "POST", olive, csrf=True, enforce_csrf_checks=True)

    assert response.status_code == PAGES[page]["POST"][-1]
