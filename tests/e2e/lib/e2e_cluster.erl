%% Daemons that are one cluster, a node a@hN at each, and what tests ask of them: who is a member, who is a neighbour,
%% what is heard of events and broadcasts. As a rule nobody has a table of the others: they know a contact, and learn
%% the rest.
-module(e2e_cluster).
-include_lib("stdlib/include/assert.hrl").
-export([start/2, start_nodes/2, contact/1, short_timings/0, shipped_timings/0]).
-export([name/1, names/1, members/1, view/1, statuses/1, all_see/2, all_see/3, views_are_symmetric/1, meet/1]).
-export([hears_events/1, hears_broadcasts/1, hears_broadcasts/2, heard/2, heard_event/3, heard_event/4]).
-export([broadcast/3, broadcast/4, all_hear/3, all_hear/4, hear_exactly/3, ups_and_downs_take_turns/2]).
-import(e2e_vm, [call/2, call/3]).

%% start(Name, #{hosts, config => fun((Host) -> [{Section, Key, Value}]), static => false, and others of e2e_world:start/2}):
%% {World, [a@h1, ...]}
start(Name, Options) ->
    World = e2e_world:start(Name, maps:merge(#{static => false}, Options)),
    {World, start_nodes(World, lists:sort(maps:keys(maps:get(daemons, World))))}.

%% a@hN for each N of Hosts, at once.
start_nodes(World, Hosts) ->
    Starting = [e2e_vm:start_later(e2e_world:vm_options(World, {a, N}, #{outlives_case => maps:get(outlives_case, World, false)}))
                || N <- Hosts],
    Vms = [case e2e_vm:await(Tag, 60_000) of
               {ok, Vm} -> Vm;
               {error, Reason} -> error({vm_did_not_start, Reason})
           end || Tag <- Starting],
    [ok = call(Vm, fun() -> application:start(barrel_p2p) end) || Vm <- Vms],
    Vms.

contact(N) -> {"membership", "contact_nodes", ["[\"", e2e_net:address(N), ":9100\"]"]}.

%% Neighbours speak every second, a link is lost after 4 s of silence.
short_timings() ->
    [{"membership", "shuffle_period", "\"1s\""}, {"membership", "keep_alive", "\"1s\""},
     {"membership", "contact_retry_ms", "1000"},
     {"transport", "idle_timeout", "\"4s\""}, {"transport", "keep_alive", "\"1s\""}].

%% What a daemon has without a configuration; the other suites' worlds have a shorter idle time-out of their own.
shipped_timings() -> [{"transport", "idle_timeout", "\"30s\""}, {"transport", "keep_alive", "\"10s\""}].

%% --- who is there --------------------------------------------------------------------------------------------------

name(#{name := Name}) -> Name.
names(Vms) -> lists:sort([name(Vm) || Vm <- Vms]).
members(Vm) -> call(Vm, fun() -> lists:sort(barrel_p2p:members()) end).
view(Vm) -> call(Vm, fun() -> lists:sort(barrel_p2p:active_view()) end).

%% What a daemon holds of the nodes it knows: #{'a@h1' => alive | suspected | down | left}
statuses(Daemon) ->
    #{<<"members">> := Members} = json:decode(e2e_daemon:command(Daemon, ["members", "--json"])),
    #{binary_to_atom(Name) => binary_to_atom(Status)
      || #{<<"names">> := Names, <<"status">> := Status} <- Members, Name <- Names}.

%% Each of Vms knows exactly the nodes of Members.
all_see(Vms, Members) -> all_see(Vms, Members, 20_000).
all_see(Vms, Members, Ms) ->
    Names = names(Members),
    e2e_wait:until({all_know, Names}, fun() ->
        Wrong = [{name(Vm), [{lacks, Names -- Seen} || Names -- Seen =/= []] ++ [{has_too, Seen -- Names} || Seen -- Names =/= []]}
                 || Vm <- Vms, Seen <- [members(Vm)], Seen =/= Names],
        Wrong =:= [] orelse Wrong
    end, Ms),
    ok.

%% Everybody has a neighbour, and whoever is one has one.
views_are_symmetric(Vms) ->
    e2e_wait:until(symmetric_views, fun() ->
        Views = maps:from_list([{name(Vm), view(Vm)} || Vm <- Vms]),
        OneSided = [{A, has, B} || A := View <- Views, B <- View, not lists:member(A, maps:get(B, Views, []))],
        case {OneSided, [A || A := [] <- Views]} of
            {[], []} -> true;
            {_, Alone} -> {{one_sided, OneSided}, {alone, Alone}}
        end
    end).

%% Each is connected with each once: after it nobody is new to anybody.
meet(Vms) ->
    Names = names(Vms),
    in_parallel([fun() ->
        e2e_wait:until({reaches_all, name(Vm)}, fun() ->
            case call(Vm, fun() -> [Node || Node <- Names, net_adm:ping(Node) =/= pong] end, 60_000) of
                [] -> true;
                Unreached -> {unreached, Unreached}
            end
        end, 30_000)
    end || Vm <- Vms]),
    ok.

%% --- what is heard -------------------------------------------------------------------------------------------------

hears_events(Vm) ->
    call(Vm, fun() -> e2e_hear:start(fun(Pid) ->
        ok = barrel_p2p:subscribe(Pid),
        barrel_p2p:subscribe(Pid, members)
    end) end).

hears_broadcasts(Vm) -> call(Vm, fun() -> e2e_hear:start(fun barrel_p2p_plumtree:subscribe/1) end).
hears_broadcasts(Vm, Tag) ->
    call(Vm, fun() -> e2e_hear:start(fun(Pid) -> barrel_p2p_plumtree:subscribe(Pid, Tag) end) end).

heard(Vm, Pid) -> call(Vm, fun() -> e2e_hear:heard(Pid) end).
heard_event(Vm, Pid, Event) -> heard_event(Vm, Pid, Event, 15_000).
heard_event(Vm, Pid, Event, Ms) ->
    e2e_wait:until({heard_by, name(Vm), Event}, fun() ->
        Heard = heard(Vm, Pid),
        case lists:member({barrel_p2p_event, Event}, Heard) of
            true -> true;
            false -> {heard, Heard}
        end
    end, Ms).

%% All of Vms at once.
broadcast(Vms, Count, Bytes) -> broadcast(Vms, {numbers, 1.0}, Count, Bytes).
broadcast(Vms, Tag, Count, Bytes) ->
    Sent = in_parallel([fun() -> call(Vm, fun() -> e2e_hear:numbered(Tag, Count, Bytes) end, 60_000) end || Vm <- Vms]),
    ?assertEqual([ok || _ <- Vms], Sent).

%% Everybody hears so many of each of From, each once and in order.
all_hear(Listeners, From, Count) -> all_hear(Listeners, From, Count, 20_000).
all_hear(Listeners, From, Count, Ms) -> hear_exactly(Listeners, maps:from_list([{name(Vm), Count} || Vm <- From]), Ms).

%% Listeners: [{Vm, Pid of a listener there}], Expected: #{Node => how many of it}.
hear_exactly(Listeners, Expected, Ms) ->
    Total = lists:sum(maps:values(Expected)),
    [e2e_wait:until({broadcasts_heard_by, name(Vm)}, fun() ->
        case call(Vm, fun() -> e2e_hear:count(Pid) end) of
            Count when Count >= Total -> true;
            Count -> {heard, Count, 'of', Total, so_far, call(Vm, fun() -> e2e_hear:in_order(Pid) end)}
        end
    end, Ms) || {Vm, Pid} <- Listeners],
    [?assertEqual({name(Vm), Expected}, {name(Vm), call(Vm, fun() -> e2e_hear:in_order(Pid) end)}) || {Vm, Pid} <- Listeners].

%% Each change once, whatever path the news took.
ups_and_downs_take_turns(Vm, Pid) ->
    Of = fun(Event) when is_atom(Event) -> own; (Event) -> {hd(atom_to_list(element(1, Event))), element(2, Event)} end,
    Kind = fun(Event) when is_atom(Event) -> Event; (Event) -> element(1, Event) end,
    BySubject = maps:groups_from_list(Of, Kind, [Event || {barrel_p2p_event, Event} <- heard(Vm, Pid)]),
    ?assertEqual({name(Vm), []}, {name(Vm), [{Subject, Kinds} || Subject := Kinds <- BySubject,
                                                                 not e2e_watch:take_turns(Kinds)]}).

in_parallel(Funs) ->
    Me = self(),
    Pids = [spawn_link(fun() -> Me ! {self(), Fun()} end) || Fun <- Funs],
    [receive {Pid, Result} -> Result end || Pid <- Pids].
