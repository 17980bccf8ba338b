"""Base of API endpoints without a credential; a key or a session in the request is ignored."""

from rest_framework.views import APIView

from echopoint.api.actions import UNDECLARED


class KeylessView(APIView):
    """An endpoint for anyone, in the API's format. It is not in the table of actions."""

    http_method_names = ["post"]
    authentication_classes = ()
    permission_classes = ()
    schema = None  # a post-processing hook adds the operation to the document
    declared = UNDECLARED  # read by the parser

    def finalize_response(self, request, response, *args, **kwargs):
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response


def is_keyless(callback):
    """Return True if the view function serves an endpoint without a credential."""
    view = getattr(callback, "cls", None)
    return isinstance(view, type) and issubclass(view, KeylessView)
