%% Messages of every size, many pairs at once, and many atoms.
-module(messages_SUITE).
-compile([export_all, nowarn_export_all]).
-include_lib("stdlib/include/assert.hrl").
-import(e2e_vm, [call/2, call/3]).

suite() -> [{timetrap, {seconds, 100}}].
all() ->
    [sizes, largest, terms_of_every_kind_and_size, both_directions_at_once, ten_thousand_pairs,
     atoms_of_a_thousand_nodes, last_words].

init_per_suite(Config) ->
    World = e2e_world:start("messages", #{config => [{"transport", "idle_timeout", "\"20s\""}]}),
    {A, B} = e2e_world:pair(World),
    NodeB = maps:get(name, B),
    pong = call(A, fun() -> net_adm:ping(NodeB) end),
    [{world, World}, {a, A}, {b, B} | Config].

end_per_suite(Config) ->
    [e2e_vm:kill(proplists:get_value(Vm, Config)) || Vm <- [a, b]],
    e2e_world:stop(proplists:get_value(world, Config)).

vms(Config) -> {proplists:get_value(a, Config), maps:get(name, proplists:get_value(b, Config))}.

echo() -> receive {From, Message} -> From ! {self(), Message}, echo() end.
%% Answers with what identifies the bytes, not with the bytes.
digest() -> receive {From, Bytes} -> From ! {self(), {byte_size(Bytes), erlang:md5(Bytes)}}, digest() end.

ask(Pid, Message) -> ask(Pid, Message, 60_000).
ask(Pid, Message, Ms) ->
    Pid ! {self(), Message},
    receive {Pid, Answer} -> Answer after Ms -> error(no_answer) end.

sizes(Config) ->
    {A, B} = vms(Config),
    KiB = 1024,
    Edges = [0, 1, 2, 100, 1000, 1200, 1472, 4096, 16 * KiB, 65_000, 64 * KiB - 200, 64 * KiB - 1, 64 * KiB,
             64 * KiB + 1, 2 * 64 * KiB, 100_000, 1024 * KiB - 1, 1024 * KiB, 3_333_333, 16 * 1024 * KiB],
    call(A, fun() ->
        Pid = spawn(B, fun echo/0),
        rand:seed(exsss, 1),
        [?assert(ask(Pid, Bytes) =:= Bytes) || Size <- Edges, Bytes <- [rand:bytes(Size)]],
        exit(Pid, kill)
    end, 90_000).

largest(Config) ->
    {A, B} = vms(Config),
    Size = 256 * 1024 * 1024,
    call(A, fun() ->
        Pid = spawn(B, fun digest/0),
        Bytes = binary:copy(rand:bytes(1_048_576), 256),
        ?assertEqual({Size, erlang:md5(Bytes)}, ask(Pid, Bytes, 90_000)),
        exit(Pid, kill)
    end, 95_000).

%% Not only binaries: the VM lays out signals differently for lists of binaries, deep terms, funs and bit strings.
terms_of_every_kind_and_size(Config) ->
    {A, B} = vms(Config),
    call(A, fun() ->
        Pid = spawn(B, fun echo/0),
        Terms = [lists:seq(1, 200_000), [binary:copy(<<N>>, 10_000) || N <- lists:seq(1, 200)],
                 maps:from_list([{N, {N, <<N:64>>}} || N <- lists:seq(1, 20_000)]),
                 lists:foldl(fun(N, T) -> {N, T} end, [], lists:seq(1, 50_000)),
                 <<(binary:copy(<<7>>, 100_000))/binary, 1:3>>,
                 [fun(X) -> X + N end || N <- lists:seq(1, 100)], [make_ref() || _ <- lists:seq(1, 1000)],
                 [spawn(fun() -> ok end) || _ <- lists:seq(1, 1000)]],
        [?assert(ask(Pid, Term) =:= Term) || Term <- Terms],
        exit(Pid, kill)
    end, 60_000).

%% Eight pairs each way, every message 1 MiB, all at the same time; numbered and checked.
both_directions_at_once(Config) ->
    Vms = [proplists:get_value(Vm, Config) || Vm <- [a, b]],
    Names = [maps:get(name, Vm) || Vm <- Vms],
    Start = fun(Other) ->
        spawn(fun() ->
            register(e2e_result, self()),
            Me = self(),
            Pairs = [spawn_monitor(fun() ->
                Sink = spawn(Other, fun() -> sink(I, 1) end),
                Bytes = binary:copy(<<I>>, 1_048_576),
                [Sink ! {self(), N, Bytes} || N <- lists:seq(1, 20)],
                receive {Sink, Outcome} -> exit(Outcome) after 90_000 -> exit(no_answer) end
            end) || I <- lists:seq(1, 8)],
            Outcomes = [receive {'DOWN', Ref, _, _, Outcome} -> Outcome end || {_, Ref} <- Pairs],
            receive {get, From} -> From ! {Me, Outcomes} end
        end)
    end,
    Pids = [call(Vm, fun() -> Start(Other) end) || {Vm, Other} <- lists:zip(Vms, lists:reverse(Names))],
    [?assertEqual(lists:duplicate(8, all_20), call(Vm, fun() ->
         Pid ! {get, self()},
         receive {Pid, Outcomes} -> Outcomes after 95_000 -> error(too_slow) end
     end, 96_000)) || {Vm, Pid} <- lists:zip(Vms, Pids)].

sink(I, N) ->
    receive
        {From, N, <<I, _/binary>> = Bytes} when byte_size(Bytes) =:= 1_048_576 ->
            case N of 20 -> From ! {self(), all_20}; _ -> sink(I, N + 1) end;
        {From, Got, _} -> From ! {self(), {expected, N, got, Got}}
    end.

ten_thousand_pairs(Config) ->
    {A, B} = vms(Config),
    call(A, fun() ->
        Partners = rpc:call(B, ?MODULE, partners, [10_000]),
        Me = self(),
        Ours = [spawn(fun() ->
            Done = [ask(Partner, {N, binary:copy(<<N>>, N * N * 10)}) || N <- lists:seq(1, 5)],
            Me ! {self(), Done =:= [{N, binary:copy(<<N>>, N * N * 10)} || N <- lists:seq(1, 5)]}
        end) || Partner <- Partners],
        ?assertEqual([], [Pid || Pid <- Ours, not (receive {Pid, Right} -> Right after 90_000 -> false end)]),
        [exit(P, kill) || P <- Partners],
        ok
    end, 95_000).

partners(Count) -> [spawn(fun echo/0) || _ <- lists:seq(1, Count)].

%% A cluster of a thousand nodes fills the VMs' atom tables with names that no message had before.
atoms_of_a_thousand_nodes(Config) ->
    {A, B} = vms(Config),
    call(A, fun() ->
        Pid = spawn(B, fun echo/0),
        Before = rpc:call(B, erlang, system_info, [atom_count]),
        [begin
             Node = list_to_atom(lists:concat(["app@host-", N, ".cluster.example"])),
             Names = [list_to_atom(lists:concat(["service_", N, "_", I])) || I <- lists:seq(1, 20)],
             Term = {Node, Names, #{Node => Names}},
             ?assert(ask(Pid, Term) =:= Term)
         end || N <- lists:seq(1, 1000)],
        ?assert(rpc:call(B, erlang, system_info, [atom_count]) - Before >= 21_000),
        exit(Pid, kill)
    end, 60_000).

%% What a node sent before it stopped arrives, though its port may still have had it in a queue.
last_words(Config) ->
    World = proplists:get_value(world, Config),
    VmB = #{name := B} = proplists:get_value(b, Config),
    [begin
         #{peer := Peer, name := C} = e2e_vm:start(e2e_world:vm_options(World, {c, 1}, #{})),
         pong = peer:call(Peer, net_adm, ping, [B]),
         Listener = call(VmB, fun() -> spawn(fun() -> monitor_node(C, true), listen(C, []) end) end),
         peer:cast(Peer, erlang, apply, [fun() ->
             [Listener ! {N, binary:copy(<<7>>, N rem 300)} || N <- lists:seq(1, 5000)],
             Stop()
         end, []]),
         ?assertEqual(lists:seq(1, 5000), call(VmB, fun() -> ask(Listener, heard) end))
     end || Stop <- [fun() -> erlang:halt(0) end, fun() -> init:stop() end]].

%% Until the node is down; then says what it heard.
listen(Node, Heard) ->
    receive
        {N, Bytes} when is_integer(N), byte_size(Bytes) =:= N rem 300 -> listen(Node, [N | Heard]);
        {nodedown, Node} -> receive {From, heard} -> From ! {self(), lists:reverse(Heard)} end
    end.
