"""All inputs that store a name or description: pages, API, commands, console, verbs."""

import json
import uuid
from io import StringIO

import pytest
from django.contrib.admin.utils import quote
from django.core.management import CommandError, call_command
from django.urls import reverse

from apikeys.actors import Actor
from apikeys.exceptions import InvalidKeyRequest
from apikeys.forms.reviews import shown_value
from apikeys.models import AccessReview, ApiKey, NetworkRange, SpentNonce, reviewed_key
from apikeys.views import naming
from echopoint.flows.models import Flow
from echopoint.organizations.models import User
from tests.executions.definitions import definition, node
from tests.signing_in import sign_in

FLOW = {"name": "f", "flow_definition": definition(node("pay"))}
NEW_KEY = {"scopes": ["flows:read"], "expires_in_days": "90"}
MEMBERS = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
EDGE = {"source": "a", "target": "b", "type": "success"}
REQUEST = {"method": "GET", "url": "https://shop.example"}
ASSERTION = {
    "extractor_type": "body",
    "extractor_data": {},
    "operator_type": "equals",
    "operator_data": {"value": "ok"},
}
ENDED = {"status": "completed", "duration_ms": 1} | {
    f"{name}_at": "2026-01-05T10:00:00Z" for name in ("started", "completed")
}
# By column: the inputs that write it. Each returns the response to a text.
WAYS = {
    "apikeys.ApiKey.name": {
        "page": lambda w, text: w.page("issue", name=text, **NEW_KEY),
        "rest": lambda w, text: w.rest(
            "POST", "/api-keys", {"name": text, "permissions": ["flows:read"]}
        ),
        "command": lambda w, text: w.command(
            "issue_api_key", organization=w.acme.pk, name=text, preset="ci"
        ),
        "edit": lambda w, text: w.key_page("edit", name=text, shown=w.shown),
        "patch": lambda w, text: w.rest(
            "PATCH", f"/api-keys/{w.key.rest_id}", {"name": text}
        ),
        "rename": lambda w, text: w.verb(w.key.rename, name=text),
    },
    "apikeys.ApiKey.description": {
        "page": lambda w, text: w.page("issue", name="n", description=text, **NEW_KEY),
        "edit": lambda w, text: w.key_page(
            "edit", name="n", description=text, shown=w.shown
        ),
        "rest": lambda w, text: w.rest(
            "POST",
            "/api-keys",
            {"name": "n", "permissions": ["flows:read"], "description": text},
        ),
        "patch": lambda w, text: w.rest(
            "PATCH", f"/api-keys/{w.key.rest_id}", {"description": text}
        ),
        "rotate": lambda w, text: w.rest(
            "POST", f"/api-keys/{w.key.rest_id}/rotate", {"description": text}
        ),
        "set": lambda w, text: w.verb(w.key.set_description, description=text),
        "command": lambda w, text: w.command(
            "issue_api_key",
            organization=w.acme.pk,
            name="n",
            preset="ci",
            description=text,
        ),
        "rotation command": lambda w, text: w.command(
            "rotate_api_key", w.key.rest_id, description=text
        ),
        "verb": lambda w, text: w.verb(
            ApiKey.objects.issue,
            organization=w.acme,
            name="n",
            scopes=["flows:read"],
            description=text,
        ),
    },
    "apikeys.ApiKey.contact_email": {
        "page": lambda w, text: w.key_page("owner", contact_email=f"{text}@b.example"),
        "rest": lambda w, text: w.rest(
            "PATCH",
            f"/api-keys/{w.key.rest_id}",
            {"contact_email": f"{text}@b.example"},
        ),
        "verb": lambda w, text: w.verb(
            ApiKey.objects.issue,
            organization=w.acme,
            name="n",
            scopes=["flows:read"],
            contact_email=f"{text}@b.example",
        ),
        "command": lambda w, text: w.command(
            "issue_api_key",
            organization=w.acme.pk,
            name="n",
            preset="ci",
            contact=f"{text}@b.example",
        ),
        "rotation command": lambda w, text: w.command(
            "rotate_api_key", w.key.rest_id, contact=f"{text}@b.example"
        ),
    },
    "apikeys.ApiKey.revoke_reason": {
        "page": lambda w, text: w.key_page("revoke", reason=text),
        "many": lambda w, text: w.page(
            "revoke_selected", key=w.key.public_id, reason=text
        ),
        "family": lambda w, text: w.key_page("revoke_family", reason=text),
        "suspend": lambda w, text: w.key_page("suspend", reason=text),
        "resume": lambda w, text: [
            w.key.suspend(by=Actor.command("test")),
            w.key_page("resume", reason=text),
        ][-1],
        "command": lambda w, text: w.command(
            "revoke_api_key", w.key.rest_id, reason=text
        ),
        "console": lambda w, text: w.console(
            "apikeys/apikey/", action="revoke", _selected_action=w.key.pk, reason=text
        ),
    },
    "organizations.Organization.freeze_reason": {
        "page": lambda w, text: w.page("freeze", confirm=w.acme.name, reason=text),
        "rest": lambda w, text: w.rest("POST", "/api-keys/freeze", {"reason": text}),
        "end": lambda w, text: w.rest("POST", "/api-keys/unfreeze", {"reason": text}),
        "command": lambda w, text: w.command(
            "freeze_api_keys", organization=w.acme.pk, reason=text
        ),
    },
    "apikeys.ReviewedKey.note": {
        "page": lambda w, text: w.page(
            "review", w.review().number, shown=shown_value(w.key), note=text
        ),
        "verb": lambda w, text: w.verb(
            w.review().confirm,
            shown={w.key.public_id: reviewed_key.fingerprint(w.key)},
            note=text,
        ),
    },
    "apikeys.NetworkRange.name": {
        "page": lambda w, text: w.page("range_new", name=text, networks="192.0.2.1"),
        "rest": lambda w, text: w.rest(
            "POST", "/network-ranges", {"name": text, "networks": ["192.0.2.1"]}
        ),
        "verb": lambda w, text: w.verb(
            NetworkRange.objects.add,
            organization=w.acme,
            name=text,
            networks=["192.0.2.1"],
        ),
    },
    "organizations.Organization.name": {
        "command": lambda w, text: w.command(
            "create_organization", name=text, owner="new@acme.example"
        ),
        "console": lambda w, text: w.console(
            f"organizations/organization/{quote(w.acme.pk)}/change/",
            name=text,
            **MEMBERS,
        ),
    },
    "organizations.Organization.description": {
        "console": lambda w, text: w.console(
            f"organizations/organization/{quote(w.acme.pk)}/change/",
            name="Acme",
            description=f"two\nlines, {text}",
            **MEMBERS,
        )
    },
    "organizations.User.name": {
        "console": lambda w, text: w.console(
            f"organizations/user/{quote(w.alice.pk)}/change/",
            email="a@acme.example",
            name=text,
        )
    },
    "organizations.User.email": {
        "command": lambda w, text: w.command(
            "create_organization", name="new", owner=f"{text}@acme.example"
        ),
        "console": lambda w, text: w.console(
            "organizations/user/add/", email=f"{text}@acme.example"
        ),
        "createsuperuser": lambda w, text: w.command(
            "createsuperuser", email=f"{text}@acme.example", interactive=False
        ),
    },
    "auth.Group.name": {
        "console": lambda w, text: w.console("auth/group/add/", name=text)
    },
    "account.EmailAddress.email": {
        "console": lambda w, text: w.console(
            "account/emailaddress/add/", email=f"{text}@acme.example", user=w.alice.pk
        )
    },
    "flows.Flow.name": {
        "create": lambda w, text: w.rest("POST", "/flows", FLOW | {"name": text}),
        "update": lambda w, text: w.rest("PUT", f"/flows/{w.flow.pk}", {"name": text}),
    },
    "flows.Flow.description": {
        "create": lambda w, text: w.rest("POST", "/flows", FLOW | {"description": text})
    },
    "flows.Flow.version": {
        "create": lambda w, text: w.rest(
            "POST", "/flows", FLOW | {"version": text[:50]}
        ),
        "update": lambda w, text: w.rest(
            "PUT", f"/flows/{w.flow.pk}", {"version": text[:50]}
        ),
    },
    "flows.Flow.flow_definition": {
        "name": lambda w, text: w.define(name=text),
        "description": lambda w, text: w.define(description=text),
        "version": lambda w, text: w.define(version=text),
        "node": lambda w, text: w.define_node(id=text),
        "repeated node": lambda w, text: w.define(nodes=[node(text), node(text)]),
        "display name": lambda w, text: w.define_node(display_name=text),
        "output": lambda w, text: w.define_node(
            outputs=[{"name": text, "extractor": {"type": "body"}}]
        ),
        "variable": lambda w, text: w.define_node(
            type="set_variable", data={"variables": {text: 1}}
        ),
        "loop": lambda w, text: w.define_node(
            type="loop", data={"items": [], "body": {"nodes": []}, "item_var": text}
        ),
        "inner": lambda w, text: w.define_node(
            type="loop",
            data={"items": [], "body": {"nodes": [node("in", display_name=text)]}},
        ),
        "edge": lambda w, text: w.define_edge(id=text),
        "source handle": lambda w, text: w.define_edge(source_handle=text),
        "target handle": lambda w, text: w.define_edge(target_handle=text),
        "unknown field": lambda w, text: w.define(notes=[{"of": text}]),
        "unknown name": lambda w, text: w.define(notes={text: 1}),
        "unknown field of a node": lambda w, text: w.define_node(notes=text),
        "unknown field of an edge": lambda w, text: w.define_edge(notes=text),
        "unknown field of an output": lambda w, text: w.define_node(
            outputs=[{"name": "o", "extractor": {"type": "body", "notes": text}}]
        ),
        "assertion": lambda w, text: w.define_node(
            assertions=[ASSERTION | {"a": text}]
        ),
        "expected": lambda w, text: w.define_node(
            assertions=[ASSERTION | {"operator_data": {"value": text}}]
        ),
        "title": lambda w, text: w.define_data(title=text),
        "url": lambda w, text: w.define_data(url=f"https://shop.example/{text}"),
        "header": lambda w, text: w.define_data(headers={"X-Api-Key": text}),
        "header's name": lambda w, text: w.define_data(headers={text: "x"}),
        "body": lambda w, text: w.define_data(body={"a": [{"b": text}]}),
        "inner body": lambda w, text: w.define_node(
            type="loop",
            data={
                "items": [],
                "body": {"nodes": [node("in", data=REQUEST | {"body": text})]},
            },
        ),
    },
    "flows.Flow.metadata": {
        "environment": lambda w, text: w.rest(
            "POST", "/flows", FLOW | {"metadata": {"target_environment_key": text}}
        ),
        "position": lambda w, text: w.rest(
            "POST", "/flows", FLOW | {"metadata": {"node_positions": {text: {"x": 1}}}}
        ),
        "unknown of a position": lambda w, text: w.rest(
            *("PUT", f"/flows/{w.flow.pk}"),
            {"metadata": {"node_positions": {"pay": {"label": text}}}},
        ),
        "unknown field": lambda w, text: w.rest(
            "POST", "/flows", FLOW | {"metadata": {"notes": [{"of": text}]}}
        ),
        "unknown name": lambda w, text: w.rest(
            "POST", "/flows", FLOW | {"metadata": {text: 1}}
        ),
    },
    "flows.FlowTag.name": {
        "create": lambda w, text: w.rest(
            "POST", "/flows", FLOW | {"tags": ["ok", text[:64]]}
        )
    },
    "webhooks.Webhook.name": {
        "create": lambda w, text: w.rest("POST", "/webhooks", {"name": text})
    },
    "collections.Collection.name": {
        "create": lambda w, text: w.rest("POST", "/collections", {"name": text}),
        "update": lambda w, text: w.rest("PUT", w.collection, {"name": text}),
    },
    "collections.Collection.description": {
        "create": lambda w, text: w.rest(
            "POST", "/collections", {"name": "c", "description": text}
        )
    },
    "collections.Folder.name": {
        "create": lambda w, text: w.rest(
            "POST", f"{w.collection}/folders", {"name": text}
        )
    },
    "collections.Folder.description": {
        "create": lambda w, text: w.rest(
            "POST", f"{w.collection}/folders", {"name": "f", "description": text}
        )
    },
    "collections.SavedRequest.name": {
        "create": lambda w, text: w.rest(
            "POST",
            f"{w.collection}/requests",
            {"name": text, "method": "GET", "url": "https://shop.example"},
        )
    },
    "collections.SavedRequest.description": {
        "create": lambda w, text: w.rest(
            "POST",
            f"{w.collection}/requests",
            {"name": "r", "method": "GET", "url": "https://x", "description": text},
        )
    },
    "collections.SavedRequest.url": {
        "create": lambda w, text: w.save(url=f"https://shop.example/?key={text}"),
        "update": lambda w, text: w.change(url=f"https://shop.example/{text}"),
    },
    "collections.SavedRequest.headers": {
        "create": lambda w, text: w.save(headers={"X-Api-Key": text}),
        "update": lambda w, text: w.change(headers={"X-Api-Key": text}),
        "name": lambda w, text: w.save(headers={text: "x"}),
    },
    "collections.SavedRequest.auth": {
        name: lambda w, text, name=name: w.save(auth={"type": "bearer", name: text})
        for name in (
            *("source_option_id", "source_option_label"),
            *("token", "key", "value", "username", "password"),
        )
    }
    | {"update": lambda w, text: w.change(auth={"type": "bearer", "token": text})},
    "collections.SavedRequest.body": {
        "create": lambda w, text: w.save(body={"a": [{"b": text}]}),
        "update": lambda w, text: w.change(body={text: 1}),
    },
    "collections.SavedRequest.response_spec": {
        "schema": lambda w, text: w.save(
            response_spec={"schema": {"description": text}}
        ),
        "type": lambda w, text: w.save(response_spec={"primary_content_type": text}),
        "types": lambda w, text: w.change(response_spec={"content_types": [text]}),
    },
    "environments.Environment.name": {
        "create": lambda w, text: w.rest(
            "POST", "/organization/environments", {"name": text}
        )
    },
    "environments.Variable.key": {
        "organization": lambda w, text: w.rest(
            "PUT", f"/organization/variables/{text}", {"value": "v"}
        ),
        "flow": lambda w, text: w.rest(
            "PUT", f"/flows/{w.flow.pk}/variables/{text}", {"value": "v"}
        ),
    },
    "executions.Execution.trigger_metadata": {
        name: lambda w, text, name=name: w.rest(
            "POST",
            f"/flows/{w.flow.pk}/launch",
            {"trigger_type": "git", "trigger_metadata": {name: text}},
        )
        for name in ("repository", "workflow", "job", "ref", "actor", "sha", "run_id")
    }
    | {
        "actor_id": lambda w, text: w.rest(
            "POST",
            f"/flows/{w.flow.pk}/launch",
            {"trigger_metadata": {"actor_type": "user", "actor_id": text}},
        )
    },
    "executions.Execution.idempotency_digest": {
        "launch": lambda w, text: w.rest(
            "POST", f"/flows/{w.flow.pk}/launch", {}, Idempotency_Key=text
        )
    },
    "executions.Runner.runner_id": {
        "next": lambda w, text: w.job("next", runner_id=text, max_parallel_flows=1),
        "heartbeat": lambda w, text: w.job(
            "heartbeat", runner_id=text, max_parallel_flows=1, job_ids=[]
        ),
    },
    "executions.Runner.version": {
        "heartbeat": lambda w, text: w.job(
            "heartbeat", runner_version=text[:64], max_parallel_flows=1, job_ids=[]
        )
    },
}


class World:
    """Callers for all inputs, and a named row for each."""

    def __init__(self, client, api, alice, acme, issue):
        self.client, self.acme, self.alice = client, acme, alice
        self.people = api(user=alice)
        self.runner = api("runner:claim", "runner:complete")
        self.key, _ = issue(name="to be changed")
        self.flow = Flow.objects.create(organization=acme, **FLOW)
        collection = self.people.post("/collections", {"name": "c"}).json()
        self.collection = f"/collections/{collection['id']}"

    def page(self, page, /, *args, **values):
        sign_in(self.client, self.alice)
        url = reverse(f"apikeys:{page}", args=[self.acme.pk, *args])
        nonce = SpentNonce.objects.issue(user=self.alice, page=url)
        return self.client.post(url, {"nonce": nonce} | values).text

    def review(self):
        """Return the open review, which has the key."""
        by = Actor.command("test")
        opened = AccessReview.objects.open(self.acme, by=by)
        return opened or AccessReview.objects.current(self.acme)

    def key_page(self, page, /, **values):
        return self.page(page, self.key.public_id, **values)

    def rest(self, method, path, body=None, client=None, **headers):
        client = client or self.people
        return client(method, path, body, **headers).content.decode()

    @property
    def shown(self):
        return naming.fingerprint(self.key)

    def job(self, path, **values):
        body = {"runner_id": "r", "boot_id": str(uuid.uuid4())} | values
        return self.rest("POST", f"/runner/jobs/{path}", body, client=self.runner)

    def command(self, command, /, *args, **options):
        with pytest.raises(CommandError) as caught:
            call_command(command, *args, stdout=StringIO(), **options)
        return str(caught.value)

    def console(self, path, **values):
        boss = User.objects.filter(is_superuser=True).first()
        boss = boss or User.objects.create_superuser("boss@echopoint.example", "long!")
        sign_in(self.client, boss)
        return self.client.post(f"/admin/{path}", values).text

    def verb(self, call, **values):
        with pytest.raises(InvalidKeyRequest) as caught:
            call(by=Actor.command("test"), **values)
        return caught.value.message

    def define(self, **changes):
        body = FLOW | {"flow_definition": FLOW["flow_definition"] | changes}
        return self.rest("POST", "/flows", body)

    def define_node(self, **changes):
        return self.define(nodes=[node("pay") | changes])

    def define_data(self, **changes):
        return self.define_node(data=REQUEST | changes)

    def define_edge(self, **changes):
        edge = EDGE | {"id": "e"} | changes
        return self.define(nodes=[node("a"), node("b")], edges=[edge])

    def save(self, **changes):
        body = REQUEST | {"name": "r"} | changes
        return self.rest("POST", f"{self.collection}/requests", body)

    def change(self, **changes):
        saved = json.loads(self.save())
        return self.rest("PUT", f"{self.collection}/requests/{saved['id']}", changes)
