#!/usr/bin/env bash
# Masks the key in all logs, then starts run_flows.py.
set -euo pipefail

# A line break in the key must not start another workflow command.
key=${INPUT_API_KEY-}
key=${key//'%'/'%25'}
key=${key//$'\r'/'%0D'}
key=${key//$'\n'/'%0A'}
if [[ -n ${key//[[:space:]]/} ]]; then
  printf '::add-mask::%s\n' "$key"
fi
unset key

# Remove the report of an earlier run: CI would read it if this run fails early.
junit=${INPUT_JUNIT-}
junit=${junit#"${junit%%[![:space:]]*}"}
junit=${junit%"${junit##*[![:space:]]}"}
if [[ -f $junit ]]; then
  rm -f -- "$junit" || true
fi
unset junit

if ! python3 -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "::error title=Echopoint::This runner has no python3 of version 3.11 or newer. Add actions/setup-python before this step."
  printf 'status=error\nsuccess=false\nexecution-id=\nexecution-ids=\nresults-json={}\n' >>"$GITHUB_OUTPUT"
  exit 3
fi
# -I: neither the checked-out repository nor PYTHONPATH can add modules.
exec python3 -I "$GITHUB_ACTION_PATH/run_flows.py"
