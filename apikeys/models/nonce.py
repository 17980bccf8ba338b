"""Nonces: each form can be submitted once."""

from datetime import timedelta

from django.core import signing
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from apikeys.db.retention import RetentionManager
from echopoint.core.ids import random_base62

MAX_AGE = 24 * 60 * 60  # seconds


class StaleForm(Exception):
    """The form is too old, forged, or was issued for another page or person."""


class SpentForm(Exception):
    """The form was already submitted; `key` is the key it created, or None."""

    def __init__(self, key):
        super().__init__("This form was submitted before.")
        self.key = key


def signer(user, page):
    """Return the signer of a person's nonces for a page; a salt binds them to both."""
    return signing.TimestampSigner(salt=f"apikeys.form {user.pk} {page}")


class SpentNonceManager(RetentionManager):
    """Issue nonces without a row, and store spent ones."""

    # Older nonces are refused for the age of their signature.
    retention = timedelta(seconds=MAX_AGE)
    date_field = "spent_at"

    def issue(self, *, user, page):
        """Return a nonce for a hidden field; good for a day, this person and this page.

        `page` is the path of the form, which names the organization, and the key if
        the form is about one.
        """
        return signer(user, page).sign(random_base62(22))

    def spend(self, signed, *, user, page):
        """Spend the nonce in the transaction that creates the key; return its row.

        Raise `StaleForm` or `SpentForm`. If the form is submitted twice at the same time,
        the unique index blocks the second submission until the first commits. So a
        double click never creates two keys.
        """
        try:
            nonce = signer(user, page).unsign(signed, max_age=MAX_AGE)
        except signing.BadSignature as error:
            raise StaleForm from error
        try:
            with transaction.atomic():
                spent = self.create(nonce=nonce)
        except IntegrityError as error:
            spent = self.select_related("key").get(nonce=nonce)
            raise SpentForm(spent.key) from error
        self.prune_on_write()
        return spent


class SpentNonce(models.Model):
    """A submitted form and the key it created."""

    nonce = models.CharField(max_length=32, unique=True)
    key = models.ForeignKey("apikeys.ApiKey", null=True, on_delete=models.CASCADE)
    spent_at = models.DateTimeField(default=timezone.now)

    objects = SpentNonceManager()

    def __str__(self):
        return f"form of {self.spent_at:%Y-%m-%d %H:%M}"

    def set_key(self, key):
        self.key = key
        self.save(update_fields=["key"])

    set_key.alters_data = True
