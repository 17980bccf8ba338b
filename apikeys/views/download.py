"""A response that is saved as a file."""

from django.http import StreamingHttpResponse

from apikeys.audit.export import in_blocks


def download(lines, content_type, name):
    """Return the lines as a file of this name, which must need no escaping in a header."""
    response = StreamingHttpResponse(in_blocks(lines), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
