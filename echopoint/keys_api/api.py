"""`/api-keys` and `/permissions`: API keys and their scopes."""

from datetime import timedelta
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import F, Q
from django.http import Http404
from django.utils import timezone
from rest_framework.response import Response

from apikeys import policy
from apikeys.actors import Actor
from apikeys.db import keyset
from apikeys.db.index_probes import MAX_IDS, selective_ids, with_ids
from apikeys.db.text_conditions import has_trigrams
from apikeys.db.window_search import WINDOWS, WINDOWS_BY_NAME, WindowSearch
from apikeys.dry_run import would_be_allowed
from apikeys.models import ApiKey, KeyCount, NetworkRange
from apikeys.models.ownership import CREATOR, member_with_email
from apikeys.permissions import ANY_CALLER
from apikeys.policy import DEFAULT
from apikeys.scopes import PRESETS, SCOPES
from echopoint.api.actions import Action, Many
from echopoint.api.pagination import DEFAULT_LIMIT, page_envelope
from echopoint.api.viewsets import ApiViewSet, OrgScopedViewSet
from echopoint.core.client_address import address
from echopoint.keys_api.check import (
    ApiKeyCheckRequestSerializer,
    ApiKeyCheckResponseSerializer,
)
from echopoint.keys_api.serializers import (
    ApiKeyCreateRequestSerializer,
    ApiKeyCreateResponseSerializer,
    ApiKeyDetailSerializer,
    ApiKeyIdentitySerializer,
    ApiKeyRotateRequestSerializer,
    ApiKeyRotateResponseSerializer,
    ApiKeySearchRequestSerializer,
    ApiKeySerializer,
    ApiKeyUpdateRequestSerializer,
    PermissionQuerySerializer,
    PermissionSerializer,
)
from echopoint.organizations.models import Membership, User


class ApiKeyViewSet(OrgScopedViewSet):
    """The API keys of the organization. Revoked keys are not listed, but readable by id.

    Only members manage keys: an API key that could create keys could extend its own rights.
    """

    tag = "API keys"
    accepts = (Membership,)
    queryset = ApiKey.objects.order_by("-created_at", "-pk")
    serializer_class = ApiKeySerializer
    sort_columns = {"id": "public_id", "name": "name_key"}
    window_search = None  # set by `searched`
    api_actions = {
        "list": Action(id="listAPIKeys", scopes=["api_key:read"], many=Many.PAGED),
        "create": Action(
            id="createAPIKey",
            scopes=["api_key:create"],
            body=ApiKeyCreateRequestSerializer,
            answer=ApiKeyCreateResponseSerializer,
            status=201,
            conflicts=True,
        ),
        "search": Action(
            id="searchAPIKeys",
            scopes=["api_key:read"],
            body=ApiKeySearchRequestSerializer,
            many=Many.ENVELOPED,
        ),
        "retrieve": Action(
            id="getAPIKey", scopes=["api_key:read"], answer=ApiKeyDetailSerializer
        ),
        "partial_update": Action(
            id="updateAPIKey",
            scopes=["api_key:create"],
            body=ApiKeyUpdateRequestSerializer,
            answer=ApiKeyDetailSerializer,
            conflicts=True,
        ),
        "check": Action(
            id="checkAPIKey",
            scopes=["api_key:read"],
            body=ApiKeyCheckRequestSerializer,
            answer=ApiKeyCheckResponseSerializer,
        ),
        "destroy": Action(id="deleteAPIKey", scopes=["api_key:delete"], status=204),
        "revoke_family": Action(
            id="revokeAPIKeyFamily", scopes=["api_key:delete"], status=204
        ),
        "rotate": Action(
            id="rotateAPIKey",
            scopes=["api_key:create"],
            body=ApiKeyRotateRequestSerializer,
            answer=ApiKeyRotateResponseSerializer,
            status=201,
            conflicts=True,
        ),
    }

    def get_queryset(self):
        keys = super().get_queryset().prefetch_related("owner")
        return keys.unrevoked() if self.declared.many else keys

    def get_object(self):
        prefix, _, public_id = self.kwargs["id"].partition("_")
        key = self.get_queryset().filter(public_id=public_id).first()
        if key is None or prefix != "key":
            raise Http404
        return key

    def create(self, request):
        body = self.body()
        issued = ApiKey.objects.issue(
            organization=self.organization,
            name=body["name"],
            scopes=body["permissions"],
            expires_in_days=body.get("expires_in_days", DEFAULT),
            allowed_networks=body.get("allowed_networks"),
            owner_email=body.get("owner_email", CREATOR),
            contact_email=body.get("contact_email") or "",
            description=body.get("description") or "",
            by=Actor.from_request(request, via="api"),
        )
        return self.show(issued, 201)

    def partial_update(self, request, id):
        """Change the name, description, owner, contact, and the addresses that may use the key.

        Null means no description, no owner, no contact, or any address. Either all of the
        fields change or none. All changes need a recent sign-in, except a list that allows
        no more addresses than before. Keys that were rotated before keep their names, and
        so do past audit events.
        """
        key, body = self.get_object(), self.body()
        by = Actor.from_request(request, via="api")
        people = {n: body[n] for n in ("owner_email", "contact_email") if n in body}
        with transaction.atomic():
            # In lock order: the organization, the owner's membership, ranges, the key, the
            # count of keys (by a new name), and then the audit chain.
            policy.locked(self.organization)
            member_with_email(self.organization, body.get("owner_email"))
            NetworkRange.objects.resolve(
                self.organization, body.get("allowed_networks")
            )
            if "name" in body:
                key.rename(body["name"], by=by)
            if "allowed_networks" in body:
                key.set_allowed_networks(body["allowed_networks"], by=by)
            if people:
                key.set_ownership(**people, by=by)
            if "description" in body:
                key.set_description(body["description"] or "", by=by)
        return self.show(key)

    def check(self, request, id):
        """Say whether the key would be allowed to make a request, without making it.

        `error` is the error that the API would give. Nothing is counted or recorded. Rate
        limits, quotas, and whether the things in the request exist are not part of the
        answer.
        """
        key, body = self.get_object(), self.body()
        ip, at = body.get("address", address(request)), body.get("at", timezone.now())
        answer = would_be_allowed(key, body["operation"], ip=ip, at=at)
        return self.show({"answer": answer, "ip": ip, "at": at})

    def known_total(self, search, rows):
        """Return the exact total without counting a million keys for each page."""
        rules, text = search.get("filter"), search.get("full_text_search")
        counts = KeyCount.objects.db_manager(rows.db)
        if rules or not counts.are_stored():
            return None
        # Read before the keys are counted: a later change has a later version.
        count = counts.of(self.organization)
        if not text:
            return count.unrevoked
        return count.remembered(text, lambda: self.count_with_text(rows))

    def count_with_text(self, rows):
        """Count the keys with the text, which the search of the page may have found already."""
        few = self.window_search and self.window_search.few
        return rows.count() if few is None else len(few)

    def use_filters(self, rules):
        """Return the conditions for the last use."""
        bounds = {"last_used_after": "gte", "last_used_before": "lte"}
        return {
            f"last_used_at__{bound}": rules[name]
            for name, bound in bounds.items()
            if name in rules
        }

    def searched(self, queryset, search):
        conditions = list(self.conditions(search.get("filter", {})))
        text = search.get("full_text_search")
        has_text = reduce(or_, text_conditions(text)) if text else None
        # In no order, or the index of that order would be searched for the values.
        unordered = queryset.order_by()
        ids = selective_ids([unordered.filter(condition)] for condition in conditions)
        if has_text:
            conditions.append(has_text)
        queryset = super().searched(queryset, search)
        found = queryset.filter(*conditions)
        if ids is not None:
            return with_ids(found, ids)
        if conditions:
            by_name = search["sort_by"] == "name"
            self.window_search = WindowSearch(
                lambda keys: keys.filter(*conditions),
                text_parts(unordered, text),
                is_indexed=has_trigrams(text),
                windows=WINDOWS_BY_NAME if by_name else WINDOWS,
            )
        return found

    def conditions(self, rules):
        """Yield a condition for each rule of a search, except its text."""
        if "ids" in rules:
            ids = [id.removeprefix("key_") for id in rules["ids"] if id[:4] == "key_"]
            yield Q(public_id__in=ids)
        if "names" in rules:
            # Also filter the folded name: the index is on that column.
            names = rules["names"]
            yield Q(name__in=names, name_key__in=names)
        if used := self.use_filters(rules):
            yield Q(**used)
        if "owner_emails" in rules:
            yield Q(owner__in=owners_with(rules["owner_emails"]))

    def page_of(self, rows, search, total):
        """Return a page like the list of keys in the console, unless it is far from the first."""
        pagination = search.get("pagination") or {}
        start = pagination.get("offset", 0)
        end = start + pagination.get("limit", DEFAULT_LIMIT)
        if self.window_search is None or end > MAX_IDS:
            return super().page_of(rows, search, total)
        order = keyset.Order(
            F(self.sort_column(search)),
            search["sort_direction"] == "DESC",
            parse=None,  # there are no cursors
            optional=search["sort_by"] == "last_used_at",
            search=self.window_search.first_ids,
        )
        keys = self.get_queryset()
        light = keys.only("pk").select_related(None).prefetch_related(None)
        found = keyset.read_rows(light, order, end, None, backwards=False)[start:]
        keys = keys.in_bulk([key.pk for key in found])
        page = [keys[key.pk] for key in found if key.pk in keys]
        return page, rows.count() if total is None else total

    def rotate(self, request, id):
        """Issue a successor; both keys work until the overlap ends.

        Scopes can be removed, but not added. Scopes that are no longer in the catalog are
        dropped. Keys that are not active cannot be rotated (409), except those that were
        suspended after a leak: these are revoked, without an overlap. If the policy requires
        a description, or an owner or a contact, and the key has none, send it.
        """
        key, body = self.get_object(), self.body()
        seconds = body.get("overlap_seconds")
        issued = key.rotate(
            by=Actor.from_request(request, via="api"),
            overlap=None if seconds is None else timedelta(seconds=seconds),
            scopes=body.get("permissions"),
            expires_in_days=body.get("expires_in_days", DEFAULT),
            description=body.get("description") or "",
            owner_email=body.get("owner_email"),
            contact_email=body.get("contact_email") or "",
        )
        return self.show(issued, 201)

    def destroy(self, request, id):
        """Revoke the key immediately and permanently. The row is kept."""
        key = self.get_object()
        key.revoke(by=Actor.from_request(request, via="api"))
        return Response(status=204)

    def revoke_family(self, request, id):
        """Revoke the key, its predecessors and its successors, all of them or none."""
        family = ApiKey.objects.of_family(self.get_object()).unrevoked()
        family.revoke(by=Actor.from_request(request, via="api"))
        return Response(status=204)


def text_conditions(text):
    """Return the conditions of which a key with the text meets one: its name, and its id."""
    # Ids match by prefix only, which the index supports.
    by_id = Q(public_id__startswith=text.removeprefix("key_"))
    return Q(name_key__contains=text), by_id


def text_parts(keys, text):
    """Return the keys with the text, in parts as those of `index_probes`."""
    if not text:
        return None
    by_name, by_id = text_conditions(text)
    if has_trigrams(text):
        return [keys.filter(by_name | by_id)]
    # Without an index of its letters, the text is looked for in that of the names alone,
    # which reads no rows.
    return [
        keys.filter(by_name).order_by("name_key", "pk"),
        # Each key is in one part, because the parts are counted too.
        keys.filter(by_id).exclude(by_name).order_by("public_id", "pk"),
    ]


def owners_with(emails):
    """Return the ids of the people with these addresses."""
    addresses = [User.objects.normalize_email(email) for email in emails]
    people = User.objects.filter(email__in=addresses)
    return list(people.values_list("pk", flat=True))


class ApiKeySelfViewSet(ApiViewSet):
    """The calling API key."""

    tag = "API keys"
    accepts = (ApiKey,)
    requires_organization = False
    serializer_class = ApiKeyIdentitySerializer
    api_actions = {"retrieve": Action(id="getCurrentAPIKey", scopes=ANY_CALLER)}

    def retrieve(self, request):
        """Return the calling key, its organization and its scopes."""
        return self.show(request.auth)


class PermissionViewSet(ApiViewSet):
    """The scope catalog and its presets."""

    tag = "API keys"
    serializer_class = PermissionSerializer
    api_actions = {
        "list": Action(id="listPermissions", scopes=ANY_CALLER, many=Many.ENVELOPED)
    }

    def list(self, request):
        """Return the scopes that a key can have, and the operations that require each one."""
        query = PermissionQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        preset = PRESETS.get(query.validated_data["type"])
        names = preset.scopes if preset else SCOPES
        items = self.get_serializer([SCOPES[n] for n in names], many=True).data
        return Response(page_envelope(items, len(items)))
