"""No input to any form, our own or a library's, causes a 500.

In the suite the inputs are the same each time. FUZZ_EXAMPLES=500 tries that many for each
page, others each time; FUZZ_SEED repeats a run.
"""

import os
import re
from copy import deepcopy
from typing import NamedTuple

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.db import transaction
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apikeys.actors import Actor
from apikeys.models import ApiKey, NetworkRange
from echopoint.environments.models import VariableSet
from echopoint.flows.models import Flow
from echopoint.organizations.models import Membership, User
from echopoint.webhooks.models import Webhook
from tests.fuzz.pages import pages, rows_of
from tests.fuzz.texts import encoded, fields, texts, tried
from tests.page_table import prepare_review
from tests.signing_in import sign_in
from tests.tenants import create_organization
from tests.undone import undone

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
SEED = os.environ.get("FUZZ_SEED")
FIELD = re.compile(r'name="([^"]+)"')
FORM = "application/x-www-form-urlencoded"
KINDS = [FORM, FORM, FORM, "application/json", "multipart/form-data; boundary=x", "x"]
MIA, PASSWORD = "mia@acme.example", "a passphrase of ours"

fuzzed = hypothesis_settings(
    max_examples=EXAMPLES or 6,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """Create the rows that all pages use, and undo them after the last page.

    Returns the values of path parameters, and the cookies of the people who ask.
    """
    with django_db_blocker.unblock(), undone():
        root = User.objects.create_superuser("root@acme.example", PASSWORD)
        acme = create_organization("Acme", root, Membership.Role.OWNER)
        key, _ = ApiKey.objects.issue(
            organization=acme, name="K", scopes=["flows:read"], by=Actor.command("test")
        )
        definition = {"name": "f", "version": "1.0", "nodes": [], "edges": []}
        Flow.objects.create(organization=acme, name="F", flow_definition=definition)
        Webhook.objects.create(organization=acme, name="W").capture(method="GET")
        with transaction.atomic():
            VariableSet.objects.lock(acme)
        TOTP.activate(User.objects.create_user(MIA, PASSWORD), "JBSWY3DPEHPK3PXP")
        office = NetworkRange.objects.add(
            acme, name="Office", networks=["192.0.2.1"], by=Actor.command("test")
        )
        parts = {"organization": acme.pk, "public_id": key.public_id}
        parts["range_id"] = str(office.pk)
        parts["number"] = str(prepare_review(acme).number)
        person, halfway = Client(), Client()
        sign_in(person, root)
        halfway.post(reverse("account_login"), {"login": MIA, "password": PASSWORD})
        cookies = {"person": person.cookies, "halfway": halfway.cookies}
        yield World(parts | {"app_label": "auth"}, cookies)


class World(NamedTuple):
    """What all pages use."""

    parts: dict
    cookies: dict

    def client(self, name):
        """Return a client of its own for the page, which may sign it out."""
        client = Client(raise_request_exception=False)
        client.cookies = deepcopy(self.cookies.get(name, client.cookies))
        return client


@pytest.mark.parametrize("name", sorted(pages()))
def test_no_input_ends_in_a_500(name, world, db, settings):
    settings.OPEN_SIGN_UP = True
    page, known = pages()[name], dict(world.parts)
    if model := rows_of(name):
        row = model._base_manager.first()
        known["object_id"] = str(row.pk) if row else "1"
    client = world.client("person")
    # Pages that require an anonymous user.
    stranger = world.client("stranger")
    # Pages between the password and the second factor.
    halfway = world.client("halfway")
    everyone = [client, stranger, halfway]
    with undone():
        opened = [one.get(page.path(known, {})) for one in everyone]
    names = {n for answer in opened for n in FIELD.findall(text_of(answer))}

    @fuzzed
    @given(
        who=st.sampled_from([client, client, *everyone]),
        method=st.sampled_from(["GET", "POST", "POST", "POST"]),
        odd=st.dictionaries(st.sampled_from(sorted(page.parts) or ["x"]), odd_part),
        pairs=fields(names - {"csrfmiddlewaretoken"}),
        kind=st.sampled_from(KINDS),
        is_query=st.booleans(),
    )
    def no_500(who, method, odd, pairs, kind, is_query):
        tried["cases"] += 1
        query = encoded(pairs) if is_query or method == "GET" else ""
        body = encoded(pairs) if method == "POST" else ""
        with undone():
            answer = who.generic(
                method, page.path(known, odd), body, kind, QUERY_STRING=query
            )
        assert answer.status_code < 500, (method, answer.request["PATH_INFO"], pairs)

    if SEED:
        no_500 = seed(int(SEED))(no_500)
    no_500()


# Most paths use existing rows, so that the forms are reached.
odd_part = texts.map(lambda value: value.decode(errors="replace").strip("/") or "x")


def text_of(answer):
    is_text = answer.get("Content-Type", "").startswith("text/")
    return answer.content.decode() if is_text and not answer.streaming else ""


def test_there_are_pages_of_each_kind():
    kinds = {name.split(":")[0] for name in pages()}

    assert {"apikeys", "admin", "account_login", "mfa_index", "home"} <= kinds
    assert len(pages()) > 100


def test_fields_are_found(world, db):
    url = reverse("apikeys:policy", args=[world.parts["organization"]])

    page = world.client("person").get(url).content.decode()

    assert "max_lifetime_days" in FIELD.findall(page)
