"""`flows run`."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

import click

from echopoint.cli.exceptions import ERROR
from echopoint.cli.options import (
    Assignment,
    Duration,
    PathId,
    global_options,
    settings_of,
)
from echopoint.cli.output import emit, write_stderr
from echopoint.cli.settings import Settings
from echopoint.cli.streams import Unwritable

if TYPE_CHECKING:
    from echopoint.cli.flow_runs.junit_file import JUnitFile
    from echopoint.cli.flow_runs.outcome import Outcome
    from echopoint.cli.flow_runs.run_options import RunOptions


@click.command("run")
@click.argument("flow_ids", metavar="[FLOW_ID]...", nargs=-1, type=PathId())
@click.option(
    "--tag",
    "tags",
    metavar="TAG",
    multiple=True,
    help="Run the flows with this tag; may be repeated.",
)
@click.option(
    "--match-mode",
    type=click.Choice(["any", "all"]),
    default="any",
    show_default=True,
    help="Select flows with any or with all of the tags.",
)
@click.option(
    "--environment", metavar="KEY", help="The environment to take variables from."
)
@click.option("--version-id", metavar="ID", help="The version of the flow to run.")
@click.option(
    "--idempotency-key",
    metavar="KEY",
    envvar="ECHOPOINT_IDEMPOTENCY_KEY",
    help="Launch once per key: a repeated launch returns the first execution"
    " (ECHOPOINT_IDEMPOTENCY_KEY; in GitHub Actions, the attempt of the job).",
)
@click.option(
    "--poll-timeout",
    type=Duration(),
    default="30m",
    show_default=True,
    help="The time limit of each flow, such as 30m, 90s or 1h30m.",
)
@click.option(
    "--cleanup-timeout",
    type=Duration(zero=True),
    default="30s",
    show_default=True,
    help="How long nodes that always run may take after a cancellation or timeout.",
)
@click.option(
    "--parallel",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many flows run concurrently.",
)
@click.option(
    "--runner-binary",
    metavar="PATH",
    type=click.Path(exists=True, dir_okay=False, executable=True, resolve_path=True),
    help="Run the flows with this program instead of the built-in engine.",
)
@click.option(
    "--var",
    "pairs",
    metavar="NAME=VALUE",
    type=Assignment(),
    multiple=True,
    help="Replace or add a text input of the flows; may be repeated. Overrides --env-file."
    " Other users can see the command line, so put secrets into a file.",
)
@click.option(
    "--env-file",
    "env_files",
    metavar="PATH",
    type=click.Path(exists=True, dir_okay=False, readable=True),
    multiple=True,
    help="Replace or add inputs that a flow reads, from lines NAME=value of this file; may"
    " be repeated. All values are treated as secrets.",
)
@click.option(
    "--ca-cert",
    metavar="FILE",
    envvar="ECHOPOINT_CA_CERT",
    help="Trust only the CA certificates in this PEM file for requests of flows"
    " (ECHOPOINT_CA_CERT).",
)
@click.option(
    "--client-cert",
    metavar="FILE",
    envvar="ECHOPOINT_CLIENT_CERT",
    help="The client certificate for requests of flows, in PEM (ECHOPOINT_CLIENT_CERT).",
)
@click.option(
    "--client-key",
    metavar="FILE",
    envvar="ECHOPOINT_CLIENT_KEY",
    help="The key of the client certificate, if it is in a separate file; unencrypted"
    " (ECHOPOINT_CLIENT_KEY).",
)
@click.option(
    "--strict-variables",
    is_flag=True,
    help="Fail nodes with unresolved templates. By default their text is sent unchanged,"
    " with a warning.",
)
@click.option(
    "--junit",
    metavar="FILE",
    help="Write a JUnit report of all flows to this file.",
)
@click.option("--verbose", is_flag=True, help="Show when nodes start, too.")
@global_options
@click.pass_context
def run_flows_command(
    context: click.Context,
    /,
    flow_ids: tuple[str, ...],
    tags: tuple[str, ...],
    match_mode: str,
    junit: str | None,
    pairs: tuple[tuple[str, str], ...],
    env_files: tuple[str, ...],
    **values: Any,
) -> int:
    """Run flows on this machine, by id or by tag, and publish their results."""
    if bool(flow_ids) == bool(tags):
        raise click.UsageError("Select flows either by id or by --tag.", ctx=context)
    refuse_engine_options(context, values)
    # Imported here, like all of flow_runs: --help should not wait for it.
    from echopoint.cli.flow_runs.junit_file import JUnitFile

    report = JUnitFile(junit, Settings.unchecked(context.meta))
    report.begin()
    started = time.monotonic()
    try:
        with report.report_failure():
            report.settings = settings = settings_of(context)
            options = run_options(values, pairs, env_files, settings)
            selected = select_and_execute(settings, flow_ids, tags, match_mode, options)
            outcomes = asyncio.run(selected)
    except asyncio.CancelledError:
        raise click.Abort from None
    elapsed_ms = round((time.monotonic() - started) * 1000)
    return write_results(outcomes, elapsed_ms, report)


def refuse_engine_options(context: click.Context, values: dict[str, Any]) -> None:
    """Raise for options that an external runner does not support."""
    names = ("strict_variables", "ca_cert", "client_cert", "client_key")
    for name in names if values["runner_binary"] else ():
        if values[name]:
            raise click.UsageError(
                f"--{name.replace('_', '-')} cannot be used with --runner-binary.",
                ctx=context,
            )


def run_options(
    values: dict[str, Any],
    pairs: tuple[tuple[str, str], ...],
    env_files: tuple[str, ...],
    settings: Settings,
) -> "RunOptions":
    """Return the options; raise `CommandError` for an unreadable --env-file."""
    from echopoint.cli.flow_runs.run_options import RunOptions
    from echopoint.cli.flow_runs.variables import Variables

    variables = Variables.read(pairs, env_files)
    return RunOptions(
        time_limit=values.pop("poll_timeout"),
        variables=variables,
        variables_digest=variables.digest(settings.api_key),
        **values,
    )


async def select_and_execute(
    settings: Settings,
    flow_ids: tuple[str, ...],
    tags: tuple[str, ...],
    match_mode: str,
    options: "RunOptions",
) -> "list[Outcome]":
    from echopoint.cli.api_client import ApiClient
    from echopoint.cli.flow_runs.flow_batch import execute_flows
    from echopoint.cli.flow_runs.selection import ids_with_tags, unique_ids

    async with ApiClient(settings) as client:
        if tags:
            ids = await ids_with_tags(client, tags, match_mode)
        else:
            ids = unique_ids(flow_ids)
        options.check(ids)
        return await execute_flows(client, options, ids)


def write_results(
    outcomes: "list[Outcome]", elapsed_ms: int, report: "JUnitFile"
) -> int:
    """Write the report and the results; return the highest exit code."""
    from echopoint.cli.flow_runs.outcome import exit_code_of, results_document
    from echopoint.cli.flow_runs.summary import summary_table

    outcomes = [outcome.scrubbed(report.settings) for outcome in outcomes]
    code = max(exit_code_of(outcomes), report.write(outcomes))
    document = results_document(outcomes, elapsed_ms)
    try:
        emit(document, summary_table(outcomes), report.settings)
    except Unwritable as error:
        write_stderr(f"Error: {error.message}", settings=report.settings)
        code = max(code, ERROR)
    return code
