#!/usr/bin/env bash
# demo_test.sh BUILD: the demo without a terminal says and shows what it should, and leaves nothing running.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
build=$(cd "$1" && pwd -P)
export BARREL_P2PD=$build/barrel-p2pd BARREL_P2P_EBIN=$build/erlang_shim/ebin

output=$("$here/demo.sh" </dev/null 2>&1) || { echo "$output"; echo "demo_test: the demo failed" >&2; exit 1; }
echo "$output"
expect() { grep -qE -- "$1" <<<"$output" || { echo "demo_test: nothing like: $1" >&2; exit 1; }; }
expect '^  pong$'
expect 'app@two\.pub'
expect 'app@one\.pub'
expect 'HELLO, said app@two'
expect '10\.77\.0\.2/24'
expect '\{nodedown,app@two\}'
expect 'after [0-9]{1,3} ms'
expect 'SHA256:'
expect '^ +one  barrel-p2pd '   # each host's status shows its own name
expect '^ +two  barrel-p2pd '
! grep -qE 'WARNING|REPORT|demo: ' <<<"$output" || { echo "demo_test: something complained" >&2; exit 1; }
[ "$(grep -cE '^  pong$' <<<"$output")" = 2 ] || { echo "demo_test: app@two did not come back" >&2; exit 1; }
