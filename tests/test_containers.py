"""The Containerfile and compose.yaml keep what README.md promises; no engine runs here."""

import re
import runpy
import shlex
from fnmatch import fnmatch

import pytest
import yaml

from tests.paths import ROOT

CONTAINERFILE = (ROOT / "Containerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
SITE = ("migrate", "site")
SECRET = re.compile(
    r"(SECRET|PASSWORD|PEPPERS|ENCRYPTION_KEYS|TOKEN)\w*\s*[=:]\s*(?P<value>\S+)", re.I
)


def instructions():
    """Return (name, arguments) of each instruction."""
    lines = re.sub(r"^#.*\n", "", CONTAINERFILE, flags=re.M).replace("\\\n", "")
    return [tuple(line.split(None, 1)) for line in lines.splitlines() if line]


def final_stage():
    found = instructions()
    last = max(n for n, (name, _) in enumerate(found) if name == "FROM")
    return found[last:]


def run_by_the_containers():
    """Return the commands of the image's build, of `migrate` and of `site`, in order."""
    build = " ".join(value for name, value in instructions() if name == "RUN")
    (serve,) = [value for name, value in final_stage() if name == "CMD"]
    migrate = " ".join(SERVICES["migrate"]["command"])
    return f"{build} {migrate} {shlex.join(yaml.safe_load(serve))}"


def readme_commands():
    readme = (ROOT / "README.md").read_text()
    deploy = readme.partition("\n## Deploy\n")[2]
    return re.search(r"```\n(.*?)```", deploy, re.S)[1].splitlines()


def test_the_containers_run_the_commands_of_the_readme_in_their_order():
    commands, ran = readme_commands()[:5], run_by_the_containers()
    assert commands[4].startswith("TRUSTED_PROXIES=1 gunicorn ")
    commands[4] = commands[4].removeprefix("TRUSTED_PROXIES=1 ")

    places = [ran.find(" ".join(command.split())) for command in commands]

    assert -1 not in places
    assert places == sorted(places)
    assert "TRUSTED_PROXIES=1" in dict(final_stage())["ENV"]


def test_the_image_runs_as_a_user_without_rights_and_is_checked():
    stage = final_stage()
    names = [name for name, _ in stage]

    assert dict(stage)["USER"] == "10001:10001"
    assert names.index("USER") > max(n for n, x in enumerate(names) if x == "COPY")
    assert "/health" in dict(stage)["HEALTHCHECK"]
    assert not any("--chown" in value for name, value in stage if name == "COPY")


def ignored(path):
    """Return True if .dockerignore keeps the path out; the last line that matches decides."""
    is_ignored = False
    parts = path.split("/")
    parents = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        if pattern.startswith("**/"):
            found = any(fnmatch(part, pattern[3:]) for part in parts)
        else:
            found = any(fnmatch(parent, pattern) for parent in parents)
        if found:
            is_ignored = not line.startswith("!")
    return is_ignored


@pytest.mark.parametrize(
    "path",
    [
        *(".env", ".env.example", "site.env", "apikeys/.env", "echopoint/site.env"),
        *(".git/config", "tests/settings.py", "tls/site.key", "db.sqlite3"),
        *(".venv/bin/python", "echopoint/__pycache__/urls.pyc", "echopoint/db.sqlite3"),
    ],
)
def test_the_image_never_gets(path):
    assert ignored(path)


def test_what_is_copied_exists_and_is_not_ignored():
    sources = [
        source
        for name, value in instructions()
        if name == "COPY" and not value.startswith("--from=build")
        for source in value.split()[:-1]
    ]

    assert {"manage.py", "apikeys", "echopoint", "templates"} <= {
        source.removeprefix("./") for source in sources
    }
    for source in sources:
        assert (ROOT / source).exists()
        assert not ignored(source)
    assert not ignored("echopoint/urls.py")


@pytest.mark.parametrize("name", ["Containerfile", "compose.yaml"])
def test_no_file_has_a_secret(name):
    text = (ROOT / name).read_text()
    values = [found["value"] for found in SECRET.finditer(text)]

    assert [v for v in values if not v.startswith(("$", "1:$("))] == []
    assert "<password>" in text or name == "Containerfile"
    assert not re.search(r"[A-Za-z0-9_-]{32,}", text)


def test_secrets_come_from_files_that_git_and_the_image_ignore():
    ignored_by_git = (ROOT / ".gitignore").read_text().splitlines()

    assert {"*.env", "tls/"} <= {*ignored_by_git}
    for name in SITE:
        assert SERVICES[name]["env_file"] == "site.env"
        assert "environment" not in SERVICES[name]
    assert SERVICES["database"]["env_file"] == "database.env"


@pytest.mark.parametrize("name", [*SITE, "nginx", "redis"])
def test_a_service_writes_to_no_file_system_and_gains_no_rights(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    if name in SITE:
        assert service["tmpfs"] == ["/tmp"]  # noqa: S108, the mount of the container
        assert "cap_add" not in service


def test_gunicorn_opens_no_socket_in_a_folder_that_is_read_only():
    assert runpy.run_path(str(ROOT / "gunicorn.conf.py"))["control_socket_disable"]


def test_services_start_in_order():
    site = SERVICES["site"]["depends_on"]

    assert site["migrate"]["condition"] == "service_completed_successfully"
    assert site["database"]["condition"] == "service_healthy"
    assert SERVICES["migrate"]["depends_on"]["database"] == site["database"]
    assert SERVICES["nginx"]["depends_on"]["site"]["condition"] == "service_healthy"


def test_only_nginx_is_reached_from_outside():
    assert [name for name, s in SERVICES.items() if "ports" in s] == ["site"]
    assert SERVICES["site"]["ports"] == ["80:80", "443:443"]
    # gunicorn stays on 127.0.0.1, which nginx shares.
    assert SERVICES["nginx"]["network_mode"] == "service:site"
    assert "BIND" not in CONTAINERFILE


def test_nginx_has_the_projects_configuration_and_the_files_it_names():
    mounts = dict(volume.split(":")[:2] for volume in SERVICES["nginx"]["volumes"])
    configuration = (ROOT / "echopoint/nginx.conf").read_text()

    assert mounts["./echopoint/nginx.conf"] == "/etc/nginx/conf.d/echopoint.conf"
    named = re.findall(r"ssl_certificate(?:_key)?\s+(\S+);", configuration)
    assert {*named} <= {*mounts.values()}
    assert "worker_connections 4096;" in COMPOSE["configs"]["nginx"]["content"]
