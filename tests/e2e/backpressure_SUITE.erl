%% Promise I7: a receiver that does not read stops its sender, and nobody else; what lies in between is bounded.
-module(backpressure_SUITE).
-compile([export_all, nowarn_export_all]).
-include_lib("stdlib/include/assert.hrl").
-import(e2e_vm, [call/2, call/3]).

-define(MESSAGE, 262_144).
-define(COUNT, 8192).            % 2 GiB
-define(UNREAD_MAX, 64 bsl 20).  % what the sender may get rid of while nobody reads: buffers of two VMs and two daemons
-define(GROWTH_MAX, 48 bsl 20).  % of a daemon's memory, sanitizers included

suite() -> [{timetrap, {seconds, 110}}].
all() -> [receiver_stands_still, blocked_sender_is_released_when_the_receiver_dies].

init_per_testcase(Case, Config) ->
    World = e2e_world:start(atom_to_list(Case), #{config => [{"transport", "idle_timeout", "\"30s\""}]}),
    Slow = #{flags => ["-kernel", "net_ticktime", "300"]},   % the VMs' own patience is not what is tested here
    [A, B, C, D] = [e2e_world:vm(World, Who, Slow) || Who <- [{a, 1}, {b, 2}, {c, 1}, {d, 2}]],
    [?assertEqual(pong, ping(From, To)) || {From, To} <- [{A, B}, {C, D}, {A, D}]],
    [{world, World}, {vms, {A, B, C, D}} | Config].

end_per_testcase(_, Config) ->
    e2e_vm:kill_except([]),
    e2e_world:stop(proplists:get_value(world, Config)).

name(#{name := Name}) -> Name.
ping(Vm, To) -> call(Vm, fun() -> net_adm:ping(name(To)) end).

daemons(Config) ->
    #{daemons := Daemons} = proplists:get_value(world, Config),
    maps:values(Daemons).

memory(Config) -> [e2e_daemon:rss(D) || D <- daemons(Config)].

%% Round trips of another pair of nodes, over the same link: median and 99th percentile in milliseconds.
others(From, To) ->
    Times = lists:sort(call(From, bench_load, round_trips, [name(To), 100, 400, 2])),
    {lists:nth(200, Times) / 1000, lists:nth(396, Times) / 1000}.

call(#{peer := Peer}, M, F, A) -> peer:call(Peer, M, F, A, 60_000).

%% A sender of numbered messages on A, and a receiver on B that checks them. What was sent is counted where a
%% suspended process need not be asked.
start_flood(A, B) ->
    call(A, fun() ->
        Counter = counters:new(1, []),
        persistent_term:put(e2e_sent, Counter),
        Receiver = spawn(name(B), ?MODULE, start_receiver, [self()]),
        receive {Receiver, ready} -> ok after 5000 -> error(no_receiver) end,
        Sender = spawn(fun() ->
            register(e2e_flood, self()),
            receive go -> ok end,
            Bytes = binary:copy(<<5>>, ?MESSAGE),
            [begin Receiver ! {N, Bytes}, counters:add(Counter, 1, 1) end || N <- lists:seq(1, ?COUNT)],
            Receiver ! {finished, self()},
            receive {whole, Receiver, Bytes2} -> exit({whole, Bytes2}); {wrong, Receiver, Why} -> exit(Why) end
        end),
        persistent_term:put(e2e_flood, monitor_by_keeper(Sender)),
        Sender
    end).

%% The call that started it ends; this process remembers how the sender ended.
monitor_by_keeper(Sender) ->
    spawn(fun() ->
        Ref = monitor(process, Sender),
        receive {'DOWN', Ref, _, _, Reason} -> receive {how, From} -> From ! {ended, Reason} end end
    end).

start_receiver(From) -> From ! {self(), ready}, receiver(1, 0).

receiver(N, Sum) ->
    receive
        {N, <<5, _/binary>> = Bytes} -> receiver(N + 1, Sum + byte_size(Bytes));
        {finished, Sender} when N =:= ?COUNT + 1 -> Sender ! {whole, self(), Sum};
        {finished, Sender} -> Sender ! {wrong, self(), {finished_at, N}};
        {Other, _} -> receive {finished, Sender} -> Sender ! {wrong, self(), {expected, N, got, Other}} end
    end.

sent(A) -> call(A, fun() -> counters:get(persistent_term:get(e2e_sent), 1) end).

%% Until nothing more goes out for a second and the VM has suspended the sender.
wait_blocked(A, Sender) ->
    e2e_wait:until(sender_is_blocked, fun() ->
        Before = sent(A),
        timer:sleep(1000),   % "nothing more" takes a while to see
        case {sent(A), call(A, fun() -> process_info(Sender, status) end)} of
            {Before, {status, suspended}} when Before > 0 -> {true, Before * ?MESSAGE};
            Other -> {Before, Other}
        end
    end, 40_000).

receiver_stands_still(Config) ->
    {A, B, C, D} = proplists:get_value(vms, Config),
    Calm = memory(Config),
    {Median0, P99} = others(C, D),
    Sender = start_flood(A, B),
    e2e_vm:suspend(B),
    call(A, fun() -> Sender ! go end),
    Unread = wait_blocked(A, Sender),
    ct:log("blocked with ~b MiB on the way; before: ~p; memory ~p -> ~p",
           [Unread bsr 20, {Median0, P99}, Calm, memory(Config)]),
    ?assert(Unread =< ?UNREAD_MAX),
    %% The others go on: another pair over the same link, and the blocked VM with another node.
    {Median1, P99Now} = others(C, D),
    ct:log("others: ~p -> ~p", [{Median0, P99}, {Median1, P99Now}]),
    ?assert(P99Now =< max(2 * P99, P99 + 15)),   % 15 ms: what two shared cores do to anyone
    ?assertEqual(pong, ping(A, D)),
    ?assertEqual(name(D), call(A, fun() -> rpc:call(name(D), erlang, node, []) end)),
    bounded(Calm, Config),
    e2e_vm:resume(B),
    Ended = e2e_wait:until(all_arrived, fun() ->
        call(A, fun() ->
            case is_process_alive(Sender) of
                true -> {sent, counters:get(persistent_term:get(e2e_sent), 1)};
                false -> persistent_term:get(e2e_flood) ! {how, self()}, receive {ended, Why} -> {true, Why} end
            end
        end)
    end, 80_000),
    ?assertEqual({whole, ?COUNT * ?MESSAGE}, Ended),
    bounded(Calm, Config).

bounded(Calm, Config) ->
    Peaks = [e2e_os:peak_rss(Id) || #{process := #{id := Id}} <- daemons(Config)],
    Growth = [Peak - Before || {Peak, Before} <- lists:zip(Peaks, Calm)],
    ct:log("daemons grew by ~p", [Growth]),
    [G =< ?GROWTH_MAX orelse error({daemons_grew_by, Growth, at_most, ?GROWTH_MAX}) || G <- Growth].

blocked_sender_is_released_when_the_receiver_dies(Config) ->
    {A, B, C, D} = proplists:get_value(vms, Config),
    Sender = start_flood(A, B),
    ok = call(A, fun e2e_watch:start/0),
    e2e_vm:suspend(B),
    call(A, fun() -> Sender ! go end),
    _ = wait_blocked(A, Sender),
    T = erlang:system_time(millisecond),
    e2e_vm:kill(B),
    At = e2e_wait:until(nodedown, fun() ->
        case [Ms || {Ms, nodedown, N} <- call(A, fun e2e_watch:events/0), N =:= name(B)] of
            [Ms] -> {true, Ms};
            [] -> false
        end
    end, 5000),
    ?assert(At - T =< 1000),
    %% What it still sends goes nowhere, quickly.
    e2e_wait:until(sender_runs, fun() -> sent(A) =:= ?COUNT end, 10_000),
    ?assertEqual(pong, ping(C, D)),
    B2 = e2e_world:vm(proplists:get_value(world, Config), {b, 2}, #{}),
    e2e_wait:until(back, fun() -> ping(A, B2) =:= pong end).
