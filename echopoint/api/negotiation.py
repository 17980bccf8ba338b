"""The API answers in JSON, whatever a client says that it would rather have."""

from rest_framework.negotiation import DefaultContentNegotiation


class JSONAlways(DefaultContentNegotiation):
    """Take the one renderer there is."""

    def select_renderer(self, request, renderers, format_suffix=None):
        return renderers[0], renderers[0].media_type
