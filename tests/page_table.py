"""All pages of an organization: expected statuses by role, and the key each page needs."""

from uuid import uuid4

from django.urls import get_resolver

from apikeys.actors import Actor
from apikeys.models import AccessReview, NetworkRange
from echopoint.notices.models import NoticeWebhook
from tests.url_paths import paths

# Expected status by page and method: (member, admin[, owner if different from admin])
PAGES = {
    "apikeys:list": {"GET": (200, 200), "POST": (405, 405)},
    "apikeys:issue": {"GET": (403, 200), "POST": (403, 200)},
    "apikeys:revoke": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:revoke_family": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:revoke_creator": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:transfer_creator": {"GET": (403, 200), "POST": (403, 200)},
    "apikeys:detail": {"GET": (200, 200), "POST": (405, 405)},
    "apikeys:rotation_status": {"GET": (200, 200), "POST": (405, 405)},
    "apikeys:rotate": {"GET": (403, 200), "POST": (403, 200)},
    "apikeys:retire": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:unretire": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:cancel_rotation": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:limit": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:check": {"GET": (200, 200), "POST": (405, 405)},
    "apikeys:networks": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:owner": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:edit": {"GET": (403, 200), "POST": (403, 200)},
    "apikeys:suspend": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:resume": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:freeze": {"GET": (403, 200), "POST": (403, 200)},
    "apikeys:unfreeze": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:find": {"GET": (302, 302), "POST": (302, 302)},
    "apikeys:revoke_selected": {"GET": (403, 302), "POST": (403, 302)},
    "apikeys:audit": {"GET": (200, 200), "POST": (405, 405)},
    "apikeys:audit_export": {"GET": (403, 302), "POST": (403, 400)},
    "apikeys:audit_verify": {"GET": (302, 302), "POST": (302, 302)},
    "apikeys:keys_by_operation": {"GET": (200, 200), "POST": (405, 405)},
    "apikeys:scope_use": {"GET": (200, 200), "POST": (405, 405)},
    "apikeys:scope_use_export": {"GET": (200, 200), "POST": (405, 405)},
    "apikeys:ranges": {"GET": (200, 200), "POST": (405, 405)},
    "apikeys:range_new": {"GET": (403, 200), "POST": (403, 200)},
    "apikeys:range": {"GET": (403, 200), "POST": (403, 200)},
    "apikeys:range_delete": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:posture": {"GET": (200, 200), "POST": (405, 405)},
    "apikeys:reviews": {"GET": (403, 200), "POST": (403, 405)},
    "apikeys:review_start": {"GET": (403, 200), "POST": (403, 200)},
    "apikeys:review": {"GET": (403, 200), "POST": (403, 200)},
    "apikeys:review_sign_off": {"GET": (403, 200), "POST": (403, 302)},
    "apikeys:review_export": {"GET": (403, 200), "POST": (403, 405)},
    "apikeys:policy": {"GET": (200, 200), "POST": (403, 403, 200)},
    "notice_webhook:detail": {"GET": (403, 403, 200), "POST": (403, 403, 200)},
    "notice_webhook:rotate_secret": {"GET": (403, 403, 200), "POST": (403, 403, 200)},
    "notice_webhook:remove": {"GET": (403, 403, 200), "POST": (403, 403, 302)},
    "notice_webhook:test": {"GET": (403, 403, 200), "POST": (403, 403, 302)},
}


def organization_pages():
    """Return {name: path} of the pages below /orgs/<organization>/ in the URLconf."""
    return {
        f"{app.namespace}:{pattern.name}": path
        for app in get_resolver().url_patterns
        if str(app.pattern).startswith("orgs/<str:organization>/")
        for path, pattern in paths(app.url_patterns, str(app.pattern))
    }


KEY_PAGES = sorted(
    name for name, path in organization_pages().items() if "public_id" in path
)
RANGE_PAGES = sorted(
    name for name, path in organization_pages().items() if "range_id" in path
)
REVIEW_PAGES = sorted(
    name for name, path in organization_pages().items() if "number" in path
)
CHANGES = sorted(page for page in PAGES if PAGES[page]["POST"][-1] != 405)
ROTATING = {
    "apikeys:rotation_status",
    "apikeys:retire",
    "apikeys:unretire",
    "apikeys:cancel_rotation",
}


WEBHOOK = "https://hooks.example/keys"


def prepare_organization(page, organization):
    """Create the webhook that the page expects."""
    if page.startswith("notice_webhook:"):
        by = Actor.command("test")
        NoticeWebhook.objects.set_url(organization, WEBHOOK, by=by)


def prepare_key(page, key):
    """Put a key into the state that the page expects."""
    by = Actor.command("test")
    if page in ROTATING:
        key.rotate(by=by)
    if page == "apikeys:unretire":
        key.retire(by=by)
    if page == "apikeys:resume":
        key.suspend(by=by)
    if page == "apikeys:networks":
        key.set_allowed_networks(["192.0.2.1"], by=by)


def prepare_review(organization):
    """Return an open review for the pages of one."""
    opened = AccessReview.objects.open(organization, by=Actor.command("test"))
    return opened or AccessReview.objects.current(organization)


def prepare_range(organization):
    """Return a range for the pages of one."""
    return NetworkRange.objects.add(
        organization,
        name=f"range {uuid4().hex[:8]}",
        networks=["192.0.2.1"],
        by=Actor.command("test"),
    )
