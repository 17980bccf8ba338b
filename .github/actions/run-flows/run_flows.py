"""Run flows as a step of a job: check the inputs, install the command, run it, report.

Requires only Python 3.11. The dependencies of the command are installed by hash into a
virtual environment of this job; the command itself runs from this checkout.
"""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent.parent
LOCK = HERE / "requirements.lock"
CANCELLED = 2
REFUSED = 3
SELECTORS = {"FLOW_ID": "flow-id", "FLOW_IDS": "flow-ids", "TAGS": "tags"}
# Removed from the environment: child processes must not inherit the key.
INPUTS = {
    name: os.environ.pop(name) for name in list(os.environ) if name[:6] == "INPUT_"
}
# GitHub accepts at most 1 MiB of outputs per job, and of summary per step.
LARGEST_OUTPUT = 900_000
MOST_ROWS = 200
LONGEST_CELL = 300


class Refused(Exception):
    """An invalid input, or a failed installation. Nothing has been sent."""


def text_of(name):
    return INPUTS.get(f"INPUT_{name}", "")


def main():
    """Return the exit code of the step."""
    try:
        arguments = command_arguments()
        python = install_once()
    except Refused as error:
        return refuse(str(error), REFUSED)
    except KeyboardInterrupt:
        return refuse("The job was cancelled before a flow was launched.", CANCELLED)
    with tempfile.TemporaryDirectory() as folder:
        warning = Path(folder) / "warning"
        command = [python, "-I", "-m", "echopoint.cli", *arguments]
        code, output = run_command(command, warning)
        annotate_warning(warning)
    return report(code, output)


def write_log(text):
    """Write a line to the log. GitHub's runner executes workflow commands in it."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def refuse(message, code):
    """Fail the step before a flow is launched."""
    annotate_error(message)
    document = {
        "status": "error",
        "success": False,
        "exit_code": code,
        "error_message": message,
    }
    return report(code, json.dumps(document))


def annotate_error(message):
    annotate("error", message)


def annotate_warning(file):
    """Show the warning that the command wrote to this file, if it did."""
    if file.is_file():
        text = file.read_text(encoding="utf-8", errors="replace")[:LONGEST_CELL]
        annotate("warning", f"{text[:1].upper()}{text[1:]}")


def annotate(level, message):
    """Show a message on the page of the run. Escaped, as it may quote inputs."""
    data = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    write_log(f"::{level} title=Echopoint::{data}")


def command_arguments():
    """Return the arguments of the command, or raise `Refused`."""
    for name, shown in (("API_KEY", "api-key"), ("ORGANIZATION_ID", "organization-id")):
        if not text_of(name).strip():
            raise Refused(
                f"The input {shown} is empty. Check that the secret is set for this job."
            )
    check_url(text_of("API_URL").strip())
    seconds = number("POLL_TIMEOUT", "poll-timeout")
    arguments = [
        *("flows", "run", "--output=json"),
        f"--poll-timeout={seconds}s",
        f"--parallel={number('PARALLEL', 'parallel')}",
        f"--match-mode={match_mode()}",
    ]
    for name in ("ENVIRONMENT", "VERSION_ID", "ENV_FILE", "JUNIT"):
        if value := text_of(name).strip():
            arguments.append(f"--{name.lower().replace('_', '-')}={value}")
    arguments += [f"--var={line}" for line in variables()]
    if key := text_of("IDEMPOTENCY_KEY").strip():
        if key == "none":
            key = f"none-{secrets.token_hex(16)}"
        arguments.append(f"--idempotency-key={key}")
    kind, values = selection()
    if kind == "TAGS":
        return arguments + [f"--tag={tag}" for tag in values]
    # After -- an id cannot be parsed as an option.
    return [*arguments, "--", *values]


def check_url(url):
    """Raise `Refused` for a URL that is not http or https."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if url and (parts.scheme not in ("http", "https") or not parts.netloc):
        raise Refused(
            "The input api-url is not a URL. Use a URL such as https://api.example.com."
        )


def number(name, shown):
    """Return a positive integer as text."""
    text = text_of(name).strip()
    if not re.fullmatch(r"0*[1-9][0-9]{0,5}", text):
        raise Refused(f"The input {shown} is not a whole number from 1 to 999999.")
    return text.lstrip("0")


def match_mode():
    mode = text_of("MATCH_MODE").strip()
    if mode not in ("any", "all"):
        raise Refused('The input match-mode is neither "any" nor "all".')
    return mode


def variables():
    """Return the lines name=value. Errors do not repeat a line, as it may be secret."""
    lines = [line.strip() for line in re.split(r"[\r\n]+", text_of("VARIABLES"))]
    for line in filter(None, lines):
        name, sign, _ = line.partition("=")
        if not sign or not name or name != name.strip():
            raise Refused("The input variables has a line that is not name=value.")
    return list(filter(None, lines))


def selection():
    """Return the name of the selector and its values."""
    given = {name: values_of(name) for name in SELECTORS if text_of(name).strip()}
    if len(given) != 1:
        shown = ", ".join(SELECTORS[name] for name in given) or "none"
        raise Refused(
            f"Set exactly one of flow-id, flow-ids and tags. Currently set: {shown}."
        )
    ((name, values),) = given.items()
    if not values:
        raise Refused(f"The input {SELECTORS[name]} has no values.")
    if name == "FLOW_ID" and len(values) > 1:
        raise Refused("The input flow-id has several ids. Use flow-ids.")
    if name != "TAGS" and not all(re.fullmatch(r"[0-9A-Za-z_-]+", v) for v in values):
        raise Refused(f"The input {SELECTORS[name]} has an invalid flow id.")
    return name, values


def values_of(name):
    """Return the items of a list that is separated by commas or line breaks."""
    parts = re.split(r"[,\r\n]", text_of(name))
    return [part.strip() for part in parts if part.strip()]


def install_once():
    """Return the Python of a virtual environment with the dependencies of the command."""
    folder = Path(os.environ["RUNNER_TEMP"]) / "echopoint-cli"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / "requirements.lock"
    if not done.exists() or done.read_bytes() != LOCK.read_bytes():
        install(folder, python)
        done.write_bytes(LOCK.read_bytes())
    return str(python)


def install(folder, python):
    """Create the environment with the locked packages and the command of this checkout."""
    try:
        venv.create(folder, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Refused(
            f"The virtual environment could not be created: {error}. Use"
            " actions/setup-python."
        ) from None
    # Wheels only: building a source package would run unlocked build dependencies.
    command = [
        *(str(python), "-I", "-m", "pip", "install", "--quiet", "--no-input"),
        *("--disable-pip-version-check", "--only-binary=:all:", "--no-deps"),
        # Python compiles the few modules that a run imports; pip would compile all.
        "--no-compile",
        *("--require-hashes", "-r", str(LOCK)),
    ]
    with commands_stopped():
        ended = subprocess.run(command, stdout=sys.stdout, stderr=sys.stdout)  # noqa: S603
    if ended.returncode:
        raise Refused("The dependencies could not be installed. See the log above.")
    (packages,) = folder.glob("[Ll]ib/**/site-packages")
    (packages / "echopoint.pth").write_text(f"{CHECKOUT}\n")


class commands_stopped:
    """Disables workflow commands in the log while child processes write to it.

    Their output comes from flows and services, so it is not trusted.
    """

    def __enter__(self):
        self.token = secrets.token_hex(16)
        write_log(f"::stop-commands::{self.token}")

    def __exit__(self, *exception):
        write_log(f"::{self.token}::")


def run_command(command, warning):
    """Run the command; return its exit code and its stdout.

    It may write a warning about the key to the file `warning`.
    """
    environment = os.environ | {
        "ECHOPOINT_API_KEY": text_of("API_KEY"),
        "ECHOPOINT_ORGANIZATION_ID": text_of("ORGANIZATION_ID"),
        "ECHOPOINT_WARNING_FILE": str(warning),
    }
    if url := text_of("API_URL").strip():
        environment["ECHOPOINT_API_URL"] = url
    with commands_stopped():
        # On the same stream, so that its output cannot precede the line above.
        process = subprocess.Popen(  # noqa: S603
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=sys.stdout,
            # A cancelled job signals the whole group; the command must get one signal.
            start_new_session=True,
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: process.send_signal(number))
        output, _ = process.communicate()
    return process.returncode, output.decode(errors="replace")


def report(code, output):
    """Write the outputs and the summary; return the exit code of the step."""
    try:
        document = json.loads(output)
    except ValueError:
        document = {"status": "error", "success": False, "exit_code": code or REFUSED}
        code = code or REFUSED
    results = document.get("results") or [document]
    ids = [r["execution_id"] for r in results if r.get("execution_id")]
    status = document.get("status")
    write_outputs(
        {
            "execution-id": ids[0] if ids else "",
            "execution-ids": ",".join(ids),
            # The output has no value for cancelled flows.
            "status": status if status in ("completed", "failed") else "error",
            "success": "true" if code == 0 and document.get("success") else "false",
            "results-json": limited_json(document),
        }
    )
    write_summary(document, results)
    return code if code >= 0 else REFUSED


def limited_json(document):
    """Return the document as JSON, without nodes if it is too large for GitHub."""
    text = json.dumps(document)
    if len(text) <= LARGEST_OUTPUT:
        return text
    results = document.get("results") or [document]
    for result in results:
        result["nodes"] = []
    write_log("The results are too large for an output; results-json has no nodes.")
    return json.dumps(document)


def write_outputs(values):
    """Write each output between random delimiters, which no value can contain."""
    with open(os.environ["GITHUB_OUTPUT"], "a", encoding="utf-8") as file:
        for name, value in values.items():
            delimiter = f"end_{secrets.token_hex(16)}"
            file.write(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")


def write_summary(document, results):
    """Write the results to the summary page of the run."""
    if not (path := os.environ.get("GITHUB_STEP_SUMMARY")):
        return
    lines = [f"### Echopoint: {literal(document.get('status'))}", ""]
    if message := document.get("error_message"):
        lines += [literal(message), ""]
    if "flow_id" in results[0]:
        lines += ["| Flow | Result | Time | Why |", "|---|---|---|---|"]
        lines += [row(result) for result in results]
        lines += ["", *failed_nodes(results), "", *warnings(results)]
    with open(path, "a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def row(result):
    duration = result.get("duration_ms")
    cells = [
        result.get("flow_id"),
        result_text(result),
        "" if duration is None else f"{duration / 1000:.1f} s",
        result.get("error_message"),
    ]
    return f"| {' | '.join(literal(cell) for cell in cells)} |"


def result_text(result):
    """Return the result, marked if it is that of an earlier execution."""
    text = "✅ passed" if result.get("success") else f"❌ {result.get('status')}"
    if not result.get("replayed"):
        return text
    age = result.get("execution_age_seconds")
    return f"{text} (earlier execution{'' if age is None else f', {age} s old'})"


def failed_nodes(results):
    """Return a line for each failed node, up to `MOST_ROWS`."""
    nodes = [
        f"- {literal(node.get('display_name') or node.get('node_id'))}:"
        f" {literal(node.get('error_message') or 'failed')}"
        for result in results
        for node in result.get("nodes") or []
        if node.get("status") == "failed"
    ]
    left_out = len(nodes) - MOST_ROWS
    return nodes[:MOST_ROWS] + ([f"- … and {left_out} more"] if left_out > 0 else [])


def warnings(results):
    """Return a line for each node with unresolved templates."""
    nodes = [
        f"- Warning: {literal(node.get('display_name') or node.get('node_id'))}: no"
        f" value for {literal(', '.join(node['missing_inputs']))}"
        for result in results
        for node in result.get("nodes") or []
        if node.get("missing_inputs")
    ]
    return nodes[:MOST_ROWS]


def literal(value):
    """Return text that Markdown and HTML show unchanged, on one line.

    Special characters become numeric references, so they cannot start markup.
    """
    text = " ".join(str("" if value is None else value).split())
    if len(text) > LONGEST_CELL:
        text = f"{text[:LONGEST_CELL]}…"
    return "".join(
        c if c.isalnum() or c == " " or ord(c) > 127 else f"&#{ord(c)};" for c in text
    )


if __name__ == "__main__":
    sys.exit(main())
