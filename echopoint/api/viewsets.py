"""Base classes of the API's viewsets: tenancy, bodies, lists, headers."""

import uuid

from django.db import transaction
from django.http import Http404
from rest_framework.exceptions import ParseError
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from apikeys.actors import Actor
from apikeys.authentication import KEY_HEADER
from apikeys.models import ApiKey
from echopoint.api.actions import UNDECLARED
from echopoint.api.expiry_headers import expiry_headers
from echopoint.api.pagination import page_envelope
from echopoint.api.quotas import QuotaCounted, require_row_quota
from echopoint.api.search import ordered, paginate
from echopoint.core.client_metadata import Client
from echopoint.core.locks import for_change, for_delete
from echopoint.core.replica.reads import ReplicaReads, from_replica
from echopoint.core.replica.writes import SAFE_METHODS, mark_written
from echopoint.organizations.models import Membership


class ApiViewSet(GenericViewSet):
    """A viewset that declares each of its actions.

    api_actions  {name of the method: `Action`}
    accepts      classes of `request.auth` that are admitted
    large_columns  columns whose size limits a page, see `fetch_page`
    list_name    schema name of the list, if it does not follow from its items
    tag          section of the OpenAPI document
    """

    # No OPTIONS: the API serves no metadata. DRF builds the Allow header from this list.
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    accepts = (ApiKey, Membership)
    api_actions = {}
    large_columns = ()
    list_name = ""
    tag = ""
    requires_organization = True
    lookup_field = "id"
    # The `KeyUse` to record, set once the key is allowed to make the request.
    use = None
    only_reads = False  # set by actions that read although their method is POST

    def dispatch(self, request, *args, **kwargs):
        try:
            return super().dispatch(request, *args, **kwargs)
        finally:
            # In `finally`, because a failed request is a use of the key too.
            if self.use:
                self.use.record()
            if request.method not in SAFE_METHODS and not self.only_reads:
                self.mark_written(request)

    def mark_written(self, request):
        caller = getattr(request, "auth", None)
        if caller is not None:
            mark_written(caller.organization_id)

    @property
    def organization(self):
        """The caller's organization; every query is limited to it."""
        return self.request.auth.organization

    @property
    def actor(self):
        """The caller, for audit events."""
        if isinstance(self.request.auth, ApiKey):
            return Actor.key(self.request.auth, Client.of(self.request))
        return Actor.from_request(self.request, via="api")

    @property
    def declared(self):
        """The declaration of the requested action."""
        return self.api_actions.get(self.action, UNDECLARED)

    def get_serializer_class(self):
        return self.declared.answer or self.serializer_class

    def body(self, instance=None):
        """Return the validated body; raise ValidationError or ParseError."""
        if self.request.stream is None:
            raise ParseError("Send a JSON object as the body; it may be {}.")
        serializer = self.declared.body(
            instance,
            data=self.request.data,
            partial=instance is not None,
            context=self.get_serializer_context(),
        )
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    def show(self, instance, status=200):
        return Response(self.get_serializer(instance).data, status)

    def finalize_response(self, request, response, *args, **kwargs):
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        response["Vary"] = f"{KEY_HEADER}, Cookie"
        if rate := getattr(request, "rate_limit", None):
            for name, value in rate.fields().items():
                # Do not overwrite the values of another limit that was exceeded.
                others = [response[name]] if response.has_header(name) else []
                response[name] = ", ".join([value, *others])
        auth = getattr(request, "_auth", None)
        if isinstance(auth, ApiKey):
            for name, value in expiry_headers(auth).items():
                response[name] = value
        return response


class OrgScopedViewSet(ReplicaReads, ApiViewSet):
    """Rows of the caller's organization only.

    row_limit_setting   name of the setting with the maximum number of rows
    """

    row_limit_setting = ""
    sort_columns = {}

    def replica_subjects(self):
        caller = self.request.auth
        person = [caller.user_id] if isinstance(caller, Membership) else []
        return [caller.organization_id, *person]

    def get_queryset(self):
        rows = super().get_queryset().using(self.database)
        return rows.for_org(self.organization)

    def find(self, queryset, text):
        """Return the row with the id in the path; raise Http404."""
        row = queryset.filter(pk=self.path_id(text)).first()
        if row is None:
            raise Http404
        return row

    def path_id(self, text):
        """Parse the id in the path; raise Http404 if it is malformed."""
        try:
            return uuid.UUID(text)
        except ValueError:
            raise Http404 from None

    def get_object(self):
        return self.find(self.get_queryset(), self.kwargs["id"])

    @from_replica
    def list(self, request):
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request, id):
        return self.show(self.get_object())

    @from_replica
    def search(self, request):
        search = self.body()
        rows = self.searched(self.get_queryset(), search)
        total = self.known_total(search, rows)
        page, total = self.page_of(rows, search, total)
        items = self.get_serializer(page, many=True).data
        return Response(page_envelope(items, total))

    def page_of(self, rows, search, total):
        """Return (rows of the page, number of all rows) for a search."""
        return paginate(rows, search, self.large_columns, total)

    def known_total(self, search, rows):
        """Return the number of rows of a search or list if it is known, or None."""
        return None

    def searched(self, queryset, search):
        """Apply a validated search: filter and sort."""
        return ordered(queryset, self.sort_column(search), search["sort_direction"])

    def sort_column(self, search):
        return self.sort_columns.get(search["sort_by"], search["sort_by"])

    @transaction.atomic
    def create(self, request):
        row = self.queryset.model(organization=self.organization)
        if self.row_limit_setting:
            rows = self.queryset.model.objects
            require_row_quota(rows, self.organization, self.row_limit_setting)
        return self.show(self.save(row, self.body()), 201)

    @transaction.atomic
    def update(self, request, id):
        # Lock the row: saving one that was deleted concurrently would insert it again.
        row = self.find(for_change(self.get_queryset()), id)
        return self.show(self.save(row, self.body(row)))

    def save(self, row, values):
        """Update the fields in `values` and save the row."""
        for name, value in values.items():
            setattr(row, name, value)
        quota = (
            {"quota_owner": self.organization.pk}
            if isinstance(row, QuotaCounted)
            else {}
        )
        row.save(**quota)
        return row

    @transaction.atomic
    def destroy(self, request, id):
        """Delete the row. The response is the same if it does not exist here."""
        for row in for_delete(self.get_queryset()).filter(pk=self.path_id(id)):
            row.delete()
        return Response(status=204)
