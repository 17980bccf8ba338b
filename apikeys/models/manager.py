"""How keys come to be, and the one place that says whether a text is one."""

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
from apikeys.models.pepper import PepperFingerprint
from apikeys.models.querysets import ListedKeys
from apikeys.scopes import canonical, missing, preset_of
from echopoint.core.names import complaint
from echopoint.core.redaction import cleaned
from echopoint.core.refusals import Refused
from echopoint.organizations.models import Organization

ISSUE = "api_key:create"  # the permission of a role
OTHER_NAME = "Choose another name, or revoke that key first."
MAX_SCOPES = 100  # in one request; the catalog has far fewer
INVALID = (
    "This API key is not valid. Check that it was copied whole and is still in use."
)


class ApiKeyQuerySet(ListedKeys):
    """Keys by their state."""

    def usable(self, at=None):
        """Only keys that open the API at this moment."""
        return self.filter(is_usable(at or timezone.now()))

    def unrevoked(self):
        """Only keys that were not stopped for good."""
        return self.filter(revoked_at=None)

    def update(self, **values):
        if "name" in values:
            values["name_key"] = values["name"]
        return super().update(**values)

    update.alters_data = True

    def delete(self):
        raise Immutable("API keys are revoked, never deleted.")


class ApiKeyManager(models.Manager.from_queryset(ApiKeyQuerySet)):
    """Issues keys, and is the one place that says whether a key is one."""

    def named(self, text: str) -> models.Model:
        """Return the key with this id; raise `DoesNotExist`.

        What the pages show of a key names it too, and so does a whole key, pasted in a
        hurry: its public id is in it.
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
        rotated_from=None,
        at=None,
    ) -> tuple[models.Model, str]:
        """Create a key and return it with its secret, which is not kept.

        `expires_in_days` is a number of days, None for no expiry, or `policy.DEFAULT`.
        Raise `InvalidKeyRequest` for a name, scopes or an expiry that cannot be, and
        `ScopeDenied` for scopes that the role of `by` lacks.
        """
        by.require_fresh()
        at = at or timezone.now()
        if rotated_from is None:
            # A successor takes over what names its predecessor, by whatever rules that
            # was named: nobody could rename it first.
            self._require_text(name, description)
        self.require_name_is_free(organization, name, at, instead_of=rotated_from)
        scopes = self._checked_scopes(organization, scopes, by)
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
            expires_at=policy.expiry(organization, expires_in_days, at=at),
            rotated_from=rotated_from,
        )
        if rotated_from:
            key.family_id = rotated_from.family_id
            key.namesake = rotated_from.namesake
            key.requests_per_minute = rotated_from.requests_per_minute
        try:
            with transaction.atomic():
                key.save(force_insert=True)
        except IntegrityError:
            # Another request took the name since it was checked.
            self.require_name_is_free(organization, name, at, instead_of=rotated_from)
            raise
        key.record(
            AuditEvent.Action.CREATED,
            by,
            at=at,
            scopes=scopes,
            preset=key.preset,
            expires_at=key.expires_at and key.expires_at.isoformat(),
        )
        key.record(AuditEvent.Action.SECRET_DISPLAYED, by, at=at)
        return key, token.text

    issue.alters_data = True

    def _require_text(self, name, description):
        if not name.strip():
            raise InvalidKeyRequest("name", "Give the key a name.")
        require_text("name", name, self.model)
        if name != name.strip():
            raise InvalidKeyRequest("name", "Remove the spaces around the name.")
        require_text("description", description, self.model)

    def require_name_is_free(
        self, organization, name, at, *, instead_of=None, advice=OTHER_NAME
    ):
        """Raise `InvalidKeyRequest`, with advice, while another key holds the name.

        Names that people take for one are one. A key that comes instead of another may
        share its name with those that the other shared it with.
        """
        holders = self.for_org(organization).filter(
            name_key=name, revoked_at=None, retire_at=None
        )
        if instead_of:
            holders = holders.filter(namesake=instead_of.namesake)
        if key := holders.first():
            spelling = "" if key.name == name else ", in another spelling"
            hint = (
                " It has expired and holds its name until it is revoked."
                if key.status(at) == self.model.Status.EXPIRED
                else ""
            )
            raise InvalidKeyRequest(
                "name",
                f"The key {key.display_id} has this name already{spelling}.{hint} {advice}",
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
                f"Not in the scope catalog: {listed}. GET /permissions lists what can"
                " be granted.",
            )
        scopes = sorted({canonical(name) for name in names})
        self._require_may_grant(by.permissions_in(organization), scopes)
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
        """Return the key with this text, if it opens this organization now.

        `organization_id` is None for an endpoint that needs no organization. Raise
        `KeyRejected` or `OrganizationMismatch`. Malformed text costs no query, any other
        text one.
        """
        at = at or timezone.now()
        try:
            token = tokens.parse(text)
        except MalformedKey as error:
            raise KeyRejected(
                "INVALID_API_KEY", f"This API key is not valid. {error}"
            ) from None
        found = self.by_public_id.fetch(token.public_id)
        # Unknown id and wrong secret do the same work and get the same answer: nothing is
        # made of a row whose secret is another.
        stored = found and (found.column("digest"), found.column("pepper_version"))
        if not tokens.matches(token, *(stored or (None, None))):
            raise KeyRejected("INVALID_API_KEY", INVALID)
        key = found.instance()
        try:
            key.require_usable(at)
            key.require_organization(organization_id)
        except Refused as refusal:
            key.record_refusal(refusal.code, ip=ip, at=at)
            raise
        key.keep_up_with_peppers(token)
        return key

    @cached_property
    def by_public_id(self):
        """Return the hot path's lookup of a key with its organization."""
        return CompiledLookup(self.model, "public_id", "organization")


def is_usable(at):
    """Return the condition that a key opens the API at this moment."""
    return (
        (Q(expires_at=None) | Q(expires_at__gt=at))
        & (Q(retire_at=None) | Q(retire_at__gt=at))
        & Q(revoked_at=None, suspended_at=None)
    )


def require_text(field, text, model, column=""):
    """Raise `InvalidKeyRequest` unless the column can hold the text as it stands.

    The column is named like the field unless it is told.
    """
    maximum = model._meta.get_field(column or field).max_length
    if len(text) > maximum:
        raise InvalidKeyRequest(
            field,
            f"Use at most {maximum} characters; these are {len(text)}.",
            metadata={"maxLength": maximum},
        )
    if message := complaint(text):
        raise InvalidKeyRequest(field, message)
