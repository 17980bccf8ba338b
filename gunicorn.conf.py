"""How gunicorn serves the site; it reads this file in the folder it is started in."""

import signal


def post_worker_init(worker):
    """Let requests that wait for a job end when the process is asked to stop."""
    stop = signal.getsignal(signal.SIGTERM)

    def stop_waiting(number, frame):
        worker_int(worker)
        stop(number, frame)

    signal.signal(signal.SIGTERM, stop_waiting)
    # As gunicorn has it: what requests read and write is not interrupted.
    signal.siginterrupt(signal.SIGTERM, False)


def worker_int(worker):
    """Do the same when it is interrupted."""
    # Not on top: the code is the worker's own, and may be newer than the parent's.
    from echopoint.executions.waiting import waiting_room

    waiting_room.close()
