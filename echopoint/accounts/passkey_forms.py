"""Forms that read what a browser says of a passkey.

The library's parsers raise whatever they meet in a credential that no browser made.
"""

import logging

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn import forms as webauthn
from django.core.exceptions import ValidationError
from django.db import DataError, Error, transaction

from echopoint.accounts.forms import InOurWords
from echopoint.core.trail import trail

logger = logging.getLogger(__name__)


def refusing(clean):
    """Let a form's method refuse what it cannot read, instead of failing."""

    def cleaned(form):
        try:
            with transaction.atomic():
                return clean(form)
        except DataError:
            # PostgreSQL takes no NUL, which a user handle can hold.
            raise get_adapter().validation_error("incorrect_code") from None
        except (ValidationError, Error):
            raise
        except Exception as error:  # noqa: BLE001, of many libraries, and no list of theirs
            logger.info("A passkey's credential was refused: %s", type(error).__name__)
            raise get_adapter().validation_error("incorrect_code") from error

    return cleaned


class Recorded:
    """A form that lets people in: a passkey that it refuses is recorded."""

    @refusing
    def read_credential(self):
        return super().clean_credential()

    def clean_credential(self):
        try:
            return self.read_credential()
        except ValidationError as error:
            is_wrong = error.code == "incorrect_code"
            reason = "wrong_passkey" if is_wrong else "too_many_attempts"
            # Whose passkey it claims to be proves nothing: without a user, it is nobody's.
            trail.audit.sign_in_failed(self.user, reason)
            raise


class LoginPasskeyForm(Recorded, webauthn.LoginWebAuthnForm):
    """A passkey instead of e-mail and password."""


class SecondFactorPasskeyForm(Recorded, webauthn.AuthenticateWebAuthnForm):
    """A passkey after the password."""


class PasskeyAgainForm(Recorded, webauthn.ReauthenticateWebAuthnForm):
    """A passkey, once more."""


class AddPasskeyForm(InOurWords, webauthn.AddWebAuthnForm):
    """A new passkey."""

    clean = refusing(webauthn.AddWebAuthnForm.clean)
