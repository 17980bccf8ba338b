"""An authenticator app: its codes, and adding it to an account on the page."""

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.mfa.totp.internal.auth import yield_hotp_counters_from_time as counters
from django.urls import reverse


def current_code(secret):
    """Return the code that an app with this secret shows now."""
    return format_hotp_value(hotp_value(secret, next(counters())))


def add_app(client, password):
    """Add an app on the page of the signed-in user; return (its secret, the code sent)."""
    page = reverse("mfa_activate_totp")
    client.post(client.get(page)["Location"], {"password": password})
    secret = client.get(page).context["form"].secret
    code = current_code(secret)
    client.post(page, {"code": code})
    return secret, code
