"""The moment at which the tests of notices take place."""

from datetime import UTC, datetime, timedelta

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# In the past, because no place has been seen in the future.
NOW = (datetime.now(UTC) - DAY).replace(hour=14, minute=2, second=0, microsecond=0)
