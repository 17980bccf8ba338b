from apikeys.audit.wording import count_in_words
from apikeys.durations import relative
from apikeys.pepper_rotation import UNUSED_DAYS, keys_in_the_way, versions
from apikeys.representation import rfc3339
from echopoint.core.commands import AnsweringCommand

UNCONFIGURED = (
    "API_KEY_PEPPERS does not have this version, so these keys cannot authenticate. Restore"
    " it, or revoke them with revoke_api_key --pepper-version {}."
)
DIFFERENT = (
    "The secret of this version in API_KEY_PEPPERS is not the one that this database was used"
    " with, so keys of the version cannot authenticate. Restore the earlier secret."
)
REMOVABLE = (
    "Pepper {} can be removed: no unrevoked key of this database needs it. First make sure"
    " that every server has pepper {} too: a server without it still issues keys under the"
    " older pepper."
)


class Command(AnsweringCommand):
    help = (
        "Report how many unrevoked keys still use each pepper, whether an old one can be"
        " removed from API_KEY_PEPPERS, and which keys need it. Exits with 1 while a key"
        " needs a version other than the current one. A key moves to the current pepper"
        " when it is used. Reads all keys once; changes nothing."
    )

    def handle(self, **options):
        found = versions()
        keys = keys_in_the_way(found)
        total = sum(version.keys for version in found if version.is_in_the_way)
        fields = {
            "complete": not total,
            "unused_days": UNUSED_DAYS,
            "peppers": [pepper_fields(version) for version in found],
            "keys": [key_fields(key) for key in keys],
            # At least 0: a key may have moved between the two queries.
            "keys_not_listed": max(total - len(keys), 0),
        }
        self.answer(options, fields, *lines(found, keys, fields["keys_not_listed"]))
        if total:
            raise SystemExit(1)


def pepper_fields(version):
    return {
        "version": version.number,
        "current": version.is_current,
        "configured": version.is_configured,
        "keys_can_authenticate": version.works,
        "keys": version.keys,
        "unused_keys": version.unused,
        "removable": version.is_removable,
    }


def key_fields(key):
    return {
        "id": key.rest_id,
        "name": key.name,
        "display_id": key.display_id,
        "organization_id": key.organization_id,
        "organization": key.organization.name,
        "pepper_version": key.pepper_version,
        "status": str(key.status()),
        "last_used_at": rfc3339(key.last_used_at),
        "created_by": key.created_by_label,
    }


def lines(found, keys, not_listed):
    current = next(version.number for version in found if version.is_current)
    for version in found:
        yield from pepper_lines(version, current)
    if keys:
        yield "These keys need a pepper other than the current one:"
    yield from map(key_line, keys)
    if not_listed:
        yield f"  and {count_in_words(not_listed, 'other key')}."
    if keys:
        yield (
            "A key that is active or retiring moves at its next use. Replace or revoke all"
            " other keys, and keys that are not used."
        )


def pepper_lines(version, current):
    """Yield the number of keys of a version, and what to do about them."""
    keys = count_in_words(version.keys, "key")
    unused = f"{version.unused:,} of them unused for {UNUSED_DAYS} days"
    if version.is_current:
        yield f"{keys} under pepper {version.number}, the current one."
    elif version.keys:
        yield f"{keys} still under pepper {version.number}, {unused}."
    if version.has_other_secret:
        yield f"  {DIFFERENT}"
    elif not version.is_configured:
        yield f"  {UNCONFIGURED.format(version.number)}"
    if version.is_removable:
        yield REMOVABLE.format(version.number, current)


def key_line(key):
    used = (
        f"last used {relative(key.last_used_at)}" if key.last_used_at else "never used"
    )
    return (
        f"  {key.rest_id} ({key.name}) of {key.organization.name}"
        f" ({key.organization_id}): pepper {key.pepper_version}, {key.status()}, {used},"
        f" created by {key.created_by_label}"
    )
