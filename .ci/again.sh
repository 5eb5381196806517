#!/usr/bin/env bash
# again.sh PYTHON PYTEST-OPTIONS...: runs the tests; what failed beside other work is run once more, alone, and that
# decides. These tests start servers and wait for them: on two busy cores a deadline may pass that is met alone.
set -uo pipefail
python=$1
shift
code=0
"$python" -m pytest -q "$@" || code=$?
if [[ $code -eq 1 ]]; then
  printf -- '--- again, one at a time: what failed\n'
  code=0
  "$python" -m pytest -q "$@" -n0 --last-failed --last-failed-no-failures none || code=$?
fi
exit "$code"
