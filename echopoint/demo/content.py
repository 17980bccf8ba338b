"""Content of the demo organization: flows, webhooks, collections, variables."""

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


def create_content(organization):
    """Create flows, webhooks with captured requests, and a collection."""
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
            webhook.capture(**captured_request(event))
    create_collection(organization)


def set_variables(organization, url):
    """Set the base URL of the flows, and a secret for one of them to send."""
    base_url = url if flows_have_echo_path(organization) else f"{url}{ECHO}"
    actor = Actor.command("demo")
    with transaction.atomic():
        variables = VariableSet.objects.lock(organization)
        variables.put("base_url", base_url, by=actor)
        if not variables.variables.filter(key="PAYMENT_KEY").exists():
            secret = f"demo-payment-{secrets.token_urlsafe(12)}"
            variables.put("PAYMENT_KEY", secret, secret=True, by=actor)


def flows_have_echo_path(organization):
    """Return False for demos of an older version, whose base_url had the path."""
    flows = Flow.objects.for_org(organization).values_list("flow_definition", flat=True)
    return any(f"{{{{base_url}}}}{ECHO}/" in json.dumps(flow) for flow in flows)


def captured_request(event):
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


def create_collection(organization):
    """Create a collection with a folder and saved requests."""
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
