"""What operators watch, counted in each process; nothing is until `start`.

Labels are of few values: patterns of paths, codes and methods, never ids.
"""

# Seconds; the key path takes milliseconds, a hung database five seconds.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The counters of this process, which gunicorn's others add theirs to."""

    def __init__(self):
        self.is_on = False

    def start(self):
        """Begin to count. The library is loaded only here: many sites need none of it."""
        import prometheus_client as prometheus
        from prometheus_client import values

        self.is_on = True
        # gunicorn.conf.py asks for files that all its workers read.
        self.is_shared = values.ValueClass is not values.MutexValue
        self.registry = own = prometheus.CollectorRegistry()
        self.requests = prometheus.Counter(
            "echopoint_requests",
            "Requests by route and outcome: ok, the code of a refusal, or a status.",
            ["method", "route", "outcome"],
            registry=own,
        )
        self.seconds = prometheus.Histogram(
            "echopoint_request_seconds",
            "How long answers took.",
            ["route"],
            buckets=BUCKETS,
            registry=own,
        )
        self.authentications = prometheus.Counter(
            "echopoint_key_authentications",
            "Requests with an API key: ok, or the code of why it opened nothing.",
            ["outcome"],
            registry=own,
        )
        self.lost = prometheus.Counter(
            "echopoint_facts_lost",
            "Counts and places of use that could not be written.",
            registry=own,
        )
        self.waiting = prometheus.Gauge(
            "echopoint_facts_waiting",
            "Counts and places of use that are to be written.",
            registry=own,
            multiprocess_mode="livesum",
        )

    def count_lost(self, number):
        if self.is_on:
            self.lost.inc(number)

    def collected(self):
        """Return the registry with what all processes counted."""
        if not self.is_shared:
            return self.registry
        from prometheus_client import CollectorRegistry
        from prometheus_client.multiprocess import MultiProcessCollector

        everything = CollectorRegistry()
        MultiProcessCollector(everything)
        return everything


metrics = Metrics()
