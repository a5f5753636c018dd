%% What a VM hears of other nodes, with the time at which it heard; runs in the VMs under test.
-module(e2e_watch).
-export([start/0, events/0, clear/0, alternate/0, take_turns/1, stream_to/2, streamed/1]).

start() ->
    Me = self(),
    Pid = spawn(fun() ->
        register(?MODULE, self()),
        ok = net_kernel:monitor_nodes(true, [{node_type, all}, nodedown_reason]),
        Me ! {self(), ready},
        watch([])
    end),
    receive {Pid, ready} -> ok end.

watch(Events) ->
    receive
        {Kind, Node, _Info} when Kind =:= nodeup; Kind =:= nodedown ->
            watch([{erlang:system_time(millisecond), Kind, Node} | Events]);
        {events, From, Ref} -> From ! {Ref, lists:reverse(Events)}, watch(Events);
        clear -> watch([])
    end.

%% [{SystemTimeMs, nodeup | nodedown, Node}], oldest first
events() ->
    Ref = make_ref(),
    ?MODULE ! {events, self(), Ref},
    receive {Ref, Events} -> Events after 5000 -> error(no_watcher) end.

clear() -> ?MODULE ! clear, ok.

%% Promise I6: for each node nodeup and nodedown take turns.
alternate() ->
    Events = events(),
    lists:all(fun(Node) -> take_turns([Kind || {_, Kind, N} <- Events, N =:= Node]) end,
              lists:usort([N || {_, _, N} <- Events])).

%% No kind twice in a row.
take_turns([Kind, Kind | _]) -> false;
take_turns([_ | Kinds]) -> take_turns(Kinds);
take_turns([]) -> true.

%% A process that sends numbers to a process on Node, which checks that none is missing, until told otherwise.
stream_to(Node, Pause) ->
    spawn(fun() ->
        Sink = spawn(Node, fun() -> numbers(1) end),
        numbers_to(Sink, 1, Pause)
    end).

numbers_to(Sink, N, Pause) ->
    Sink ! N,
    receive {finish, From} ->
        Sink ! {finished, self(), N},
        receive {Sink, Result} -> From ! {self(), Result} end
    after Pause -> numbers_to(Sink, N + 1, Pause)
    end.

numbers(Expected) ->
    receive
        Expected -> numbers(Expected + 1);
        {finished, From, Last} when Last =:= Expected - 1 -> From ! {self(), {whole, Last}};
        {finished, From, Last} -> From ! {self(), {missing, Expected, Last}};
        Other -> numbers_failed({expected, Expected, got, Other})
    end.

numbers_failed(Why) -> receive {finished, From, _} -> From ! {self(), Why}; _ -> numbers_failed(Why) end.

%% {whole, HowMany}, or what went wrong.
streamed(Pid) ->
    Pid ! {finish, self()},
    receive {Pid, Result} -> Result after 20_000 -> no_answer end.
