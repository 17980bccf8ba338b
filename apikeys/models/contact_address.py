"""The addresses of contacts: whether mail to them is stopped, and how much they got.

A contact is not verified, so it may be a stranger's address. Each mail to it has a link that
stops all mail to the address, from every organization.
"""

from django.db import models, transaction
from django.utils import timezone

from apikeys.audit.events import Action
from apikeys.models.installation_audit import InstallationEvent
from echopoint.core.locks import for_change

# Mail about leaked keys, per address and day. Anyone who holds many keys can report them.
MAX_LEAK_MAILS = 3


class ContactAddressManager(models.Manager):
    """Stop, resume and count the mail of an address."""

    def wants_mail(self, address):
        """Whether the address is not empty, and its e-mails are not stopped."""
        stopped = self.filter(address=address, stopped_at__isnull=False)
        return bool(address) and not stopped.exists()

    def stopped(self, addresses):
        """Return the set of these addresses whose e-mails are stopped."""
        rows = self.filter(address__in=addresses, stopped_at__isnull=False)
        return set(rows.values_list("address", flat=True))

    @transaction.atomic
    def stop(self, address, *, by, at=None):
        """Send no more mail to the address; return whether this call stopped it."""
        return self._set(address, at or timezone.now(), Action.CONTACT_STOPPED, by)

    stop.alters_data = True

    @transaction.atomic
    def resume(self, address, *, by):
        """Undo `stop`; return whether this call changed anything."""
        return self._set(address, None, Action.CONTACT_RESUMED, by)

    resume.alters_data = True

    def _set(self, address, stopped_at, action, by):
        # Lock order: the installation's chain before everything else.
        InstallationEvent.lock_chain()
        row = self.locked(address)
        if bool(row.stopped_at) == bool(stopped_at):
            return False
        row.stopped_at = stopped_at
        row.save(update_fields=["stopped_at"])
        target = ("contact", "", address)
        InstallationEvent.objects.record(action, actor=by, target=target)
        return True

    def locked(self, address):
        self.get_or_create(address=address)
        return for_change(self.all()).get(address=address)

    @transaction.atomic
    def count_leak_mail(self, address, at):
        """Return whether the address may get a mail about leaked keys, and count it if so."""
        row = self.locked(address)
        if row.leak_mail_day != at.date():
            row.leak_mail_day, row.leak_mails = at.date(), 0
        if row.stopped_at or row.leak_mails >= MAX_LEAK_MAILS:
            return False
        row.leak_mails += 1
        row.save(update_fields=["leak_mail_day", "leak_mails"])
        return True

    count_leak_mail.alters_data = True


class ContactAddress(models.Model):
    """An address whose mail is stopped, or that got mail about leaked keys."""

    address = models.EmailField(unique=True)
    stopped_at = models.DateTimeField(null=True)
    leak_mail_day = models.DateField(null=True)
    leak_mails = models.PositiveSmallIntegerField(default=0)

    objects = ContactAddressManager()

    class Meta:
        verbose_name_plural = "contact addresses"

    def __str__(self):
        return self.address
