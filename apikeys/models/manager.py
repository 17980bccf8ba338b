"""Issue and authenticate keys."""

import re

from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.functional import cached_property

from apikeys import policy, tokens
from apikeys.actors import Actor
from apikeys.db.compiled_lookup import CompiledLookup
from apikeys.exceptions import InvalidKeyRequest, KeyRejected, MalformedKey, ScopeDenied
from apikeys.models.audit import AuditEvent, Immutable
from apikeys.models.naming import checked_description, require_name
from apikeys.models.network_range import NetworkRange
from apikeys.models.ownership import CREATOR, checked_contact, first_owner
from apikeys.models.pepper import PepperFingerprint
from apikeys.models.querysets import ListedKeys, has_not_ended
from apikeys.models.request_limit import require_limit
from apikeys.required_fields import require_contact, require_description
from apikeys.scope_policy import require_granted, require_list
from apikeys.scopes import canonical, missing, preset_of
from echopoint.core.redaction import cleaned
from echopoint.core.refusals import Refused
from echopoint.organizations.models import Organization

ISSUE = "api_key:create"  # a permission of roles
OTHER_NAME = "Choose another name, or revoke that key first."
# What a request with a key needs to be allowed or refused, and counted.
DECIDING_FIELDS = (
    *("public_id", "digest", "pepper_version", "scopes"),
    *("expires_at", "retire_at", "suspended_at", "revoked_at"),
    *("last_used_at", "requests_per_minute", "allow_list"),
    *("organization__id", "organization__requests_per_minute"),
    *("organization__frozen_at", "leak_reported_at"),
)
# Keyed by whether the key is a successor, which has the list of its predecessor.
NEEDS_LIST = {
    False: {
        "field": "allowed_networks",
        "advice": "Enter at least one address, or leave these scopes out.",
    },
    True: {
        "field": "scopes",
        "advice": "This key has no such list. Set its allowed addresses first, or leave these"
        " scopes out.",
    },
}
MAX_SCOPES = 100  # per request, more than the catalog has
INVALID = (
    "This API key is not valid. Check that it was copied whole and is still in use."
)


class ApiKeyQuerySet(ListedKeys):
    """Keys by their state."""

    def usable(self, at=None):
        """Only keys that work at this moment, unless their organization is frozen."""
        return self.filter(is_usable(at or timezone.now()))

    def unrevoked(self):
        return self.filter(revoked_at=None)

    def update(self, **values):
        # update() bypasses save(), which fills `name_key`. The unique index is on
        # `name_key`: without this line a renamed key would still hold its old name.
        if "name" in values:
            values["name_key"] = values["name"]
        return super().update(**values)

    update.alters_data = True

    def delete(self):
        raise Immutable("API keys are revoked, never deleted.")


class ApiKeyManager(models.Manager.from_queryset(ApiKeyQuerySet)):
    """Issue and authenticate keys. All checks of a presented key happen here."""

    def get_by_any_id(self, text: str) -> models.Model:
        """Return the key with this id; raise `DoesNotExist`.

        Also accepts the display form (`epk_live_<id>_…`) and a complete key pasted by
        mistake; both contain the public id.
        """
        shown = re.fullmatch(rf"(key_|{tokens.prefix()}_)?(\w+?)(_…|_\.\.\.|_)?", text)
        try:
            public_id = tokens.parse(text).public_id
        except MalformedKey:
            public_id = shown[2] if shown else ""
        return self.get(public_id=public_id)

    @transaction.atomic
    def issue(
        self,
        *,
        organization: Organization,
        name: str,
        scopes: list[str],
        by: Actor,
        expires_in_days=policy.DEFAULT,
        description: str = "",
        allowed_networks: list[str] | None = None,
        owner_email=CREATOR,
        contact_email: str = "",
        requests_per_minute: int | None = None,
        rotated_from=None,
        at=None,
    ) -> tuple[models.Model, str]:
        """Create a key and return it with its secret, which is not stored.

        `expires_in_days` is a number of days, None for no expiry, or `policy.DEFAULT`.
        `allowed_networks` has networks and names of ranges, or is None for any address.
        `owner_email` is the address of a member, None for no owner, or `CREATOR`. A
        successor has the list and the limit of its predecessor, and also its description,
        owner and contact unless others are given. Raise `InvalidKeyRequest` for a value
        that is invalid or that the policy refuses, `ScopeDenied` for scopes that the role
        of `by` lacks, and `KeyConflict` while the keys are frozen, or at the maximum number
        of keys.
        """
        by.require_fresh()
        at = at or timezone.now()
        current = policy.locked(organization)
        policy.require_not_frozen(current)
        if rotated_from is None:
            policy.require_room(current, at=at)
            # A successor has the name of its predecessor. If the rules for names have
            # become stricter since, that key could not be rotated any more.
            require_name(name, self.model)
        description = checked_description(description, self.model)
        require_limit(requests_per_minute)
        self.require_name_is_free(organization, name, at, instead_of=rotated_from)
        scopes = self._checked_scopes(current, scopes, by)
        owner = first_owner(organization, owner_email, by)
        contact_email = checked_contact(organization, contact_email)
        allow_list = self._allow_list(current, allowed_networks, rotated_from, scopes)
        token = tokens.generate()
        pepper = tokens.current_pepper()
        PepperFingerprint.objects.record(pepper)
        key = self.model(
            public_id=token.public_id,
            organization=organization,
            name=name,
            description=description,
            scopes=scopes,
            preset=preset_of(scopes),
            digest=tokens.digest(token, pepper),
            pepper_version=pepper.version,
            created_at=at,
            created_by=by.user,
            created_by_label=by.label,
            owner=owner,
            contact_email=contact_email,
            expires_at=policy.expiry(current, expires_in_days, at=at),
            allow_list=allow_list,
            requests_per_minute=requests_per_minute,
            rotated_from=rotated_from,
        )
        if rotated_from:
            key.inherit(rotated_from)
        require_description(current, key.description)
        require_contact(current, key.owner, key.contact_email)
        self._insert(key, at)
        key.record(
            AuditEvent.Action.CREATED,
            by,
            at=at,
            scopes=scopes,
            preset=key.preset,
            expires_at=key.expires_at and key.expires_at.isoformat(),
            allowed_networks=key.allowed_networks,
            owner=key.owner and str(key.owner),
            contact_email=key.contact_email,
            description=key.description,
            requests_per_minute=key.requests_per_minute,
        )
        key.record(AuditEvent.Action.SECRET_DISPLAYED, by, at=at)
        return key, token.text

    issue.alters_data = True

    def _insert(self, key, at):
        try:
            with transaction.atomic():
                key.save(force_insert=True)
        except IntegrityError:
            # A concurrent request took the name after it was checked. The unique index
            # decides; the check exists for its message.
            self.require_name_is_free(
                key.organization, key.name, at, instead_of=key.rotated_from
            )
            raise

    def _allow_list(self, organization, entries, rotated_from, scopes):
        """Return the list to store, or None; raise `InvalidKeyRequest` if one is required."""
        if rotated_from:
            stored = rotated_from.allow_list
        else:
            allowed = NetworkRange.objects.resolve(organization, entries)
            stored = allowed and allowed.stored
        if stored is None:
            require_list(organization, scopes, **NEEDS_LIST[bool(rotated_from)])
        return stored

    def require_name_is_free(
        self, organization, name, at, *, instead_of=None, advice=OTHER_NAME
    ):
        """Raise `InvalidKeyRequest`, with advice, if another key has the name.

        Names are compared folded: "Café" and "cafe" are the same name. Keys from before
        names were folded may share a name; they differ in `namesake`. A key that replaces
        one of them, `instead_of`, may share the name too.
        """
        holders = self.for_org(organization).filter(
            name_key=name, revoked_at=None, retire_at=None
        )
        if instead_of:
            holders = holders.filter(namesake=instead_of.namesake)
        if key := holders.first():
            spelling = "" if key.name == name else ", in another spelling"
            hint = (
                " It has expired, but keeps its name until it is revoked."
                if key.status(at) == self.model.Status.EXPIRED
                else ""
            )
            raise InvalidKeyRequest(
                "name",
                f"The key {key.display_id} already has this name{spelling}.{hint} {advice}",
            )

    def _checked_scopes(self, organization, names, by):
        if not names:
            raise InvalidKeyRequest("scopes", "Choose at least one scope.")
        if len(names) > MAX_SCOPES:
            raise InvalidKeyRequest(
                "scopes",
                f"A key takes at most {MAX_SCOPES} scopes.",
                metadata={"maxItems": MAX_SCOPES},
            )
        if unknown := sorted({name for name in names if not canonical(name)}):
            listed = ", ".join(f'"{cleaned(name)[:60]}"' for name in unknown[:5])
            raise InvalidKeyRequest(
                "scopes",
                f"Not in the scope catalog: {listed}. GET /permissions lists the scopes"
                " that can be granted.",
            )
        scopes = sorted({canonical(name) for name in names})
        membership = by.membership_in(organization)
        self._require_may_grant(by.permissions_of(membership), scopes)
        require_granted(organization, membership and membership.role, scopes)
        return scopes

    def _require_may_grant(self, held, scopes):
        if held is None:
            return
        required = [ISSUE, *scopes]
        if lacking := missing(held, required):
            verb = "issue keys" if ISSUE in lacking else f"grant {', '.join(lacking)}"
            raise ScopeDenied(
                f"Your role cannot {verb}.", required=required, missing=lacking
            )

    def authenticate(
        self, text: str, *, organization_id: str | None, ip: str | None, at=None
    ) -> models.Model:
        """Return the key with this text, if it may be used for this organization now.

        `organization_id` is None for an endpoint that needs no organization, `ip` for a
        client whose address is unknown. Raise `KeyRejected`, `AddressNotAllowed` or
        `OrganizationMismatch`. Malformed text costs no query, any other text one.
        """
        at = at or timezone.now()
        try:
            token = tokens.parse(text)
        except MalformedKey as error:
            raise KeyRejected(
                "INVALID_API_KEY", f"This API key is not valid. {error}"
            ) from None
        row = self.by_public_id.fetch(token.public_id)
        # An unknown id and a wrong secret do the same work and get the same message.
        # Otherwise the response, or its time, would reveal which public ids exist. So the
        # digest is compared even without a row, and a model instance, which takes time
        # too, is created only after the secret is proven.
        stored = row and (row.column("digest"), row.column("pepper_version"))
        if not tokens.matches(token, *(stored or (None, None))):
            raise KeyRejected("INVALID_API_KEY", INVALID)
        key = row.instance()
        # From here on the caller has proven to hold the key, so the refusals may say why,
        # and are counted for it.
        try:
            key.require_allowed(organization_id=organization_id, ip=ip, at=at)
        except Refused as refusal:
            key.record_refusal(refusal.code, ip=ip, at=at)
            raise
        # Last: only a caller who holds a usable key causes a write.
        key.rehash_with_current_pepper(token)
        return key

    @cached_property
    def by_public_id(self):
        """Look up a key by public id, with the fields that decide about a request.

        Other fields are deferred: they load when they are used, with one query for all.
        """
        keys = self.model._base_manager.select_related("organization")
        return CompiledLookup(keys.only(*DECIDING_FIELDS), "public_id")


def is_usable(at):
    """Return the condition that a key works at this moment, as far as its own row says."""
    return has_not_ended(at) & Q(suspended_at=None)
