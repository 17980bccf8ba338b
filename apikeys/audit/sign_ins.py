"""Signals of the libraries that sign people in, as events of the audit."""

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.signals import user_logged_in
from allauth.mfa.models import Authenticator
from django.contrib.auth.signals import user_login_failed
from django.db.models.signals import pre_delete, pre_save
from django.dispatch import receiver

from apikeys.actors import Actor
from apikeys.audit.events import Action
from apikeys.audit.people import of_person
from apikeys.models import InstallationEvent
from echopoint.core.client_metadata import Client
from echopoint.core.trail import trail
from echopoint.organizations.models import User

RECOVERY_CODES = Authenticator.Type.RECOVERY_CODES


@receiver(user_logged_in)
def signed_in(request, user, **kwargs):
    """Record who signed in; the session is kept after this."""
    actor = Actor.person(user, via="page", client=Client.of(request))
    InstallationEvent.of_people.signed_in(user, actor, methods_of(request, user))


def methods_of(request, user):
    """Return with what the person signed in, each kind once."""
    records = get_authentication_records(request, user)
    return list(dict.fromkeys(r.get("type") or r["method"] for r in records))


@receiver(user_login_failed)
def password_refused(credentials, request=None, **kwargs):
    """Record a wrong password; nothing that was typed is kept."""
    user = account_of(credentials, request)
    trail.audit.sign_in_failed(user, reason_for(user))


def reason_for(user):
    """Return why the password did not open the account."""
    if user is None:
        return "unknown_account"
    # Whether the password was right, nobody looked.
    return "wrong_password" if user.is_active else "switched_off"


def account_of(credentials, request):
    """Return the account that somebody tried to enter, or None."""
    if email := credentials.get("email") or credentials.get("username"):
        email = User.objects.normalize_email(email)
        return User.objects.filter(email=email).first()
    # A password that is asked for once more comes without an address.
    is_known = request is not None and request.user.is_authenticated
    return request.user if is_known else None


# Signals of the row, as the library's own come after the commit. The event comes before
# the row changes: the library saves a passkey outside of a transaction, and chains are
# locked before rows.


@receiver(pre_save, sender=Authenticator)
def factor_added(instance, raw, **kwargs):
    if raw or not instance._state.adding:
        return
    if instance.type == RECOVERY_CODES:
        of_person(Action.RECOVERY_CODES_MADE, instance.user)
    else:
        of_person(Action.SECOND_FACTOR_ADDED, instance.user, kind=instance.type)


@receiver(pre_delete, sender=Authenticator)
def factor_removed(instance, origin, **kwargs):
    # With an account all that is its own goes; new recovery codes replace the old.
    of_itself = isinstance(origin, Authenticator) or (
        getattr(origin, "model", None) is Authenticator
    )
    if of_itself and instance.type != RECOVERY_CODES:
        of_person(Action.SECOND_FACTOR_REMOVED, instance.user, kind=instance.type)
