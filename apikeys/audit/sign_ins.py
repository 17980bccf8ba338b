"""Record sign-ins and second factors from the signals of the libraries."""

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.signals import user_logged_in
from allauth.mfa.models import Authenticator
from django.contrib.auth.signals import user_login_failed
from django.db.models.signals import pre_delete, pre_save
from django.dispatch import receiver

from apikeys.actors import Actor
from apikeys.audit.events import Action
from apikeys.audit.people import record_about_person
from apikeys.models import InstallationEvent
from echopoint.core.audit_log import audit_log
from echopoint.core.client_metadata import Client
from echopoint.organizations.models import User

RECOVERY_CODES = Authenticator.Type.RECOVERY_CODES


@receiver(user_logged_in)
def signed_in(request, user, **kwargs):
    """Record the sign-in. Django sends the signal before it stores the session."""
    actor = Actor.person(user, via="page", client=Client.of(request))
    InstallationEvent.person_events.signed_in(user, actor, methods_of(request, user))


def methods_of(request, user):
    """Return the methods of the sign-in, each once."""
    records = get_authentication_records(request, user)
    return list(dict.fromkeys(r.get("type") or r["method"] for r in records))


@receiver(user_login_failed)
def password_refused(credentials, request=None, **kwargs):
    """Record a wrong password; nothing from the form is recorded.

    People type passwords into the field for the e-mail address.
    """
    user = account_of(credentials, request)
    audit_log().sign_in_failed(user, reason_for(user))


def reason_for(user):
    """Return why the sign-in failed."""
    if user is None:
        return "unknown_account"
    # The signal does not say whether the password of an inactive account was right.
    return "wrong_password" if user.is_active else "switched_off"


def account_of(credentials, request):
    """Return the account of a failed sign-in, or None."""
    if email := credentials.get("email") or credentials.get("username"):
        email = User.objects.normalize_email(email)
        return User.objects.filter(email=email).first()
    # A re-authentication sends a password without an address.
    is_known = request is not None and request.user.is_authenticated
    return request.user if is_known else None


# These are Django's signals. Those of the library come after the commit, when a failed event
# could no longer undo the change. pre_save and pre_delete, because chains are locked
# before rows, and the library saves a passkey outside of a transaction: after the save, a
# failed event would leave an unrecorded passkey.


@receiver(pre_save, sender=Authenticator)
def factor_added(instance, raw, **kwargs):
    if raw or not instance._state.adding:
        return
    if instance.type == RECOVERY_CODES:
        record_about_person(Action.RECOVERY_CODES_MADE, instance.user)
    else:
        record_about_person(
            Action.SECOND_FACTOR_ADDED, instance.user, kind=instance.type
        )


@receiver(pre_delete, sender=Authenticator)
def factor_removed(instance, origin, **kwargs):
    # Not a removal: the deletion of an account deletes its factors too, and generating
    # recovery codes deletes the old ones.
    is_direct = isinstance(origin, Authenticator) or (
        getattr(origin, "model", None) is Authenticator
    )
    if is_direct and instance.type != RECOVERY_CODES:
        record_about_person(
            Action.SECOND_FACTOR_REMOVED, instance.user, kind=instance.type
        )
