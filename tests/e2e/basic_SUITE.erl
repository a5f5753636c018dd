%% What programs do with Erlang distribution, each once and looked at: with short names, with long names, and
%% over IPv6. `a` is on host 1, `b` on host 2.
-module(basic_SUITE).
-compile([export_all, nowarn_export_all]).
-include_lib("stdlib/include/assert.hrl").
-import(e2e_vm, [call/2]).

suite() -> [{timetrap, {seconds, 60}}].

all() -> [{group, short}, {group, long}, {group, ipv6}].

groups() ->
    [{short, [], [ping, send_to_pid, send_to_name, send_to_alias, gen_server_call, rpc_and_erpc, spawning, links, exits,
                  monitors, group_leader_output, process_groups, global_names, hidden_node, remote_shell, dynamic_name,
                  net_kernel_stop_start, peer_nodes, two_nodes_of_one_host, nodeup_nodedown]},
     {long, [], [ping, send_to_pid, send_to_name, gen_server_call, rpc_and_erpc, spawning, links, monitors,
                 global_names, remote_shell, dynamic_name, net_kernel_stop_start, two_nodes_of_one_host]},
     {ipv6, [], [ping, gen_server_call]}].

init_per_group(Group, Config) ->
    Names = case Group of long -> long; _ -> short end,
    World = e2e_world:start(["basic_", atom_to_list(Group)], #{names => Names, ipv6 => Group =:= ipv6}),
    {A, B} = e2e_world:pair(World),
    [{world, World}, {a, A}, {b, B} | Config].

end_per_group(_, Config) ->
    [e2e_vm:kill(Vm) || {Key, Vm} <- Config, Key =:= a orelse Key =:= b],
    e2e_world:stop(world(Config)).

world(Config) -> proplists:get_value(world, Config).
a(Config) -> proplists:get_value(a, Config).
b(Config) -> proplists:get_value(b, Config).
node_b(Config) -> maps:get(name, b(Config)).
node_a(Config) -> maps:get(name, a(Config)).

%% A process on Node that runs Fun and lives on until told `stop`.
at(Node, Fun) -> spawn(Node, fun() -> Fun(), receive stop -> ok end end).

echo() -> receive {From, Message} -> From ! {self(), Message}, echo(); stop -> ok end.

get_message(Ms) -> receive Message -> Message after Ms -> error(no_message) end.
get_message() -> get_message(5000).

%% --- cases ---------------------------------------------------------------------------------------------------

ping(Config) ->
    B = node_b(Config),
    A = node_a(Config),
    ?assertEqual(pong, call(a(Config), fun() -> net_adm:ping(B) end)),
    ?assertEqual(pong, call(b(Config), fun() -> net_adm:ping(A) end)),
    ?assertEqual([B], call(a(Config), fun() -> nodes() end)).

send_to_pid(Config) ->
    B = node_b(Config),
    call(a(Config), fun() ->
        Pid = spawn(B, fun echo/0),
        ?assertEqual(B, node(Pid)),
        [begin
             Pid ! {self(), Term},
             ?assertEqual({Pid, Term}, get_message())
         end || Term <- [1, -1, 1 bsl 200, 1.5, ok, [], "text", <<"binary">>, <<5:3>>, {}, #{}, #{a => [1 | 2]}, self(),
                         make_ref(), fun lists:map/2, hd(erlang:ports()), {Pid, B}, 'ünïcode ✓']],
        Pid ! stop
    end).

send_to_name(Config) ->
    B = node_b(Config),
    call(a(Config), fun() ->
        Pid = spawn(B, fun() -> register(e2e_named, self()), echo() end),
        e2e_wait:until(registered, fun() -> is_pid(rpc:call(B, erlang, whereis, [e2e_named])) end),
        {e2e_named, B} ! {self(), hello},
        ?assertEqual({Pid, hello}, get_message()),
        {nobody_there, B} ! {self(), hello},                 % as silent as it is locally
        ok = erlang:send({e2e_named, B}, {self(), again}, [nosuspend, noconnect]),
        ?assertEqual({Pid, again}, get_message()),
        Pid ! stop
    end).

send_to_alias(Config) ->
    B = node_b(Config),
    call(a(Config), fun() ->
        Alias = alias([reply]),
        at(B, fun() -> Alias ! {from_b, 1}, Alias ! {from_b, 2} end),
        ?assertEqual({from_b, 1}, get_message()),
        Explicit = alias(),
        Pid = spawn(B, fun F() -> receive {to, Where, What} -> Where ! What, F() end end),
        Pid ! {to, Explicit, one},
        ?assertEqual(one, get_message()),
        true = unalias(Explicit),
        Pid ! {to, Explicit, lost},
        Pid ! {to, self(), two},                             % the reply alias is spent: `{from_b, 2}` never came
        ?assertEqual(two, get_message()),
        exit(Pid, kill)
    end).

gen_server_call(Config) ->
    B = node_b(Config),
    call(a(Config), fun() ->
        {ok, Server} = rpc:call(B, e2e_server, start, []),
        ?assertEqual({ok, Server, 1}, gen_server:call(Server, {echo, 1})),
        ?assertEqual({ok, Server, 2}, gen_server:call({e2e_server, B}, {echo, 2})),
        ok = gen_server:cast(Server, {tell, self(), 3}),
        ?assertEqual(3, get_message()),
        ?assertEqual({[{B, {ok, Server, 4}}], []}, gen_server:multi_call([B], e2e_server, {echo, 4})),
        Requests = [gen_server:send_request(Server, {echo, N}) || N <- lists:seq(1, 100)],
        ?assertEqual([{reply, {ok, Server, N}} || N <- lists:seq(1, 100)],
                     [gen_server:receive_response(R, 5000) || R <- Requests]),
        ?assertExit({timeout, _}, gen_server:call(Server, sleep, 50)),
        ?assertExit({wished, _}, gen_server:call(Server, {exit, wished})),
        ?assertExit({noproc, _}, gen_server:call(Server, {echo, 5})),
        ?assertExit({noproc, _}, gen_server:call({e2e_server, B}, {echo, 5}))
    end).

rpc_and_erpc(Config) ->
    B = node_b(Config),
    call(a(Config), fun() ->
        ?assertEqual(B, rpc:call(B, erlang, node, [])),
        ?assertMatch({badrpc, {'EXIT', {badarith, _}}}, rpc:call(B, erlang, '/', [1, 0])),
        ?assertEqual({badrpc, timeout}, rpc:call(B, timer, sleep, [5000], 20)),
        ?assertEqual({[B], []}, rpc:multicall([B], erlang, node, [])),
        ?assertEqual(B, rpc:yield(rpc:async_call(B, erlang, node, []))),
        ?assertEqual(B, erpc:call(B, erlang, node, [])),
        ?assertEqual(B, erpc:call(B, fun() -> node() end)),
        ?assertError({exception, badarith, _}, erpc:call(B, erlang, '/', [1, 0])),
        ?assertExit({exception, why}, erpc:call(B, fun() -> exit(why) end)),
        ?assertError({erpc, timeout}, erpc:call(B, timer, sleep, [5000], 20)),
        ?assertEqual([{ok, B}, {ok, node()}], erpc:multicall([B, node()], erlang, node, [])),
        Me = self(),
        ok = erpc:cast(B, fun() -> Me ! cast end),
        ?assertEqual(cast, get_message())
    end).

spawning(Config) ->
    B = node_b(Config),
    call(a(Config), fun() ->
        process_flag(trap_exit, true),
        Me = self(),
        Linked = spawn_link(B, fun() -> exit(linked) end),
        ?assertEqual({'EXIT', Linked, linked}, get_message()),
        {Monitored, Ref} = spawn_monitor(B, fun() -> exit(monitored) end),
        ?assertEqual({'DOWN', Ref, process, Monitored, monitored}, get_message()),
        Request = spawn_request(B, fun() -> Me ! {child, self()}, receive stop -> ok end end,
                                [{reply_tag, born}, link]),
        Child = receive {born, Request, ok, Pid} -> Pid after 5000 -> error(no_reply) end,
        ?assertEqual({child, Child}, get_message()),
        exit(Child, kill),
        ?assertEqual({'EXIT', Child, killed}, get_message()),
        Failing = spawn_request(B, no_such_module, no_such_function, [], [monitor]),
        _ = receive {spawn_reply, Failing, ok, P2} -> P2 after 5000 -> error(no_reply) end,
        ?assertMatch({'DOWN', Failing, process, _, {undef, _}}, get_message()),
        Bad = spawn_request(B, erlang, node, [], [{no_such_option, 1}]),
        ?assertMatch({spawn_reply, Bad, error, badopt}, get_message()),
        ?assertMatch(P when node(P) =:= B, proc_lib:spawn(B, fun() -> ok end))
    end).

links(Config) ->
    B = node_b(Config),
    call(a(Config), fun() ->
        process_flag(trap_exit, true),
        One = spawn(B, fun echo/0),
        true = link(One),
        One ! {self(), 1},
        ?assertEqual({One, 1}, get_message()),
        ?assertEqual({links, [self()]}, rpc:call(B, erlang, process_info, [One, links])),
        true = unlink(One),
        One ! {self(), 2},
        ?assertEqual({One, 2}, get_message()),
        ?assertEqual({links, []}, rpc:call(B, erlang, process_info, [One, links])),
        exit(One, kill),
        Two = spawn(B, fun echo/0),
        true = link(Two),
        exit(Two, gone),
        ?assertEqual({'EXIT', Two, gone}, get_message()),
        true = link(Two),
        ?assertEqual({'EXIT', Two, noproc}, get_message()),
        %% A link made here ends a process there.
        Three = spawn(B, fun echo/0),
        Ref = monitor(process, Three),
        spawn(fun() -> link(Three), exit(with_me) end),
        ?assertEqual({'DOWN', Ref, process, Three, with_me}, get_message())
    end).

exits(Config) ->
    B = node_b(Config),
    call(a(Config), fun() ->
        Me = self(),
        Trapping = spawn(B, fun() -> process_flag(trap_exit, true), Me ! ready, Me ! get_message(30_000) end),
        ?assertEqual(ready, get_message()),
        exit(Trapping, {reason, <<1, 2, 3>>}),
        ?assertEqual({'EXIT', Me, {reason, <<1, 2, 3>>}}, get_message()),
        Large = some_bytes(300_000),
        {Dying, Ref} = spawn_monitor(B, fun() -> receive go -> exit(Large) end end),
        Dying ! go,
        ?assertEqual({'DOWN', Ref, process, Dying, Large}, get_message())
    end).

some_bytes(Size) -> element(1, rand:bytes_s(Size, rand:seed_s(exsss, 7))).

monitors(Config) ->
    B = node_b(Config),
    call(a(Config), fun() ->
        Start = fun(Name) -> P = spawn(B, fun() -> register(Name, self()), echo() end),
                             P ! {self(), ready}, {P, ready} = get_message(), P end,
        ByPid = Start(one),
        R1 = monitor(process, ByPid),
        ByPid ! stop,
        ?assertEqual({'DOWN', R1, process, ByPid, normal}, get_message()),
        ByName = Start(two),
        R2 = monitor(process, {two, B}),
        ByName ! stop,
        ?assertEqual({'DOWN', R2, process, {two, B}, normal}, get_message()),
        R3 = monitor(process, {no_such_name, B}),
        ?assertEqual({'DOWN', R3, process, {no_such_name, B}, noproc}, get_message()),
        Alive = Start(three),
        R4 = monitor(process, Alive),
        true = demonitor(R4),
        Alive ! stop,
        R5 = monitor(process, Alive, [{tag, tagged}, {alias, reply_demonitor}]),
        ?assertMatch({tagged, R5, process, Alive, _}, get_message()),
        receive {'DOWN', R4, _, _, _} -> error(demonitored) after 0 -> ok end
    end).

group_leader_output(Config) ->
    B = node_b(Config),
    call(a(Config), fun() ->
        Me = self(),
        spawn(B, fun() -> group_leader(Me, self()), io:put_chars("said over there") end),
        receive {io_request, From, As, {put_chars, unicode, Said}} ->
            From ! {io_reply, As, ok},
            ?assertEqual(<<"said over there">>, iolist_to_binary(Said))
        after 5000 -> error(nothing_said)
        end
    end).

process_groups(Config) ->
    B = node_b(Config),
    [call(Vm, fun() -> {ok, Scope} = pg:start(e2e_scope), unlink(Scope) end) || Vm <- [a(Config), b(Config)]],
    call(a(Config), fun() ->
        pong = net_adm:ping(B),
        Here = spawn(fun echo/0),
        There = spawn(B, fun echo/0),
        ok = pg:join(e2e_scope, group, Here),
        ok = rpc:call(B, pg, join, [e2e_scope, group, There]),
        Both = lists:sort([Here, There]),
        Members = fun() -> lists:sort(pg:get_members(e2e_scope, group)) end,
        e2e_wait:until(joined, fun() -> Members() =:= Both end),
        e2e_wait:until(joined_there, fun() ->
            lists:sort(rpc:call(B, pg, get_members, [e2e_scope, group])) =:= Both end),
        exit(There, kill),
        e2e_wait:until(left, fun() -> Members() =:= [Here] end),
        exit(Here, kill)
    end).

%% `global` needs a mesh, so these two nodes have OTP's own settings for it.
global_names(Config) ->
    World = world(Config),
    C = e2e_world:vm(World, {c, 1}, #{mesh => true}),
    D = e2e_world:vm(World, {d, 2}, #{mesh => true}),
    #{name := NodeD} = D,
    call(C, fun() ->
        pong = net_adm:ping(NodeD),
        ok = global:sync(),
        First = spawn(fun echo/0),
        yes = global:register_name(e2e_global, First),
        e2e_wait:until(seen_there, fun() -> rpc:call(NodeD, global, whereis_name, [e2e_global]) =:= First end),
        Another = rpc:call(NodeD, erlang, whereis, [init]),
        ?assertEqual(no, rpc:call(NodeD, global, register_name, [e2e_global, Another])),
        exit(First, kill),
        e2e_wait:until(freed, fun() -> rpc:call(NodeD, global, whereis_name, [e2e_global]) =:= undefined end),
        Second = spawn(NodeD, fun echo/0),
        yes = rpc:call(NodeD, global, register_name, [e2e_global, Second]),
        e2e_wait:until(seen_here, fun() -> global:whereis_name(e2e_global) =:= Second end),
        global:send(e2e_global, {self(), hi}),
        ?assertEqual({Second, hi}, get_message()),
        ?assertEqual({set, NodeD}, global:trans({lock, self()}, fun() -> {set, NodeD} end, [node(), NodeD]))
    end),
    e2e_vm:kill(D),
    call(C, fun() ->
        e2e_wait:until(forgotten, fun() -> global:whereis_name(e2e_global) =:= undefined end),
        yes = global:register_name(e2e_global, self())
    end),
    e2e_vm:kill(C).

hidden_node(Config) ->
    A = node_a(Config),
    Hidden = e2e_world:vm(world(Config), {e, 2}, #{flags => ["-hidden"]}),
    #{name := E} = Hidden,
    ?assertEqual(pong, call(Hidden, fun() -> net_adm:ping(A) end)),
    ?assertEqual([A], call(Hidden, fun() -> nodes(hidden) end)),
    call(a(Config), fun() ->
        ?assert(lists:member(E, nodes(hidden))),
        ?assertNot(lists:member(E, nodes())),
        ?assertEqual(E, rpc:call(E, erlang, node, []))
    end),
    e2e_vm:kill(Hidden),
    call(a(Config), fun() -> e2e_wait:until(down, fun() -> not lists:member(E, nodes(hidden)) end) end).

%% A remote shell is a node of its own that only dials; its input is a file, its output is looked at.
remote_shell(Config) ->
    World = world(Config),
    A = node_a(Config),
    Options = e2e_world:vm_options(World, {undefined, 2}, #{}),
    NameFlag = case maps:get(names, World) of long -> "-name"; short -> "-sname" end,
    [begin
         Probe = e2e_os:start(#{name => "remsh", host => e2e_net:host(2), stdio => pipe, env => maps:get(env, Options),
                                log => filename:join(maps:get(logs, World), "remsh.log"),
                                command => ["erl" | e2e_vm:flags(undefined, Options)]
                                           ++ [NameFlag, Name, "-remsh", atom_to_list(A)]}),
         e2e_os:send(Probe, "{here, erlang:node(), 6 * 7}."),
         Expected = iolist_to_binary(io_lib:format("{here,~p,42}", [A])),
         e2e_wait:until(remote_answer, fun() -> re:run(e2e_os:output(Probe), Expected, [{capture, none}]) =:= match
                                                orelse {seen, e2e_os:output(Probe)} end),
         e2e_os:stop(Probe, kill)
     end || Name <- [nameless(World), atom_to_list(e2e_world:name(World, f, 2))]].

%% The host part has to be said where the machine has no name in DNS.
nameless(#{names := short}) -> "undefined";
nameless(#{names := long}) -> "undefined@h2.test".

dynamic_name(Config) ->
    World = world(Config),
    A = node_a(Config),
    NameFlag = case maps:get(names, World) of long -> "-name"; short -> "-sname" end,
    Vm = e2e_world:vm(World, {undefined, 2}, #{flags => [NameFlag, nameless(World)]}),
    ?assertEqual(nonode@nohost, call(Vm, fun() -> node() end)),
    ?assertEqual(true, call(Vm, fun() -> net_kernel:connect_node(A) end)),
    Given = call(Vm, fun() -> node() end),
    ?assertNotEqual(nonode@nohost, Given),
    ?assertEqual(Given, call(a(Config), fun() -> rpc:call(Given, erlang, node, []) end)),
    ?assertEqual(A, call(Vm, fun() -> rpc:call(A, erlang, node, []) end)),
    e2e_vm:kill(Vm),
    call(a(Config), fun() -> e2e_wait:until(down, fun() -> not lists:member(Given, nodes(connected)) end) end).

net_kernel_stop_start(Config) ->
    World = world(Config),
    A = node_a(Config),
    Domain = case maps:get(names, World) of long -> longnames; short -> shortnames end,
    Vm = e2e_world:vm(World, {undefined, 2}, #{}),
    F = e2e_world:name(World, f, 2),
    G = e2e_world:name(World, e, 2),
    [begin
         call(Vm, fun() ->
             {ok, _} = net_kernel:start(Name, #{name_domain => Domain}),
             true = erlang:set_cookie(e2e),
             ?assertEqual(Name, node()),
             ?assertEqual(pong, net_adm:ping(A))
         end),
         ?assertEqual(Name, call(a(Config), fun() -> rpc:call(Name, erlang, node, []) end)),
         ?assertEqual(ok, call(Vm, fun() -> net_kernel:stop() end)),
         call(a(Config), fun() -> e2e_wait:until(down, fun() -> not lists:member(Name, nodes(connected)) end) end),
         ?assertEqual(nonode@nohost, call(Vm, fun() -> node() end))
     end || Name <- [F, G, F]],
    e2e_vm:kill(Vm).

%% Nodes that a node starts for itself with the module peer, controlled over the distribution.
peer_nodes(Config) ->
    World = world(Config),
    #{carrier := #{flags := Flags}} = e2e_world:vm_options(World, {e, 1}, #{}),
    B = node_b(Config),
    call(a(Config), fun() ->
        [_, Host] = string:split(atom_to_list(node()), "@"),
        {ok, Peer, Node} = peer:start(#{name => "e", host => Host, wait_boot => 30_000,
                                        args => Flags ++ ["-setcookie", atom_to_list(erlang:get_cookie())]}),
        ?assertEqual(Node, rpc:call(Node, erlang, node, [])),
        ?assertEqual(pong, rpc:call(Node, net_adm, ping, [B])),
        ok = peer:stop(Peer),
        e2e_wait:until(down, fun() -> not lists:member(Node, nodes(connected)) end)
    end).

two_nodes_of_one_host(Config) ->
    World = world(Config),
    A = node_a(Config),
    B = node_b(Config),
    C = e2e_world:vm(World, {c, 1}, #{}),
    #{name := NodeC} = C,
    call(C, fun() ->
        ?assertEqual(pong, net_adm:ping(A)),
        ?assertEqual(pong, net_adm:ping(B)),
        Pid = spawn(A, fun echo/0),
        Message = {self(), binary:copy(<<"local">>, 100_000)},
        [begin Pid ! Message, {Pid, _} = get_message() end || _ <- lists:seq(1, 50)],
        ?assertEqual(B, rpc:call(A, rpc, call, [B, erlang, node, []]))
    end),
    e2e_vm:kill(C),
    [call(Vm, fun() -> e2e_wait:until(down, fun() -> not lists:member(NodeC, nodes()) end) end)
     || Vm <- [a(Config), b(Config)]].

nodeup_nodedown(Config) ->
    B = node_b(Config),
    call(a(Config), fun() ->
        pong = net_adm:ping(B),
        ok = net_kernel:monitor_nodes(true, [nodedown_reason]),
        [begin
             true = erlang:disconnect_node(B),
             ?assertMatch({nodedown, B, [{nodedown_reason, disconnect}]}, get_message()),
             ?assertEqual(pong, net_adm:ping(B)),
             ?assertMatch({nodeup, B, _}, get_message())
         end || _ <- lists:seq(1, 20)],
        ok = net_kernel:monitor_nodes(false, [nodedown_reason])
    end).
