#!/bin/sh
# usage: same_trace.sh SIM OTHER_SIM...   the same seeds make the same traces in all builds (I23).
set -eu
run() { "$1" --hashes --scenario mixed --seeds 1-8; "$1" --hashes --scenario hostile --seeds 1-2; }
one=$(run "$1")
shift
for sim; do
  other=$(run "$sim")
  [ "$one" = "$other" ] && continue
  echo "I23: $sim disagrees about the same seeds"
  echo "$one"
  echo "--"
  echo "$other"
  exit 1
done
