"""OpenAPI operations of the public receiver, which is a plain view."""

from echopoint.flow_language.words import HTTP_METHODS

ERRORS = {
    "400": "The body is incomplete.",
    "404": "No webhook has this URL.",
    "409": "The organization reached its quota of stored bytes, and its webhooks store too"
    " few to replace.",
    "413": "The body is too large.",
    "429": "Too many requests in this minute. Try again after Retry-After.",
    "500": "An error on the server.",
    "503": "The database is unreachable, busy, full or read-only. Try again after Retry-After.",
}
RECEIVER_NOTE = (
    "Anyone may send a request; no credential is needed. Paths below the id are captured"
    " too, such as `/webhook/{id}/orders/7`. Pages of any origin may send requests and read"
    " the response."
)
METHOD_NOTES = {
    "HEAD": ["The response has no body."],
    "OPTIONS": [
        "A CORS preflight, with Origin and Access-Control-Request-Method, is answered and"
        " not captured."
    ],
}


def add_receiver(result, generator, request, public):
    """Add an operation for each captured method; a post-processing hook of drf-spectacular."""
    result["paths"]["/webhook/{id}"] = {
        method.lower(): operation(method) for method in HTTP_METHODS
    }
    result["components"]["schemas"]["WebhookResponse"] = {
        "type": "object",
        "required": ["message", "request_id", "received_at"],
        "properties": {
            "message": {"type": "string"},
            "request_id": {"type": "string"},
            "received_at": {"type": "string", "format": "date-time"},
        },
    }
    return result


def operation(method):
    responses = {"200": json_response("The request is captured.", "WebhookResponse")}
    for status, description in ERRORS.items():
        responses[status] = json_response(description, "ApiErrorResponse")
    if method == "HEAD":
        responses = {n: {"description": r["description"]} for n, r in responses.items()}
    if method == "OPTIONS":
        responses["204"] = {"description": "A CORS preflight is allowed."}
    return {
        "operationId": f"receiveWebhook{method.capitalize()}",
        "summary": f"Capture a {method.upper()} request",
        "description": " ".join([RECEIVER_NOTE, *METHOD_NOTES.get(method, ())]),
        "tags": ["Webhooks"],
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
        ],
        "requestBody": {"content": {"*/*": {"schema": {}}}},
        "security": [],
        "responses": responses,
    }


def json_response(description, component):
    schema = {"$ref": f"#/components/schemas/{component}"}
    return {
        "description": description,
        "content": {"application/json": {"schema": schema}},
    }
