"""Mail to the contacts of keys.

The address of a contact is not verified, so it may be a stranger's, and the organization
chooses the names in the mail. So each mail has a link that stops all mail to the address,
and names are written so that mail programs do not turn them into links.
"""

import re

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMessage
from django.urls import reverse

from echopoint.core.client_metadata import one_line

# The links do not expire: people unsubscribe from old mail too.
signer = signing.Signer(salt="apikeys.contact")
DOMAIN_DOT = re.compile(r"(?<=\w)\.(?=[^\W\d]{2})")


def stop_url(address):
    """Return the address of the page that stops all mail to the contact."""
    return settings.SITE_URL + reverse("notices:contact", args=[token_for(address)])


def token_for(address):
    # An object, which is encoded: an address may contain a slash. `redact` keeps the token
    # out of logs, because it can be decoded, and stops or resumes the mail.
    return signer.sign_object(address)


def address_of(token):
    """Return the address in the token, or None if the token is invalid."""
    try:
        return signer.unsign_object(token)
    except signing.BadSignature:
        return None


def one_click(url):
    """Return mail headers for unsubscribing with one POST to the URL (RFC 8058)."""
    return {
        "List-Unsubscribe": f"<{url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Auto-Submitted": "auto-generated",  # RFC 3834
    }


def without_urls(text):
    """Return the text with each URL broken, so that mail programs make no link of it."""
    return text.replace("://", ": //")


def unlinked(text):
    """Return the name on one line, changed so that mail programs do not make it a link."""
    return DOMAIN_DOT.sub("[.]", without_urls(one_line(text)))


def message(address, subject, body):
    """Return a mail to the contact; `subject` must not contain a name."""
    footer = (
        f"You get this because an organization named here entered {address} as the contact"
        " of its API keys. Its owners and admins can change that.\n"
        f"Stop all e-mails to this address: {stop_url(address)}\n"
    )
    return EmailMessage(
        subject,
        f"{body}\n\n{footer}",
        settings.DEFAULT_FROM_EMAIL,
        [address],
        headers=one_click(stop_url(address)),
    )
