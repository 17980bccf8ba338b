"""Each code of an authenticator app is accepted once (RFC 6238, section 5.2).

The time step of the last accepted code is stored with the authenticator, not in the cache:
caches evict entries and may not be shared by all processes.
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
from echopoint.core.audit_log import audit_log
from echopoint.core.locks import for_change

LAST_STEP = "last_step"


class SingleUseCodeMixin:
    """Validates a code of an authenticator app, or a recovery code.

    allauth limits wrong codes per account only. An attacker with the password could lock
    the owner out of the second step.
    """

    def clean_code(self):
        with attempts.auditing_refusal(self.user):
            own, shared = attempts.limit_keys("code", context.request, self.user)
            counted = attempts.count(context.request, own | shared)
        try:
            code = self.validate_code()
        except ValidationError:
            audit_log().sign_in_failed(self.user, "wrong_code")
            raise
        attempts.refund(counted)
        return code

    def validate_code(self):
        code = self.cleaned_data["code"]
        kinds = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
        own = Authenticator.objects.filter(user=self.user, type__in=kinds)
        self.authenticator = spend_code(own, code)
        if not self.authenticator:
            if main := own.order_by("-type").first():  # prefer the app
                self._emit_authentication_failed(main)
            raise get_adapter().validation_error("incorrect_code")
        return code


@transaction.atomic
def spend_code(authenticators, code):
    """Return the authenticator that accepts the code, and spend the code; else None."""
    # The row lock serializes requests with the same code: the second one is refused.
    for authenticator in list(for_change(authenticators.order_by("pk"))):
        if authenticator.wrap().validate_code(code) and spend_step(authenticator, code):
            return authenticator
    return None


def spend_step(authenticator, code):
    """Store the code's step if it is later than the last one; return whether it is."""
    if authenticator.type != Authenticator.Type.TOTP:
        return True
    step, data = step_of(authenticator, code), authenticator.data
    if step is None or step <= data.get(LAST_STEP, -1):
        return False
    data[LAST_STEP] = step
    authenticator.save(update_fields=["data"])
    return True


def step_of(authenticator, code):
    """Return the latest current time step with this code, or None."""
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
def spend_first_code(sender, request, authenticator, **kwargs):
    """Spend the code that confirmed a new authenticator app."""
    if authenticator.type == Authenticator.Type.TOTP:
        spend_step(authenticator, request.POST.get("code", ""))
