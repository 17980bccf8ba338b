"""What pages with a long list have in common."""

from django.http import HttpResponseRedirect
from django.urls import reverse

from apikeys.db import keyset

LOST_PLACE = "That page link is no longer valid. Showing the first page."


class KeysetPage:
    """A page of a filtered list; it says what of its address was left out."""

    page_size = 50

    def get_filters(self):
        """Return the `FilterForm` of the address."""
        raise NotImplementedError

    def get_rows(self, filters):
        """Return the rows that the filters leave, in no order."""
        raise NotImplementedError

    def get(self, request, *args, **kwargs):
        # Without the arguments of the path, which are not for the template.
        return self.render_to_response(self.get_context_data())

    def get_context_data(self, **kwargs):
        filters = self.get_filters()
        rows = self.get_rows(filters)
        place = {name: self.request.GET.get(name, "") for name in ("before", "after")}
        notices = [*filters.left_out, *filters.notes]
        try:
            page = keyset.page(rows, filters.order, self.page_size, **place)
        except keyset.MalformedCursor:
            page = keyset.page(rows, filters.order, self.page_size)
            notices.append(LOST_PLACE)
        context = {
            "filters": filters,
            "listed": page.rows,
            "notices": notices,
            "previous": page.before and filters.address(before=page.before),
            "next": page.after and filters.address(after=page.after),
        }
        return super().get_context_data(**context | kwargs)


class PostOnly:
    """An action; who comes by a link or after signing in is sent to where it begins."""

    back_to = None

    def get(self, request, *args, **kwargs):
        return HttpResponseRedirect(reverse(self.back_to, args=[self.organization.pk]))
