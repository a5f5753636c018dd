%% What goes wrong in the field, done on purpose: who is told, how soon, and that everything works again after it.
%% Times are those of promises.md; the transport's idle time-out is 4 s here unless a case says otherwise.
-module(faults_SUITE).
-compile([export_all, nowarn_export_all]).
-include_lib("stdlib/include/assert.hrl").
-import(e2e_vm, [call/2, call/3]).

-define(IDLE_MS, 4000).

suite() -> [{timetrap, {seconds, 100}}].

all() ->
    [both_connect_at_once, daemons_dial_each_other_at_once, wrong_cookie, unknown_names,
     wrong_key, strict_without_a_pin, pin_of_wrong_size, pin_taken_back, another_cluster, two_daemons_with_one_key,
     daemon_killed, vm_killed, cable_cut, route_removed, one_way_cut, pause, translator_forgets, host_changes_its_address,
     clean_stop, restarts_in_each_order, vm_before_its_daemon, vm_without_a_daemon].

%% A world of its own for a case; {World, a@h1, b@h2}, not connected.
world(Name) -> world(Name, #{}).
world(Name, Options) ->
    World = e2e_world:start(["faults_", atom_to_list(Name)], Options),
    {A, B} = e2e_world:pair(World),
    [ok = call(Vm, fun e2e_watch:start/0) || Vm <- [A, B]],
    {World, A, B}.

done(World, Vms) ->
    [?assert(call(Vm, fun e2e_watch:alternate/0)) || Vm <- Vms, e2e_vm:is_alive(Vm)],
    e2e_vm:kill_except([]),
    e2e_world:stop(World).

name(#{name := Name}) -> Name.

ping(Vm, To) -> call(Vm, fun() -> net_adm:ping(To) end).
connect(A, B) -> ?assertEqual(pong, ping(A, name(B))).

%% Both ways, however many attempts it takes.
reconnects(A, B) -> reconnects(A, B, 20_000).
reconnects(A, B, Ms) ->
    [e2e_wait:until({pong, name(From), name(To)}, fun() -> ping(From, name(To)) =:= pong end, Ms)
     || {From, To} <- [{A, B}, {B, A}]],
    [?assertEqual(name(To), call(From, fun() -> rpc:call(name(To), erlang, node, []) end))
     || {From, To} <- [{A, B}, {B, A}]].

now_ms() -> erlang:system_time(millisecond).

%% Milliseconds from Since until Vm heard that Node went down.
nodedown_after(Vm, Node, Since, WaitMs) ->
    At = e2e_wait:until({nodedown, Node, seen_by, name(Vm)}, fun() ->
        case [Ms || {Ms, nodedown, N} <- call(Vm, fun e2e_watch:events/0), N =:= Node, Ms >= Since] of
            [Ms | _] -> {true, Ms};
            [] -> false
        end
    end, WaitMs),
    At - Since.

no_nodedown(Vm) -> ?assertEqual([], [E || {_, nodedown, _} = E <- call(Vm, fun e2e_watch:events/0)]).

within(What, Ms, Limit) ->
    ct:log("~p: ~b ms (at most ~b)", [What, Ms, Limit]),
    Ms =< Limit orelse error({too_late, What, Ms, at_most, Limit}).

replace(World, N, Daemon) -> e2e_world:replace(World, N, Daemon).
daemon(World, N) -> e2e_world:daemon(World, N).

%% --- connecting --------------------------------------------------------------------------------------------------

%% dist_util settles who wins; nobody may be left waiting, or with half a connection.
both_connect_at_once(_) ->
    {World, A, B} = world(at_once),
    connect(A, B),
    Both = [{A, name(B)}, {B, name(A)}],
    [begin
         %% The attempt that lost may come late and connect once more, over inet_tcp too.
         e2e_wait:until({down, Trial}, fun() ->
             [[]] =:= lists:usort([call(Vm, fun disconnect_all/0) || Vm <- [A, B]])
         end),
         At = erlang:system_time(microsecond) + 3000,
         Me = self(),
         Callers = [spawn_link(fun() ->
             Me ! {self(), call(Vm, fun() -> spin_until(At), net_kernel:connect_node(Other) end)}
         end) || {Vm, Other} <- Both],
         ?assertEqual({Trial, [true, true]}, {Trial, [receive {Pid, Result} -> Result end || Pid <- Callers]}),
         [?assertEqual({Trial, [Other]}, {Trial, call(Vm, fun() -> nodes() end)}) || {Vm, Other} <- Both]
     end || Trial <- lists:seq(1, 1000)],
    reconnects(A, B),
    done(World, [A, B]).

disconnect_all() ->
    Nodes = nodes(),
    [erlang:disconnect_node(Node) || Node <- Nodes],
    Nodes.

spin_until(At) ->
    case erlang:system_time(microsecond) >= At of
        true -> ok;
        false -> spin_until(At)
    end.

%% Each time both daemons are new to each other and both have a reason to dial: one link remains.
daemons_dial_each_other_at_once(_) ->
    {World, A, B} = world(dial_at_once),
    _ = lists:foldl(fun(_, W) ->
        [e2e_daemon:kill(daemon(W, N)) || N <- [1, 2]],
        W1 = lists:foldl(fun(N, Acc) -> replace(Acc, N, e2e_daemon:restart(daemon(Acc, N))) end, W, [1, 2]),
        [e2e_wait:until(attached, fun() -> length(maps:get(<<"nodes">>, e2e_daemon:status(daemon(W1, N)))) =:= 1 end)
         || N <- [1, 2]],
        At = erlang:system_time(microsecond) + 5000,
        Me = self(),
        Pids = [spawn_link(fun() ->
            Me ! {self(), call(From, fun() -> spin_until(At), net_kernel:connect_node(To) end)}
        end) || {From, To} <- [{A, name(B)}, {B, name(A)}]],
        ?assertEqual([true, true], [receive {Pid, R} -> R end || Pid <- Pids]),
        [e2e_wait:until({one_link, N}, fun() ->
            case maps:get(<<"links">>, e2e_daemon:status(daemon(W1, N))) of
                [_] -> true;
                Links -> {links, length(Links)}
            end
        end) || N <- [1, 2]],
        ?assertEqual(name(B), call(A, fun() -> rpc:call(name(B), erlang, node, []) end)),
        W1
    end, World, lists:seq(1, 10)),
    e2e_vm:kill_except([]).

wrong_cookie(_) ->
    {World, A, B} = world(cookie),
    connect(A, B),
    C = e2e_world:vm(World, {c, 1}, #{cookie => "another"}),
    {Ms, pang} = e2e_wait:timed(fun() -> ping(C, name(B)) end),
    within(refused, round(Ms), 5000),
    ?assertEqual(pang, ping(B, name(C))),
    ?assertEqual([name(A)], call(B, fun() -> nodes() end)),
    no_nodedown(A),
    done(World, [A, B]).

unknown_names(_) ->
    {World, A, B} = world(unknown),
    connect(A, B),
    [begin
         {Ms, pang} = e2e_wait:timed(fun() -> ping(A, Unknown) end),
         within(Unknown, round(Ms), 8000)
     end || Unknown <- ['nobody@h2', 'a@nosuchhost', 'c@h1', 'nobody@10.77.0.200']],
    connect(A, B),
    no_nodedown(A),
    done(World, [A, B]).

%% --- trust -------------------------------------------------------------------------------------------------------

%% Host 2 comes back with another key: refused for as long as the old one is pinned.
wrong_key(_) ->
    {World0, A, B} = world(wrong_key),
    connect(A, B),
    Keys = filename:join(e2e_daemon:state_dir(daemon(World0, 2)), "keys"),
    e2e_daemon:stop(daemon(World0, 2)),
    ok = file:rename(Keys, Keys ++ ".old"),
    World1 = replace(World0, 2, e2e_daemon:restart(daemon(World0, 2))),
    e2e_wait:until(attached, fun() -> length(maps:get(<<"nodes">>, e2e_daemon:status(daemon(World1, 2)))) =:= 1 end),
    [?assertEqual(pang, ping(A, name(B))) || _ <- [1, 2]],
    ?assertEqual(pang, ping(B, name(A))),
    e2e_wait:until(told_the_operator, fun() -> e2e_daemon:logged(daemon(World1, 1), "SHA256:.*b@h2|b@h2.*SHA256:") end),
    ?assertEqual([], call(A, fun() -> nodes() end)),
    %% And with the old key all is well.
    e2e_daemon:stop(daemon(World1, 2)),
    ok = file:del_dir_r(Keys),
    ok = file:rename(Keys ++ ".old", Keys),
    World2 = replace(World1, 2, e2e_daemon:restart(daemon(World1, 2))),
    reconnects(A, B),
    done(World2, [A, B]).

strict_without_a_pin(_) ->
    {World0, A, B} = world(strict, #{config => [{"auth", "trust_mode", "\"strict\""}]}),
    ?assertEqual(pang, ping(A, name(B))),
    ?assertEqual(pang, ping(B, name(A))),
    [?assertEqual({ok, []}, trusted(daemon(World0, N))) || N <- [1, 2]],
    %% An operator pins by hand what the other host's files say.
    [begin
         {ok, Key} = file:read_file(filename:join(e2e_daemon:state_dir(daemon(World0, From)), "keys/node.pub")),
         File = filename:join([e2e_daemon:state_dir(daemon(World0, To)), "keys/trusted", atom_to_list(Name) ++ ".pub"]),
         ok = filelib:ensure_dir(File),
         ok = file:write_file(File, Key)
     end || {From, To, Name} <- [{1, 2, name(A)}, {2, 1, name(B)}]],
    reconnects(A, B),
    done(World0, [A, B]).

trusted(Daemon) ->
    case file:list_dir(filename:join(e2e_daemon:state_dir(Daemon), "keys/trusted")) of
        {error, enoent} -> {ok, []};
        Result -> Result
    end.

%% Promise I2: a pin that cannot be read refuses; it is not made again.
pin_of_wrong_size(_) ->
    {World0, A, B} = world(torn_pin),
    connect(A, B),
    Pin = filename:join(e2e_daemon:state_dir(daemon(World0, 1)), "keys/trusted/b@h2.pub"),
    {ok, <<Torn:17/binary, _/binary>> = Whole} = file:read_file(Pin),
    ?assertEqual(32, byte_size(Whole)),
    World = lists:foldl(fun({Damage, Change}, W) ->
        e2e_daemon:stop(daemon(W, 1)),
        Change(),
        W1 = replace(W, 1, e2e_daemon:restart(daemon(W, 1))),
        e2e_wait:until(attached, fun() -> length(maps:get(<<"nodes">>, e2e_daemon:status(daemon(W1, 1)))) =:= 1 end),
        ?assertEqual({Damage, pang}, {Damage, ping(A, name(B))}),
        ?assertEqual({Damage, pang}, {Damage, ping(B, name(A))}),
        W1
    end, World0, [{torn, fun() -> ok = file:write_file(Pin, Torn) end}, {missing, fun() -> ok = file:delete(Pin) end}]),
    ok = file:write_file(Pin, Whole),
    reconnects(A, B),
    done(World, [A, B]).

%% Promise I2, while the link stands: a pin that an operator takes back ends what stood on it within 5 s, and with trust
%% mode strict nothing comes back until an operator says so.
pin_taken_back(_) ->
    {World, A, B} = world(pin_taken_back, #{config => [{"auth", "trust_mode", "\"strict\""}]}),
    [Pin1, _] = [begin
        {ok, Key} = file:read_file(filename:join(e2e_daemon:state_dir(daemon(World, From)), "keys/node.pub")),
        Pin = ["keys", "pin", atom_to_list(Name), binary_to_list(binary:encode_hex(Key))],
        e2e_daemon:command(daemon(World, To), Pin),
        Pin
    end || {From, To, Name} <- [{2, 1, name(B)}, {1, 2, name(A)}]],
    reconnects(A, B),
    Since = now_ms(),
    e2e_daemon:command(daemon(World, 1), ["keys", "unpin", "b@h2"]),
    [nodedown_after(Vm, Node, Since, 15_000) || {Vm, Node} <- [{A, name(B)}, {B, name(A)}]],
    [?assertEqual(pang, ping(From, To)) || {From, To} <- [{A, name(B)}, {B, name(A)}, {A, name(B)}]],
    ?assert(e2e_daemon:logged(daemon(World, 1), "pin of b@h2 was taken back")),
    e2e_daemon:command(daemon(World, 1), Pin1),
    reconnects(A, B),
    done(World, [A, B]).

another_cluster(_) ->
    {World0, A, B} = world(cluster),
    e2e_daemon:stop(daemon(World0, 2)),
    #{config := Config} = daemon(World0, 2),
    Other = #{config => [{"cluster", "name", "\"other\""} | Config]},
    World = replace(World0, 2, e2e_daemon:reconfigure(daemon(World0, 2), Other)),
    ?assertEqual(pang, ping(A, name(B))),
    ?assertEqual(pang, ping(B, name(A))),
    done(World, [A, B]).

%% A copied disk: two hosts prove the same key. Whoever answers must be who was asked, and once the copy is gone the
%% first host works as before.
two_daemons_with_one_key(_) ->
    {World0, A, B} = world(one_key, #{hosts => 3}),
    connect(A, B),
    Copy = daemon(World0, 3),
    e2e_daemon:stop(Copy),
    [{ok, _} = file:copy(filename:join([e2e_daemon:state_dir(daemon(World0, 2)), "keys", F]),
                         filename:join([e2e_daemon:state_dir(Copy), "keys", F])) || F <- ["node.pub", "node.key"]],
    World = replace(World0, 3, e2e_daemon:restart(Copy)),
    C = e2e_world:vm(World, {c, 3}, #{}),
    [begin
         _ = ping(From, To),
         Answer = call(From, fun() -> rpc:call(To, erlang, node, [], 10_000) end),
         lists:member(Answer, [To, {badrpc, nodedown}]) orelse error({somebody_else_answered, To, Answer})
     end || {From, To} <- [{A, name(B)}, {A, name(C)}, {C, name(A)}, {B, name(A)}]],
    ?assertEqual([], e2e_world:down_daemons(World)),
    e2e_vm:kill(C),
    e2e_daemon:kill(daemon(World, 3)),
    reconnects(A, B),
    done(World, [A, B]).

%% --- what breaks -------------------------------------------------------------------------------------------------

%% Its own VM hears at once. The other host's daemon hears nothing: at the latest the idle time-out tells it.
daemon_killed(_) ->
    {World0, A, B} = world(daemon_killed),
    connect(A, B),
    T = now_ms(),
    e2e_daemon:kill(daemon(World0, 1)),
    within(own_vm, nodedown_after(A, name(B), T, 5000), 1000),
    within(other_host, nodedown_after(B, name(A), T, 2 * ?IDLE_MS), ?IDLE_MS + 1500),
    ?assertEqual(pang, ping(A, name(B))),
    World = replace(World0, 1, e2e_daemon:restart(daemon(World0, 1))),
    reconnects(A, B),
    done(World, [A, B]).

vm_killed(_) ->
    {World, A, B} = world(vm_killed),
    connect(A, B),
    {Old, Creation} = call(B, fun() -> {spawn(fun() -> receive stop -> ok end end), erlang:system_info(creation)} end),
    T = now_ms(),
    e2e_vm:kill(B),
    within(other_host, nodedown_after(A, name(B), T, 5000), 1000),
    B2 = e2e_world:vm(World, {b, 2}, #{}),
    ok = call(B2, fun e2e_watch:start/0),
    reconnects(A, B2),
    ?assertNotEqual(Creation, call(B2, fun() -> erlang:system_info(creation) end)),
    Down = call(A, fun() -> monitor(process, Old), receive D -> D after 5000 -> none end end),
    ?assertMatch({'DOWN', _, process, Old, noproc}, Down),
    done(World, [A, B2]).

cable_cut(_) ->
    {World, A, B} = world(cable),
    connect(A, B),
    T = now_ms(),
    e2e_net:unplug(2),
    within(one_side, nodedown_after(A, name(B), T, 3 * ?IDLE_MS), ?IDLE_MS + 1500),
    within(other_side, nodedown_after(B, name(A), T, 3 * ?IDLE_MS), ?IDLE_MS + 1500),
    e2e_net:plug_in(2),
    reconnects(A, B),
    done(World, [A, B]).

%% The kernel refuses to send, which is no reason to give up before the idle time-out is over.
route_removed(_) ->
    {World, A, B} = world(route),
    connect(A, B),
    T = now_ms(),
    [e2e_net:remove_route(N) || N <- [1, 2]],
    within(one_side, nodedown_after(A, name(B), T, 3 * ?IDLE_MS), ?IDLE_MS + 1500),
    within(other_side, nodedown_after(B, name(A), T, 3 * ?IDLE_MS), ?IDLE_MS + 1500),
    [e2e_net:restore_route(N) || N <- [1, 2]],
    reconnects(A, B),
    done(World, [A, B]).

%% One direction only: the side that hears nothing gives up first and then falls silent for the other.
one_way_cut(_) ->
    {#{net := Net} = World, A, B} = world(one_way, #{link => relay}),
    connect(A, B),
    T = now_ms(),
    e2e_net:set(Net, there, cut, 1),
    within(deaf_side, nodedown_after(B, name(A), T, 3 * ?IDLE_MS), ?IDLE_MS + 1500),
    within(mute_side, nodedown_after(A, name(B), T, 3 * ?IDLE_MS), 2 * ?IDLE_MS + 2500),
    e2e_net:set(Net, there, cut, 0),
    reconnects(A, B),
    done(World, [A, B]).

%% Two seconds of nothing, of a daemon, a VM and the line, with the idle time-out that ships: nobody notices and
%% nothing is lost.
pause(_) ->
    {#{net := Net} = World, A, B} = world(pause, #{link => relay, config => [{"transport", "idle_timeout", "\"30s\""},
                                                                            {"transport", "keep_alive", "\"10s\""}]}),
    connect(A, B),
    Daemon = daemon(World, 1),
    Line = fun(Cut) -> fun() -> e2e_net:set(Net, both, cut, Cut) end end,
    [begin
         Stream = call(A, fun() -> e2e_watch:stream_to(name(B), 5) end),
         Stop(),
         e2e_wait:never(fun() -> false end, 2000),
         Go(),
         {whole, _} = call(A, fun() -> e2e_watch:streamed(Stream) end),
         [no_nodedown(Vm) || Vm <- [A, B]]
     end || {Stop, Go} <- [{fun() -> e2e_daemon:suspend(Daemon) end, fun() -> e2e_daemon:resume(Daemon) end},
                           {fun() -> e2e_vm:suspend(B) end, fun() -> e2e_vm:resume(B) end},
                           {Line(1), Line(0)}]],
    done(World, [A, B]).

%% The side that dialled is behind a translator that keeps giving it another port: the connection goes on, unbroken
%% and unnoticed (RFC 9000 section 9).
translator_forgets(_) ->
    {#{net := Net} = World, A, B} = world(rebind, #{link => relay}),
    connect(A, B),
    Stream = call(A, fun() -> e2e_watch:stream_to(name(B), 2) end),
    [begin
         ok = e2e_net:rebind(Net, Shift),
         %% Both directions work behind the new port.
         [?assertEqual({Shift, name(B)}, {Shift, call(A, fun() -> rpc:call(name(B), erlang, node, []) end)})
          || _ <- lists:seq(1, 50)]
     end || Shift <- [1000, 2000, 3000, 4000, 5000]],
    {whole, _} = call(A, fun() -> e2e_watch:streamed(Stream) end),
    {match, [Translated]} = re:run(e2e_net:stats(Net), "translated=([0-9]+)", [{capture, all_but_first, list}]),
    ?assert(list_to_integer(Translated) > 500),
    [no_nodedown(Vm) || Vm <- [A, B]],
    done(World, [A, B]).

%% The host that dialled gets another address, as after DHCP. Its old one is gone, so the link is lost; the next
%% attempt uses the new one.
host_changes_its_address(_) ->
    {World, A, B} = world(address),
    connect(A, B),
    T = now_ms(),
    Ip = fun(Words) -> e2e_os:run(["ip", "-n", "h1" | string:lexemes(Words, " ")], ok) end,
    Ip("addr del 10.77.0.1/16 dev eth0"),
    Ip("addr add 10.77.0.101/16 dev eth0"),
    within(nodedown, nodedown_after(A, name(B), T, 3 * ?IDLE_MS), ?IDLE_MS + 1500),
    e2e_wait:until(pong, fun() -> ping(A, name(B)) =:= pong end, 20_000),
    ?assertEqual(name(A), call(B, fun() -> rpc:call(name(A), erlang, node, []) end)),
    done(World, [A, B]).

clean_stop(_) ->
    {World0, A, B} = world(clean_stop),
    connect(A, B),
    T = now_ms(),
    within(stop, round(e2e_daemon:stop(daemon(World0, 1))), 2000),
    within(own_vm, nodedown_after(A, name(B), T, 5000), 2000),
    within(other_host, nodedown_after(B, name(A), T, 5000), 2000),
    World = replace(World0, 1, e2e_daemon:restart(daemon(World0, 1))),
    reconnects(A, B),
    done(World, [A, B]).

%% Any two of the four parts die together and come back in either order.
restarts_in_each_order(_) ->
    {World0, A0, B0} = world(restarts),
    connect(A0, B0),
    Parts = [d1, d2, v1, v2],
    {World, A, B} = lists:foldl(fun(Pair, {W0, VmA, VmB}) ->
        State0 = #{world => W0, v1 => VmA, v2 => VmB},
        [kill_part(Part, State0) || Part <- Pair],
        State1 = lists:foldl(fun begin_part/2, State0, Pair),
        #{world := W, v1 := A1, v2 := B1} = lists:foldl(fun finish_part/2, State1, Pair),
        try reconnects(A1, B1)
        catch error:Reason -> error({after_restart_of, Pair, Reason})
        end,
        {W, A1, B1}
    end, {World0, A0, B0}, [[X, Y] || X <- Parts, Y <- Parts, X =/= Y]),
    done(World, [Vm || Vm <- [A, B], lists:member(Vm, [A0, B0])]).

kill_part(d1, #{world := W}) -> e2e_daemon:kill(daemon(W, 1));
kill_part(d2, #{world := W}) -> e2e_daemon:kill(daemon(W, 2));
kill_part(Vm, S) -> e2e_vm:kill(maps:get(Vm, S)).

%% Begun in this order; a VM whose daemon is not there yet waits for it.
begin_part(d1, #{world := W} = S) -> S#{world := replace(W, 1, e2e_daemon:restart(daemon(W, 1)))};
begin_part(d2, #{world := W} = S) -> S#{world := replace(W, 2, e2e_daemon:restart(daemon(W, 2)))};
begin_part(v1, #{world := W} = S) -> S#{v1 := e2e_vm:start_later(e2e_world:vm_options(W, {a, 1}, #{}))};
begin_part(v2, #{world := W} = S) -> S#{v2 := e2e_vm:start_later(e2e_world:vm_options(W, {b, 2}, #{}))}.

finish_part(Vm, S) when Vm =:= v1; Vm =:= v2 ->
    {ok, Started} = e2e_vm:await(maps:get(Vm, S), 30_000),
    S#{Vm := Started};
finish_part(_, S) -> S.

vm_before_its_daemon(_) ->
    {World0, A, B} = world(early_vm),
    e2e_daemon:stop(daemon(World0, 1)),
    Options = e2e_world:vm_options(World0, {c, 1}, #{}),
    Starting = e2e_vm:start_later(Options),
    Log = filename:join(maps:get(logs, Options), "vm-c@h1.log"),
    e2e_wait:until(says_that_it_waits, fun() ->
        {ok, Text} = file:read_file(Log),
        re:run(Text, "waiting for the daemon", [{capture, none}]) =:= match
    end),
    World = replace(World0, 1, e2e_daemon:restart(daemon(World0, 1))),
    {ok, C} = e2e_vm:await(Starting, 20_000),
    ?assertEqual(pong, ping(C, name(B))),
    done(World, [A, B]).

vm_without_a_daemon(_) ->
    {World, A, B} = world(no_daemon),
    e2e_daemon:stop(daemon(World, 1)),
    #{env := Env} = Options = e2e_world:vm_options(World, {c, 1}, #{}),
    {Ms, {error, _}} = e2e_wait:timed(fun() ->
        e2e_vm:await(e2e_vm:start_later(Options#{env := [{"BARREL_P2P_WAIT_MS", "1500"} | Env]}), 20_000) end),
    within(gives_up, round(Ms), 10_000),
    {ok, Text} = file:read_file(filename:join(maps:get(logs, Options), "vm-c@h1.log")),
    ?assertMatch({match, _}, re:run(Text, "gave up waiting for the daemon")),
    done(World, [A, B]).
