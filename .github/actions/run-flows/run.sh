#!/usr/bin/env bash
# Masks the key, then hands over: from here on no log can show it.
set -euo pipefail

# A line break in the key must not begin a command of its own.
key=${INPUT_API_KEY-}
key=${key//'%'/'%25'}
key=${key//$'\r'/'%0D'}
key=${key//$'\n'/'%0A'}
if [[ -n ${key//[[:space:]]/} ]]; then
  printf '::add-mask::%s\n' "$key"
fi
unset key

# The report of an earlier run must not stand for this one, even if no flow is run.
junit=${INPUT_JUNIT-}
junit=${junit#"${junit%%[![:space:]]*}"}
junit=${junit%"${junit##*[![:space:]]}"}
if [[ -f $junit ]]; then
  rm -f -- "$junit" || true
fi
unset junit

if ! python3 -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "::error title=Echopoint::This runner has no python3 of version 3.11 or newer. Put actions/setup-python before this step."
  printf 'status=error\nsuccess=false\nexecution-id=\nexecution-ids=\nresults-json={}\n' >>"$GITHUB_OUTPUT"
  exit 3
fi
# Isolated: neither the checked-out repository nor PYTHONPATH decides what is imported.
exec python3 -I "$GITHUB_ACTION_PATH/run_flows.py"
