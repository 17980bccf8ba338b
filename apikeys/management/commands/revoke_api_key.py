from datetime import UTC, datetime

from django.conf import settings
from django.core.management.base import CommandError
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format

from apikeys import tokens
from apikeys.actors import Actor
from apikeys.audit import exported_file
from apikeys.audit.events import NO_CHANGES
from apikeys.audit.hash_chain import whole_milliseconds
from apikeys.models import ApiKey, PepperFingerprint
from apikeys.models.querysets import LABEL_OF_PERSON
from apikeys.representation import describe, rfc3339
from echopoint.core.commands import AnsweringCommand
from echopoint.core.redaction import cleaned
from echopoint.core.refusals import Refused
from echopoint.organizations.commands import organization_named
from echopoint.organizations.models import Organization, User

NO_SUCH_KEY = (
    "There is no key with this id. The API Keys page shows the ids of all keys."
)
NO_SUCH_CREATOR = "No unrevoked key was created by an account with this address or id."
ONE_OR_MANY = (
    "Name one key, or give --issued-or-changed-since TIME, --created-by WHO or"
    " --pepper-version N."
)
NOT_HERE = "That option does not go with the others: {}."
INVALID_TIME = (
    "TIME must be like 2026-11-25T17:00Z, in UTC unless it has another offset."
)
NOTHING_SINCE = (
    "The export has no event at or after that TIME, so it does not show later changes. Use a"
    " newer export."
)
FOREIGN = (
    "The export is from another organization or another installation: it has no event of the"
    " selected organizations."
)
IN_FUTURE = "TIME is in the future: no key was issued or changed since."
AFTER_A_RESTORE = (
    "After a restore, keys that were revoked, suspended or retired since the backup work"
    " again, and the database cannot know which. Use the time of the backup and, with"
    " --from-export, a newer audit export. Without an export, use a TIME before the first key"
    " was issued, which revokes all keys."
)


class Command(AnsweringCommand):
    help = f"Revoke one API key or many, immediately and permanently. {AFTER_A_RESTORE}"

    def add_arguments(self, parser):
        parser.add_argument("key_id", nargs="?", help="the id of the key, key_…")
        parser.add_argument("--reason", required=True, help="for the record")
        parser.add_argument(
            "--family",
            action="store_true",
            help="also the keys that it replaced, and those that replaced it",
        )
        many = parser.add_argument_group("many keys")
        many.add_argument(
            "--issued-or-changed-since",
            metavar="TIME",
            help="all unrevoked keys that were issued or changed at or after this time,"
            " according to the audit; ISO 8601, in UTC without an offset",
        )
        many.add_argument(
            "--from-export",
            metavar="FILE",
            help="also the keys that were changed since, according to an audit export"
            " (NDJSON)",
        )
        many.add_argument(
            "--created-by",
            metavar="WHO",
            help="all unrevoked keys that a person created; an e-mail address, or the id"
            " of the account",
        )
        many.add_argument(
            "--pepper-version",
            type=int,
            metavar="N",
            help="all unrevoked keys of this version, after its pepper was lost",
        )
        many.add_argument(
            "--organization", metavar="ID", help="only keys of this organization"
        )
        many.add_argument(
            "--dry-run", action="store_true", help="list the keys, revoke none"
        )

    def handle(
        self,
        *,
        key_id,
        reason,
        issued_or_changed_since,
        created_by,
        pepper_version,
        **options,
    ):
        chosen_by = (key_id, issued_or_changed_since, created_by, pepper_version)
        if sum(choice is not None for choice in chosen_by) != 1:
            raise CommandError(ONE_OR_MANY)
        if key_id is None:
            refuse_options(["family"], options)
        if issued_or_changed_since is not None:
            return self.revoke_changed(issued_or_changed_since, reason, options)
        refuse_options(["from_export"], options)
        if created_by is not None:
            return self.revoke_created_by(created_by, reason, options)
        if pepper_version is not None:
            require_lost(pepper_version)
            keys = unrevoked_keys(options).filter(pepper_version=pepper_version)
            what = f"of pepper version {pepper_version}"
            version = {"pepper_version": pepper_version}
            return self.revoke_many(keys, what, reason, options, **version)
        refuse_options(["organization"], options)
        key = key_named(key_id)
        if options["family"]:
            keys = ApiKey.objects.of_family(key).unrevoked()
            what = f"of the family of {key.rest_id}"
            return self.revoke_many(keys, what, reason, options, key_id=key.rest_id)
        refuse_options(["dry_run"], options)
        return self.revoke_one(key, reason, options)

    def revoke_changed(self, since, reason, options):
        """Revoke keys that were issued or changed since; print the end of the export."""
        since, keys = parse_time(since), unrevoked_keys(options)
        changed = keys.issued_or_changed_since(since).values("pk")
        condition, extra, notes = Q(pk__in=changed), {}, []
        if file := options["from_export"]:
            export = Export.read(file, since)
            others = export.others(options["organization"])
            condition |= export.changed_keys()
            extra = {"export": export.ends(), "organizations_without_export": others}
            notes = [*export.in_words(), *without_export(others)]
        what = f"issued or changed since {in_words(since)}"
        self.revoke_many(
            keys.filter(condition),
            what,
            reason,
            options,
            notes,
            since=rfc3339(since),
            **extra,
        )

    def revoke_created_by(self, who, reason, options):
        """Revoke the keys of an account, or of a deleted one with this address."""
        address = User.objects.normalize_email(who)
        left = LABEL_OF_PERSON & Q(created_by=None, created_by_label=address)
        keys = unrevoked_keys(options).filter(
            Q(created_by=who) | Q(created_by__email=address) | left
        )
        if not (options["dry_run"] or keys.exists()):
            raise CommandError(NO_SUCH_CREATOR)
        what = "that this person created"
        self.revoke_many(keys, what, reason, options, created_by=cleaned(who))

    def revoke_one(self, key, reason, options):
        changed = revoke(ApiKey.objects.filter(pk=key.pk), reason)
        key.refresh_from_db()
        done = "is revoked" if changed else "was revoked before; nothing changed"
        self.answer(options, fields(key), f"{key.rest_id} ({key.name}) {done}.")

    def revoke_many(self, keys, what, reason, options, notes=(), **chosen_by):
        if options["dry_run"]:
            revoked = list(keys.order_by("pk"))
        else:
            revoked = revoke(keys, reason)
        answer = chosen_by | {
            "dry_run": options["dry_run"],
            "keys": [fields(key) for key in revoked],
        }
        summary = lines(revoked, what, options["dry_run"])
        self.answer(options, answer, *summary, *notes)


def key_named(text):
    """Return the key with this id; raise `CommandError`."""
    try:
        return ApiKey.objects.get_by_any_id(text)
    except ApiKey.DoesNotExist:
        raise CommandError(NO_SUCH_KEY) from None


def refuse_options(names, options):
    """Raise `CommandError` if one of these options is given."""
    for name in names:
        if options[name]:
            raise CommandError(NOT_HERE.format(f"--{name.replace('_', '-')}"))


def unrevoked_keys(options):
    """Return the unrevoked keys of the chosen organization, or of all."""
    keys = ApiKey.objects.unrevoked().select_related("organization")
    if options["organization"]:
        keys = keys.for_org(organization_named(options["organization"]))
    return keys


def require_lost(version):
    """Raise `CommandError` if keys of this pepper version still work."""
    peppers = tokens.read_peppers(settings.API_KEY_PEPPERS)
    configured = {pepper.version for pepper in peppers}
    if version in configured - {*PepperFingerprint.objects.differing(peppers)}:
        raise CommandError(
            f"API_KEY_PEPPERS has the pepper of version {version}, so its keys work."
            " Revoke them by their ids."
        )


def revoke(keys, reason):
    """Revoke all keys or none; return those that this call revoked."""
    try:
        return keys.revoke(by=Actor.command("revoke_api_key"), reason=reason)
    except Refused as refusal:
        raise CommandError(refusal.message) from None


class Export:
    """Changes of keys since a time, according to an exported audit."""

    def __init__(self):
        self.keys = {}  # public ids by organization id
        self.last = {}  # event by organization id

    @classmethod
    def read(cls, file, since):
        """Read the file; raise `CommandError` if it is incomplete or invalid."""
        export = cls()
        try:
            with open(file, "rb") as lines:
                for event in exported_file.events_since(lines, since):
                    export.add(event)
        except exported_file.Malformed as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from None
        if not export.last:
            raise CommandError(NOTHING_SINCE)
        return export

    def add(self, event):
        id = event["organization_id"]
        self.last[id] = event
        if is_change(event):
            key = event["target_id"].removeprefix("key_")
            self.keys.setdefault(id, set()).add(key)

    def others(self, only=None):
        """Return the number of selected organizations that the file has no events of.

        Raise `CommandError` if it has no events of any.
        """
        selected = Organization.objects.filter(**{"pk": only} if only else {})
        others = selected.exclude(pk__in=[*self.last]).count()
        if others == selected.count():
            raise CommandError(FOREIGN)
        return others

    def changed_keys(self):
        """Return the condition that a key was changed."""
        condition = Q(pk__in=[])
        for id, public_ids in self.keys.items():
            condition |= Q(organization=id, public_id__in=public_ids)
        return condition

    def ends(self):
        """Return {organization id: the last event's sequence and time}."""
        return {
            id: {"last_event": event["sequence"], "at": time_of(event)}
            for id, event in self.last.items()
        }

    def in_words(self):
        """Return the last event of each organization in the file."""
        return [
            f"The export of {id} ends with event {event['sequence']}, at {time_of(event)}."
            " It does not have later changes: revoke such keys by their ids."
            for id, event in self.last.items()
        ]


def time_of(event):
    """Return the time in our format; the file may contain other characters to print."""
    return rfc3339(datetime.fromisoformat(event["at"]).astimezone(UTC))


def without_export(count):
    """Return that the export lacks other organizations."""
    if not count:
        return []
    one = count == 1
    return [
        f"{count} other organization{' has' if one else 's have'} no event in it: use"
        f" {'its export' if one else 'their exports'} too."
    ]


def in_words(at):
    return f"{date_format(at, 'j F Y, H:i')} UTC"


def is_change(event):
    return event["target_type"] == "api_key" and event["action"] not in NO_CHANGES


def parse_time(text):
    """Return the time in the text, in the precision of events; raise `CommandError`."""
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise CommandError(INVALID_TIME) from None
    if at > timezone.now():
        raise CommandError(IN_FUTURE)
    return whole_milliseconds(at)


def fields(key):
    """Return the key for --json."""
    return describe(key) | {
        "organization_id": key.organization_id,
        "revoked_at": rfc3339(key.revoked_at),
    }


def lines(keys, what, dry_run):
    count = "1 key" if len(keys) == 1 else f"{len(keys)} keys"
    done = "Would revoke" if dry_run else "Revoked"
    return [
        f"{done} {count} {what}.",
        *(f"  {key.rest_id} ({key.name}) of {key.organization_id}" for key in keys),
    ]
