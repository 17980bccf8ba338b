"""Headers that browsers obey, beside those that Django sets."""

# https://www.w3.org/TR/permissions-policy/ ; passkeys and the clipboard are in use.
UNUSED = (
    *("accelerometer", "camera", "geolocation", "gyroscope", "magnetometer"),
    *("microphone", "payment", "usb"),
)
HEADERS = {
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED),
    # No other site may load what we answer (Fetch, section 3.7).
    "Cross-Origin-Resource-Policy": "same-origin",
}


class BrowserHeadersMiddleware:
    """Adds them to every answer that does not have its own."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.setdefault(name, value)
        return response
