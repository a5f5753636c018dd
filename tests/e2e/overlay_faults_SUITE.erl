%% What becomes of a cluster of twelve hosts when the net, daemons and operators do what they do in the field. One
%% cluster for all cases; before each, whatever the last one broke is put right. Host 13 is a guest: its daemon is no
%% member, and starts where a case says so.
%% Timings are short (e2e_cluster), but for the case of idleness, which is about those that ship.
-module(overlay_faults_SUITE).
-compile([export_all, nowarn_export_all]).
-include_lib("stdlib/include/assert.hrl").
-import(e2e_vm, [call/2, call/3]).
-import(e2e_cluster, [contact/1, name/1, names/1, members/1, view/1, statuses/1, all_see/3, views_are_symmetric/1, meet/1,
                      hears_events/1, hears_broadcasts/2, heard/2, broadcast/4, hear_exactly/3, ups_and_downs_take_turns/2]).

-define(HOSTS, 12).
-define(GUEST, 13).
-define(HEALED_MS, 60_000).  % promise I9
%% Until all hold somebody dead: a link is lost (4 s of silence), it is tried again (membership.pending_timeout_ms), and the
%% suspicion waits, for six times 5 s x log10(12) when nobody confirms it.
-define(DEATH_MS, 4_000 + 5_000 + 32_400 + 3_600).

suite() -> [{timetrap, {seconds, 200}}].

%% Who was frozen is slow to hold others dead for a minute or more (membership/local_health.h), until its daemon is
%% restarted: so `frozen` comes after the cases of deaths, and the restarts before the cut.
all() ->
    [idle, a_guest_of_another_cluster, three_killed_at_once, the_contact_is_gone_for_good, frozen, restarted_one_by_one,
     cut_in_halves].

%% --- the cluster ---------------------------------------------------------------------------------------------------

init_per_suite(Config) ->
    {World, Vms} = e2e_cluster:start("overlay_faults", #{hosts => ?GUEST, guests => 1, outlives_case => true,
                                                         config => fun(N) -> config(N, short) end}),
    keep(#{world => World, vms => maps:from_list(lists:enumerate(Vms)), timings => maps:from_keys(hosts(), short)}),
    [ok = call(Vm, fun e2e_watch:start/0) || Vm <- Vms],
    all_see(Vms, Vms, 30_000),
    meet(Vms),
    Config.

end_per_suite(_) ->
    e2e_vm:kill_except([]),
    e2e_world:stop(world()).

init_per_testcase(Case, Config) ->
    put_right(case Case of idle -> shipped; _ -> short end),
    Config.

%% Everybody but host 1, who began, knows that one as a contact.
config(N, Timings) ->
    case Timings of
        short -> e2e_cluster:short_timings();
        shipped -> e2e_cluster:shipped_timings()
    end ++ [contact(1) || N =/= 1].

%% What there is outlives cases, and a case is a process of its own.
kept() -> persistent_term:get(?MODULE).
keep(State) -> persistent_term:put(?MODULE, State).

hosts() -> lists:seq(1, ?HOSTS).
world() -> maps:get(world, kept()).
daemon(N) -> e2e_world:daemon(world(), N).
vm(N) -> maps:get(N, maps:get(vms, kept())).
vms() -> [vm(N) || N <- hosts()].
vms_but(Hosts) -> [vm(N) || N <- hosts() -- Hosts].

set_daemon(N, Daemon) ->
    #{world := World} = State = kept(),
    keep(State#{world := e2e_world:replace(World, N, Daemon)}).

set_timings(N, Timings) ->
    #{timings := All} = State = kept(),
    keep(State#{timings := All#{N => Timings}}).

restart_daemon(N) -> set_daemon(N, e2e_daemon:restart(daemon(N))).

start_vms(Hosts) ->
    New = e2e_cluster:start_nodes(world(), Hosts),
    [ok = call(Vm, fun e2e_watch:start/0) || Vm <- New],
    #{vms := Vms} = State = kept(),
    keep(State#{vms := maps:merge(Vms, maps:from_list(lists:zip(Hosts, New)))}).

kill_host(N) ->
    e2e_daemon:kill(daemon(N)),
    e2e_vm:kill(vm(N)).

%% One network, daemons with these timings, a VM at each, all members: as a new cluster would be.
put_right(Timings) ->
    catch e2e_net:heal(hosts()),
    IsRunning = fun(#{process := Process}) -> e2e_os:is_running(Process) end,
    [begin e2e_daemon:resume(daemon(N)), e2e_vm:is_alive(vm(N)) andalso e2e_vm:resume(vm(N)) end || N <- hosts()],
    [e2e_daemon:kill(Guest) || ?GUEST := Guest <- maps:get(daemons, world()), IsRunning(Guest)],
    Others = [N || N <- hosts(), maps:get(N, maps:get(timings, kept())) =/= Timings],
    [e2e_daemon:stop(daemon(N)) || N <- Others, IsRunning(daemon(N))],
    [set_daemon(N, e2e_daemon:reconfigure(daemon(N), #{config => config(N, Timings)})) || N <- Others],
    [set_timings(N, Timings) || N <- Others],
    [restart_daemon(N) || N <- hosts(), not IsRunning(daemon(N))],
    start_vms([N || N <- hosts(), not e2e_vm:is_alive(vm(N))]),
    all_see(vms(), vms(), ?HEALED_MS),
    views_are_symmetric(vms()).

start_guest(Dir, Config) ->
    #{dir := Home} = Options = e2e_world:daemon_options(world(), ?GUEST),
    set_daemon(?GUEST, e2e_daemon:start(Options#{dir := filename:join(Home, Dir), config := Config ++ e2e_cluster:short_timings()})),
    daemon(?GUEST).

counter(N, Name) -> maps:get(Name, maps:get(<<"counters">>, e2e_daemon:status(daemon(N)))).

now_ms() -> erlang:monotonic_time(millisecond).

%% --- what is watched through a case --------------------------------------------------------------------------------

watch(Vms) -> [{Vm, hears_events(Vm)} || Vm <- Vms].
listen(Vms, Tag) -> [{Vm, hears_broadcasts(Vm, Tag)} || Vm <- Vms].

%% [{Observer, [who it heard went down]}] of those who heard of others than Expected.
wrongly_down(Watching, Expected) ->
    [{name(Vm), Wrong} || {Vm, Pid} <- Watching,
                          Wrong <- [[Node || {_, {member_down, Node, _}} <- heard(Vm, Pid)] -- Expected], Wrong =/= []].

%% Each of Watching hears that each of Nodes is down, because it failed.
all_hear_of_death(Watching, Nodes, Ms) ->
    e2e_wait:until({down_for_all, Nodes}, fun() ->
        Missing = [{name(Vm), Unheard} || {Vm, Pid} <- Watching,
                                          Unheard <- [Nodes -- [Node || {_, {member_down, Node, nodedown}} <- heard(Vm, Pid)]],
                                          Unheard =/= []],
        Missing =:= [] orelse {have_not_heard_of, Missing}
    end, Ms).

%% Everybody reaches everybody, by broadcasts that are heard once and in order.
broadcasts_reach_all(Vms, Tag, Ms) ->
    Listeners = listen(Vms, Tag),
    broadcast(Vms, Tag, 5, 100),
    hear_exactly(Listeners, maps:from_keys(names(Vms), 5), Ms).

reach_one_another(A, B) ->
    [e2e_wait:until({pong, name(From), name(To)}, fun() -> call(From, fun() -> net_adm:ping(name(To)) end) =:= pong end)
     || {From, To} <- [{A, B}, {B, A}]].

nodes_alternate(Vms) -> ?assertEqual([], [name(Vm) || Vm <- Vms, not call(Vm, fun e2e_watch:alternate/0)]).

%% --- cases -----------------------------------------------------------------------------------------------------------

%% It is turned away, its operator reads why, and those whom it asks again and again notice nothing.
a_guest_of_another_cluster(_) ->
    Watching = watch(vms()),
    Stream = call(vm(1), fun() -> e2e_watch:stream_to('a@h2', 5) end),
    Refused = fun() -> counter(1, <<"refused_links">>) end,
    Before = Refused(),
    Said = logs(),
    Guest = start_guest("of_another_cluster", [{"cluster", "name", "\"other\""}, contact(1)]),
    e2e_wait:until(asked_again_and_again, fun() -> Refused() >= Before + 3 end, 30_000),
    ?assertEqual({joined, false}, {joined, maps:get(<<"joined">>, maps:get(<<"overlay">>, e2e_daemon:status(Guest)))}),
    [?assertEqual({Where, true}, {Where, re:run(Text, Pattern, [{capture, none}]) =:= match}) || {Where, Text, Pattern} <- [
        {log, e2e_daemon:log(Guest), "warning overlay.join_failed .*10.77.0.1:9100.*wrong_cluster"},
        {log, e2e_daemon:log(Guest), "different clusters.*barrel-p2pd explain wrong_cluster"},
        {peers, e2e_daemon:command(Guest, ["peers", "10.77.0.1:9100"]), "hello .*wrong_cluster"}]],
    {1, Answer} = e2e_daemon:try_command(Guest, ["join", "10.77.0.2:9100"]),
    ?assertMatch({match, _}, re:run(Answer, "wrong_cluster")),
    %% A line for each address that asks, not for each time.
    ?assertMatch([_], [Line || Line <- maps:get(1, said_since(Said)), re:run(Line, "wrong_cluster", [{capture, none}]) =:= match]),
    ?assertEqual([], [{name(Vm), Events} || {Vm, Pid} <- Watching,
                                            Events <- [[E || {_, {Kind, _, _}} = E <- heard(Vm, Pid), Kind =:= member_down]
                                                       ++ [E || {_, {member_up, _}} = E <- heard(Vm, Pid)]], Events =/= []]),
    {whole, _} = call(vm(1), fun() -> e2e_watch:streamed(Stream) end),
    e2e_daemon:stop(Guest),
    all_see(vms(), vms(), 1_000).

three_killed_at_once(_) ->
    Dying = [4, 8, 12],
    Nodes = names([vm(N) || N <- Dying]),
    Living = vms_but(Dying),
    Watching = watch(Living),
    Listeners = listen(Living, three_killed),
    [A, B | _] = Living,
    Senders = [{Vm, call(Vm, fun() -> e2e_hear:sends(three_killed, 20) end)} || Vm <- [A, B]],
    [kill_host(N) || N <- Dying],
    Since = now_ms(),
    all_hear_of_death(Watching, Nodes, ?DEATH_MS),
    e2e_run:note("all held three dead after ~b ms", [now_ms() - Since]),
    all_see(Living, Living, 1_000),
    Sent = #{name(Vm) => HowMany || {Vm, Pid} <- Senders, {all_taken, HowMany} <- [call(Vm, fun() -> e2e_hear:sent(Pid) end)]},
    ?assertEqual(2, map_size(Sent)),
    hear_exactly(Listeners, Sent, 20_000),
    ?assertEqual([], wrongly_down(Watching, Nodes)),
    views_are_symmetric(Living),
    [restart_daemon(N) || N <- Dying],
    start_vms(Dying),
    all_see(vms(), vms(), ?HEALED_MS),
    broadcasts_reach_all(vms(), three_back, 20_000),
    [ups_and_downs_take_turns(Vm, Pid) || {Vm, Pid} <- Watching].

%% Promise I19. Of one host the daemon stands still, of another its VM too.
frozen(_) ->
    Frozen = [3, 9],
    Nodes = names([vm(N) || N <- Frozen]),
    Others = vms_but(Frozen),
    A = vm(1),
    Watching = watch(vms()),
    Listeners = listen(vms(), frozen),
    [reach_one_another(A, vm(N)) || N <- Frozen],
    [call(vm(N), fun e2e_watch:clear/0) || N <- [1 | Frozen]],
    Sender = call(A, fun() -> e2e_hear:sends(frozen, 50) end),
    Since = now_ms(),
    [e2e_daemon:suspend(daemon(N)) || N <- Frozen],
    e2e_vm:suspend(vm(9)),
    e2e_wait:until({thought_down_or_suspected, Nodes}, fun() ->
        Thought = [{N, maps:with(Nodes, statuses(daemon(N)))} || N <- hosts() -- Frozen],
        Well = [Each || {_, Of} = Each <- Thought, lists:any(fun(S) -> S =:= alive end, maps:values(Of))],
        Well =:= [] orelse {thought_well, Well}
    end, 30_000),
    e2e_run:note("all thought them down or suspected them after ~b ms", [now_ms() - Since]),
    timer:sleep(max(0, Since + 30_000 - now_ms())),
    e2e_vm:resume(vm(9)),
    [e2e_daemon:resume(daemon(N)) || N <- Frozen],
    Woke = now_ms(),
    all_see(vms(), vms(), ?HEALED_MS),
    e2e_run:note("all were members again ~b ms after they woke", [now_ms() - Woke]),
    {all_taken, Sent} = call(A, fun() -> e2e_hear:sent(Sender) end),
    %% Nothing stale: nobody is thought dead by who slept, no connection is left at one end only, what was said meanwhile
    %% comes in order or not at all.
    [?assertMatch({N, Times} when Times > 0, {N, counter(N, <<"members.times_late">>)}) || N <- Frozen],
    ?assertEqual([], wrongly_down(Watching, Nodes)),
    views_are_symmetric(vms()),
    [reach_one_another(A, vm(N)) || N <- Frozen],
    [e2e_wait:until({heard_nodedown, name(vm(N)), 'of', Node}, fun() ->
        Events = call(vm(N), fun e2e_watch:events/0),
        [Node || {_, nodedown, Down} <- Events, Down =:= Node] =/= [] orelse {events, Events}
    end) || {N, Node} <- [{F, 'a@h1'} || F <- Frozen] ++ [{1, Node} || Node <- Nodes]],
    hear_exactly([Each || {Vm, _} = Each <- Listeners, lists:member(Vm, Others)], #{'a@h1' => Sent}, 20_000),
    [begin
         Numbers = call(Vm, fun() -> e2e_hear:numbers_of(Pid, 'a@h1') end),
         ?assertEqual({name(Vm), lists:usort(Numbers)}, {name(Vm), Numbers})
     end || {Vm, Pid} <- Listeners, not lists:member(Vm, Others)],
    broadcasts_reach_all(vms(), awake, 20_000),
    [ups_and_downs_take_turns(Vm, Pid) || {Vm, Pid} <- Watching],
    nodes_alternate(vms()).

%% The only daemon that anybody was told of is gone. Who is a member stays one; who restarts comes back by its address
%% book; and a newcomer needs to be told of another one.
the_contact_is_gone_for_good(_) ->
    Living = vms_but([1]),
    [e2e_wait:until({book_is_written, N}, fun() ->
        filelib:is_regular(filename:join(e2e_daemon:state_dir(daemon(N)), "address_book"))
    end, 20_000) || N <- [2, 3]],
    kill_host(1),
    [begin
         e2e_daemon:End(daemon(N)),
         restart_daemon(N),
         e2e_wait:until({has_neighbours_again, N}, fun() -> view(vm(N)) =/= [] end, 20_000)
     end || {N, End} <- [{2, stop}, {3, kill}]],
    Guest = start_guest("newcomer", [contact(1)]),
    Joined = fun() -> maps:get(<<"joined">>, maps:get(<<"overlay">>, e2e_daemon:status(Guest))) end,
    e2e_wait:until(told_the_operator, fun() ->
        e2e_daemon:logged(Guest, "warning overlay.join_failed .*could not join through 10.77.0.1:9100")
    end, 20_000),
    ?assertNot(Joined()),
    e2e_daemon:command(Guest, ["join", "10.77.0.5:9100"]),
    ?assert(Joined()),
    ?assertMatch([_], [Line || Line <- e2e_daemon:lines(Guest), re:run(Line, " overlay.joined ", [{capture, none}]) =:= match]),
    all_see(Living, Living, ?HEALED_MS),
    views_are_symmetric(Living),
    broadcasts_reach_all(Living, contact_gone, 20_000),
    e2e_daemon:stop(Guest).

%% One after the other stops in good order and comes back. Meanwhile two others broadcast and two others call one another:
%% for those who are not restarted just now there is nothing to notice.
restarted_one_by_one(_) ->
    Watching = watch(vms()),
    Said = logs(),
    [case call(Vm, fun e2e_server:start/0) of {ok, _} -> ok; {error, {already_started, _}} -> ok end || Vm <- vms()],
    lists:foreach(fun(N) ->
        Others = vms_but([N]),
        [A, B, C | _] = [vm((N + Step - 1) rem ?HOSTS + 1) || Step <- [2, 5, 8]],
        Tag = {round, N},
        Listeners = listen(Others, Tag),
        Mine = hears_broadcasts(vm(N), Tag),
        reach_one_another(B, C),
        Senders = [{Vm, call(Vm, fun() -> e2e_hear:sends(Tag, 10) end)} || Vm <- [A, B]],
        Caller = call(B, fun() -> e2e_server:calls(name(C), 5) end),
        e2e_daemon:stop(daemon(N)),
        restart_daemon(N),
        all_see(vms(), vms(), 30_000),
        e2e_wait:until({has_neighbours_again, N}, fun() -> view(vm(N)) =/= [] end, 20_000),
        ?assertMatch({_, {all_answered, _}}, {{round, N}, call(B, fun() -> e2e_server:answered(Caller) end)}),
        Sent = #{name(Vm) => call(Vm, fun() -> e2e_hear:sent(Pid) end) || {Vm, Pid} <- Senders},
        ?assertMatch([], [Refused || _ := Refused <- Sent, element(1, Refused) =/= all_taken]),
        hear_exactly(Listeners, #{Node => HowMany || Node := {_, HowMany} <- Sent}, 20_000),
        ok = call(A, fun() -> barrel_p2p_plumtree:broadcast(Tag, 'to everybody') end),
        e2e_wait:until({hears_again, name(vm(N))}, fun() ->
            lists:member({plumtree_broadcast, {Tag, 'to everybody'}}, heard(vm(N), Mine))
        end)
    end, hosts()),
    %% That one stops is said by everybody, that it is tried meanwhile by nobody; a link may have been under way.
    ?assertEqual([], [Line || _ := Log <- said_since(Said), Line <- Log, re:run(Line, " link.refused (?!.*restarted)", [{capture, none}]) =:= match]),
    [ups_and_downs_take_turns(Vm, Pid) || {Vm, Pid} <- Watching],
    nodes_alternate(vms()).

%% Promise I9. For 90 s no half reaches the other.
cut_in_halves(_) ->
    {Left, Right} = halves(),
    Halves = [{[vm(N) || N <- Left], [vm(N) || N <- Right]}, {[vm(N) || N <- Right], [vm(N) || N <- Left]}],
    Watching = watch(vms()),
    Since = now_ms(),
    e2e_net:split(Right),
    [begin
         Own = [Each || {Vm, _} = Each <- Watching, lists:member(Vm, Half)],
         all_hear_of_death(Own, names(Other), max(0, Since + 85_000 - now_ms())),
         e2e_run:note("one half held the other dead after ~b ms", [now_ms() - Since]),
         all_see(Half, Half, 1_000),
         ?assertEqual([], wrongly_down(Own, names(Other))),
         broadcasts_reach_all(Half, {within, name(hd(Half))}, 10_000)
     end || {Half, Other} <- Halves],
    timer:sleep(max(0, Since + 90_000 - now_ms())),
    e2e_net:heal(hosts()),
    Healed = now_ms(),
    all_see(vms(), vms(), ?HEALED_MS),
    e2e_run:note("all were members again ~b ms after the cut was healed", [now_ms() - Healed]),
    broadcasts_reach_all(vms(), healed, max(0, Healed + ?HEALED_MS - now_ms())),
    e2e_run:note("broadcasts reached all ~b ms after the cut was healed", [now_ms() - Healed]),
    views_are_symmetric(vms()),
    [reach_one_another(vm(A), vm(B)) || {A, B} <- lists:zip(Left, Right)],
    [ups_and_downs_take_turns(Vm, Pid) || {Vm, Pid} <- Watching],
    nodes_alternate(vms()).

%% The first daemon with all its neighbours, and the others: those see that it is gone by their links alone.
halves() ->
    Seen = [N || N <- hosts(), lists:member(name(vm(N)), view(vm(1)))],
    Half = lists:sublist(lists:uniq([1 | Seen] ++ hosts()), ?HOSTS div 2),
    {Half, hosts() -- Half}.

%% Nobody wants anything: what daemons send one another in a minute, and that they say nothing. In a new cluster spares are
%% exchanged often for some minutes, as long as that brings news.
idle() -> [{timetrap, {seconds, 360}}].
idle(_) ->
    %% Nobody is new to anybody, and no connection between nodes is left.
    meet(vms()),
    [call(Vm, fun() -> [erlang:disconnect_node(Node) || Node <- nodes()] end) || Vm <- vms()],
    e2e_wait:until(no_channels, fun() ->
        Left = [{N, length(Channels)} || N <- hosts(), #{<<"channels">> := Channels} <- [e2e_daemon:status(daemon(N))], Channels =/= []],
        Left =:= [] orelse {left, Left}
    end),
    Said = logs(),
    ?assertEqual(#{}, busy_in_a_minute(4)),
    ?assertEqual(#{}, maps:filter(fun(_, Lines) -> Lines =/= [] end, said_since(Said))).

%% Who sends 1 kB/s or more, in the last of so many minutes or the first in which nobody does.
busy_in_a_minute(Left) ->
    Before = #{N => e2e_net:sent(N) || N <- hosts()},
    Since = now_ms(),
    timer:sleep(60_000),
    Seconds = (now_ms() - Since) / 1000,
    Sent = #{N => round(udp_bytes(maps:get(N, Before), e2e_net:sent(N)) / Seconds) || N <- hosts()},
    e2e_run:note("bytes of UDP a second: ~w at most, ~w on average",
                 [lists:max(maps:values(Sent)), lists:sum(maps:values(Sent)) div ?HOSTS]),
    case #{N => {bytes_per_second, PerSecond} || N := PerSecond <- Sent, PerSecond >= 1000} of
        Busy when Busy =:= #{}; Left =:= 1 -> Busy;
        _ -> busy_in_a_minute(Left - 1)
    end.

%% Lines of each daemon's log.
logs() -> #{N => e2e_daemon:lines(daemon(N)) || N <- hosts()}.
said_since(Before) -> #{N => lists:nthtail(length(maps:get(N, Before)) - 1, Lines) -- [<<>>] || N := Lines <- logs()}.

%% Without the headers of Ethernet, IPv4 and UDP.
udp_bytes({FramesBefore, BytesBefore}, {Frames, Bytes}) -> Bytes - BytesBefore - (Frames - FramesBefore) * (14 + 20 + 8).
