"""A code of an authenticator app counts once (RFC 6238, section 5.2).

The step of the last one that was taken is kept with the authenticator: a cache forgets,
and need not be shared by all processes.
"""

from allauth.core import context
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.mfa.utils import decrypt
from django.core.exceptions import ValidationError
from django.db import transaction
from django.dispatch import receiver

from echopoint.accounts import attempts
from echopoint.core.locks import for_change
from echopoint.core.trail import trail

LAST_STEP = "last_step"


class OnceMixin:
    """A form whose code is of an authenticator, or one of the recovery codes.

    allauth counts wrong codes by account alone: whoever has the password could keep its
    owner from the second step.
    """

    def clean_code(self):
        with attempts.recorded(self.user):
            near, anywhere = attempts.near_and_anywhere(
                "code", context.request, self.user
            )
            counted = attempts.count(context.request, near | anywhere)
        try:
            code = self.take_code()
        except ValidationError:
            trail.audit.sign_in_failed(self.user, "wrong_code")
            raise
        attempts.take_back(counted)
        return code

    def take_code(self):
        code = self.cleaned_data["code"]
        kinds = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
        own = Authenticator.objects.filter(user=self.user, type__in=kinds)
        self.authenticator = taken(own, code)
        if not self.authenticator:
            if main := own.order_by("-type").first():  # the app, if there is one
                self._emit_authentication_failed(main)
            raise get_adapter().validation_error("incorrect_code")
        return code


@transaction.atomic
def taken(authenticators, code):
    """Return the authenticator that the code is of, which takes it once; else None."""
    # Of two requests with one code the second waits here.
    for authenticator in list(for_change(authenticators.order_by("pk"))):
        if authenticator.wrap().validate_code(code) and take(authenticator, code):
            return authenticator
    return None


def take(authenticator, code):
    """Return whether the code is of a later step than the last one, and keep its step."""
    if authenticator.type != Authenticator.Type.TOTP:
        return True
    step, data = step_of(authenticator, code), authenticator.data
    if step is None or step <= data.get(LAST_STEP, -1):
        return False
    data[LAST_STEP] = step
    authenticator.save(update_fields=["data"])
    return True


def step_of(authenticator, code):
    """Return the latest step that has this code now, or None."""
    secret = decrypt(authenticator.data["secret"])
    steps = sorted(yield_hotp_counters_from_time(), reverse=True)
    matching = (
        step
        for step in steps
        if compare_user_code(
            actual=code, expected=format_hotp_value(hotp_value(secret, step))
        )
    )
    return next(matching, None)


@receiver(authenticator_added)
def take_first(sender, request, authenticator, **kwargs):
    """Keep the step of the code by which an app was added."""
    if authenticator.type == Authenticator.Type.TOTP:
        take(authenticator, request.POST.get("code", ""))
