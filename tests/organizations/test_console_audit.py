"""The audit of changes in the console, of members and of organizations."""

import json

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import models, transaction
from django.test import Client

from apikeys.audit.people import ONE_BY_ONE
from apikeys.audit.timeline import in_words
from apikeys.models import AuditEvent, InstallationEvent
from echopoint.collections.models import Collection
from echopoint.organizations.console_audit import AuditedAdmin
from echopoint.organizations.models import Membership, Organization, User
from echopoint.webhooks.models import Webhook
from tests.signing_in import sign_in

SECRET_TYPED = "a-typed-canary-password-7"  # noqa: S105


def told(events):
    """Return (action, target, words) of the events, the oldest first."""
    return [
        (e.get_action_display(), e.target_label, in_words(e))
        for e in events.order_by("sequence")
    ]


def of(organization):
    return AuditEvent.objects.for_org(organization)


def of_installation():
    return InstallationEvent.objects.all()


def everything():
    events = [*AuditEvent.objects.all(), *InstallationEvent.objects.all()]
    return "\n".join(str(event.as_dict()) for event in events)


def by_the_boss(event):
    return (event.actor_label, event.details["via"], event.ip) == (
        ("boss@echopoint.example", "admin", "127.0.0.1")
    )


# Members


def edit(boss, membership, **changes):
    values = {
        "user": membership.user_id,
        "organization": membership.organization_id,
        "role": membership.role,
    }
    path = f"/admin/organizations/membership/{membership.pk}/change/"
    assert boss.post(path, values | changes).status_code == 302


def test_a_member_is_added_given_a_role_and_removed(boss, acme, bob, mallory, globex):
    before = of(acme).count()
    boss.post(
        "/admin/organizations/membership/add/",
        {"user": mallory.pk, "organization": acme.pk, "role": "member"},
    )
    added = mallory.memberships.get(organization=acme)
    edit(boss, added, role="admin")
    edit(boss, added, role="admin")
    boss.post(f"/admin/organizations/membership/{added.pk}/delete/", {"post": "yes"})

    assert before == 0
    assert told(of(acme)) == [
        ("Member added", mallory.email, "As member."),
        ("Role changed", mallory.email, "From member to admin."),
        ("Member removed", mallory.email, "Was admin."),
    ]
    assert all(map(by_the_boss, of(acme)))
    assert {event.target_id for event in of(acme)} == {mallory.pk}
    assert not of(globex).exists()
    assert not of_installation().exists()
    assert not acme.memberships.filter(user=mallory).exists()


def test_a_membership_that_moves_leaves_one_organization_for_another(
    boss, acme, bob, globex
):
    edit(boss, bob.memberships.get(), organization=globex.pk)

    assert told(of(acme)) == [("Member removed", bob.email, "Was member.")]
    assert told(of(globex)) == [("Member added", bob.email, "As member.")]


def inline(organization, *rows, **values):
    """Return the form of an organization with its members."""
    initial = organization.memberships.count() if organization else 0
    sent = {
        "name": organization.name if organization else "",
        "description": "",
        "memberships-TOTAL_FORMS": len(rows),
        "memberships-INITIAL_FORMS": initial,
    }
    for n, row in enumerate(rows):
        sent |= {f"memberships-{n}-{name}": value for name, value in row.items()}
    return sent | values


def test_members_on_the_page_of_an_organization_are_events_too(
    boss, acme, olive, bob, mallory
):
    of_olive, of_bob = acme.memberships.order_by("pk")
    row = {"organization": acme.pk}
    boss.post(
        f"/admin/organizations/organization/{quote(acme.pk)}/change/",
        inline(
            acme,
            row | {"id": of_olive.pk, "user": olive.pk, "role": "admin"},
            row | {"id": of_bob.pk, "user": bob.pk, "role": "member", "DELETE": "on"},
            row | {"user": mallory.pk, "role": "member"},
        ),
    )

    assert set(told(of(acme))) == {
        ("Role changed", olive.email, "From owner to admin."),
        ("Member removed", bob.email, "Was member."),
        ("Member added", mallory.email, "As member."),
    }
    members = acme.memberships.values_list("user__email", "role")
    assert set(members) == {(olive.email, "admin"), (mallory.email, "member")}


def test_selected_memberships_are_removed_with_an_event_each(boss, acme, alice, bob):
    chosen = acme.memberships.filter(user__in=[alice, bob]).values_list("pk", flat=True)
    boss.post(
        "/admin/organizations/membership/",
        {"action": "delete_selected", "_selected_action": list(chosen), "post": "yes"},
    )

    assert {label for _, label, _ in told(of(acme))} == {alice.email, bob.email}
    assert acme.memberships.count() == 1


def test_no_role_changes_without_its_event(acme, bob, monkeypatch):
    membership = bob.memberships.get()
    membership.role = "admin"
    monkeypatch.setattr(AuditEvent, "save", lambda *args, **options: 1 / 0)

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        membership.put()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        membership.end()

    assert bob.memberships.get().role == "member"


def test_a_member_who_is_deleted_leaves_each_organization(boss, bob, acme, globex):
    globex.memberships.create(user=bob)

    boss.post(f"/admin/organizations/user/{quote(bob.pk)}/delete/", {"post": "yes"})

    assert told(of(acme)) == [("Member removed", bob.email, "Was member.")]
    assert told(of(globex)) == [("Member removed", bob.email, "Was member.")]
    assert told(of_installation()) == [("Deleted in the console", bob.email, "User.")]
    assert not User.objects.filter(pk=bob.pk).exists()


# Organizations


def test_the_command_that_makes_an_organization_is_its_first_event(db, capsys):
    call_command("create_organization", name="New", owner="new@acme.example")

    organization = Organization.objects.get()
    assert told(of(organization)) == [
        ("Organization created", "New", ""),
        ("Member added", "new@acme.example", "As owner."),
    ]
    event = of(organization).first()
    assert (event.actor_type, event.actor_label) == (
        "system",
        "command create_organization",
    )
    assert AuditEvent.objects.verify(organization) is None


def test_an_organization_of_the_console_is_an_event(boss, olive):
    sent = inline(None, {"user": olive.pk, "role": "owner"}, name="By hand")
    answer = boss.post("/admin/organizations/organization/add/", sent)

    assert answer.status_code == 302
    assert told(of(Organization.objects.get())) == [
        ("Organization created", "By hand", ""),
        ("Member added", olive.email, "As owner."),
    ]


def test_renaming_an_organization_records_the_old_name(boss, acme, olive):
    (own,) = acme.memberships.all()
    row = {"id": own.pk, "organization": acme.pk, "user": olive.pk, "role": "owner"}
    path = f"/admin/organizations/organization/{quote(acme.pk)}/change/"

    boss.post(path, inline(acme, row, name="Acme Ltd", description="canary text"))
    boss.post(path, inline(acme, row, name="Acme Ltd", description="canary text"))

    assert told(of(acme)) == [
        (
            "Organization changed",
            "Acme Ltd",
            "Name, description. Renamed from “Acme” to “Acme Ltd”.",
        )
    ]
    assert "canary text" not in everything()


# People and what else is in the console


def user_form(user, **changes):
    return {"email": user.email, "name": user.name, "is_active": "on"} | changes


def test_a_changed_account_names_the_fields_and_holds_no_value(boss, alice, acme):
    answer = boss.post(
        f"/admin/organizations/user/{quote(alice.pk)}/change/",
        user_form(alice, email="new-address@acme.example", is_superuser="on"),
    )

    assert answer.status_code == 302
    event = of_installation().get()
    assert (event.action, event.target_id) == ("console.changed", alice.pk)
    assert in_words(event) == "User: E-mail, Superuser status."
    assert by_the_boss(event)
    assert not of(acme).exists()


def test_a_new_account_of_the_console_is_an_event_without_its_password(boss, db):
    boss.post(
        "/admin/organizations/user/add/",
        {
            "email": "new@acme.example",
            "usable_password": "true",
            "password1": SECRET_TYPED,
            "password2": SECRET_TYPED,
        },
    )

    assert told(of_installation()) == [
        ("Added in the console", "new@acme.example", "User.")
    ]
    assert SECRET_TYPED not in everything()
    assert User.objects.get(email="new@acme.example").password not in everything()


@pytest.mark.parametrize("usable", ["true", "false"])
def test_a_password_of_the_console_is_an_event_of_the_persons(
    boss, alice, acme, usable
):
    boss.post(
        f"/admin/organizations/user/{quote(alice.pk)}/password/",
        {
            "usable_password": usable,
            "password1": SECRET_TYPED,
            "password2": SECRET_TYPED,
            "unset-password" if usable == "false" else "set-password": "x",
        },
    )

    assert told(of(acme)) == [("Password changed", alice.email, "")]
    assert by_the_boss(of(acme).get())
    assert in_words(of_installation().get()) == "User: password."
    alice.refresh_from_db()
    assert alice.has_usable_password() == (usable == "true")
    assert SECRET_TYPED not in everything()
    assert alice.password not in everything()


def test_no_password_of_the_console_changes_without_its_events(
    boss, alice, monkeypatch
):
    before = alice.password
    monkeypatch.setattr(InstallationEvent, "save", lambda *args, **options: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        boss.post(
            f"/admin/organizations/user/{quote(alice.pk)}/password/",
            {
                "usable_password": "true",
                "password1": SECRET_TYPED,
                "password2": SECRET_TYPED,
            },
        )

    alice.refresh_from_db()
    assert alice.password == before


def test_a_group_and_a_verified_address_are_events_of_the_installation(boss, alice):
    boss.post("/admin/auth/group/add/", {"name": "Helpers"})
    address = EmailAddress.objects.create(user=alice, email=alice.email)
    boss.post(
        "/admin/account/emailaddress/",
        {"action": "make_verified", "_selected_action": address.pk},
    )

    assert told(of_installation())[0] == (("Added in the console", "Helpers", "Group."))
    assert told(of_installation())[1][2] == "Email address: verified."
    assert Group.objects.exists()
    assert EmailAddress.objects.get().verified


def test_a_second_factor_that_the_console_takes_away_is_an_event_of_the_persons(
    boss, alice, acme
):
    row = Authenticator.objects.create(
        user=alice, type="webauthn", data={"name": "Laptop"}
    )
    boss.post(f"/admin/mfa/authenticator/{row.pk}/delete/", {"post": "yes"})

    assert told(of(acme))[1] == ("Second factor removed", alice.email, "Passkey.")
    assert by_the_boss(of(acme).last())


def test_what_an_organization_owns_is_deleted_in_its_chain(boss, acme, globex):
    ours = Collection.objects.create(organization=acme, name="Ours")
    folder = ours.folders.create(name="Folder")
    webhook = Webhook.objects.create(organization=globex, name="Theirs")

    boss.post(f"/admin/collections/folder/{folder.pk}/delete/", {"post": "yes"})
    boss.post(f"/admin/collections/collection/{ours.pk}/delete/", {"post": "yes"})
    boss.post(f"/admin/webhooks/webhook/{quote(webhook.pk)}/delete/", {"post": "yes"})

    assert told(of(acme)) == [
        ("Deleted in the console", "Folder", "Folder."),
        ("Deleted in the console", "Ours", "Collection."),
    ]
    assert told(of(globex)) == [("Deleted in the console", "Theirs", "Webhook.")]
    assert not of_installation().exists()


def test_many_rows_that_are_deleted_at_once_are_one_event(boss, acme, globex):
    for n in range(ONE_BY_ONE + 1):
        Collection.objects.create(organization=acme, name=f"c{n}")
    theirs = Collection.objects.create(organization=globex, name="Theirs")
    chosen = list(Collection.objects.values_list("pk", flat=True))
    boss.post(
        "/admin/collections/collection/",
        {"action": "delete_selected", "_selected_action": chosen, "post": "yes"},
    )

    assert told(of(acme)) == [
        ("Deleted in the console", "21 collections", "Collection, 21 rows.")
    ]
    assert told(of(globex)) == [("Deleted in the console", theirs.name, "Collection.")]
    assert not Collection.objects.exists()


def test_nothing_is_deleted_without_its_event(boss, acme, monkeypatch):
    row = Collection.objects.create(organization=acme, name="Ours")
    monkeypatch.setattr(AuditEvent, "save", lambda *args, **options: 1 / 0)

    for path, sent in (
        (f"{row.pk}/delete/", {}),
        ("", {"action": "delete_selected", "_selected_action": row.pk}),
    ):
        with pytest.raises(ZeroDivisionError):
            boss.post(f"/admin/collections/collection/{path}", {"post": "yes"} | sent)

    assert Collection.objects.exists()


def test_every_model_of_the_console_records_its_changes():
    lacking = [
        model._meta.label
        for model, pages in admin.site._registry.items()
        if not isinstance(pages, AuditedAdmin)
    ]

    assert len(admin.site._registry) > 20
    assert lacking == []


def owner_of(model, seen=()):
    """Return the path to an organization's id along references that are never null."""
    for field in model._meta.concrete_fields:
        if not isinstance(field, models.ForeignKey) or field.null:
            continue
        if field.related_model is Organization:
            return field.attname
        is_new = field.related_model not in (*seen, User)
        if is_new and (path := owner_of(field.related_model, (*seen, model))):
            return f"{field.name}.{path}"
    return ""


def test_what_an_organization_owns_names_the_way_to_it(rf, boss):
    """Unless its rows are only looked at, or record their own events."""
    request = rf.get("/")
    request.user = User.objects.get()
    found = {
        model: pages.owner
        for model, pages in admin.site._registry.items()
        if pages.has_delete_permission(request) or pages.has_change_permission(request)
    }
    del found[Membership]

    assert found == {model: owner_of(model) for model in found}
    assert "collection.organization_id" in found.values()


# Who sees it


def test_the_console_shows_the_installations_chain_to_be_read_only(boss, alice):
    boss.post("/admin/auth/group/add/", {"name": "Helpers"})
    event = of_installation().get()
    path = "/admin/apikeys/installationevent/"

    listed = boss.get(path)
    page = boss.get(f"{path}{event.pk}/change/")

    assert "Helpers" in listed.text
    assert "Added in the console" in listed.text
    assert page.status_code == 200
    assert 'name="_save"' not in page.text
    for change in (f"{path}add/", f"{path}{event.pk}/delete/"):
        assert boss.get(change).status_code == 403
    assert boss.get("/admin/apikeys/installationchain/").status_code == 200


def test_members_do_not_see_the_installations_chain(boss, olive, acme):
    boss.post("/admin/auth/group/add/", {"name": "Helpers"})
    client = Client()
    sign_in(client, olive)

    assert client.get("/admin/apikeys/installationevent/").status_code in {302, 403}
    page = client.get(f"/orgs/{acme.pk}/api-keys/audit/")
    assert "Helpers" not in page.text


def test_the_chains_are_intact_after_all_that(boss, acme, bob, capsys):
    boss.post("/admin/auth/group/add/", {"name": "Helpers"})
    edit(boss, bob.memberships.get(), role="admin")

    call_command("verify_audit", "--json")

    answer = json.loads(capsys.readouterr().out)
    assert answer["intact"] is True
    ids = [chain["organization_id"] for chain in answer["organizations"]]
    assert ids == [acme.pk, "installation"]
