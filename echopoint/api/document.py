"""The view of the OpenAPI document, which is the same for everybody."""

import hashlib
from functools import cache
from typing import NamedTuple

from django.http import HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import etag
from django.views.decorators.vary import vary_on_headers
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularJSONAPIView


class Document(NamedTuple):
    content: bytes
    etag: str


@cache
def document():
    """Generate the document once per process, because it takes about half a second."""
    view = SpectacularJSONAPIView
    schema = view.generator_class().get_schema(public=True)
    content = view.renderer_classes[0]().render(schema, renderer_context={})
    return Document(content, f'"{hashlib.sha256(content).hexdigest()}"')


# The document holds no secret and no input, so compressing it reveals nothing (BREACH).
# gzip_page makes the ETag weak, because the compressed bytes differ each time. It leaves a
# short response alone, such as a 304, which needs the Vary header too.
@method_decorator(
    [
        vary_on_headers("Accept-Encoding"),
        # Revalidate each time: a new version of the site has a new document.
        cache_control(public=True, no_cache=True),
        gzip_page,
        etag(lambda request: document().etag),
    ],
    name="get",
)
class DocumentView(SpectacularJSONAPIView):
    @extend_schema(exclude=True)
    def get(self, request):
        return HttpResponse(
            document().content,
            content_type=self.renderer_classes[0].media_type,
            headers={"Content-Disposition": 'inline; filename="Echopoint API.json"'},
        )
