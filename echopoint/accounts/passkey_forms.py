"""Forms that parse passkey credentials.

The library's parsers raise arbitrary exceptions for malformed credentials.
"""

import logging

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn import forms as webauthn
from django.core.exceptions import ValidationError
from django.db import DataError, Error, transaction

from echopoint.accounts.forms import LabelledFormMixin
from echopoint.core.audit_log import audit_log

logger = logging.getLogger(__name__)


def refuse_malformed(clean):
    """Turn the exceptions of a form's parsing method into validation errors."""

    def wrapper(form):
        try:
            with transaction.atomic():
                return clean(form)
        except DataError:
            # A user handle may contain NUL, which PostgreSQL does not accept in text.
            raise get_adapter().validation_error("incorrect_code") from None
        except (ValidationError, Error):
            raise
        except Exception as error:  # noqa: BLE001, several libraries without a common base class
            logger.info("A passkey's credential was refused: %s", type(error).__name__)
            raise get_adapter().validation_error("incorrect_code") from error

    return wrapper


class AuditedPasskeyMixin:
    """Records a refused passkey in the audit log."""

    @refuse_malformed
    def read_credential(self):
        return super().clean_credential()

    def clean_credential(self):
        try:
            return self.read_credential()
        except ValidationError as error:
            is_wrong = error.code == "incorrect_code"
            reason = "wrong_passkey" if is_wrong else "too_many_attempts"
            # The credential's own claim of a user proves nothing, so it is not recorded.
            audit_log().sign_in_failed(self.user, reason)
            raise


class LoginPasskeyForm(AuditedPasskeyMixin, webauthn.LoginWebAuthnForm):
    """A passkey instead of e-mail and password."""


class SecondFactorPasskeyForm(AuditedPasskeyMixin, webauthn.AuthenticateWebAuthnForm):
    """A passkey after the password."""


class ReauthenticatePasskeyForm(
    AuditedPasskeyMixin, webauthn.ReauthenticateWebAuthnForm
):
    """Confirms a passkey of a signed-in user."""


class AddPasskeyForm(LabelledFormMixin, webauthn.AddWebAuthnForm):
    """A new passkey."""

    clean = refuse_malformed(webauthn.AddWebAuthnForm.clean)
