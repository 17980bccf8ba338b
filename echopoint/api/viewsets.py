"""What the API's endpoints share: tenancy, bodies, lists, headers."""

import uuid
from datetime import UTC

from django.db import transaction
from django.http import Http404
from rest_framework.exceptions import ParseError
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from apikeys.actors import Actor
from apikeys.authentication import KEY_HEADER
from apikeys.models import ApiKey
from echopoint.api.actions import UNDECLARED
from echopoint.api.pagination import page_envelope
from echopoint.api.quotas import Sized, require_room_for_another
from echopoint.api.search import ordered, page_of
from echopoint.core.client_metadata import Client
from echopoint.core.locks import for_change, for_delete
from echopoint.organizations.models import Membership


class ApiViewSet(GenericViewSet):
    """An endpoint: it declares each of its actions, and what is common to them.

    api_actions  {name of the method: `Action`}
    accepts      the kinds of `request.auth` that may call
    heavy        the columns of a list that can be large
    list_name    the name of a list's schema, where it is not that of its items
    tag          the section of the document
    """

    # Without OPTIONS, as there is no metadata to serve. DRF writes Allow from this list.
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    accepts = (ApiKey, Membership)
    api_actions = {}
    heavy = ()
    list_name = ""
    tag = ""
    requires_organization = True
    lookup_field = "id"
    # The `KeyUse` of the request, once a key is allowed to make it.
    use = None

    def dispatch(self, request, *args, **kwargs):
        try:
            return super().dispatch(request, *args, **kwargs)
        finally:
            # Also when the view failed: the key was used.
            if self.use:
                self.use.record()

    @property
    def organization(self):
        """Return the caller's organization; every query begins with it."""
        return self.request.auth.organization

    @property
    def actor(self):
        """Return the caller, for the audit."""
        if isinstance(self.request.auth, ApiKey):
            return Actor.key(self.request.auth, Client.of(self.request))
        return Actor.from_request(self.request, via="api")

    @property
    def declared(self):
        """Return the declaration of the request's action."""
        return self.api_actions.get(self.action, UNDECLARED)

    def get_serializer_class(self):
        return self.declared.answer or self.serializer_class

    def body(self, instance=None):
        """Return the validated body of the request, or raise what is wrong with it."""
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
        """Return the answer that shows a row."""
        return Response(self.get_serializer(instance).data, status)

    def finalize_response(self, request, response, *args, **kwargs):
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        response["Vary"] = f"{KEY_HEADER}, Cookie"
        if rate := getattr(request, "rate_limit", None):
            for name, value in rate.fields().items():
                # Beside that of another limit, if one is exceeded.
                others = [response[name]] if response.has_header(name) else []
                response[name] = ", ".join([value, *others])
        auth = getattr(request, "_auth", None)
        if isinstance(auth, ApiKey) and auth.ends_at:
            ends_at = auth.ends_at.astimezone(UTC)
            response["X-Api-Key-Expires-At"] = f"{ends_at:%Y-%m-%dT%H:%M:%SZ}"
        return response


class OrgScopedViewSet(ApiViewSet):
    """Rows of the caller's organization, and of no other.

    most   the setting with how many rows an organization may have
    """

    most = ""
    sort_columns = {}

    def get_queryset(self):
        return super().get_queryset().for_org(self.organization)

    def find(self, queryset, text):
        """Return the row with the id in the path, or answer 404."""
        row = queryset.filter(pk=self.path_id(text)).first()
        if row is None:
            raise Http404
        return row

    def path_id(self, text):
        """Return the id in the path, or answer 404 for one of another shape."""
        try:
            return uuid.UUID(text)
        except ValueError:
            raise Http404 from None

    def get_object(self):
        return self.find(self.get_queryset(), self.kwargs["id"])

    def list(self, request):
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request, id):
        return self.show(self.get_object())

    def search(self, request):
        search = self.body()
        rows = self.searched(self.get_queryset(), search)
        page, total = page_of(rows, search, self.heavy)
        items = self.get_serializer(page, many=True).data
        return Response(page_envelope(items, total))

    def searched(self, queryset, search):
        """Return the rows that a validated search asks for, in its order."""
        column = self.sort_columns.get(search["sort_by"], search["sort_by"])
        return ordered(queryset, column, search["sort_direction"])

    @transaction.atomic
    def create(self, request):
        row = self.queryset.model(organization=self.organization)
        if self.most:
            rows = self.queryset.model.objects
            require_room_for_another(rows, self.organization, self.most)
        return self.show(self.save(row, self.body()), 201)

    @transaction.atomic
    def update(self, request, id):
        # Without the lock, saving a row that was just deleted would bring it back.
        row = self.find(for_change(self.get_queryset()), id)
        return self.show(self.save(row, self.body(row)))

    def save(self, row, values):
        """Write the values into the row; fields that are absent keep theirs."""
        for name, value in values.items():
            setattr(row, name, value)
        quota = {"within": self.organization.pk} if isinstance(row, Sized) else {}
        row.save(**quota)
        return row

    @transaction.atomic
    def destroy(self, request, id):
        """Delete the row; one that is gone already, or another's, changes nothing."""
        for row in for_delete(self.get_queryset()).filter(pk=self.path_id(id)):
            row.delete()
        return Response(status=204)
