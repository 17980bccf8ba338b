"""Audit events of people, organizations and the admin console."""

from apikeys.actors import Actor
from apikeys.audit.events import Action
from apikeys.models import AuditChain, AuditEvent, InstallationChain, InstallationEvent
from apikeys.models.audit_chain import LABEL_LENGTH
from apikeys.models.person_events import Person, chains_of
from echopoint.core.redaction import cleaned
from echopoint.organizations.models import Organization

ONE_BY_ONE = 20  # up to so many deleted rows get an event each, more get one together


class PeopleAuditLog:
    """Implements `echopoint.core.audit_log.AuditLog`; the actor is `Actor.present()`."""

    def organization_created(self, organization):
        record_in_organization(Action.ORGANIZATION_CREATED, organization)

    def organization_changed(self, organization, *, fields, before):
        names = {"before": before, "after": organization.name}
        renamed = names if before != organization.name else {}
        record_in_organization(
            Action.ORGANIZATION_CHANGED, organization, fields=fields, **renamed
        )

    def member_added(self, membership):
        record_about_member(Action.MEMBER_ADDED, membership, role=membership.role)

    def member_removed(self, membership):
        record_about_member(Action.MEMBER_REMOVED, membership, role=membership.role)

    def role_changed(self, membership, *, before):
        record_about_member(
            Action.ROLE_CHANGED, membership, before=before, after=membership.role
        )

    def password_changed(self, user, *, is_reset):
        action = Action.PASSWORD_RESET if is_reset else Action.PASSWORD_CHANGED
        record_about_person(action, user)

    def sign_in_failed(self, user, reason):
        InstallationEvent.person_events.sign_in_failed(user, Actor.present(), reason)

    def added_in_console(self, row, *, organization_id):
        record_in_console(Action.CONSOLE_ADDED, row, organization_id)

    def changed_in_console(self, row, *, organization_id, fields):
        record_in_console(Action.CONSOLE_CHANGED, row, organization_id, fields=fields)

    def deleted_in_console(self, rows, *, organization_id):
        if len(rows) > ONE_BY_ONE:
            label, count = rows[0]._meta.verbose_name_plural, len(rows)
            target = ("record", "", f"{count:,} {label}")
            record_about_row(
                Action.CONSOLE_DELETED, rows[0], organization_id, target, count=count
            )
        else:
            for row in rows:
                record_in_console(Action.CONSOLE_DELETED, row, organization_id)

    def lock_chains_of(self, user):
        """Lock the chains of the person's organizations; needs a transaction.

        Called before the rows that change are locked. The other order would deadlock
        with a change that records an event and locks the same row afterwards.
        """
        for organization in chains_of(Person.of(user)):
            if organization:
                AuditChain.objects.lock(organization)
            else:
                self.lock_installation()

    def lock_installation(self):
        """Lock the installation's chain, before any other lock; needs a transaction."""
        InstallationChain.objects.lock()


def record_in_organization(action, organization, *, target=None, **details):
    """Record an event in the organization's chain."""
    AuditEvent.objects.record(
        action,
        organization=organization,
        actor=Actor.present(),
        target=target or ("organization", organization.pk, organization.name),
        **details,
    )


def record_about_member(action, membership, **details):
    """Record an event about a member in the organization's chain."""
    target = ("user", *Person.of(membership.user))
    record_in_organization(action, membership.organization, target=target, **details)


def record_about_person(action, user, **details):
    """Record an event about a person in the chains of their organizations."""
    actor = Actor.present()
    InstallationEvent.person_events.record(
        action, Person.of(user), actor=actor, **details
    )


def record_in_console(action, row, organization_id, **details):
    """Record a change of a row in the console: which row, never its values."""
    # Cleaned before it is shortened: the beginning of a secret is not recognized as one.
    label = cleaned(str(row))[:LABEL_LENGTH]
    record_about_row(
        action, row, organization_id, ("record", str(row.pk)[:64], label), **details
    )


def record_about_row(action, row, organization_id, target, **details):
    """Record the event in the chain of the row's organization, or the installation's."""
    details |= {"model": str(row._meta.verbose_name), "target": target}
    if organization_id:
        record_in_organization(
            action, Organization.objects.get(pk=organization_id), **details
        )
    else:
        InstallationEvent.objects.record(action, actor=Actor.present(), **details)
