"""Mail to contacts of keys, who may be strangers.

A contact is not verified, and the names in its mail are chosen by the organization. So each
mail has a link that stops all of them, and nothing from a name becomes a link.
"""

import re

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMessage
from django.urls import reverse

from echopoint.core.client_metadata import one_line

# Without an age: people unsubscribe from old mail too.
signer = signing.Signer(salt="apikeys.contact")
DOMAIN_DOT = re.compile(r"(?<=\w)\.(?=[^\W\d]{2})")


def stop_url(address):
    """Return the address of the page that stops all mail to the contact."""
    return settings.SITE_URL + reverse("notices:contact", args=[token_for(address)])


def token_for(address):
    # Encoded: an address may contain a slash, and logs of paths should not contain one.
    return signer.sign_object(address)


def address_of(token):
    """Return the address that the link is for, or None if it is not valid."""
    try:
        return signer.unsign_object(token)
    except signing.BadSignature:
        return None


def one_click(url):
    """Return the headers of a mail that one POST to the URL unsubscribes from (RFC 8058)."""
    return {
        "List-Unsubscribe": f"<{url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Auto-Submitted": "auto-generated",  # RFC 3834
    }


def unlinked(text):
    """Return the name on one line, of which mail programs make no link."""
    broken = one_line(text).replace("://", ": //")
    return DOMAIN_DOT.sub("[.]", broken)


def message(address, subject, body):
    """Return a mail to the contact; its subject holds no name."""
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
