"""Running a package: with the engine of this command, or with an external runner."""

from collections.abc import Callable
from functools import partial

from echopoint.cli.engine import InvalidPackage, UnsupportedFlow, run_flow
from echopoint.cli.exceptions import CommandError
from echopoint.cli.flow_runs.cancellation import Stop
from echopoint.cli.flow_runs.external_runner import ExternalRunner
from echopoint.cli.flow_runs.run_options import Order
from echopoint.cli.settings import Settings
from echopoint.cli.terminal import fault, say


async def run_package(
    package: dict,
    stop: Stop,
    *,
    order: Order,
    settings: Settings,
    progress: Callable[[dict], None],
) -> dict | None:
    """Return the result document, or None for a run that was ended without one.

    Raises `UnsupportedFlow` or `InvalidPackage` before anything runs, and
    `CommandError` for a runner that failed as a program.
    """
    try:
        if order.runner_binary:
            tell = partial(pass_on, settings)
            runner = ExternalRunner(order.runner_binary, settings.api_key, tell)
            return await runner.run(package, stop=stop)
        return await run_flow(
            package,
            progress=progress,
            cancelled=stop.event,
            cleanup_over=stop.cleanup_over,
            strict_variables=order.strict_variables,
            tls=order.tls,
        )
    except (CommandError, UnsupportedFlow, InvalidPackage):
        raise
    except Exception as error:  # noqa: BLE001 - the execution is to be published
        raise CommandError(fault(error, debug=settings.debug)) from None


def pass_on(settings: Settings, line: str) -> None:
    """Show a line of an external runner; the word before it keeps it from being more."""
    say(f"runner: {line}", settings=settings)
