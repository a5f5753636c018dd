#!/usr/bin/env bash
# second_daemon.sh DAEMON: a daemon that is started with a living one's state_dir says so and harms nothing of it.
set -euo pipefail
daemon=$1
here=$(mktemp -d)
first=
key_dir_is_state_dir=()
finish() {
  if [ -n "$first" ]; then kill -9 "$first" 2>/dev/null || true; wait "$first" 2>/dev/null || true; fi
  rm -rf "$here"
}
trap finish EXIT
fail() { echo "second_daemon: $*" >&2; cat "$here"/*.log >&2; exit 1; }

words() {  # words NAME: what differs between the two is all but state_dir
  echo "--set host.state_dir=$here/state --set host.listen=127.0.0.1:0" \
       "--set host.node_socket=$here/$1-node.sock --set host.control_socket=$here/$1-ctl.sock"
}
answers() { "$daemon" status --socket "$here/$1-ctl.sock" >/dev/null 2>&1; }
start_first() {
  "$daemon" run $(words first) "${key_dir_is_state_dir[@]}" 2>"$here/first.log" &
  first=$!
  for _ in $(seq 200); do
    if answers first; then return; fi
    kill -0 "$first" 2>/dev/null || fail "the first daemon has ended"
    sleep 0.05
  done
  fail "the first daemon does not answer"
}
everything() { (cd "$here/state" && find . -type f -exec sha256sum {} + | sort -k2); }

start_first
before=$(everything)
code=0
timeout 20 "$daemon" run $(words second) 2>"$here/second.log" || code=$?
[ "$code" = 69 ] || fail "the second daemon ended with $code"
grep -qF "$here/state: another daemon (pid $first) runs with this directory" "$here/second.log" ||
  fail "the second daemon did not say why"
[ ! -e "$here/second-node.sock" ] && [ ! -e "$here/second-ctl.sock" ] || fail "the second daemon left a socket"
[ "$(everything)" = "$before" ] || fail "a file of the first daemon was changed"
answers first || fail "the first daemon does not answer any more"

# However it ends, the next one may start.
kill -9 "$first"
wait "$first" 2>/dev/null || true
start_first

# The same identity, whatever the state_dir: not twice either.
code=0
timeout 20 "$daemon" run $(words second) --set "host.state_dir=$here/other" --set "auth.key_dir=$here/state/keys" \
  2>"$here/second.log" || code=$?
[ "$code" = 69 ] || fail "a second daemon with the first one's identity ended with $code"
grep -qF "$here/state/keys: another daemon (pid $first) runs with the identity in this directory" "$here/second.log" ||
  fail "the second daemon did not say why"
kill -9 "$first"
wait "$first" 2>/dev/null || true

# One directory for both is not a second daemon.
key_dir_is_state_dir=(--set "auth.key_dir=$here/state")
start_first

# A mistyped path is not a new daemon.
code=0
timeout 20 "$daemon" run $(words second) --set "host.state_dir=$here/stat/e" 2>"$here/second.log" || code=$?
[ "$code" = 69 ] && [ ! -e "$here/stat" ] || fail "a daemon was made at a path that is not there ($code)"
