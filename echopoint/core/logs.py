"""Log formatter that writes JSON."""

from pythonjsonlogger.json import JsonFormatter

from echopoint.core.redaction import redact, without_rows

# The only extra attributes that are logged. Libraries attach others, such as the request
# object, which contain client data.
FACTS = (
    "request_id",
    "organization",
    "key",
    "method",
    "route",
    "status",
    "outcome",
    "duration_ms",
)


class FactsFormatter(JsonFormatter):
    """One JSON object per line: time, level, logger, message, and facts of the request."""

    def __init__(self):
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp=True,
        )

    def add_fields(self, log_data, record, message_dict):
        known = {name: getattr(record, name, None) for name in FACTS}
        super().add_fields(log_data, record, message_dict)
        for name in set(log_data) - SHAPE:
            del log_data[name]
        log_data |= {name: value for name, value in known.items() if value is not None}

    def formatException(self, ei):
        return without_rows(super().formatException(ei))

    def format(self, record):
        return redact(super().format(record))


SHAPE = {"timestamp", "level", "logger", "message", "exc_info", "stack_info"}
