%% Connections that nobody uses are closed, and only those: nodes() stays bounded while anybody sends to anybody, nothing that
%% watches or waits notices, and the next message connects again. Ages are shortened.
-module(reap_SUITE).
-compile([export_all, nowarn_export_all]).
-include_lib("stdlib/include/assert.hrl").
-import(e2e_vm, [call/2, call/3]).

-define(MIN_AGE_MS, 1500).

suite() -> [{timetrap, {seconds, 100}}].

all() -> [any_to_any, what_is_attached_keeps_it, of_one_host, a_full_mesh_keeps_all].

%% --- a cluster ---------------------------------------------------------------------------------------------------

%% On each of Whos an echo and a watcher.
vms(World, Whos, Extra) ->
    Flags = ["-barrel_p2p", "dist_gc_min_age_ms", integer_to_list(?MIN_AGE_MS), "dist_gc_sweep_period_ms", "300"],
    Starting = [e2e_vm:start_later(e2e_world:vm_options(World, Who, Extra#{flags => Flags ++ maps:get(flags, Extra, [])}))
                || Who <- Whos],
    Vms = [begin {ok, Vm} = e2e_vm:await(Tag, 60_000), Vm end || Tag <- Starting],
    [ok = call(Vm, fun() ->
        ok = application:start(barrel_p2p),
        ok = e2e_watch:start(),
        Me = self(),
        Pid = spawn(fun() -> register(echo, self()), Me ! {self(), ready}, echo() end),
        receive {Pid, ready} -> ok end
    end) || Vm <- Vms],
    Vms.

echo() ->
    receive
        {From, hello} -> From ! {hello, node()}, echo();
        {'$gen_call', From, {answer_after, Ms}} ->
            spawn(fun() -> receive after Ms -> gen:reply(From, late) end end),
            echo();
        forget_me -> echo()
    end.

done(World) ->
    e2e_vm:kill_except([]),
    e2e_world:stop(World).

name(#{name := Name}) -> Name.
names(Vms) -> lists:sort([name(Vm) || Vm <- Vms]).
connected(Vm) -> call(Vm, fun() -> lists:sort(nodes(connected)) end).
neighbours(Vm) -> call(Vm, fun() -> lists:sort(barrel_p2p:active_view()) end).

all_know_all(Vms) ->
    Names = names(Vms),
    [e2e_wait:until({members_of, name(Vm)}, fun() ->
        call(Vm, fun() -> lists:sort(barrel_p2p:members()) end) =:= Names
    end, 30_000) || Vm <- Vms].

%% A message to each of Names, and the answers.
greets(Vm, Names) ->
    Self = name(Vm),
    Others = lists:delete(Self, Names),
    Answers = call(Vm, fun() ->
        _ = [{echo, Node} ! {self(), hello} || Node <- Others],
        [receive {hello, Node} -> Node after 15_000 -> {no_answer, Node} end || Node <- Others]
    end, 60_000),
    ?assertEqual({Self, Others}, {Self, Answers}).

%% Until Vm is connected to these alone.
is_connected_to(Vm, Nodes) ->
    Expected = lists:sort(Nodes),
    e2e_wait:until({connected_to, name(Vm)}, fun() ->
        case connected(Vm) of
            Expected -> true;
            Others -> {connected_to, Others, not_to, Expected}
        end
    end, 20_000).

%% Promise I6.
took_turns(Vms) ->
    [?assertEqual({name(Vm), true}, {name(Vm), call(Vm, fun e2e_watch:alternate/0)}) || Vm <- Vms].

%% --- cases -------------------------------------------------------------------------------------------------------

any_to_any(_) ->
    %% All others know host 1.
    Hosts = 12,
    World = e2e_world:start("reap_any", #{hosts => Hosts, static => false, config => fun(N) ->
        [{"membership", "shuffle_period", "\"1s\""}, {"membership", "keep_alive", "\"1s\""},
         {"membership", "contact_retry_ms", "1000"}, {"membership", "active_size", "3"}, {"log", "level", "\"debug\""}
         | [{"membership", "contact_nodes", ["[\"", e2e_net:address(1), ":9100\"]"]} || N > 1]]
    end}),
    Vms = vms(World, [{a, N} || N <- lists:seq(1, Hosts)], #{}),
    all_know_all(Vms),
    Names = names(Vms),
    [begin
         [greets(Vm, Names) || Vm <- Vms],
         %% What is left are connections between nodes whose daemons are neighbours.
         [e2e_wait:until({few_are_connected, Round, name(Vm)}, fun() ->
             case connected(Vm) -- neighbours(Vm) of
                 [] -> true;
                 Others -> {unused, Others}
             end
         end, 40_000) || Vm <- Vms],
         [?assert(length(connected(Vm)) =< 4) || Vm <- Vms]   % active_size, and one on its way in or out
     end || Round <- [1, 2, 3]],
    took_turns(Vms),
    Statuses = [e2e_daemon:status(e2e_world:daemon(World, N)) || N <- lists:seq(1, Hosts)],
    Reaped = lists:sum([Count || #{<<"counters">> := #{<<"channels_reaped">> := Count}} <- Statuses]),
    ?assert(Reaped >= 3 * Hosts),
    %% An operator is told when asking for it, and a node never.
    [?assertNot(e2e_daemon:logged(e2e_world:daemon(World, N), "info channel\\.")) || N <- lists:seq(1, Hosts)],
    ?assert(lists:any(fun(N) -> e2e_daemon:logged(e2e_world:daemon(World, N), "debug channel.reaped") end, lists:seq(1, Hosts))),
    done(World).

%% Whatever hangs on a connection is on either end of it; to the one that opened it and to the one that did not.
what_is_attached_keeps_it(_) ->
    %% The daemons have a table and are no cluster: there are no neighbours, whose connections would stay.
    World = e2e_world:start("reap_attached", #{hosts => 8}),
    [A, B, C, D, E, F, G, Plain] = Vms = vms(World, [{a, N} || N <- lists:seq(1, 8)], #{}),
    Self = name(A),
    Attach = fun(Vm, Fun) ->
        call(Vm, fun() ->
            Me = self(),
            Pid = spawn(fun() -> Got = Fun(), Me ! {self(), Got}, hold([]) end),
            receive {Pid, _} -> Pid after 20_000 -> error(not_attached) end
        end, 30_000)
    end,
    [Nb, Nc, Nd, Ne, Nf, Ng] = [name(Vm) || Vm <- [B, C, D, E, F, G]],
    HeldB = Attach(A, fun() -> monitor(process, {echo, Nb}) end),
    HeldC = Attach(A, fun() -> Pid = spawn(Nc, timer, sleep, [infinity]), link(Pid) end),
    HeldD = Attach(A, fun() -> monitor_node(Nd, true), {echo, Nd} ! forget_me end),
    HeldE = Attach(A, fun() ->
        Caller = self(),
        spawn_link(fun() -> Caller ! {answer, gen_server:call({echo, Ne}, {answer_after, 10_000}, 20_000)} end)
    end),
    %% From the other side: A opens the connection, and has nothing on it itself.
    call(A, fun() -> {echo, Nf} ! forget_me, {echo, Ng} ! forget_me end),
    HeldF = Attach(F, fun() -> monitor(process, {echo, Self}) end),
    HeldG = Attach(G, fun() -> monitor_node(Self, true) end),
    Held = [{A, HeldB}, {A, HeldC}, {A, HeldD}, {F, HeldF}, {G, HeldG}],
    greets(A, [name(Plain), Self]),
    Keeping = [Nb, Nc, Nd, Ne, Nf, Ng],
    is_connected_to(A, Keeping),
    %% Several times the age; where the other side is asked it is asked again.
    e2e_wait:never(fun() -> connected(A) =/= Keeping end, 3 * ?MIN_AGE_MS),
    %% Nobody was told anything but the answer, which came.
    Heard = fun(Vm, Pid) -> call(Vm, fun() -> Pid ! {heard, self()}, receive {Pid, Messages} -> Messages end end) end,
    e2e_wait:until(the_answer, fun() -> Heard(A, HeldE) =:= [{answer, late}] end),
    [?assertEqual([], Heard(Vm, Pid)) || {Vm, Pid} <- Held],
    %% When nothing is attached any more, nothing keeps the connection.
    [call(Vm, fun() -> exit(Pid, kill) end) || {Vm, Pid} <- Held],
    is_connected_to(A, []),
    %% And the next message connects again.
    greets(A, [Nb, Nf, Self]),
    greets(G, [Self, Ng]),
    took_turns(Vms),
    done(World).

hold(Messages) ->
    receive
        {heard, From} -> From ! {self(), lists:reverse(Messages)}, hold(Messages);
        Message -> hold([Message | Messages])
    end.

%% Two nodes of one daemon.
of_one_host(_) ->
    World = e2e_world:start("reap_one_host", #{hosts => 1}),
    [A, B] = Vms = vms(World, [{a, 1}, {b, 1}], #{}),
    greets(A, names(Vms)),
    is_connected_to(A, []),
    is_connected_to(B, []),
    Pid = call(B, fun() -> spawn(fun() -> monitor(process, {echo, 'a@h1'}), hold([]) end) end),
    is_connected_to(A, ['b@h1']),
    e2e_wait:never(fun() -> connected(A) =:= [] end, 3 * ?MIN_AGE_MS),
    call(B, fun() -> exit(Pid, kill) end),
    is_connected_to(A, []),
    greets(B, names(Vms)),
    took_turns(Vms),
    done(World).

%% `global' would take a connection that is closed for a node that is lost. So is one whose other end would.
a_full_mesh_keeps_all(_) ->
    World = e2e_world:start("reap_mesh", #{hosts => 3}),
    [A, B] = vms(World, [{a, 1}, {b, 2}], #{mesh => true}),
    [C] = vms(World, [{c, 3}], #{}),
    greets(A, names([A, B])),
    greets(C, names([A, C])),
    e2e_wait:never(fun() -> not lists:member('b@h2', connected(A)) orelse not lists:member('a@h1', connected(C)) end,
                   4 * ?MIN_AGE_MS),
    done(World).
