#!/bin/sh
# usage: replay.sh SIM SCENARIO   a scenario that fails prints seed, time and a command, and that command fails alike.
set -u
said() { grep -E '^seed [0-9]+, after [0-9.]+ s: ' "$1"; }
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
"$1" --quiet --scenario "$2" >"$dir/first" && { echo "$2 does not fail"; exit 1; }
again=$(sed -n 's,^run it again: ./dev sim ,,p' "$dir/first")
[ -n "$again" ] || { echo "no command is printed"; cat "$dir/first"; exit 1; }
# shellcheck disable=SC2086  # these are words
"$1" $again >"$dir/second" && { echo "$again does not fail"; exit 1; }
[ -n "$(said "$dir/first")" ] && [ "$(said "$dir/first")" = "$(said "$dir/second")" ] && exit 0
echo "another failure:"
said "$dir/first"
said "$dir/second"
exit 1
