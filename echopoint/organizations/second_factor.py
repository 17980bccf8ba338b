"""A code of an authenticator app counts once (RFC 6238, section 5.2).

The step of the last one that was taken is kept with the authenticator: a cache forgets,
and need not be shared by all processes.
"""

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
from django.db import transaction
from django.dispatch import receiver

from echopoint.core.locks import for_change

LAST_STEP = "last_step"


class OnceMixin:
    """A form whose code is of an authenticator, or one of the recovery codes."""

    def clean_code(self):
        with transaction.atomic():
            # Of two requests with one code the second waits here.
            own = Authenticator.objects.filter(user=self.user).order_by("pk")
            list(for_change(own))
            code = super().clean_code()
            if not take(self.authenticator, code):
                raise get_adapter().validation_error("incorrect_code")
        return code


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
