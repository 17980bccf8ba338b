"""Pagination of the lists, and views that accept POST only."""

from django.http import HttpResponseRedirect
from django.urls import reverse

from apikeys.db import keyset

INVALID_CURSOR = "That page link is no longer valid. Showing the first page."


class KeysetPaginationMixin:
    """A filtered, paginated list. Notices name the ignored parts of the query string."""

    page_size = 50

    def get_filters(self):
        """Return the `FilterForm` of the query string."""
        raise NotImplementedError

    def get_rows(self, filters):
        """Return the filtered rows, unordered."""
        raise NotImplementedError

    def get(self, request, *args, **kwargs):
        # TemplateView.get would add the URL arguments to the context.
        return self.render_to_response(self.get_context_data())

    def get_context_data(self, **kwargs):
        filters = self.get_filters()
        rows = self.get_rows(filters)
        cursors = {name: self.request.GET.get(name, "") for name in ("before", "after")}
        notices = [*filters.ignored, *filters.notes]
        try:
            page = keyset.page(rows, filters.order, self.page_size, **cursors)
        except keyset.MalformedCursor:
            page = keyset.page(rows, filters.order, self.page_size)
            notices.append(INVALID_CURSOR)
        context = {
            "filters": filters,
            "listed": page.rows,
            "notices": notices,
            "previous": page.before and filters.query_string(before=page.before),
            "next": page.after and filters.query_string(after=page.after),
        }
        return super().get_context_data(**context | kwargs)


class PostOnlyMixin:
    """Redirects GET, for example after a sign-in, to the page with the action's button."""

    redirect_url_name = None

    def get(self, request, *args, **kwargs):
        return HttpResponseRedirect(
            reverse(self.redirect_url_name, args=[self.organization.pk])
        )
