"""What makes a form good for one submission."""

from datetime import timedelta

from django.core import signing
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from apikeys.db.retention import RetentionManager
from echopoint.core.ids import random_base62

MAX_AGE = 24 * 60 * 60  # seconds


class StaleForm(Exception):
    """A form that is too old, not ours, or of another page or person; send a new one."""


class SpentForm(Exception):
    """A form that was submitted before; `key` is what it made, if that is still known."""

    def __init__(self, key):
        super().__init__("This form was submitted before.")
        self.key = key


def signer(user, page):
    """Return what signs the nonces of a page for a person: as salt, both are checked."""
    return signing.TimestampSigner(salt=f"apikeys.form {user.pk} {page}")


class SpentNonceManager(RetentionManager):
    """Issues nonces, which cost no row, and spends them, which costs one."""

    # After that its signature is too old, whether it was spent or not.
    retention = timedelta(seconds=MAX_AGE)
    date_field = "spent_at"

    def issue(self, *, user, page):
        """Return a nonce for a hidden field; good for a day, this person and this page.

        `page` is the path of the form, which names the organization, and the key if
        the form is about one.
        """
        return signer(user, page).sign(random_base62(22))

    def spend(self, signed, *, user, page):
        """Use the nonce up, in the transaction of what the form does.

        Return the row, to be told what came of it. Raise `StaleForm` or `SpentForm`.
        Of two submissions at once the second waits here for the first to end.
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
    """A form that was submitted, and the key that it made."""

    nonce = models.CharField(max_length=32, unique=True)
    key = models.ForeignKey("apikeys.ApiKey", null=True, on_delete=models.CASCADE)
    spent_at = models.DateTimeField(default=timezone.now)

    objects = SpentNonceManager()

    def __str__(self):
        return f"form of {self.spent_at:%Y-%m-%d %H:%M}"

    def made(self, key):
        """Remember the key that the form made."""
        self.key = key
        self.save(update_fields=["key"])

    made.alters_data = True
