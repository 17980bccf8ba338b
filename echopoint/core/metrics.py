"""Prometheus metrics of this process. Nothing is counted before `start`.

Labels have few values (routes, codes, methods) and never contain ids.
"""

# Seconds; the key path takes milliseconds, a hung database five seconds.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counters of this process. gunicorn's workers are summed when they are read."""

    def __init__(self):
        self.is_on = False

    def start(self):
        """Start counting. Imports the library only here, because many sites do not use it."""
        import prometheus_client as prometheus
        from prometheus_client import values

        self.is_on = True
        # gunicorn.conf.py sets a folder, in which all workers share their values.
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
            "Response time.",
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
        self.replica_reads = prometheus.Counter(
            "echopoint_replica_reads",
            "Reads that may use the replica: used, or why the primary was read.",
            ["replica"],
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

    def count_replica_read(self, state):
        if self.is_on:
            self.replica_reads.labels(state).inc()

    def collected(self):
        """Return a registry with the sums of all processes."""
        if not self.is_shared:
            return self.registry
        from prometheus_client import CollectorRegistry
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return registry


metrics = Metrics()
