#!/bin/sh
# usage: same_trace.sh SIM OTHER_SIM   the same seeds make the same traces in two builds (I23).
set -eu
run() { "$1" --hashes --scenario mixed --seeds 1-8; "$1" --hashes --scenario hostile --seeds 1-2; }
one=$(run "$1") other=$(run "$2")
[ "$one" = "$other" ] && exit 0
echo "I23: two builds disagree about the same seeds"
echo "$one"
echo "--"
echo "$other"
exit 1
