"""Running a package, with the built-in engine or an external runner."""

from collections.abc import Callable
from functools import partial
from typing import Any

from echopoint.cli.engine import InvalidPackage, UnsupportedFlow, run_flow
from echopoint.cli.exceptions import CommandError
from echopoint.cli.flow_runs.cancellation import Cancellation
from echopoint.cli.flow_runs.external_runner import ExternalRunner
from echopoint.cli.flow_runs.run_options import RunOptions
from echopoint.cli.output import internal_error_message, write_stderr
from echopoint.cli.settings import Settings


async def run_package(
    package: dict[str, Any],
    cancellation: Cancellation,
    *,
    options: RunOptions,
    settings: Settings,
    progress: Callable[[dict[str, Any]], None],
) -> dict[str, Any] | None:
    """Return the result document, or None if the run was cancelled without one.

    Raises `UnsupportedFlow` or `InvalidPackage` before anything runs, and
    `CommandError` if the runner fails as a program.
    """
    try:
        if options.runner_binary:
            log = partial(write_runner_line, settings)
            runner = ExternalRunner(options.runner_binary, settings.api_key, log)
            return await runner.run(package, cancellation=cancellation)
        return await run_flow(
            package,
            progress=progress,
            cancelled=cancellation.event,
            cleanup_over=cancellation.cleanup_over,
            strict_variables=options.strict_variables,
            tls=options.tls,
        )
    except (CommandError, UnsupportedFlow, InvalidPackage):
        raise
    except Exception as error:  # noqa: BLE001 - the execution must be published as failed
        message = internal_error_message(error, debug=settings.debug)
        raise CommandError(message) from None


def write_runner_line(settings: Settings, line: str) -> None:
    """Write a line of an external runner to stderr.

    The prefix keeps CI systems from executing it: a workflow command starts a line.
    """
    write_stderr(f"runner: {line}", settings=settings)
