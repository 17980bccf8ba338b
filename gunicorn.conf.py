"""Configuration of gunicorn, which reads this file from its working directory."""

import glob
import ipaddress
import os
import shutil
import signal
import tempfile
from contextlib import suppress

from gunicorn import util

# Only the process's environment is read here. Each worker reads .env when it starts.
bind = os.environ.get("BIND", "127.0.0.1:8000")
# Keep header names with an underscore for webhooks. `pre_request` removes them, so that
# X_Api_Key cannot pass for X-Api-Key.
header_map = "dangerous"
# Nothing uses this socket, and its folder may be read-only, as in the container.
control_socket_disable = True

EXPOSED = (
    "Listening on %s, which other machines may reach: slow clients can block all threads."
    " Listen on 127.0.0.1 or a unix socket, behind a proxy that buffers requests"
    " (echopoint/nginx.conf)."
)


def on_starting(server):
    """Create the folder through which workers share their metrics."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        server.metrics = tempfile.mkdtemp(prefix="echopoint-metrics-")
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = server.metrics


def child_exit(server, worker):
    """Remove the gauges of a worker that exited, or they would count forever."""
    folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]
    for file in glob.glob(f"{folder}/gauge_live*_{worker.pid}.db"):
        os.remove(file)


def on_exit(server):
    shutil.rmtree(getattr(server, "metrics", ""), ignore_errors=True)


def when_ready(server):
    """Warn about addresses that other machines can reach."""
    for listener in server.LISTENERS:
        address = listener.getsockname()
        if isinstance(address, tuple) and not is_loopback(address[0]):
            server.log.warning(EXPOSED, listener)


def is_loopback(host):
    return ipaddress.ip_address(host).is_loopback


def post_worker_init(worker):
    """Set up what needs the code of the site, which is imported by now."""
    redact_logs(worker.log)
    format_logs(worker.log)
    respond_with_json_errors()
    close_long_polls_on_stop(worker)
    close_listeners_on_stop(worker)
    send_queued_messages()


def pre_request(worker, request):
    """Hide header names with an underscore from the site, except from webhooks."""
    from echopoint.core.header_lines import extract_header_lines

    extract_header_lines(request)


def send_queued_messages():
    """Send mail and events that were queued before this process started."""
    from echopoint.mail.sender import sender as mail
    from echopoint.notices.sender import sender as notices

    mail.wake()
    notices.wake()


def respond_with_json_errors():
    """Answer requests that gunicorn itself rejects in the format of the API."""
    from echopoint.core.gunicorn_errors import write_refusal

    util.write_error = write_refusal


def redact_logs(log):
    """Redact keys in gunicorn's own logs, which contain client data.

    The error log quotes malformed request lines; the access log has URLs, Referer and
    User-Agent.
    """
    from echopoint.core.redaction import SecretsRedacted

    for logger in (log.error_log, log.access_log):
        logger.addFilter(SecretsRedacted())


def format_logs(log):
    """Write JSON if the site does. A line of the access log becomes the message."""
    from django.conf import settings

    if settings.LOG_FORMAT != "json":
        return
    from echopoint.core.logs import FactsFormatter

    for logger in (log.error_log, log.access_log):
        for handler in logger.handlers:
            handler.setFormatter(FactsFormatter())


def close_long_polls_on_stop(worker):
    """End requests that wait for a job when the worker is asked to stop."""
    stop = signal.getsignal(signal.SIGTERM)

    def close_and_stop(number, frame):
        worker_int(worker)
        stop(number, frame)

    signal.signal(signal.SIGTERM, close_and_stop)
    # As gunicorn does: do not interrupt the system calls of running requests.
    signal.siginterrupt(signal.SIGTERM, False)


def close_listeners_on_stop(worker):
    """When the worker stops, accept the connections that wait, and refuse later ones.

    gunicorn would let them wait until its last request ends, and then reset them. A load
    balancer may send a refused request to another server, but not one that was cut.
    """
    set_accept_enabled = getattr(worker, "set_accept_enabled", None)
    if set_accept_enabled is None:  # not the worker with threads
        return

    def set_and_close(enabled):
        set_accept_enabled(enabled)
        if enabled or worker.alive:
            return
        listeners, worker.sockets = worker.sockets, []
        for listener in listeners:
            with suppress(OSError):
                accept_waiting(worker, listener)
            # The master has closed its own, unless it only replaces its workers.
            listener.close()

    worker.set_accept_enabled = set_and_close


def accept_waiting(worker, listener):
    for _ in range(worker.cfg.backlog):
        accepted = worker.nr_conns
        worker.accept(listener)
        if worker.nr_conns == accepted:
            return


def worker_int(worker):
    """End requests that wait for a job on SIGINT and SIGQUIT."""
    # Imported here, not at module level, so that a reload picks up the worker's code.
    from echopoint.executions.jobs.long_poll import job_poll

    job_poll.close()
