"""What the demo organization has in it: flows with tags, webhooks, collections."""

import json
import secrets

from django.db import transaction

from apikeys.actors import Actor
from echopoint.collections.models import Collection
from echopoint.demo.flows import ECHO, demo_flows
from echopoint.environments.models import VariableSet
from echopoint.flows.models import Flow
from echopoint.webhooks.models import Webhook

WEBHOOKS = {
    "Payment events": [
        {"event": "payment.succeeded", "amount": 4200, "currency": "EUR"},
        {"event": "payment.refunded", "amount": 4200, "currency": "EUR"},
    ],
    "Shipping updates": [{"event": "parcel.delivered", "parcel": "P-1001"}],
}


def fill(organization):
    """Give a new organization something to look at and to read with a key."""
    for name, description, tags, definition in demo_flows():
        flow = Flow.objects.create(
            organization=organization,
            name=name,
            description=description,
            flow_definition=definition,
        )
        flow.set_tags(tags)
    for name, events in WEBHOOKS.items():
        webhook = Webhook.objects.create(organization=organization, name=name)
        for event in events:
            webhook.capture(**captured(event))
    collect(organization)


def set_variables(organization, url):
    """Let the flows find the echo service of a site, and have a secret to send to it."""
    base_url = url if names_the_service(organization) else f"{url}{ECHO}"
    actor = Actor.command("demo")
    with transaction.atomic():
        variables = VariableSet.objects.lock(organization)
        variables.put("base_url", base_url, by=actor)
        if not variables.variables.filter(key="PAYMENT_KEY").exists():
            secret = f"demo-payment-{secrets.token_urlsafe(12)}"
            variables.put("PAYMENT_KEY", secret, secret=True, by=actor)


def names_the_service(organization):
    """Whether the URLs of the flows have the service's path; older demos' have not."""
    flows = Flow.objects.for_org(organization).values_list("flow_definition", flat=True)
    return any(f"{{{{base_url}}}}{ECHO}/" in json.dumps(flow) for flow in flows)


def captured(event):
    """Return the columns of a captured JSON request."""
    return {
        "method": "POST",
        "headers": {"Content-Type": "application/json"},
        "query_params": {},
        "body": json.dumps(event),
        "content_type": "application/json",
        "user_agent": "demo-sender/1.0",
        "ip_address": "192.0.2.10",
    }


def collect(organization):
    """Make a collection with a folder and saved requests."""
    collection = Collection.objects.create(
        organization=organization, name="Shop API", description="Requests of the demo."
    )
    orders = collection.folders.create(name="Orders")
    for folder, name, method, path in [
        (None, "Health", "GET", "health"),
        (orders, "List orders", "GET", "orders"),
        (orders, "Create an order", "POST", "orders"),
    ]:
        collection.requests.create(
            folder=folder,
            name=name,
            method=method,
            url=f"{{{{base_url}}}}{ECHO}/{path}",
        )
