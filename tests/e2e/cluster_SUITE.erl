%% The daemons as one cluster, seen from its nodes: members, views, events, broadcasts, and what becomes of them when
%% daemons come, go and die. As a rule nobody has a table of the others: they know a contact, and learn the rest.
%% Timings are shortened: neighbours speak every second, a link is lost after 4 s of silence.
-module(cluster_SUITE).
-compile([export_all, nowarn_export_all]).
-include_lib("stdlib/include/assert.hrl").
-import(e2e_vm, [call/2, call/3]).
-import(e2e_cluster, [contact/1, short_timings/0, name/1, names/1, members/1, view/1, all_see/2, all_see/3, views_are_symmetric/1,
                      hears_events/1, hears_broadcasts/1, heard/2, heard_event/3, heard_event/4, broadcast/3, all_hear/3,
                      all_hear/4, ups_and_downs_take_turns/2]).

suite() -> [{timetrap, {seconds, 100}}].

all() ->
    [one_contact, joining_and_leaving, broadcasts, broadcasts_while_daemons_restart, a_daemon_dies, the_contact_is_gone,
     another_cluster, twelve_hosts].

%% --- a cluster ---------------------------------------------------------------------------------------------------

%% Hosts 2 to Count know host 1; a@hN runs on each. {World, [a@h1, ...]}
cluster(Name, Count) -> cluster(Name, Count, fun(1) -> []; (_) -> [contact(1)] end).

cluster(Name, Count, Config) -> cluster(Name, Count, Config, false).

cluster(Name, Count, Config, HasTable) ->
    e2e_cluster:start(["cluster_", atom_to_list(Name)], #{hosts => Count, static => HasTable,
                                                          config => fun(N) -> short_timings() ++ Config(N) end}).

done(World) ->
    e2e_vm:kill_except([]),
    e2e_world:stop(World).

daemon(World, N) -> e2e_world:daemon(World, N).
replace(World, N, Daemon) -> e2e_world:replace(World, N, Daemon).

%% --- cases -------------------------------------------------------------------------------------------------------

one_contact(_) ->
    {World, Vms} = cluster(contact, 6),
    all_see(Vms, Vms),
    views_are_symmetric(Vms),
    %% The cluster is the daemons': no node is connected to another for it.
    [?assertEqual([], call(Vm, fun() -> nodes([visible, hidden]) end)) || Vm <- Vms],
    done(World).

joining_and_leaving(_) ->
    %% No contacts; who joins by a node's name looks it up in the table.
    {World, [A, B, C] = Vms} = cluster(joining, 3, fun(_) -> [] end, true),
    [Pa, Pb, Pc] = [hears_events(Vm) || Vm <- Vms],
    [?assertEqual([name(Vm)], members(Vm)) || Vm <- Vms],
    ?assertEqual({error, cannot_join_self}, call(A, fun() -> barrel_p2p:join(node()) end)),
    ?assertEqual(ok, call(A, fun() -> barrel_p2p:join('nobody@nowhere') end)),

    ?assertEqual(ok, call(B, fun() -> barrel_p2p:join('a@h1') end)),
    [heard_event(Vm, Pid, Event) || {Vm, Pid, Event} <- [{B, Pb, joined}, {A, Pa, joined}, {B, Pb, {peer_up, 'a@h1'}},
                                                          {A, Pa, {peer_up, 'a@h2'}}, {A, Pa, {member_up, 'a@h2'}}]],
    ?assertEqual(ok, call(C, fun() -> barrel_p2p:join('a@h2') end)),
    all_see(Vms, Vms),
    [heard_event(Vm, Pid, {member_up, Node})
     || {Vm, Pid} <- [{A, Pa}, {B, Pb}, {C, Pc}], Node <- names(Vms), Node =/= name(Vm)],
    views_are_symmetric(Vms),

    ?assertEqual(ok, call(C, fun barrel_p2p:leave/0)),
    heard_event(C, Pc, left),
    [heard_event(Vm, Pid, {member_down, 'a@h3', graceful}) || {Vm, Pid} <- [{A, Pa}, {B, Pb}]],
    all_see([A, B], [A, B]),
    ?assertEqual([], view(C)),
    ?assertEqual([], [E || {_, {peer_down, 'a@h2', _}} = E <- heard(A, Pa)]),

    ?assertEqual(ok, call(C, fun() -> barrel_p2p:join('a@h1') end)),
    all_see(Vms, Vms),
    ?assertEqual(2, length([E || {_, joined} = E <- heard(C, Pc)])),
    [ups_and_downs_take_turns(Vm, Pid) || {Vm, Pid} <- [{A, Pa}, {B, Pb}, {C, Pc}]],
    done(World).

broadcasts(_) ->
    {World, Vms} = cluster(broadcasts, 5),
    all_see(Vms, Vms),
    Listeners = [{Vm, hears_broadcasts(Vm)} || Vm <- Vms, _ <- [1, 2]],
    [Narrow] = [{Vm, call(Vm, fun() -> e2e_hear:start(fun(Pid) -> barrel_p2p_plumtree:subscribe(Pid, another) end) end)}
                || Vm <- [lists:last(Vms)]],
    broadcast(Vms, 200, 100),
    all_hear(Listeners, Vms, 200),
    {Last, NarrowPid} = Narrow,
    ok = call(hd(Vms), fun() -> barrel_p2p_plumtree:broadcast(another, 'only this') end),
    e2e_wait:until(one_tag, fun() -> heard(Last, NarrowPid) =:= [{plumtree_broadcast, {another, 'only this'}}] end),
    ?assertEqual({error, too_large}, call(hd(Vms), fun() -> barrel_p2p_plumtree:broadcast(t, <<0:(8 * 524288)>>) end)),
    %% Large ones, more than a sender may have on its way: it is slowed down, and none is lost.
    Large = [{Vm, hears_broadcasts(Vm)} || Vm <- Vms],
    broadcast([hd(Vms)], 25, 400_000),
    all_hear(Large, [hd(Vms)], 25, 40_000),
    done(World).

%% Nothing is lost on the way between two nodes because a third host's daemon goes and comes back.
broadcasts_while_daemons_restart(_) ->
    {World0, [A, B, C, D, E] = Vms} = cluster(restarts, 5),
    all_see(Vms, Vms),
    Staying = [A, B, C],
    Listeners = [{Vm, hears_broadcasts(Vm)} || Vm <- Staying],
    [{_, Pd}, {_, Pe}] = [{Vm, hears_broadcasts(Vm)} || Vm <- [D, E]],
    Events = [{Vm, hears_events(Vm)} || Vm <- Vms],
    Me = self(),
    Sender = spawn_link(fun() ->
        Me ! {self(), call(A, fun() ->
            [begin ok = barrel_p2p_plumtree:broadcast(t, {node(), N, <<>>}), timer:sleep(5) end || N <- lists:seq(1, 1000)],
            ok
        end, 60_000)}
    end),
    World = lists:foldl(fun({N, End}, W) ->
        e2e_daemon:End(daemon(W, N)),
        replace(W, N, e2e_daemon:restart(daemon(W, N)))
    end, World0, [{4, stop}, {5, kill}]),
    receive {Sender, ok} -> ok end,
    all_hear(Listeners, [A], 1000),
    %% Those of the restarted daemons are subscribed as before, though they did not ask again.
    all_see(Vms, Vms, 30_000),
    ok = call(B, fun() -> barrel_p2p_plumtree:broadcast(t, 'to everybody') end),
    [e2e_wait:until({hears_again, name(Vm)}, fun() ->
        lists:member({plumtree_broadcast, {t, 'to everybody'}}, heard(Vm, Pid))
    end) || {Vm, Pid} <- [{D, Pd}, {E, Pe}]],
    [ups_and_downs_take_turns(Vm, Pid) || {Vm, Pid} <- Events],
    done(World).

%% Everybody hears of it, nobody else is thought dead, and what runs between others goes on.
a_daemon_dies(_) ->
    {World, Vms} = cluster(death, 5),
    all_see(Vms, Vms),
    [A, B, _, _, E] = Vms,
    Others = Vms -- [E],
    Listeners = [{Vm, hears_events(Vm)} || Vm <- Others],
    Stream = call(A, fun() -> e2e_watch:stream_to('a@h2', 5) end),
    e2e_daemon:kill(daemon(World, 5)),
    e2e_vm:kill(E),
    [heard_event(Vm, Pid, {member_down, 'a@h5', nodedown}, 50_000) || {Vm, Pid} <- Listeners],
    all_see(Others, Others),
    views_are_symmetric(Others),
    [?assertEqual([], [Node || {_, {member_down, Node, _}} <- heard(Vm, Pid), Node =/= 'a@h5']) || {Vm, Pid} <- Listeners],
    {whole, _} = call(A, fun() -> e2e_watch:streamed(Stream) end),
    ?assertEqual(pong, call(B, fun() -> net_adm:ping('a@h4') end)),
    done(World).

%% The only contact that anybody was given is gone for good. Who restarts finds the cluster by the addresses that it
%% has written down.
the_contact_is_gone(_) ->
    {World0, Vms} = cluster(contact_gone, 5),
    all_see(Vms, Vms),
    [A | Others] = Vms,
    e2e_daemon:kill(daemon(World0, 1)),
    e2e_vm:kill(A),
    %% One stops in good order, one is killed when it has written its book for the first time.
    World = lists:foldl(fun({N, End}, W) ->
        Vm = lists:nth(N, Vms),
        End =:= kill andalso e2e_wait:until(book_is_written, fun() ->
            filelib:is_regular(filename:join(e2e_daemon:state_dir(daemon(W, N)), "address_book"))
        end),
        e2e_daemon:End(daemon(W, N)),
        ?assertEqual([], view(Vm)),
        W1 = replace(W, N, e2e_daemon:restart(daemon(W, N))),
        e2e_wait:until({has_neighbours_again, N}, fun() -> view(Vm) =/= [] end, 20_000),
        W1
    end, World0, [{2, stop}, {3, kill}]),
    all_see(Others, Others, 60_000),
    views_are_symmetric(Others),
    done(World).

another_cluster(_) ->
    {World, [A, B, C]} = cluster(another, 3, fun
        (1) -> [];
        (2) -> [contact(1)];
        (3) -> [contact(1), {"cluster", "name", "\"other\""}]
    end),
    all_see([A, B], [A, B]),
    e2e_wait:until(told_the_operator, fun() -> e2e_daemon:logged(daemon(World, 3), "could not join|join_failed") end),
    [?assertEqual(Expected, members(Vm)) || {Vm, Expected} <- [{A, names([A, B])}, {B, names([A, B])}, {C, [name(C)]}]],
    ?assertEqual([], view(C)),
    ?assertEqual(pang, call(A, fun() -> net_adm:ping('a@h3') end)),
    done(World).

%% Everybody reaches everybody by name, over addresses that the cluster told, and a VM is connected to those that it
%% talked to and no others.
twelve_hosts(_) ->
    {World, Vms} = cluster(twelve, 12),
    all_see(Vms, Vms, 30_000),
    views_are_symmetric(Vms),
    Names = names(Vms),
    is_drawn_whole(daemon(World, 7), Names),
    [?assertEqual([], call(Vm, fun() -> nodes([visible, hidden]) end)) || Vm <- Vms],
    Echo = fun() ->
        Me = self(),
        Pid = spawn(fun() -> register(echo, self()), Me ! {self(), ready}, echo() end),
        receive {Pid, ready} -> Pid end
    end,
    Pids = maps:from_list([{name(Vm), call(Vm, Echo)} || Vm <- Vms]),
    %% The next three, in a ring: to a pid that came another way, and to a name.
    Indexed = lists:enumerate(0, Names),
    Next = fun(Vm) ->
        {At, _} = lists:keyfind(name(Vm), 2, Indexed),
        [lists:nth((At + Step) rem 12 + 1, Names) || Step <- [1, 2, 3]]
    end,
    [?assertEqual({name(Vm), Next(Vm)}, {name(Vm), call(Vm, fun() ->
        [begin To ! {self(), hello}, receive {hello, Node} -> Node after 10_000 -> no_answer end end
         || {Node, To} <- Targets]
    end, 60_000)}) || Vm <- Vms, Targets <- [[{Node, maps:get(Node, Pids)} || Node <- Next(Vm)],
                                             [{Node, {echo, Node}} || Node <- Next(Vm)]]],
    [?assert(length(call(Vm, fun() -> nodes() end)) =< 6) || Vm <- Vms],
    Listeners = [{Vm, hears_broadcasts(Vm)} || Vm <- Vms],
    broadcast(Vms, 20, 1000),
    all_hear(Listeners, Vms, 20),
    done(World).

%% As one component, with nothing one-sided, by a daemon that is nobody in particular.
is_drawn_whole(Daemon, Names) ->
    Graph = e2e_wait:until(whole_graph, fun() ->
        case json:decode(e2e_daemon:command(Daemon, ["graph", "--cluster", "--json"])) of
            #{<<"counts">> := #{<<"answered">> := 12, <<"one_sided">> := 0}} = Whole -> {true, Whole};
            #{<<"counts">> := Counts} -> Counts
        end
    end),
    #{<<"daemons">> := Drawn, <<"links">> := Links, <<"counts">> := Counts} = Graph,
    ?assertEqual(Names, lists:sort([binary_to_atom(Node) || #{<<"names">> := Nodes} <- Drawn, Node <- Nodes])),
    ?assertMatch(#{<<"components">> := 1, <<"daemons">> := 12, <<"members">> := 12}, Counts),
    Ends = lists:append([[From, To] || #{<<"from">> := From, <<"to">> := To, <<"one_sided">> := false} <- Links]),
    ?assertEqual(2 * length(Links), length(Ends)),
    [?assert(lists:member(length([End || End <- Ends, End =:= Key]), lists:seq(1, 5))) || #{<<"fingerprint">> := Key} <- Drawn].

echo() ->
    receive {From, hello} -> From ! {hello, node()}, echo() end.
