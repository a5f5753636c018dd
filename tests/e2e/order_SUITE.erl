%% Promise I5 between real VMs: every pair's signals arrive in the order in which they were sent, under both
%% routing rules, on a line that loses, repeats and reorders. E2E_SEED=N repeats a run.
-module(order_SUITE).
-compile([export_all, nowarn_export_all]).
-include_lib("stdlib/include/assert.hrl").
-import(e2e_vm, [call/2, call/3]).

suite() -> [{timetrap, {seconds, 110}}].

all() -> [{group, bulk}, {group, sender}].
groups() ->
    [{Rule, [], [signals_keep_their_order, sizes_do_not_overtake, answers_come_before_ends]} || Rule <- [bulk, sender]].

init_per_group(Rule, Config) ->
    Seed = list_to_integer(os:getenv("E2E_SEED", "1")),
    World = e2e_world:start(["order_", atom_to_list(Rule)],
                            #{link => relay, seed => Seed,
                              config => [{"dist", "lanes", ["\"", atom_to_list(Rule), "\""]},
                                         {"transport", "idle_timeout", "\"20s\""}]}),
    {A, B} = e2e_world:pair(World),
    NodeB = maps:get(name, B),
    pong = call(A, fun() -> net_adm:ping(NodeB) end),
    [{world, World}, {a, A}, {b, B}, {seed, Seed} | Config].

end_per_group(_, Config) ->
    #{net := Net} = World = proplists:get_value(world, Config),
    ct:log("relay: ~s", [e2e_net:stats(Net)]),
    [e2e_vm:kill(proplists:get_value(Vm, Config)) || Vm <- [a, b]],
    e2e_world:stop(World).

init_per_testcase(sizes_do_not_overtake, Config) ->
    %% Only packets with a small message are late, and few of them: else the congestion window is never large enough
    %% for a whole large message to pass before the small one has been sent again.
    set(Config, [{loss, 0}, {reorder, 6}, {reorder_below, 500}, {reorder_by_ms, 30}, {delay_ms, 2}]),
    Config;
init_per_testcase(_, Config) ->
    set(Config, [{loss, 1}, {duplicate, 2}, {reorder, 10}, {reorder_by_ms, 4}, {delay_ms, 0.5}]),
    Config.

end_per_testcase(_, Config) -> good_line(Config).

good_line(Config) ->
    set(Config, [{loss, 0}, {duplicate, 0}, {reorder, 0}, {reorder_below, 0}, {delay_ms, 0}]).

set(Config, Settings) ->
    #{net := Net} = proplists:get_value(world, Config),
    [ok = e2e_net:set(Net, both, Name, Value) || {Name, Value} <- Settings].

signals_keep_their_order(Config) -> send_and_check(12, 400, 12 * 400, Config).

%% Two senders only, so that small messages travel in packets of their own.
sizes_do_not_overtake(Config) -> send_and_check(2, {rounds, 150}, 2 * 450, Config).

%% Senders on both nodes send to receivers on the other one; Total is what each node's receivers should count.
send_and_check(Senders, Signals, Total, Config) ->
    [A, B] = Vms = [proplists:get_value(Vm, Config) || Vm <- [a, b]],
    Seed = proplists:get_value(seed, Config),
    Receivers = [call(Vm, fun() -> e2e_order:receivers(6) end) || Vm <- Vms],
    [ForB, ForA] = [call(Vm, fun() -> e2e_order:senders(Senders, Rs, Signals, Seed) end, 30_000)
                    || {Vm, Rs} <- lists:zip([A, B], lists:reverse(Receivers))],
    %% Every receiver watches before anyone sends.
    [ok = call(Vm, fun() -> e2e_order:watch(Rs, Watched) end, 60_000)
     || {Vm, Rs, Watched} <- lists:zip3(Vms, Receivers, [ForA, ForB])],
    [ok = call(Vm, fun() -> e2e_order:begin_sending(Begun) end) || {Vm, Begun} <- [{A, ForB}, {B, ForA}]],
    Reports = e2e_wait:until({every_end_heard_of, {seed, Seed}}, fun() ->
        All = lists:append([call(Vm, fun() -> e2e_order:report(Rs) end, 60_000)
                            || {Vm, Rs} <- lists:zip(Vms, Receivers)]),
        Done = lists:all(fun(#{waiting := N, faults := F}) -> N =:= 0 orelse F =/= [] end, All),
        case Done of
            true -> {true, All};
            false -> {waiting, [maps:with([waiting, total], R) || R <- All]}
        end
    end, 90_000),
    ?assertEqual({seed, Seed, []}, {seed, Seed, lists:append([F || #{faults := F} <- Reports])}),
    ?assertEqual(2 * Total, lists:sum([T || #{total := T} <- Reports])),
    [call(Vm, fun() -> e2e_order:dismiss(Rs) end) || {Vm, Rs} <- lists:zip(Vms, Receivers)].

answers_come_before_ends(Config) ->
    [A, B] = [proplists:get_value(Vm, Config) || Vm <- [a, b]],
    NodeB = maps:get(name, B),
    %% Something else on the line, so that lanes are busy.
    Noise = call(A, fun() ->
        Sink = spawn(NodeB, fun Loop() -> receive _ -> Loop() end end),
        spawn(fun Loop() -> Sink ! binary:copy(<<0>>, 100_000), timer:sleep(20), Loop() end)
    end),
    Wrong = call(A, fun() ->
        Me = self(),
        Tests = [{F, spawn(fun() -> Me ! {self(), F, e2e_order:F(NodeB, 50)} end)}
                 || F <- [spawning, calling, calling_by_name], _ <- [1, 2, 3]],
        [receive {Pid, F, N} -> {F, N} after 90_000 -> {F, never_ended} end || {F, Pid} <- Tests]
    end, 100_000),
    call(A, fun() -> exit(Noise, kill) end),
    ?assertEqual([], [W || {_, N} = W <- Wrong, N =/= 0]).
