"""`flows run`."""

import asyncio
import time
from typing import Any

import click

from echopoint.cli.exceptions import ERROR
from echopoint.cli.options import (
    Assignment,
    Duration,
    PathId,
    global_options,
    settings_of,
)
from echopoint.cli.settings import Settings
from echopoint.cli.streams import Unwritable
from echopoint.cli.terminal import emit, say


@click.command("run")
@click.argument("flow_ids", metavar="[FLOW_ID]...", nargs=-1, type=PathId())
@click.option(
    "--tag",
    "tags",
    metavar="TAG",
    multiple=True,
    help="Run the flows that have it; may be repeated.",
)
@click.option(
    "--match-mode",
    type=click.Choice(["any", "all"]),
    default="any",
    show_default=True,
    help="Whether a flow needs any of the tags or all of them.",
)
@click.option(
    "--environment", metavar="KEY", help="The environment whose variables count."
)
@click.option("--version-id", metavar="ID", help="The version of the flow to run.")
@click.option(
    "--idempotency-key",
    metavar="KEY",
    envvar="ECHOPOINT_IDEMPOTENCY_KEY",
    help="Launch once per key: a second launch answers from the first"
    " (ECHOPOINT_IDEMPOTENCY_KEY; in GitHub Actions, the attempt of the job).",
)
@click.option(
    "--poll-timeout",
    type=Duration(),
    default="30m",
    show_default=True,
    help="How long each flow may take, as 30m, 90s or 1h30m.",
)
@click.option(
    "--cleanup-timeout",
    type=Duration(zero=True),
    default="30s",
    show_default=True,
    help="How long nodes that always run may take after the run is cancelled or out of"
    " time.",
)
@click.option(
    "--parallel",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many flows run at a time.",
)
@click.option(
    "--runner-binary",
    metavar="PATH",
    type=click.Path(exists=True, dir_okay=False, executable=True, resolve_path=True),
    help="Hand the flows to this runner instead of running them here.",
)
@click.option(
    "--var",
    "pairs",
    metavar="NAME=VALUE",
    type=Assignment(),
    multiple=True,
    help="Replace or add an input of the flows, as text; may be repeated. It comes before"
    " --env-file. Others can see it on the command line: secrets belong into a file.",
)
@click.option(
    "--env-file",
    "env_files",
    metavar="PATH",
    type=click.Path(exists=True, dir_okay=False, readable=True),
    multiple=True,
    help="Replace or add inputs from the lines NAME=value of this file, where a flow reads"
    " them; may be repeated. All are taken for secrets.",
)
@click.option(
    "--ca-cert",
    metavar="FILE",
    envvar="ECHOPOINT_CA_CERT",
    help="Trust the authorities in this file of PEM for what the flows call, and no"
    " others (ECHOPOINT_CA_CERT).",
)
@click.option(
    "--client-cert",
    metavar="FILE",
    envvar="ECHOPOINT_CLIENT_CERT",
    help="Show this certificate in PEM to the services (ECHOPOINT_CLIENT_CERT).",
)
@click.option(
    "--client-key",
    metavar="FILE",
    envvar="ECHOPOINT_CLIENT_KEY",
    help="The key of the certificate, if its file does not hold it; unencrypted"
    " (ECHOPOINT_CLIENT_KEY).",
)
@click.option(
    "--strict-variables",
    is_flag=True,
    help="Let a node fail that has a template for which nothing is known; without it the"
    " template is used as it is written, with a warning.",
)
@click.option(
    "--junit",
    metavar="FILE",
    help="Write a JUnit report of all flows to this file, for CI systems.",
)
@click.option("--verbose", is_flag=True, help="Tell of nodes that start, too.")
@global_options
@click.pass_context
def run_flows(
    context: click.Context,
    flow_ids: tuple[str, ...],
    tags: tuple[str, ...],
    match_mode: str,
    junit: str | None,
    pairs: tuple[tuple[str, str], ...],
    env_files: tuple[str, ...],
    **order: Any,
) -> int:
    """Run flows on this machine, by id or by tag, and publish their results."""
    if bool(flow_ids) == bool(tags):
        raise click.UsageError(
            "Name flows by id or by --tag, one of the two.", ctx=context
        )
    refuse_for_a_runner(context, order)
    # What runs flows and shows results is loaded only now: --help does not need it.
    from echopoint.cli.flow_runs.junit_file import Report

    report = Report(junit, Settings.unchecked(context.meta))
    report.begin()
    started = time.monotonic()
    try:
        with report.of_failure():
            report.settings = settings = settings_of(context)
            order |= of_variables(pairs, env_files, settings)
            outcomes = asyncio.run(run(settings, flow_ids, tags, match_mode, order))
    except asyncio.CancelledError:
        raise click.Abort from None
    elapsed_ms = round((time.monotonic() - started) * 1000)
    return told(outcomes, elapsed_ms, report)


def of_variables(pairs: tuple, env_files: tuple, settings: Settings) -> dict:
    """Return the variables and their digest; raise `CommandError` for a bad file."""
    from echopoint.cli.flow_runs.variables import Variables

    variables = Variables.read(pairs, env_files)
    return {
        "variables": variables,
        "variables_digest": variables.digest(settings.api_key),
    }


def refuse_for_a_runner(context: click.Context, order: dict) -> None:
    """Raise for flags that an external runner would not know of."""
    names = ("strict_variables", "ca_cert", "client_cert", "client_key")
    for name in names if order["runner_binary"] else ():
        if order[name]:
            raise click.UsageError(
                f"--{name.replace('_', '-')} is for flows that run here, not for a"
                " --runner-binary.",
                ctx=context,
            )


def told(outcomes: list, elapsed_ms: int, report: Any) -> int:
    """Report and show the outcomes; return the exit code, the worst of all."""
    from echopoint.cli.flow_runs.outcome import documents, exit_code_of
    from echopoint.cli.flow_runs.summary import summary

    outcomes = [outcome.scrubbed(report.settings) for outcome in outcomes]
    code = max(exit_code_of(outcomes), report.write(outcomes))
    try:
        emit(documents(outcomes, elapsed_ms), summary(outcomes), report.settings)
    except Unwritable as error:
        say(f"Error: {error.message}", settings=report.settings)
        code = max(code, ERROR)
    return code


async def run(
    settings: Settings,
    flow_ids: tuple[str, ...],
    tags: tuple[str, ...],
    match_mode: str,
    options: dict,
) -> list:
    """Select the flows and return their outcomes."""
    from echopoint.cli.client import Client
    from echopoint.cli.flow_runs.batch import execute
    from echopoint.cli.flow_runs.run_options import Order
    from echopoint.cli.flow_runs.selection import distinct, tagged

    order = Order(time_limit=options.pop("poll_timeout"), **options)
    async with Client(settings) as client:
        if tags:
            ids = await tagged(client, tags, match_mode)
        else:
            ids = distinct(flow_ids)
        order.check(ids)
        return await execute(client, order, ids)
