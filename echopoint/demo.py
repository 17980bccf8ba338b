"""What the demo organization has in it: flows with tags, webhooks, collections."""

import json

from echopoint.collections.models import Collection
from echopoint.flows.models import Flow
from echopoint.webhooks.models import Webhook

FLOWS = [
    ("Storefront is up", ["smoke", "storefront"], ["Home page", "Product page"]),
    ("Checkout", ["smoke", "payments"], ["Add to cart", "Pay", "Confirm order"]),
    ("Refund", ["payments", "nightly"], ["Find order", "Refund it"]),
    ("Sign-up e-mail", ["nightly"], ["Register"]),
]
WEBHOOKS = {
    "Payment events": [
        {"event": "payment.succeeded", "amount": 4200, "currency": "EUR"},
        {"event": "payment.refunded", "amount": 4200, "currency": "EUR"},
    ],
    "Shipping updates": [{"event": "parcel.delivered", "parcel": "P-1001"}],
}


def fill(organization):
    """Give a new organization something to look at and to read with a key."""
    for name, tags, steps in FLOWS:
        flow = Flow.objects.create(
            organization=organization,
            name=name,
            description="A flow of the demo.",
            flow_definition=definition(name, steps),
        )
        flow.set_tags(tags)
    for name, events in WEBHOOKS.items():
        webhook = Webhook.objects.create(organization=organization, name=name)
        for event in events:
            webhook.capture(**captured(event))
    collect(organization)


def definition(name, steps):
    """Return a flow of requests, each after the one before it."""
    nodes = [request_node(f"step-{n}", step) for n, step in enumerate(steps, 1)]
    edges = [
        {
            "id": f"{before['id']}-{after['id']}",
            "source": before["id"],
            "target": after["id"],
            "type": "success",
        }
        for before, after in zip(nodes, nodes[1:], strict=False)
    ]
    return {"name": name, "version": "1.0", "nodes": nodes, "edges": edges}


def request_node(id, step):
    path = step.lower().replace(" ", "-")
    return {
        "id": id,
        "display_name": step,
        "type": "request",
        "data": {"method": "GET", "url": f"{{{{base_url}}}}/{path}", "timeout": 10000},
        "assertions": [
            {
                "extractor_type": "statusCode",
                "extractor_data": {},
                "operator_type": "equals",
                "operator_data": {"value": 200},
            }
        ],
    }


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
            folder=folder, name=name, method=method, url=f"{{{{base_url}}}}/{path}"
        )
