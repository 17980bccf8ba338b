"""The API responds in JSON, whatever the Accept header says."""

from rest_framework.negotiation import DefaultContentNegotiation


class JSONAlways(DefaultContentNegotiation):
    """Always select the JSON renderer."""

    def select_renderer(self, request, renderers, format_suffix=None):
        return renderers[0], renderers[0].media_type
