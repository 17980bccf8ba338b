"""The rules for secret scanners match every key, and nothing that is none."""

import json
import re
import shutil
import subprocess
import tomllib

import pytest
import re2
import yaml

from apikeys import tokens
from tests.paths import ROOT

SCANNERS = ROOT / ".github/scanners"
GITLEAKS = tomllib.loads((SCANNERS / "gitleaks.toml").read_text())
TRUFFLEHOG = yaml.safe_load((SCANNERS / "trufflehog.yaml").read_text())
(RULE,) = GITLEAKS["rules"]
(DETECTOR,) = TRUFFLEHOG["detectors"]
README_PATTERN = re.search(
    r"`(epk_live_\[0-9A-Za-z\]\S+)`", (ROOT / "README.md").read_text()
)[1]
# Both scanners are Go programs, whose regular expressions have the syntax of RE2.
PATTERNS = {
    "gitleaks": RULE["regex"],
    "trufflehog": DETECTOR["regex"]["key"],
}
LINES = [
    "{}",
    'key = "{}"',
    "ECHOPOINT_API_KEY={}",
    "X-Api-Key: {}",
    "curl -H 'X-Api-Key: {}' https://a.test",
    '{{"key":"{}"}}',
    "https://a.test/?key={}&x=1",
    "<code>{}</code>",
    "({})",
    "key:{},",
    "{}\n",
]
PROGRAM = shutil.which("gitleaks")
KEY = tokens.generate().text
NEAR_MISSES = [
    KEY[:-1],
    KEY + "x",
    KEY + "_x",
    "x" + KEY,
    "_" + KEY,
    KEY.replace("epk_live", "epk_test"),
    KEY.replace("epk_live", "EPK_LIVE"),
    KEY.replace("_", "-"),
    KEY[:21] + KEY[22:],
    KEY[:30] + "-" + KEY[31:],
    f"epk_live_{KEY[9:21]}_…",
    f"key_{KEY[9:21]}",
]


@pytest.fixture(params=PATTERNS)
def pattern(request):
    return re2.compile(PATTERNS[request.param])


def test_every_key_that_is_made_is_found(pattern):
    for _ in range(500):
        key = tokens.generate().text
        for line in LINES:
            found = pattern.search(f"first line\n{line.format(key)} last line")
            assert found, line
            assert key in found[0]


# The key differs in each process, and so would ids from the texts.
@pytest.mark.parametrize("text", NEAR_MISSES, ids=map(str, range(len(NEAR_MISSES))))
def test_a_near_miss_is_not_found(pattern, text):
    for line in LINES[:-1]:
        assert not pattern.search(line.format(text)), line


def test_the_pattern_of_the_readme_is_that_of_the_rules():
    assert all(README_PATTERN in pattern for pattern in PATTERNS.values())


def test_the_keywords_are_in_every_key():
    for keyword in [*RULE["keywords"], *DETECTOR["keywords"]]:
        assert KEY.startswith(keyword)


def test_the_rules_are_for_the_default_prefix(settings):
    assert settings.API_KEY_PREFIX == "epk_live"


@pytest.mark.skipif(not PROGRAM, reason="gitleaks is not installed")
def test_gitleaks_itself_finds_the_keys_and_no_near_miss(tmp_path):
    keys = [tokens.generate().text for _ in LINES]
    placeholder = f"epk_live_{'x' * 12}_{'x' * 49}"
    lines = [line.format(key) for line, key in zip(LINES, keys, strict=True)]
    misses = [text for text in NEAR_MISSES if "…" not in text]
    scanned, report = tmp_path / "scanned", tmp_path / "report.json"
    scanned.mkdir()
    (scanned / "keys.txt").write_text("\n".join([*lines, placeholder, *misses]))
    config = SCANNERS / "gitleaks.toml"
    options = ["--config", config, "--report-path", report, "--exit-code", "0"]

    subprocess.run([PROGRAM, "dir", *options, scanned], check=True)

    found = [f for f in json.loads(report.read_text()) if f["RuleID"] == RULE["id"]]
    assert sorted(f["Secret"] for f in found) == sorted(keys)
