%% Hosts: network namespaces h1, h2, … inside the sandbox, joined by a switch in a namespace of its own.
%%   switch   every host on a bridge
%%   direct   two hosts on one cable, nothing between them (for measuring)
%%   relay    two hosts with the relay (relay/main.cc) between them
-module(e2e_net).
-export([up/1, down/1, host/1, address/1, address6/1, unplug/1, plug_in/1, split/1, heal/1, sent/1, set/4, stats/1, rebind/2, remove_route/1,
         restore_route/1]).

host(N) -> "h" ++ integer_to_list(N).
address(N) -> "10.77.0." ++ integer_to_list(N).
address6(N) -> "fd00::" ++ integer_to_list(N).

up(#{hosts := Count, link := Link} = Options) ->
    Hosts = lists:seq(1, Count),
    ip("netns add net"),
    [ip("netns add " ++ host(N)) || N <- Hosts],
    join(Link, Hosts),
    [configure(N) || N <- Hosts],
    Net = #{hosts => Hosts, link => Link},
    case Link of
        relay -> Net#{relay => start_relay(maps:get(seed, Options, 1), maps:get(logs, Options))};
        _ -> Net
    end.

down(#{hosts := Hosts} = Net) ->
    case Net of
        #{relay := Relay} -> e2e_os:stop(Relay, kill);
        _ -> ok
    end,
    [ip("netns del " ++ host(N)) || N <- Hosts],
    ip("netns del net"),
    ok.

join(direct, [1, 2]) ->
    ip("-n h1 link add eth0 type veth peer name eth0 netns h2");
join(Link, Hosts) ->
    [ip("-n net link add " ++ port(N) ++ " type veth peer name eth0 netns " ++ host(N)) || N <- Hosts],
    case Link of
        switch ->
            ip("-n net link add br0 type bridge"),
            ip("-n net link set br0 up"),
            [ip("-n net link set " ++ port(N) ++ " master br0") || N <- Hosts];
        relay ->
            %% One datagram a frame: the relay must not lose 64 KiB at once that a host's "hardware" would cut later.
            [ip("-n " ++ host(N) ++ " link set eth0 gso_max_segs 1") || N <- Hosts]
    end,
    [plug_in(N) || N <- Hosts].

configure(N) ->
    Ip = fun(Rest) -> ip("-n " ++ host(N) ++ " " ++ Rest) end,
    Ip("link set lo up"),
    Ip("link set eth0 up"),
    Ip("addr add " ++ address(N) ++ "/16 dev eth0"),
    Ip("-6 addr add " ++ address6(N) ++ "/64 dev eth0 nodad").

port(N) -> "p" ++ integer_to_list(N).

%% The cable of a host: pulled, the other hosts notice nothing but silence.
unplug(N) -> ip("-n net link set " ++ port(N) ++ " down").
plug_in(N) -> ip("-n net link set " ++ port(N) ++ " up").

%% These hosts on a switch of their own, so that they reach one another and nobody else; and back again.
split(Hosts) ->
    ip("-n net link add br1 type bridge"),
    ip("-n net link set br1 up"),
    [ip("-n net link set " ++ port(N) ++ " master br1") || N <- Hosts],
    ok.

heal(Hosts) ->
    [ip("-n net link set " ++ port(N) ++ " master br0") || N <- Hosts],
    ip("-n net link del br1"),
    ok.

%% {Frames, Bytes} that a host has sent, Ethernet's own 14 of each frame with them.
sent(N) ->
    [#{<<"stats64">> := #{<<"tx">> := #{<<"packets">> := Frames, <<"bytes">> := Bytes}}}] =
        json:decode(ip("-n " ++ host(N) ++ " -s -j link show eth0")),
    {Frames, Bytes}.

remove_route(N) -> ip("-n " ++ host(N) ++ " route del 10.77.0.0/16").
restore_route(N) -> ip("-n " ++ host(N) ++ " route add 10.77.0.0/16 dev eth0 src " ++ address(N)).

start_relay(Seed, Logs) ->
    Relay = e2e_os:start(#{name => "relay", host => "net", stdio => pipe, log => filename:join(Logs, "relay.log"),
                           command => [os:getenv("E2E_RELAY"), port(1), port(2), integer_to_list(Seed)]}),
    e2e_wait:until(relay_runs, fun() -> e2e_os:output(Relay) =:= <<"ok\n">> end),
    Relay.

%% set(Net, there | back | both, loss, 2)
set(#{relay := Relay}, Direction, Name, Value) ->
    <<"ok">> = e2e_os:ask(Relay, io_lib:format("set ~s ~s ~w", [Direction, Name, Value])),
    ok.

%% Host 1 is behind a translator of ports from now on, or behind another one.
rebind(#{relay := Relay}, Shift) ->
    <<"ok">> = e2e_os:ask(Relay, io_lib:format("rebind ~b", [Shift])),
    ok.

stats(#{relay := Relay}) -> e2e_os:ask(Relay, "stats").

ip(Words) -> e2e_os:run(["ip" | string:lexemes(Words, " ")], ok).
