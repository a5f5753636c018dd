%% The carrier with real nodes: VMs of their own on this host, a fake daemon between them. The VM that runs the
%% tests is not distributed; it steers the others over their standard input and output, so a shim that wrote to
%% standard output would break every test here.
-module(barrel_p2p_dist_tests).
-include_lib("eunit/include/eunit.hrl").

%% Run inside the nodes.
-export([attach/1, monitored_death/1, linked_death/1, messages_by_name/1, echo/0]).
-export([start_listener/0, start_own_subscriber/0, listener/1, heard/1, forget/1]).
-export([start_sink/1, sink/1, sink_count/0, start_sender/3]).

-define(DFLAG_DIST_HDR_ATOM_CACHE, 16#2000).
-define(DFLAG_FRAGMENTS, 16#800000).

%% --- talking ----------------------------------------------------------------------------------------------

nodes_talk_test_() ->
    with_daemon(fun two_nodes_talk/1, "two nodes talk").

two_nodes_talk(Host) ->
    {A, An} = start_node(Host, a), {B, Bn} = start_node(Host, b),
    ?assertEqual(pong, call(A, net_adm, ping, [Bn])),
    ?assertEqual([An], call(B, erlang, nodes, [])),
    ?assertEqual(Bn, call(A, rpc, call, [Bn, erlang, node, []])),
    ?assertEqual(Bn, call(A, erpc, call, [Bn, erlang, node, []])),
    %% gen_server:call, to a name
    Question = {call, erlang, list_to_binary, ["called"], self()},
    ?assertEqual(<<"called">>, call(A, gen_server, call, [{rex, Bn}, Question])),
    %% 10 MB there and back, unmodified
    Big = rand:bytes(10000000),
    ?assertEqual(erlang:md5(Big), call(A, erpc, call, [Bn, erlang, md5, [Big]])),
    ?assertEqual(Big, call(A, erpc, call, [Bn, binary, copy, [Big]])),
    %% neither side offers the atom cache, both offer fragments
    [?assertEqual(?DFLAG_FRAGMENTS, Flags band (?DFLAG_FRAGMENTS bor ?DFLAG_DIST_HDR_ATOM_CACHE))
     || Flags <- fake_daemon:handshakes(daemon(Host))],
    ?assert(length(fake_daemon:handshakes(daemon(Host))) >= 1),
    %% what net_kernel can tell of the connection
    {ok, Info} = call(A, net_kernel, node_info, [Bn]),
    ?assertMatch({net_address, undefined, "127.0.0.1", barrel_p2p, local}, proplists:get_value(address, Info)),
    ?assertEqual({ok, [{nodelay, true}]}, call(A, net_kernel, getopts, [Bn, [nodelay]])),
    ?assertEqual(ok, call(A, net_kernel, setopts, [Bn, [{nodelay, false}]])),
    ?assertEqual({ok, [{nodelay, false}]}, call(A, net_kernel, getopts, [Bn, [nodelay]])),
    ?assertMatch({error, {badopts, _}}, call(A, net_kernel, setopts, [Bn, [{active, false}]])),
    ?assertEqual(ok, call(A, net_kernel, setopts, [new, [{nodelay, true}]])),
    ?assertMatch({ok, #{daemon := <<"fake">>, name := <<"a@127.0.0.1">>}}, call(A, barrel_p2p, node_info, [])),
    ?assertEqual({error, address}, call(A, net_adm, names, [])).

links_and_monitors_test_() ->
    with_daemon(
      fun(Host) ->
              {A, _} = start_node(Host, a), {_, Bn} = start_node(Host, b),
              ?assertEqual(killed, call(A, ?MODULE, monitored_death, [Bn])),
              ?assertEqual(killed, call(A, ?MODULE, linked_death, [Bn])),
              ?assertEqual([1, 2, 3, done], call(A, ?MODULE, messages_by_name, [Bn]))
      end, "links, monitors and messages to names work").

%% docs/decisions/0008-reaping.md: by the VM's own table, so what it has to say of each of them, at either end.
a_node_tells_which_of_its_connections_nothing_is_attached_to_test_() ->
    with_daemon(
      fun(Host) ->
              Settings = ["-barrel_p2p", "dist_gc_min_age_ms", "7000"],
              {A, An} = start_node(Host, a, Settings), {B, Bn} = start_node(Host, b, ["-hidden", "-connect_all", "true" | Settings]),
              Name = atom_to_binary(An, utf8), Other = atom_to_binary(Bn, utf8),
              ?assertEqual([{Name, 7000, 60000}, {Other, 7000, 60000}], lists:sort(fake_daemon:consents(daemon(Host)))),
              ?assertEqual(pong, call(A, net_adm, ping, [Bn])),
              Free = fun() -> {Names, _} = call(A, barrel_p2p_reaping, unattached, [[Other]]), Names =:= [Other] end,
              wait_until(Free),
              [begin
                   Pid = call(Peer, erlang, spawn, [?MODULE, attach, [Fun]]),
                   wait_until(fun() -> not Free() end),
                   exit_in(Peer, Pid),
                   wait_until(Free)
               end || {Peer, Fun} <- [{A, {erlang, monitor, [process, {rex, Bn}]}}, {B, {erlang, monitor, [process, {rex, An}]}},
                                      {A, {erlang, spawn_link, [Bn, timer, sleep, [infinity]]}},
                                      {B, {erlang, spawn_monitor, [An, timer, sleep, [infinity]]}},
                                      {A, {erlang, monitor_node, [Bn, true]}},
                                      {A, {rpc, call, [Bn, timer, sleep, [60000]]}},
                                      {B, {gen_server, call, [{kernel_sup, An}, nobody_answers_this, infinity]}}]],
              fake_daemon:asks_whether_unused(daemon(Host), Name, [Other, <<"unknown@nowhere">>]),
              wait_until(fun() -> fake_daemon:let_go(daemon(Host)) =:= [{Name, [Other]}] end)
      end, "a node tells which of its connections nothing is attached to").

attach({M, F, Args}) ->
    _ = apply(M, F, Args),
    receive after infinity -> ok end.

exit_in(Peer, Pid) -> call(Peer, erlang, exit, [Pid, kill]).

%% `global' would take what is closed for what is lost; and one that may connect once only would be cut off.
who_would_be_harmed_does_not_consent_test_() ->
    with_daemon(
      fun(Host) ->
              {_, _} = start_node(Host, a, ["-kernel", "dist_auto_connect", "once"]),
              {0, _, _} = run_erl(Host#{mesh => true}, ["-name", "b@127.0.0.1"], "halt()"),
              {_, Cn} = start_node(Host, c),
              Name = atom_to_binary(Cn, utf8),
              ?assertEqual([{Name, 300000, 60000}], fake_daemon:consents(daemon(Host)))
      end, "a node that would be harmed does not consent to closing what nobody uses").

%% No Erlang process is on the data path: the port delivers to the VM.
the_vm_itself_reads_the_socket_test_() ->
    with_daemon(
      fun(Host) ->
              {A, _} = start_node(Host, a), {_, Bn} = start_node(Host, b),
              pong = call(A, net_adm, ping, [Bn]),
              {ok, Info} = call(A, net_kernel, node_info, [Bn]),
              Owner = proplists:get_value(owner, Info),
              Before = call(A, erlang, process_info, [Owner, reductions]),
              [1 = call(A, erpc, call, [Bn, erlang, abs, [-1]]) || _ <- lists:seq(1, 200)],
              ?assertEqual(Before, call(A, erlang, process_info, [Owner, reductions]))
      end, "no process touches a message").

both_connect_at_once_test_() ->
    with_daemon(
      fun(Host) ->
              {A, An} = start_node(Host, a), {B, Bn} = start_node(Host, b),
              [begin
                   Dials = [in_background(fun() -> call(From, net_kernel, connect_node, [To]) end)
                            || {From, To} <- [{A, Bn}, {B, An}]],
                   Answers = [answer_of(Dial) || Dial <- Dials],
                   ?assertEqual({Round, [true, true]}, {Round, Answers}),
                   ?assertEqual(Bn, call(A, erpc, call, [Bn, erlang, node, []])),
                   ?assertEqual(An, call(B, erpc, call, [An, erlang, node, []])),
                   _ = call(A, erlang, disconnect_node, [Bn]),
                   wait_until(fun() -> call(A, erlang, nodes, []) =:= [] andalso call(B, erlang, nodes, []) =:= [] end)
               end || Round <- lists:seq(1, 100)]
      end, "both sides connect at once, a hundred times").

ticks_test_() ->
    with_daemon(
      fun(Host) ->
              Ticks = ["-kernel", "net_ticktime", "4"],
              {A, _} = start_node(Host, a, Ticks), {B, Bn} = start_node(Host, b, Ticks),
              pong = call(A, net_adm, ping, [Bn]),
              In = fun() -> {ok, I} = call(A, net_kernel, node_info, [Bn]), proplists:get_value(in, I) end,
              Before = In(),
              %% nothing is said, and still something arrives: ticks, both ways
              wait_until(fun() -> In() >= Before + 3 end),
              ?assertEqual([Bn], call(A, erlang, nodes, [])),
              %% a stopped VM is noticed by their absence
              Pid = call(B, os, getpid, []),
              _ = os:cmd("kill -STOP " ++ Pid),
              wait_until(fun() -> call(A, erlang, nodes, []) =:= [] end),
              _ = os:cmd("kill -CONT " ++ Pid)
      end, "an idle connection is kept by ticks, a silent one is cut").

a_slow_receiver_holds_the_sender_test_() ->
    with_daemon(
      fun(Host) ->
              {A, _} = start_node(Host, a), {B, Bn} = start_node(Host, b),
              pong = call(A, net_adm, ping, [Bn]),
              _ = call(A, ?MODULE, start_sink, [Bn]),
              Pid = call(B, os, getpid, []),
              _ = os:cmd("kill -STOP " ++ Pid),
              Before = call(A, erlang, memory, [total]),
              Sender = call(A, ?MODULE, start_sender, [Bn, 2000, 100000]),   % 200 MB
              wait_until(fun() -> {status, suspended} =:= call(A, erlang, process_info, [Sender, status]) end),
              ?assert(call(A, erlang, memory, [total]) - Before < 50000000),
              _ = os:cmd("kill -CONT " ++ Pid),
              wait_until(fun() -> undefined =:= call(A, erlang, process_info, [Sender, status]) end),
              wait_until(fun() -> 2000 =:= call(B, ?MODULE, sink_count, []) end)
      end, "a stopped receiver makes the sender wait, and nothing is lost").

%% --- coming and going --------------------------------------------------------------------------------------

a_killed_vm_is_noticed_test_() ->
    with_daemon(
      fun(Host) ->
              {A, _} = start_node(Host, a), {B, Bn} = start_node(Host, b),
              pong = call(A, net_adm, ping, [Bn]),
              _ = os:cmd("kill -KILL " ++ call(B, os, getpid, [])),
              wait_until(fun() -> call(A, erlang, nodes, []) =:= [] end, 5000),
              %% its name is free, its creation is not used again
              Creation = [C || #{name := N, creation := C} <- maps:values(fake_daemon:sessions(daemon(Host))),
                               N =:= atom_to_binary(Bn, utf8)],
              ?assertEqual([], Creation),
              {B2, Bn} = start_node(Host, b),
              ?assert(call(B2, erlang, system_info, [creation]) > call(A, erlang, system_info, [creation])),
              ?assertEqual(pong, call(A, net_adm, ping, [Bn]))
      end, "a killed VM is noticed at once and its name can start again").

the_daemon_restarts_test_() ->
    with_daemon(
      fun(Host) ->
              {A, An} = start_node(Host, a), {B, Bn} = start_node(Host, b),
              pong = call(A, net_adm, ping, [Bn]),
              [Creation1, Creation2] = [call(Node, erlang, system_info, [creation]) || Node <- [A, B]],
              Shown1 = fake_daemon:sessions(daemon(Host)),
              stop_daemon(Host),
              wait_until(fun() -> {[], []} =:= {call(A, erlang, nodes, []), call(B, erlang, nodes, [])} end, 5000),
              %% without a daemon a dial fails at once
              {Micros, false} = timer:tc(fun() -> call(A, net_kernel, connect_node, [Bn]) end),
              ?assert(Micros < 5000000),   % net_setuptime is 7 s
              ?assertEqual({error, daemon_unavailable}, call(A, barrel_p2p, node_info, [])),
              start_daemon(Host, #{first_creation => 5000}),
              wait_until(fun() -> map_size(fake_daemon:sessions(daemon(Host))) =:= 2 end),
              Identity = fun(Sessions) ->
                                 lists:sort([{N, T, C} || #{name := N, token := T, creation := C}
                                                              <- maps:values(Sessions)])
                         end,
              ?assertEqual(Identity(Shown1), Identity(fake_daemon:sessions(daemon(Host)))),
              ?assertEqual([Creation1, Creation2], [call(Node, erlang, system_info, [creation]) || Node <- [A, B]]),
              ?assertEqual(pong, call(B, net_adm, ping, [An])),
              ?assertEqual(pong, call(A, net_adm, ping, [Bn])),
              ?assertMatch({ok, _}, call(A, barrel_p2p, node_info, []))
      end, "the daemon is killed and comes back: same names, tokens, creations").

the_client_crashes_test_() ->
    with_daemon(
      fun(Host) ->
              {A, _} = start_node(Host, a), {B, Bn} = start_node(Host, b),
              pong = call(A, net_adm, ping, [Bn]),
              Before = fake_daemon:sessions(daemon(Host)),
              true = call(A, erlang, exit, [call(A, erlang, whereis, [barrel_p2p_client]), kill]),
              wait_until(fun() -> phase(A) =:= attached end),
              ?assertEqual([Bn], call(A, erlang, nodes, [])),   % channels do not depend on it
              [{_, #{token := Token}}] = [S || {_, #{name := <<"a@127.0.0.1">>}} = S <- maps:to_list(Before)],
              ?assert(lists:any(fun(#{token := T}) -> T =:= Token end, fake_daemon:attaches(daemon(Host)))),
              true = call(A, erlang, disconnect_node, [Bn]),
              %% Until B has noticed, its ping would go with the connection that is closing.
              wait_until(fun() -> call(B, erlang, nodes, []) =:= [] end),
              ?assertEqual(pong, call(B, net_adm, ping, ['a@127.0.0.1']))
      end, "a client that is killed is back with the same session").

a_name_in_use_test_() ->
    with_daemon(
      fun(Host) ->
              {_, _} = start_node(Host, a),
              {Status, Out, Err} = run_erl(Host, ["-name", "a@127.0.0.1"], "halt(0)"),
              ?assertEqual(1, Status),
              ?assertNotEqual(nomatch, string:find(Out ++ Err, "seems to be in use by another Erlang node")),
              ?assertNotEqual(nomatch, string:find(Err, "a@127.0.0.1 is attached already"))
      end, "a second start of a living name fails and says why").

a_refused_start_test_() ->
    with_daemon(
      fun(Host) ->
              stop_daemon(Host),
              start_daemon(Host, #{refuse => {6, <<"uid 0 may not use the name">>}}),
              {Status, Out, Err} = run_erl(Host, ["-name", "a@127.0.0.1"], "halt(0)"),
              ?assertEqual(1, Status),
              ?assertNotEqual(nomatch, string:find(Err, "uid 0 may not use the name")),
              ?assertNotEqual(nomatch, string:find(Out, "not_allowed"))
      end, "a refused start ends and tells the daemon's reason").

no_daemon_at_all_test_() ->
    with_daemon(
      fun(Host) ->
              stop_daemon(Host),
              {Status, Out, Err} = run_erl(Host#{wait_ms => "300"}, ["-name", "a@127.0.0.1"], "halt(0)"),
              ?assertEqual(1, Status),
              ?assertMatch([_, _], [Line || "barrel_p2p: " ++ _ = Line <- string:split(Err, "\n", all)]),
              ?assertNotEqual(nomatch, string:find(Err, "waiting for the daemon")),
              ?assertNotEqual(nomatch, string:find(Err, "gave up waiting")),
              ?assertEqual(nomatch, string:find(Out, "waiting for the daemon"))
      end, "a node without a daemon gives up and says so on standard error").

a_silent_daemon_test_() ->
    with_daemon(
      fun(Host) ->
              stop_daemon(Host),
              start_daemon(Host, #{silent => true}),
              {Status, _Out, Err} = run_erl(Host#{wait_ms => "300"}, ["-name", "a@127.0.0.1"], "halt(0)"),
              ?assertEqual(1, Status),
              ?assertNotEqual(nomatch, string:find(Err, "gave up waiting for the daemon: no answer"))
      end, "a daemon that does not answer is not waited for without end").

the_vm_is_there_first_test_() ->
    with_daemon(
      fun(Host) ->
              stop_daemon(Host),
              Print = "io:put_chars(atom_to_list(node())), halt(0)",
              Starting = in_background(fun() -> run_erl(Host, ["-name", "a@127.0.0.1"], Print) end),
              wait_until(fun() -> nomatch =/= string:find(stderr_of(Host), "waiting for the daemon") end),
              start_daemon(Host, #{}),
              {Status, Out, _} = answer_of(Starting),
              ?assertEqual({0, "a@127.0.0.1"}, {Status, Out})
      end, "a node that starts before its daemon waits for it").

%% --- the cluster ---------------------------------------------------------------------------------------------

the_cluster_is_asked_test_() ->
    with_daemon(
      fun(Host) ->
              {A, An} = start_node(Host, a), {_, Bn} = start_node(Host, b),
              ?assertEqual([An, Bn], call(A, barrel_p2p, members, [])),
              ?assertEqual([], call(A, barrel_p2p, active_view, [])),
              ?assertEqual(['nobody_yet@elsewhere'], call(A, barrel_p2p, passive_view, [])),   % the atom is new there
              ?assertEqual({error, cannot_join_self}, call(A, barrel_p2p, join, [An])),
              ?assertEqual(ok, call(A, barrel_p2p, join, [Bn])),
              ?assertEqual([], fake_daemon:joins(daemon(Host))),
              ?assertEqual(ok, call(A, barrel_p2p, join, ['c@elsewhere'])),
              ?assertEqual([<<"c@elsewhere">>], fake_daemon:joins(daemon(Host))),
              ?assertEqual(ok, call(A, barrel_p2p, leave, [])),
              stop_daemon(Host),
              ?assertEqual([], call(A, barrel_p2p, members, [])),
              ?assertEqual({error, daemon_unavailable}, call(A, barrel_p2p, join, ['c@elsewhere']))
      end, "members, views, joining and leaving").

events_test_() ->
    with_daemon(
      fun(Host) ->
              {A, _} = start_node(Host, a),
              Heard = heard_by(A, fun(Pid) -> [ok = call(A, barrel_p2p, subscribe, [Pid]) || _ <- [1, 2]] end),
              Both = heard_by(A, fun(Pid) ->
                                         ok = call(A, barrel_p2p, subscribe, [Pid]),
                                         ok = call(A, barrel_p2p, subscribe, [Pid, members])
                                 end),
              ok = fake_daemon:tell(daemon(Host), neighbours, joined),
              ok = fake_daemon:tell(daemon(Host), neighbours, {peer_up, <<"x@y">>}),
              ok = fake_daemon:tell(daemon(Host), members, {member_up, <<"x@y">>}),
              ok = fake_daemon:tell(daemon(Host), neighbours, {peer_down, <<"x@y">>, dropped}),
              Up = [{barrel_p2p_event, joined}, {barrel_p2p_event, {peer_up, 'x@y'}}],
              Down = {barrel_p2p_event, {peer_down, 'x@y', dropped}},
              hears(Heard, Up ++ [Down]),
              hears(Both, Up ++ [{barrel_p2p_event, {member_up, 'x@y'}}, Down]),
              ok = call(A, barrel_p2p, unsubscribe, [maps:get(pid, Both)]),
              ok = fake_daemon:tell(daemon(Host), neighbours, left),
              ok = fake_daemon:tell(daemon(Host), members, {member_down, <<"x@y">>, nodedown}),
              hears(Heard, [{barrel_p2p_event, left}]),
              hears(Both, [{barrel_p2p_event, {member_down, 'x@y', nodedown}}]),
              ok = call(A, barrel_p2p, unsubscribe, [maps:get(pid, Both), members]),
              ok = fake_daemon:tell(daemon(Host), members, {member_up, <<"x@y">>}),
              ok = fake_daemon:tell(daemon(Host), neighbours, joined),
              hears(Heard, [{barrel_p2p_event, joined}]),
              hears(Both, []),
              %% who ends is forgotten, and then the daemon need not tell
              [true = call(A, erlang, exit, [Pid, kill]) || #{pid := Pid} <- [Heard, Both]],
              Topics = fun() -> maps:values(fake_daemon:topics(daemon(Host))) end,
              wait_until(fun() -> [[]] =:= Topics() end),
              %% whoever calls
              Own = call(A, ?MODULE, start_own_subscriber, []),
              wait_until(fun() -> [[neighbours]] =:= Topics() end),
              unsubscribe = call(A, erlang, send, [Own, unsubscribe]),
              wait_until(fun() -> [[]] =:= Topics() end),
              ?assert(call(A, erlang, is_process_alive, [Own]))
      end, "events of neighbours and members, each once to each subscriber, until it ends").

broadcasts_test_() ->
    with_daemon(
      fun(Host) ->
              {A, _} = start_node(Host, a), {B, _} = start_node(Host, b),
              HeardA = heard_by(A, fun(Pid) -> ok = call(A, barrel_p2p_plumtree, subscribe, [Pid]) end),
              HeardB = heard_by(B, fun(Pid) ->
                                           ok = call(B, barrel_p2p_plumtree, subscribe, [Pid]),
                                           ok = call(B, barrel_p2p_plumtree, subscribe, [Pid, {tag, 1}])
                                   end),
              One = heard_by(B, fun(Pid) -> ok = call(B, barrel_p2p_plumtree, subscribe, [Pid, {tag, 1}]) end),
              New = {there, #{1 => <<2>>}, list_to_atom("broadcast_" ++ integer_to_list(erlang:system_time()))},
              ?assertEqual(ok, call(A, barrel_p2p_plumtree, broadcast, [{tag, 1}, New])),
              ?assertEqual(ok, call(A, barrel_p2p_plumtree, broadcast, ["another", [2.5]])),
              All = [{plumtree_broadcast, {{tag, 1}, New}}, {plumtree_broadcast, {"another", [2.5]}}],
              hears(HeardA, All),
              hears(HeardB, All),
              hears(One, [hd(All)]),
              ?assertEqual({error, too_large}, call(A, barrel_p2p_plumtree, broadcast, [t, <<0:(8 * 600000)>>])),
              ?assertEqual({error, tag_too_long}, call(A, barrel_p2p_plumtree, broadcast, [<<0:(8 * 2000)>>, p])),
              ?assertEqual({error, too_many}, call(A, barrel_p2p_plumtree, subscribe, [maps:get(pid, HeardA), "text"])),
              %% the daemon restarts: nobody subscribes again, and all hear
              stop_daemon(Host),
              ?assertEqual({error, daemon_unavailable}, call(A, barrel_p2p_plumtree, broadcast, [t, p])),
              start_daemon(Host, #{first_creation => 5000}),
              wait_until(fun() -> [[broadcasts], [broadcasts, {broadcast, tag_bytes({tag, 1})}]] =:=
                                      lists:sort(maps:values(fake_daemon:topics(daemon(Host))))
                         end),
              ?assertEqual(ok, call(B, barrel_p2p_plumtree, broadcast, [{tag, 1}, again])),
              Again = {plumtree_broadcast, {{tag, 1}, again}},
              [hears(Heard, [Again]) || Heard <- [HeardA, HeardB, One]],
              ok = call(B, barrel_p2p_plumtree, unsubscribe, [maps:get(pid, One), {tag, 1}]),
              ok = call(B, barrel_p2p_plumtree, broadcast, [{tag, 1}, last]),
              hears(HeardB, [{plumtree_broadcast, {{tag, 1}, last}}]),
              hears(One, []),
              ok = call(B, barrel_p2p_plumtree, unsubscribe, [maps:get(pid, HeardB)]),
              ok = call(B, barrel_p2p_plumtree, broadcast, [<<"no tag of theirs">>, last]),
              hears(HeardA, [{plumtree_broadcast, {{tag, 1}, last}}, {plumtree_broadcast, {<<"no tag of theirs">>, last}}]),
              hears(HeardB, [])
      end, "broadcasts come once, in order, to all who subscribed, also after the daemon has restarted").

a_program_without_distribution_hears_too_test_() ->
    with_daemon(
      fun(Host) ->
              C = start_vm(Host),
              Pid = call(C, erlang, spawn, [timer, sleep, [infinity]]),
              ?assertEqual({error, not_started}, call(C, barrel_p2p, subscribe, [Pid])),
              ?assertEqual(ok, call(C, barrel_p2p, unsubscribe, [Pid])),
              ?assertEqual({error, not_started}, call(C, barrel_p2p_plumtree, broadcast, [t, p])),
              ok = call(C, application, start, [barrel_p2p]),
              Heard = heard_by(C, fun(Own) -> ok = call(C, barrel_p2p_plumtree, subscribe, [Own]) end),
              ok = call(C, barrel_p2p_plumtree, broadcast, [t, before]),
              %% as a node, and as none again
              {ok, _} = call(C, net_kernel, start, [['c@127.0.0.1', longnames]]),
              ok = call(C, barrel_p2p_plumtree, broadcast, [t, as_a_node]),
              ok = call(C, net_kernel, stop, []),
              wait_until(fun() -> [[broadcasts]] =:= maps:values(fake_daemon:topics(daemon(Host))) end),
              ok = call(C, barrel_p2p_plumtree, broadcast, [t, as_none_again]),
              hears(Heard, [{plumtree_broadcast, {t, What}} || What <- [before, as_a_node, as_none_again]])
      end, "a VM that is no node subscribes, becomes a node and stops being one").

atoms_from_elsewhere_test_() ->
    with_daemon(
      fun(Host) ->
              C = start_vm(Host),
              Names = fun(From, Count) ->
                              [iolist_to_binary(io_lib:format("n~b@h", [N])) || N <- lists:seq(From, From + Count - 1)]
                      end,
              [?assertEqual({error, bad_term}, call(C, barrel_p2p_foreign, term, [Bytes]))
               || Bytes <- [<<>>, <<131>>, <<0>>, <<131, 97, 1, 0>>,
                            term_to_binary(lists:duplicate(10000, a), [compressed])]],
              %% a fifth of the table, and then none
              Limit = call(C, erlang, system_info, [atom_limit]) div 5,
              ?assertEqual(Limit, length(call(C, barrel_p2p_foreign, node_names, [Names(1, Limit + 100)]))),
              ?assertEqual({error, too_many_atoms}, call(C, barrel_p2p_foreign, node_name, [<<"one_more@h">>])),
              ?assertEqual({error, too_many_atoms},
                           call(C, barrel_p2p_foreign, term, [<<131, 119, 8, "one_more">>])),
              ?assertEqual({ok, 'n1@h'}, call(C, barrel_p2p_foreign, node_name, [<<"n1@h">>])),
              ?assertEqual({ok, {ok, []}}, call(C, barrel_p2p_foreign, term, [term_to_binary({ok, []})]))
      end, "the cluster cannot fill a VM's atom table").

%% --- kinds of nodes ------------------------------------------------------------------------------------------

unnamed_test_() ->
    with_daemon(
      fun(Host) ->
              {_, An} = start_node(Host, a),
              {Status, Out, Err} =
                  run_erl(Host, ["-sname", "undefined", "-setcookie", cookie()],
                          "N = list_to_atom(\"a@127.0.0.1\"), nonode@nohost = node(), "
                          "true = net_kernel:connect_node(N), "
                          "[Me] = rpc:call(N, erlang, nodes, [hidden]), Me = node(), false = Me =:= nonode@nohost, "
                          "io:put_chars(\"good\"), halt(0)"),
              ?assertEqual({0, "good", ""}, {Status, Out, Err}),
              ?assertMatch(#{name := <<>>, listens := false}, hd(fake_daemon:attaches(daemon(Host)))),
              ?assertEqual([atom_to_binary(An, utf8)], fake_daemon:dials(daemon(Host)))
      end, "a node without a name dials and is given one").

remsh_test_() ->
    with_daemon(
      fun(Host) ->
              {_, _} = start_node(Host, a),
              Erl = erl_command(Host, ["-sname", "undefined", "-setcookie", cookie(), "-remsh", "a@127.0.0.1"]),
              Out = filename:join(maps:get(dir, Host), "out"),
              %% Its input stays open until the answer is there: a shell at its end of input does not wait for one.
              Until = "for i in $(seq 400); do grep -qs 'on a@127' " ++ Out ++ " && break; sleep 0.05; done",
              Typed = "(echo 'io:format(\"on ~s~n\", [node()]).'; " ++ Until ++ ")",
              _ = os:cmd(lists:flatten([Typed, " | timeout 30 ", Erl, " >", Out, " 2>&1"])),
              ?assertNotEqual(nomatch, string:find(read(Out), "on a@127.0.0.1"), read(Out))
      end, "a remote shell").

hidden_test_() ->
    with_daemon(
      fun(Host) ->
              {A, An} = start_node(Host, a), {H, Hn} = start_node(Host, h, ["-hidden"]),
              pong = call(H, net_adm, ping, [An]),
              ?assertEqual([], call(A, erlang, nodes, [])),
              ?assertEqual([Hn], call(A, erlang, nodes, [hidden])),
              ?assertMatch(#{name := <<"h@127.0.0.1">>, hidden := true, listens := true},
                           hd(fake_daemon:attaches(daemon(Host)))),
              true = call(A, erlang, disconnect_node, [Hn]),
              ?assertEqual(pong, call(A, net_adm, ping, [Hn]))
      end, "a hidden node").

named_but_not_listening_test_() ->
    with_daemon(
      fun(Host) ->
              {A, An} = start_node(Host, a), {Q, Qn} = start_node(Host, q, ["-dist_listen", "false"]),
              ?assertEqual(pang, call(A, net_adm, ping, [Qn])),
              ?assertEqual(pong, call(Q, net_adm, ping, [An])),
              ?assertEqual([Qn], call(A, erlang, nodes, [hidden])),
              ?assertEqual(Qn, call(A, erpc, call, [Qn, erlang, node, []])),
              ?assertEqual(ok, call(Q, net_kernel, setopts, [new, [{nodelay, true}]])),
              ?assert(lists:member(Qn, named(Host)))
      end, "a node with -dist_listen false").

any_host_part_test_() ->
    with_daemon(
      fun(Host) ->
              {A, _} = start_node(Host, a), {_, Fn} = start_node(Host#{host => "::1"}, f),
              ?assertEqual('f@::1', Fn),
              ?assertEqual(pong, call(A, net_adm, ping, [Fn]))
      end, "a name with an IPv6 address").

at_run_time_test_() ->
    with_daemon(
      fun(Host) ->
              {A, An} = start_node(Host, a), C = start_vm(Host),
              ?assertEqual({error, not_started}, call(C, barrel_p2p, node_info, [])),
              ?assertEqual(ok, call(C, application, start, [barrel_p2p])),
              ?assertMatch({ok, #{name := <<>>}}, call(C, barrel_p2p, node_info, [])),
              Creations =
                  [begin
                       ?assertMatch({ok, _}, call(C, net_kernel, start, [['c@127.0.0.1', longnames]])),
                       true = call(C, erlang, set_cookie, [list_to_atom(cookie())]),
                       ?assertEqual(pong, call(C, net_adm, ping, [An])),
                       true = call(A, erlang, disconnect_node, ['c@127.0.0.1']),
                       ?assertEqual(pong, call(A, net_adm, ping, ['c@127.0.0.1'])),
                       ?assertMatch({ok, #{name := <<"c@127.0.0.1">>}}, call(C, barrel_p2p, node_info, [])),
                       Creation = call(C, erlang, system_info, [creation]),
                       ?assertEqual(ok, call(C, net_kernel, stop, [])),
                       wait_until(fun() -> call(A, erlang, nodes, []) =:= [] end, 5000),
                       ?assertEqual(['a@127.0.0.1'], named(Host)),
                       Creation
                   end || _ <- lists:seq(1, 3)],
              ?assertEqual(3, length(lists:usort(Creations))),
              %% the application stops under a node that goes on
              {ok, _} = call(C, net_kernel, start, [['c@127.0.0.1', longnames]]),
              Client = call(C, erlang, whereis, [barrel_p2p_client]),
              ok = call(C, application, stop, [barrel_p2p]),
              ?assertEqual(Client, call(C, erlang, whereis, [barrel_p2p_client])),
              ?assertEqual(attached, phase(C)),
              ok = call(C, application, start, [barrel_p2p]),
              ok = call(C, net_kernel, stop, []),
              %% one that only dials gives its name back as well
              {ok, _} = call(C, net_kernel, start, ['d@127.0.0.1', #{name_domain => longnames, dist_listen => false}]),
              true = call(C, erlang, set_cookie, [list_to_atom(cookie())]),
              pong = call(C, net_adm, ping, [An]),
              ?assertEqual(['a@127.0.0.1', 'd@127.0.0.1'], lists:sort(named(Host))),
              ok = call(C, net_kernel, stop, []),
              wait_until(fun() -> named(Host) =:= ['a@127.0.0.1'] end),
              ?assertMatch({ok, #{name := <<>>}}, call(C, barrel_p2p, node_info, [])),
              ?assertEqual(ok, call(C, application, stop, [barrel_p2p])),
              wait_until(fun() -> call(C, erlang, whereis, [barrel_p2p_client]) =:= undefined end)
      end, "net_kernel:start and stop at run time, with the application running").

peer_module_test_() ->
    with_daemon(
      fun(Host) ->
              {A, An} = start_node(Host, a),
              {ok, Peer, Node} = call(A, peer, start, [#{name => p, host => "127.0.0.1", longnames => true,
                                                         wait_boot => 20000,
                                                         args => flags() ++ ["-setcookie", cookie()]}]),
              ?assertEqual('p@127.0.0.1', Node),
              ?assertEqual(An, call(A, erpc, call, [Node, erpc, call, [An, erlang, node, []]])),
              ok = call(A, peer, stop, [Peer]),
              wait_until(fun() -> named(Host) =:= ['a@127.0.0.1'] end)
      end, "nodes that the peer module starts over distribution").

%% --- what is refused ---------------------------------------------------------------------------------------------

unknown_node_test_() ->
    with_daemon(
      fun(Host) ->
              {A, _} = start_node(Host, a),
              LogFile = filename:join(maps:get(dir, Host), "log"),
              ok = call(A, logger, add_handler, [to_file, logger_std_h, #{config => #{file => LogFile}}]),
              {Micros, pang} = timer:tc(fun() -> call(A, net_adm, ping, ['nobody@nowhere']) end),
              ?assert(Micros < 5000000),
              [pang = call(A, net_adm, ping, ['nobody@nowhere']) || _ <- lists:seq(1, 20)],
              _ = call(A, barrel_p2p_client, status, []),   % has heard of them all
              ok = call(A, logger_std_h, filesync, [to_file]),
              {ok, Log} = file:read_file(LogFile),
              ?assertMatch([_, _], binary:split(Log, <<"no address for nobody@nowhere (unknown_node)">>, [global]))
      end, "the daemon's reason for a refused dial is logged, once").

wrong_cookie_test_() ->
    with_daemon(
      fun(Host) ->
              {A, _} = start_node(Host, a), {_, Bn} = start_node(Host#{cookie => "other"}, b),
              ?assertEqual(pang, call(A, net_adm, ping, [Bn]))
      end, "a wrong cookie").

what_is_at_the_path_test_() ->
    with_daemon(
      fun(#{dir := Dir, socket := Socket}) ->
              Open = fun(Path) ->
                             true = os:putenv("BARREL_P2P_SOCKET", Path),
                             Result = barrel_p2p_socket:open(session),
                             true = os:unsetenv("BARREL_P2P_SOCKET"),
                             Result
                     end,
              File = filename:join(Dir, "file"), Link = filename:join(Dir, "link"),
              ok = file:write_file(File, <<>>),
              ok = file:make_symlink(Socket, Link),
              ?assertMatch({ok, _}, Open(Socket)),
              ?assertMatch({error, {enoent, _}}, Open(filename:join(Dir, "nothing"))),
              ?assertMatch({error, {not_a_socket, _}}, Open(File)),
              ?assertMatch({error, {not_a_socket, _}}, Open(Link)),
              ?assertMatch({error, {path_too_long, _}}, Open(filename:join(Dir, lists:duplicate(100, $x)))),
              {ok, Uid} = file:read_file_info("/proc/self"),
              case element(13, Uid) of   % only root can give a socket away
                  0 ->
                      ok = file:change_owner(Socket, 4242),
                      ?assertMatch({error, {wrong_owner, _}}, Open(Socket));
                  _ -> ok
              end
      end, "a path that is no socket, a link, or a stranger's is not connected to").

the_full_mesh_warning_test_() ->
    with_daemon(
      fun(Host) ->
              {0, "", Err} = run_erl(Host#{mesh => true}, ["-name", "a@127.0.0.1"], "halt(0)"),
              ?assertMatch(["barrel_p2p: global builds a full mesh" ++ _, ""], string:split(Err, "\n", all)),
              {0, "", ""} = run_erl(Host#{mesh => true}, ["-name", "a@127.0.0.1", "-connect_all", "true"], "halt(0)"),
              {0, "", ""} = run_erl(Host, ["-name", "a@127.0.0.1"], "halt(0)")
      end, "a node at global's defaults is told, once; one that chose is not").

where_the_socket_is_test_() ->
    Print = "io:put_chars(barrel_p2p_config:socket_path()), io:format(\" ~b\", [barrel_p2p_config:wait_ms()]), halt(0)",
    Run = fun(Environment, Flags, Eval) ->
                  Erl = [os:find_executable("erl"), " -noinput ", lists:join(" ", flags()), " "],
                  os:cmd(lists:flatten([Environment, " ", Erl, Flags, " -eval '", Eval, ".'"]))
          end,
    None = "env -u BARREL_P2P_SOCKET",
    [?_assertEqual("/run/barrel-p2p/node.sock 10000", Run(None, "", Print)),
     ?_assertEqual("/flag 7", Run(None, "-barrel_p2p socket /flag wait_ms 7", Print)),
     ?_assertEqual("/flag 7", Run(None, "-barrel_p2p socket '\"/flag\"' -barrel_p2p wait_ms 7", Print)),
     ?_assertEqual("/loaded 7", Run(None, "-barrel_p2p socket '\"/loaded\"' wait_ms 7",
                                   "ok = application:load(barrel_p2p), " ++ Print)),
     ?_assertEqual("/env 8", Run("env BARREL_P2P_SOCKET=/env BARREL_P2P_WAIT_MS=8", "-barrel_p2p socket /flag", Print)),
     ?_assertEqual("/flag 10000",
                   Run("env BARREL_P2P_SOCKET= BARREL_P2P_WAIT_MS=soon", "-barrel_p2p socket /flag", Print))].

%% --- run inside the nodes ------------------------------------------------------------------------------------------

monitored_death(Node) ->
    Pid = spawn(Node, timer, sleep, [infinity]),
    Monitor = monitor(process, Pid),
    exit(Pid, kill),
    receive {'DOWN', Monitor, process, Pid, Reason} -> Reason end.

linked_death(Node) ->
    process_flag(trap_exit, true),
    Pid = spawn_link(Node, timer, sleep, [infinity]),
    exit(Pid, kill),
    receive {'EXIT', Pid, Reason} -> Reason end.

messages_by_name(Node) ->
    Pid = spawn(Node, ?MODULE, echo, []),
    Pid ! {hello, self()},
    receive ready -> ok end,
    [{shim_echo, Node} ! {N, self()} || N <- [1, 2, 3, done]],
    [receive {echoed, M} -> M end || _ <- [1, 2, 3, done]].

echo() ->
    receive {hello, From} -> register(shim_echo, self()), From ! ready end,
    echo_loop().

echo_loop() ->
    receive
        {done, From} -> From ! {echoed, done};
        {N, From} -> From ! {echoed, N}, echo_loop()
    end.

start_listener() -> spawn(?MODULE, listener, [[]]).

listener(Heard) ->
    receive
        {heard, From, Ref} -> From ! {Ref, lists:reverse(Heard)}, listener(Heard);
        {forget, From, Ref} -> From ! {Ref, ok}, listener([]);
        Message -> listener([Message | Heard])
    end.

heard(Pid) -> ask_listener(Pid, heard).
forget(Pid) -> ask_listener(Pid, forget).

ask_listener(Pid, What) ->
    Ref = make_ref(),
    Pid ! {What, self(), Ref},
    receive {Ref, Answer} -> Answer end.

start_sink(Node) ->
    Pid = spawn(Node, ?MODULE, sink, [self()]),
    receive {Pid, ready} -> ok end.

sink(Starter) ->
    register(shim_sink, self()),
    Starter ! {self(), ready},
    sink_loop(0).

sink_loop(Count) ->
    receive
        {data, _} -> sink_loop(Count + 1);
        {count, From} -> From ! {count, Count}, sink_loop(Count)
    end.

sink_count() ->
    shim_sink ! {count, self()},
    receive {count, Count} -> Count end.

start_sender(Node, Count, Size) ->
    Data = binary:copy(<<1>>, Size),
    spawn(fun() -> [{shim_sink, Node} ! {data, Data} || _ <- lists:seq(1, Count)] end).

%% --- helpers ---------------------------------------------------------------------------------------------------------

%% A directory with a daemon's socket; what a test started is ended with it.
with_daemon(Test, Title) ->
    {Title, {timeout, 120, fun() ->
                     Dir = string:trim(os:cmd("mktemp -d /tmp/barrel-shim-XXXXXX")),
                     Host = #{dir => Dir, socket => filename:join(Dir, "s"), host => "127.0.0.1"},
                     put(peers, []),
                     try
                         start_daemon(Host, #{}),
                         Test(Host)
                     after
                         [catch_exit(fun() -> end_node(Peer) end) || Peer <- get(peers)],
                         stop_daemon(Host),
                         ok = file:del_dir_r(Dir)
                     end
             end}}.

start_daemon(#{socket := Socket}, Options) ->
    put(daemon, fake_daemon:start(Socket, Options)).

stop_daemon(_Host) ->
    case get(daemon) of
        undefined -> ok;
        Pid -> fake_daemon:stop(Pid), put(daemon, undefined)
    end.

daemon(_Host) -> get(daemon).

named(Host) ->
    [binary_to_atom(Name, utf8) || #{name := Name} <- maps:values(fake_daemon:sessions(daemon(Host))), Name =/= <<>>].

phase(Node) ->
    case call(Node, barrel_p2p_client, status, []) of
        #{phase := Phase} -> Phase;
        Other -> Other
    end.

cookie() -> "shim_test".

%% A process in the node that keeps what it is sent; Subscribe is called with it.
heard_by(Node, Subscribe) ->
    Pid = call(Node, ?MODULE, start_listener, []),
    _ = Subscribe(Pid),
    #{node => Node, pid => Pid}.

start_own_subscriber() ->
    spawn(fun() ->
                  ok = barrel_p2p:subscribe(),
                  receive unsubscribe -> ok = barrel_p2p:unsubscribe() end,
                  receive after infinity -> ok end
          end).

%% It has heard exactly this since it was asked last.
hears(#{node := Node, pid := Pid}, Messages) ->
    Heard = fun() -> call(Node, ?MODULE, heard, [Pid]) end,
    wait_until(fun() -> length(Heard()) >= length(Messages) end, 5000),
    ?assertEqual(Messages, Heard()),
    call(Node, ?MODULE, forget, [Pid]).

tag_bytes(Tag) -> term_to_binary(Tag, [deterministic, {minor_version, 2}]).

flags() ->
    ["-pa", filename:dirname(code:which(barrel_p2p_dist)), "-pa", filename:dirname(code:which(?MODULE)),
     "-proto_dist", "barrel_p2p", "-epmd_module", "barrel_p2p_epmd", "-start_epmd", "false"].

no_mesh() -> ["-connect_all", "false", "-kernel", "prevent_overlapping_partitions", "false"].

environment(#{socket := Socket} = Host) ->
    [{"BARREL_P2P_SOCKET", Socket}, {"BARREL_P2P_WAIT_MS", maps:get(wait_ms, Host, "20000")},
     {"ERL_CRASH_DUMP_SECONDS", "0"}].

start_node(Host, Name) -> start_node(Host, Name, []).

start_node(#{host := At} = Host, Name, More) ->
    Peer = start_peer(Host, #{name => Name, host => At, longnames => true}, More),
    {Peer, call(Peer, erlang, node, [])}.

%% Not distributed, but with the flags for it.
start_vm(Host) -> start_peer(Host, #{}, []).

start_peer(Host, Options, More) ->
    Args = flags() ++ no_mesh() ++ ["-setcookie", maps:get(cookie, Host, cookie())] ++ More,
    Started = peer:start(Options#{connection => standard_io, wait_boot => 30000, args => Args,
                                  env => environment(Host)}),
    Peer = case Started of
               {ok, P, _} -> P;
               {ok, P} -> P
           end,
    put(peers, [{Peer, call(Peer, os, getpid, [])} | get(peers)]),
    Peer.

in_background(Fun) ->
    Parent = self(),
    spawn_link(fun() -> Parent ! {self(), Fun()} end).

answer_of(Pid) -> receive {Pid, Answer} -> Answer end.

call(Peer, M, F, A) -> peer:call(Peer, M, F, A, 60000).

%% By its operating system pid as well: the VM may be stopped, or its peer process gone.
end_node({Peer, Pid}) ->
    _ = os:cmd("kill -KILL " ++ Pid ++ " 2>/dev/null"),
    peer:stop(Peer).

catch_exit(Fun) ->
    try Fun() catch exit:_ -> ok end.

%% An erl of its own: {exit status, standard output, standard error}.
run_erl(#{dir := Dir} = Host, Flags, Eval) ->
    [Out, Err] = [filename:join(Dir, Name) || Name <- ["out", "err"]],
    Erl = erl_command(Host, ["-noinput" | Flags] ++ ["-eval", "'" ++ Eval ++ ".'"]),
    Status = os:cmd(lists:flatten(["timeout 60 ", Erl, " >", Out, " 2>", Err, " </dev/null; echo $?"])),
    {list_to_integer(string:trim(Status)), read(Out), read(Err)}.

stderr_of(#{dir := Dir}) -> read(filename:join(Dir, "err")).

erl_command(Host, Flags) ->
    Mesh = case Host of #{mesh := true} -> []; _ -> no_mesh() end,
    lists:join(" ", ["env" | [[Key, "=", Value] || {Key, Value} <- environment(Host)]]
               ++ [os:find_executable("erl") | flags()] ++ Mesh ++ Flags).

read(File) ->
    case file:read_file(File) of
        {ok, Bytes} -> unicode:characters_to_list(Bytes);
        {error, enoent} -> ""
    end.

wait_until(Condition) -> wait_until(Condition, 20000).

wait_until(Condition, Ms) -> wait_until(Condition, erlang:monotonic_time(millisecond) + Ms, Ms).

wait_until(Condition, Deadline, Ms) ->
    case Condition() of
        true -> ok;
        false ->
            ?assert(erlang:monotonic_time(millisecond) < Deadline, {not_within_ms, Ms}),
            receive after 20 -> ok end,
            wait_until(Condition, Deadline, Ms)
    end.
