%% Head-of-line blocking: the round trip of an idle pair beside 16 busy ones, on a line that loses 2 % of the packets
%% each way and takes 5 ms. The busy pairs are paced and stay well below what the line carries, so what the
%% idle pair sees is other pairs' lost packets (and its own), not a queue. The line is the relay of tests/e2e, which
%% works below IP: TCP and QUIC meet the same one.
%%
%% Two loads: small messages (each pair 1 KiB every 20 ms), and large ones, which the VM sends in fragments
%% (each pair 100 KiB every 2 s).
-module(bench_hol).
-export([run/1]).

run(#{quick := Quick, logs := _}) ->
    {Rounds, Trips} = case Quick of true -> {1, 150}; false -> {4, 500} end,
    Barrel = [{barrel, barrel, [lanes("bulk")]}, {'barrel-sender', barrel, [lanes("sender")]},
              {'barrel-1-stream', barrel, [lanes("sender"), {"dist", "streams", "1"}]}],
    Variants = [{tcp, tcp, []} | [V || e2e_world:carrier() =:= barrel, V <- Barrel]],
    Measured = [M || Round <- lists:seq(1, Rounds), Variant <- Variants, M <- measure(Variant, Round, Trips)],
    Order = [lists:concat([Load, Suffix]) || {Load, _, _} <- loads(), Suffix <- ["", "-p90", "-p99"]],
    {io_lib:format("Round trips of an idle pair beside 16 busy pairs, 2 % loss and 5 ms each way, ~b x ~b trips",
                   [Rounds, Trips]),
     [M || Case <- Order, {V, _, _} <- Variants, {C, V1, _, _, _} = M <- Measured, C =:= Case, V1 =:= V]}.

lanes(Rule) -> {"dist", "lanes", ["\"", Rule, "\""]}.

loads() -> [{"quiet", 0, 0}, {"small-messages", 1024, 20}, {"large-messages", 102_400, 2000}].

measure({Variant, Carrier, Config}, Round, Trips) ->
    World = #{net := Net} = e2e_world:start(["hol_", atom_to_list(Variant)],
                                            #{link => relay, carrier => Carrier, seed => Round,
                                              config => [{"transport", "idle_timeout", "\"20s\""} | Config]}),
    {A, B} = e2e_world:pair(World),
    Node = maps:get(name, B),
    pong = e2e_vm:call(A, fun() -> net_adm:ping(Node) end),
    [ok = e2e_net:set(Net, both, Name, Value) || {Name, Value} <- [{loss, 2}, {delay_ms, 5}]],
    Result = [Value || {Load, Size, Pause} <- loads(),
                       Value <- trips(A, Node, Load, Size, Pause, Variant, Round, Trips)],
    [e2e_vm:kill(Vm) || Vm <- [A, B]],
    e2e_world:stop(World),
    Result.

trips(A, Node, Load, Size, Pause, Variant, Round, Trips) ->
    Times = e2e_vm:call(A, fun() ->
        Busy = case Size of 0 -> []; _ -> bench_load:paced(Node, 16, Size, Pause) end,
        Measured = bench_load:round_trips(Node, 100, Trips, 5),
        [exit(Pid, kill) || Pid <- Busy],
        Measured
    end, 300_000),
    [{lists:concat([Load, Suffix]), Variant, Round, bench:percentile(P, Times) / 1000, "ms"}
     || {Suffix, P} <- [{"", 50}, {"-p90", 90}, {"-p99", 99}]].
