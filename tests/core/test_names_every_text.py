"""Every text input refuses keys, or is listed with a reason why it may contain one.

A new one fails here until it has a way in `ways` that refuses a key, or a reason below.
"""

import pytest
from allauth.mfa.models import Authenticator
from django import forms
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.core.management import get_commands, load_command_class
from django.db import models
from django.urls import get_resolver
from django.utils.module_loading import import_string
from rest_framework import serializers

from echopoint.accounts.forms import EditPasskeyForm, LabelledFormMixin
from echopoint.api.fields import refuse_keys
from echopoint.api.operations import operations
from echopoint.core.names import (
    LOOKS_LIKE_A_KEY,
    refuse_key,
    refuse_secret,
    validate_machine_name,
    validate_name,
)
from echopoint.flows.serializers import Definition
from echopoint.organizations.models import User
from tests.core.keys import KEY
from tests.core.name_inputs import WAYS
from tests.url_paths import paths

# Columns that may contain anything, or never contain user input.
MADE = "made here: an id, a digest or a code of ours"
CLEANED = "a label of what is guarded, and cleaned once more as the event is recorded"
SENT = "cleaned as it comes in: AuditEvent and Client do"
LABEL = "the name of a key or a person, which is guarded"
FIXED = "Django's own, or one of a few words of ours"
PAYLOAD = "what services send and receive, and their credentials: it is what we keep"
RUN = "what a runner saw of the tested services; secrets of the flow are masked"
CONTACT = "the contact of a key, which is guarded"
ANYTHING = {
    "admin.LogEntry.object_id": MADE,
    "admin.LogEntry.object_repr": LABEL,
    "admin.LogEntry.change_message": FIXED,
    "auth.Permission.name": FIXED,
    "auth.Permission.codename": FIXED,
    "contenttypes.ContentType.app_label": FIXED,
    "contenttypes.ContentType.model": FIXED,
    "sessions.Session.session_key": MADE,
    "sessions.Session.session_data": "what was typed is kept without secrets",
    "account.EmailConfirmation.key": MADE,
    "mfa.Authenticator.data": "secrets are encrypted; the form guards a passkey's name",
    "organizations.User.id": MADE,
    "organizations.User.password": "a hash, whatever the password is",
    "organizations.Organization.id": MADE,
    "organizations.Organization.frozen_by_label": LABEL,
    "organizations.Organization.owner_scopes": FIXED,
    "organizations.Organization.admin_scopes": FIXED,
    "organizations.Organization.listed_scopes": FIXED,
    "organizations.Organization.notice_days": "numbers; others are refused",
    "mail.MailMessage.recipients": "addresses of accounts, which are guarded",
    "mail.MailMessage.subject": "fixed, and names of keys, which are guarded",
    "mail.MailMessage.sealed": "encrypted, until it is sent",
    "mail.MailMessage.last_error": FIXED,
    "notices.NoticeDelivery.message_id": MADE,
    "notices.NoticeDelivery.type": FIXED,
    "notices.NoticeDelivery.body": "names of keys, which are guarded, and cleaned places",
    "notices.NoticeDelivery.last_error": FIXED,
    "notices.NoticeWebhook.url": "encrypted; a key in it is refused",
    "notices.NoticeWebhook.secret": "made here, and encrypted",
    "notices.NoticeWebhook.previous_secret": "made here, and encrypted",
    "apikeys.KeyPlace.digest": MADE,
    "apikeys.KeyPlace.name": CLEANED,
    "apikeys.KeyPlace.address": MADE,
    "apikeys.PepperFingerprint.fingerprint": MADE,
    "apikeys.AuditChain.head": MADE,
    "apikeys.AuditChain.base_hash": MADE,
    "apikeys.AuditEvent.actor_type": FIXED,
    "apikeys.AuditEvent.actor_id": MADE,
    "apikeys.AuditEvent.actor_label": CLEANED,
    "apikeys.AuditEvent.target_type": FIXED,
    "apikeys.AuditEvent.target_id": MADE,
    "apikeys.AuditEvent.target_label": CLEANED,
    "apikeys.AuditEvent.details": CLEANED,
    "apikeys.AuditEvent.ip": MADE,
    "apikeys.AuditEvent.user_agent": SENT,
    "apikeys.AuditEvent.request_id": MADE,
    "apikeys.AuditEvent.prev_hash": MADE,
    "apikeys.AuditEvent.hash": MADE,
    "apikeys.InstallationChain.head": MADE,
    "apikeys.InstallationChain.base_hash": MADE,
    "apikeys.InstallationEvent.actor_type": FIXED,
    "apikeys.InstallationEvent.actor_id": MADE,
    "apikeys.InstallationEvent.actor_label": CLEANED,
    "apikeys.InstallationEvent.target_type": FIXED,
    "apikeys.InstallationEvent.target_id": MADE,
    "apikeys.InstallationEvent.target_label": CLEANED,
    "apikeys.InstallationEvent.details": CLEANED,
    "apikeys.InstallationEvent.ip": MADE,
    "apikeys.InstallationEvent.user_agent": SENT,
    "apikeys.InstallationEvent.request_id": MADE,
    "apikeys.InstallationEvent.prev_hash": MADE,
    "apikeys.InstallationEvent.hash": MADE,
    "apikeys.InstallationEvent.actor_key": "what the label folds to",
    "apikeys.InstallationEvent.target_key": "what the label folds to",
    "apikeys.Refusal.reason": FIXED,
    "apikeys.KeyUsage.scope": FIXED,
    "apikeys.ScopeUse.scope": FIXED,
    "apikeys.AccessReview.opened_by_label": LABEL,
    "apikeys.AccessReview.closed_by_label": LABEL,
    "apikeys.ReviewedKey.confirmed_scopes": FIXED,
    "apikeys.ReviewedKey.confirmed_by_label": LABEL,
    "apikeys.ReviewedKey.confirmed_owner_label": LABEL,
    "apikeys.ApiKey.public_id": MADE,
    "apikeys.ApiKey.name_key": "what the name folds to",
    "apikeys.AuditEvent.actor_key": "what the label folds to",
    "apikeys.AuditEvent.target_key": "what the label folds to",
    "apikeys.AuditLabel.key": "what the label folds to",
    "apikeys.AuditLabel.subject_id": MADE,
    "apikeys.ApiKey.namesake": MADE,
    "apikeys.ApiKey.scopes": FIXED,
    "apikeys.ApiKey.allow_list": "networks, and names of ranges; others are refused",
    "apikeys.NetworkRange.name_key": "what the name folds to",
    "apikeys.NetworkRange.networks": "networks; others are refused",
    "apikeys.ApiKey.digest": MADE,
    "apikeys.ApiKey.created_by_label": LABEL,
    "apikeys.ApiKey.revoked_by_label": LABEL,
    "apikeys.ApiKey.last_used_user_agent": SENT,
    "apikeys.ApiKey.last_used_route": "a pattern of ours, without what stood in its place",
    "apikeys.ContactAddress.address": CONTACT,
    "notices.ContactDigest.address": CONTACT,
    "notices.ContactNotice.address": CONTACT,
    "apikeys.SpentNonce.nonce": MADE,
    "webhooks.Webhook.id": MADE,
    "webhooks.CapturedRequest.id": MADE,
    **{
        f"webhooks.CapturedRequest.{name}": "captured as it came, keys ended at their id"
        for name in (
            *("method", "headers", "query_params", "body", "content_type"),
            *("user_agent", "ip_address", "search_text", "path", "raw_path"),
            *("raw_query", "repeated_headers", "repeated_params"),
            *("body_decoded", "body_decoding"),
        )
    },
    "collections.SavedRequest.method": FIXED,
    "environments.Variable.value": "secrets belong there, encrypted",
    "executions.RunnerJob.runner_id": "that of the runner",
    "executions.JobEvent.type": FIXED,
    "executions.JobEvent.payload": RUN,
    "executions.Execution.flow_name": "that of the flow",
    "executions.Execution.flow_snapshot": "the definition of the flow",
    "executions.Execution.referenced_flows": "definitions of flows, and payload",
    "executions.Execution.runner_inputs": PAYLOAD,
    "executions.Execution.secret_input_keys": "keys of variables",
    "executions.Execution.sealed_inputs": "encrypted",
    "executions.Execution.environment_key": "that of an environment that there is",
    "executions.Execution.idempotency_fingerprint": MADE,
    "executions.Execution.launched_by_label": LABEL,
    "executions.Execution.completed_by_label": LABEL,
    "executions.Execution.completion_digest": MADE,
    "executions.Execution.executed_by": "the id of the runner",
    "executions.Execution.executor_version": "the version of the runner",
    **{
        f"executions.{name}": RUN
        for name in (
            *("Execution.result", "Execution.error_message", "Execution.error_code"),
            *("NodeResult.node_id", "NodeResult.display_name", "NodeResult.node_type"),
            *("NodeResult.result", "NodeResult.error_message", "NodeResult.error_code"),
            "NodeResult.skip_reason",
        )
    },
}
NOT_STORED = "a search, which is not stored"
# Unguarded fields of request bodies, by serializer and field.
FREE_IN_BODIES = {
    "full_text_search": NOT_STORED,
    "filter.ids[]": NOT_STORED,
    "filter.names[]": NOT_STORED,
    "filter.owner_emails[]": NOT_STORED,
    "filter.ip_addresses[]": NOT_STORED,
    "tags[] of a search": NOT_STORED,
    "permissions[]": "names of scopes; others are refused",
    "allowed_networks[]": "networks and names of ranges; others are refused",
    "networks[]": "networks; others are refused",
    "operation": "the id of an operation; others are refused, and not repeated",
    "address": "an address, which is not stored",
    "environment_key": "the name of an environment; others are refused",
    "value": "the value of a variable",
    "flow_definition": "guarded as it is read: keys and names, by definition_names",
    "metadata{}": "guarded as it is read, by refuse_keys",
    "trigger_metadata{}": "guarded by the serializer of its kind",
    "result{}": RUN,
    "error_message": RUN,
    "error_code": RUN,
    "events[].payload{}": RUN,
}
FREE_IN_FORMS = {
    "nonce": "made here, and good for nothing else",
    "keys": "compared, not stored",
    "confirm": "compared, not stored",
    "shown_limits": "made here: the limits on the page",
    "shown": "made here: a hash of the name and description on the page",
    "notice_days": "numbers; others are refused",
    "allowed_networks": "networks and names of ranges; others are refused",
    "networks": "networks; others are refused",
    "address": "an address, which is not stored",
    "shown_verdict": "made here: the verdict on the page",
    "url": "encrypted; the model refuses a key in it",
    "username": "asked of nobody",
    "login": "compared, not stored",
    "password": "hashed, and never shown",
    "code": "compared, not stored",
    "credential": "a public key that a browser made",
    "passkey": "made by a browser",
}
FREE_IN_COMMANDS = {
    "settings": FIXED,
    "pythonpath": FIXED,
    "organization": "an id; others are refused, and not repeated",
    "key_id": "an id, or a whole key, of which only the id counts",
    "overlap": "a length of time",
    "scope": "names of scopes; others are refused, and not repeated",
    "created_by": "an account; others are refused, and not repeated",
    "allow_from": "networks and names of ranges; others are refused",
    "issued_or_changed_since": "a time; others are refused, and not repeated",
    "from_export": "the path of a file",
    "file": "the path of a file",
    "expect_head": "a hash; others are refused, and not repeated",
    "database_url": "kept nowhere, and not repeated",
}
GUARDED_IN_COMMANDS = {
    ("issue_api_key", "name"),
    ("issue_api_key", "owner"),
    ("issue_api_key", "contact"),
    ("issue_api_key", "description"),
    ("rotate_api_key", "owner"),
    ("rotate_api_key", "contact"),
    ("rotate_api_key", "description"),
    ("freeze_api_keys", "reason"),
    ("revoke_api_key", "reason"),
    ("create_organization", "name"),
    ("create_organization", "owner"),
}
COMMANDS = {
    name: app
    for name, app in get_commands().items()
    if app.split(".")[0] in {"apikeys", "echopoint"}
}


GUARDS = (
    *(validate_name, refuse_secret),
    *(validate_machine_name, refuse_key, refuse_keys),
)


def is_guarded(field):
    """Return True if a form, serializer or model field refuses secrets."""
    return any(guard in field.validators for guard in GUARDS)


def test_every_stored_text_is_in_a_table():
    kinds = (models.CharField, models.TextField, models.JSONField)
    stored = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, kinds) and not field.choices
    }

    assert stored == WAYS.keys() | ANYTHING.keys(), "say who guards it, or why not"
    assert not WAYS.keys() & ANYTHING.keys()


def texts_of(field, path=""):
    """Yield (path, field) for each serializer field that accepts any text.

    What guards an object guards the texts in it.
    """
    if isinstance(field, serializers.ListSerializer | serializers.ListField):
        yield from texts_of(field.child, f"{path}[]")
    elif isinstance(field, serializers.BaseSerializer):
        for name, inner in field.fields.items():
            for below, text in texts_of(inner, f"{path}.{name}".lstrip(".")):
                yield below, field if is_guarded(field) else text
    elif isinstance(field, serializers.DictField):
        yield f"{path}{{}}", field
    elif isinstance(field, serializers.CharField | Definition):
        yield path, field


def test_every_text_in_a_body_is_guarded_or_has_a_reason():
    texts = {True: set(), False: set()}
    for operation in operations():
        if body := operation.declared.body:
            searches = " of a search" if "Search" in body.__name__ else ""
            for path, field in texts_of(body(context={"collection": None})):
                told = path + (searches if path == "tags[]" else "")
                texts[is_guarded(field)].add(told)

    assert texts[False] == FREE_IN_BODIES.keys(), "use Name, Label or Note, or say why"
    assert {"name", "description", "version", "runner_id", "tags[]"} <= texts[True]


def forms_of_pages():
    """Yield an unbound form of each page, including allauth's."""
    for _, pattern in paths(get_resolver().url_patterns):
        view = getattr(pattern.callback, "view_class", None)
        form = getattr(view, "form_class", None)
        if form and form.__module__.startswith(("apikeys.", "echopoint.")):
            yield form
    yield from map(import_string, settings.ACCOUNT_FORMS.values())
    yield from map(import_string, settings.MFA_FORMS.values())


def test_every_text_in_a_form_is_guarded_or_has_a_reason():
    texts = {True: set(), False: set()}
    for form in forms_of_pages():
        for name, field in form.base_fields.items():
            if isinstance(field, forms.CharField) and "password" not in name:
                by_us = issubclass(form, LabelledFormMixin) and name in {
                    "name",
                    "email",
                }
                texts[by_us or is_guarded(field)].add(name)

    assert texts[False] <= FREE_IN_FORMS.keys(), "add a validator, or say why not"
    assert {"name", "reason", "email"} <= texts[True]


def test_a_passkeys_name_holds_no_key(alice):
    passkey = Authenticator(user=alice, type="webauthn", data={"name": "Laptop"})
    form = EditPasskeyForm({"name": KEY}, instance=passkey)

    assert form.errors["name"] == [LOOKS_LIKE_A_KEY]
    assert KEY[22:] not in str(form)
    assert EditPasskeyForm({"name": "Work laptop"}, instance=passkey).is_valid()


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda m: m._meta.label)
def test_every_text_that_the_console_writes_is_guarded(model, rf, db):
    site, request = admin.site._registry[model], rf.get("/admin/")
    request.user = User.objects.create_superuser("boss@echopoint.example", "long!")
    if not (site.has_change_permission(request) or site.has_add_permission(request)):
        return

    for row in (None, model()):
        for name, field in site.get_form(request, row)().fields.items():
            if isinstance(field, forms.CharField) and "password" not in name:
                assert is_guarded(field), name


def test_every_text_of_a_command_is_guarded_or_has_a_reason():
    texts = {
        (name, action.dest)
        for name, app in COMMANDS.items()
        for action in load_command_class(app, name).create_parser("", name)._actions
        if action.type is None and action.nargs != 0 and not action.choices
    }

    texts = {pair for pair in texts if pair[1] not in FREE_IN_COMMANDS}
    assert texts == GUARDED_IN_COMMANDS
