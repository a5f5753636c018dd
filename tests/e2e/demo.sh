#!/usr/bin/env bash
# ./dev demo: two hosts, a daemon and an Erlang node on each, and what they can do. Says what it does and shows
# what comes back. On a terminal it stays with an Erlang shell at the end, otherwise it ends by itself.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

# Started by ./dev demo, which sets BARREL_P2PD and BARREL_P2P_EBIN.
if [ "${1:-}" != --inside ]; then
  if [ ! -x "${BARREL_P2PD:?says where the daemon is; ./dev demo sets it}" ]; then
    echo "demo: no daemon at $BARREL_P2PD" >&2
    exit 1
  fi
  exec "$here/sandbox" "$0" --inside
fi

export BARREL_P2P_EBIN ERL_CRASH_DUMP_SECONDS=0
demo_ebin=$(dirname "$BARREL_P2PD")/tests/e2e/ebin
export DEMO_DIR=/run/demo
PATH=$(dirname "$BARREL_P2PD"):$PATH

say() { printf '\n\033[1m%s\033[0m\n' "$*" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9]*m//g'; fi; }
show() { printf '  %s\n' "$*"; }

host() {  # host NAME ADDRESS OTHER OTHER_ADDRESS: a directory, a configuration and a daemon
  local dir=$DEMO_DIR/$1
  mkdir -p "$dir"
  cat >"$dir/barrel-p2pd.toml" <<TOML
[host]
listen = ["$2:9100"]
node_socket = "$dir/node.sock"
control_socket = "$dir/ctl.sock"
state_dir = "$dir/state"

[discovery.static]
"app@$3" = "$4:9100"
TOML
  # In a UTS namespace each host has its own name, as status shows it.
  ip netns exec "$1" unshare --uts bash -c 'hostname "$0" && exec "$@"' "$1" "$BARREL_P2PD" run --config "$dir/barrel-p2pd.toml" >"$dir/log" 2>&1 &
  daemons+=($!)
}
daemons=()

wait_for() {  # wait_for SECONDS WHAT TEST...
  local tries=$(($1 * 20)) what=$2
  shift 2
  until "$@"; do
    tries=$((tries - 1))
    if [ $tries = 0 ]; then
      echo "demo: $what did not come up" >&2
      tail -n 20 "$DEMO_DIR"/*/log "$DEMO_DIR"/*/vm.log >&2
      exit 1
    fi
    sleep 0.05
  done
}

node() {  # node HOST MORE...: an Erlang VM called app@HOST
  local name=$1
  shift
  BARREL_P2P_SOCKET=$DEMO_DIR/$name/node.sock ip netns exec "$name" erl -pa "$BARREL_P2P_EBIN" -pa "$demo_ebin" \
    -proto_dist barrel_p2p -epmd_module barrel_p2p_epmd -start_epmd false \
    -connect_all false -kernel prevent_overlapping_partitions false -setcookie demo "$@"
}

say "Two hosts: network namespaces \"one\" (10.77.0.1) and \"two\" (10.77.0.2) with a cable between them."
ip netns add one
ip netns add two
ip -n one link add eth0 type veth peer name eth0 netns two
for pair in one:10.77.0.1 two:10.77.0.2; do
  ip -n "${pair%%:*}" link set lo up
  ip -n "${pair%%:*}" link set eth0 up
  ip -n "${pair%%:*}" addr add "${pair##*:}/24" dev eth0
done
for name in one two; do show "$name: $(ip -n "$name" -brief -4 address show eth0)"; done

say "A daemon on each. It makes its Ed25519 key at its first start; nobody signs it."
host one 10.77.0.1 two 10.77.0.2
host two 10.77.0.2 one 10.77.0.1
for name in one two; do
  wait_for 10 "the daemon of host $name" test -S "$DEMO_DIR/$name/node.sock"
  wait_for 10 "the key of host $name" test -f "$DEMO_DIR/$name/state/keys/node.pub"
  for file in node.key node.pub; do
    show "$name: $(stat -c '%A %s bytes %n' "$DEMO_DIR/$name/state/keys/$file")"
  done
done

say "An Erlang node on each, with no EPMD. Distribution goes through the daemon's Unix socket:"
show 'erl -sname app@two -proto_dist barrel_p2p -epmd_module barrel_p2p_epmd -start_epmd false ...'
# Two comes back when it is killed, as a supervised service would.
(until [ -e "$DEMO_DIR/over" ]; do node two -noinput -sname app@two -eval 'e2e_demo:two()' >>"$DEMO_DIR/two/vm.log" 2>&1 || true; done) &
two=$!
wait_for 20 "app@two" test -f "$DEMO_DIR/two/pid"

status=0
node one -noinput -sname app@one -eval 'e2e_demo:one()' 2>>"$DEMO_DIR/one/vm.log" &
one=$!
wait_for 60 "the conversation" bash -c "[ -e $DEMO_DIR/done ] || ! kill -0 $one 2>/dev/null"
[ -e "$DEMO_DIR/done" ] || status=1

if [ $status = 0 ] && [ -t 0 ] && [ -t 1 ]; then
  say "An Erlang shell of your own: me@one, one more node of host one."
  show "Try: net_adm:ping('app@two').  nodes().  io:put_chars(os:cmd(\"barrel-p2pd status\")).  End with: q()."
  wait_for 20 "app@two" test -f "$DEMO_DIR/two/pid"
  # What `barrel-p2pd status` asks there is the daemon of host one.
  BARREL_P2P_HOST__CONTROL_SOCKET=$DEMO_DIR/one/ctl.sock node one -sname me@one || true
fi

# The nodes first: one whose daemon goes before it says so, at length.
say "Stopping the nodes, then both daemons (TERM)."
touch "$DEMO_DIR/over"   # e2e_demo looks for it
for _ in $(seq 100); do
  kill -0 "$one" 2>/dev/null || kill -0 "$two" 2>/dev/null || break
  sleep 0.05
done
kill -TERM "${daemons[@]}"
for daemon in "${daemons[@]}"; do wait "$daemon" || { show "a daemon ended with status $?"; status=1; }; done
[ $status = 0 ] || tail -n 20 "$DEMO_DIR"/*/log "$DEMO_DIR"/*/vm.log >&2
exit $status
