"""What every answer carries."""

import uuid

from django.http import Http404


class RequestIdMiddleware:
    """Name each request, for the answer, the log and the audit.

    The id is always ours: one that a client chose could be made to look like another's.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.id = uuid.uuid4().hex
        response = self.get_response(request)
        response["X-Request-Id"] = request.id
        return response


class NullCharacterMiddleware:
    """Find nothing by a null character, which no database can look for.

    A path that has one leads nowhere, and a cookie that has one says nothing.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if "\x00" in request.path_info:
            raise Http404
        for name in [n for n, value in request.COOKIES.items() if "\x00" in value]:
            del request.COOKIES[name]
        return self.get_response(request)
