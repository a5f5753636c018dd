%% A process that keeps what it is sent, in order; runs in the VMs under test.
-module(e2e_hear).
-export([start/1, heard/1, count/1, numbered/3, sends/2, sent/1, in_order/1, numbers_of/2]).

%% Subscribe is called with its pid, and has to return ok.
start(Subscribe) ->
    Pid = spawn(fun() -> listen([]) end),
    ok = Subscribe(Pid),
    Pid.

listen(Heard) ->
    receive
        {heard, From, Ref} -> From ! {Ref, lists:reverse(Heard)}, listen(Heard);
        Message -> listen([Message | Heard])
    end.

%% Oldest first.
heard(Pid) ->
    Ref = make_ref(),
    Pid ! {heard, self(), Ref},
    receive {Ref, Heard} -> Heard after 5000 -> error(no_listener) end.

count(Pid) -> length(heard(Pid)).

%% Broadcasts {From, N, Padding} for N = 1 to Count.
numbered(Tag, Count, Bytes) ->
    Padding = binary:copy(<<"x">>, Bytes),
    [ok = barrel_p2p_plumtree:broadcast(Tag, {node(), N, Padding}) || N <- lists:seq(1, Count)],
    ok.

%% A process that broadcasts so until it is asked by sent/1, or one is refused.
sends(Tag, PauseMs) -> spawn(fun() -> send(Tag, PauseMs, 1) end).

send(Tag, PauseMs, N) ->
    case barrel_p2p_plumtree:broadcast(Tag, {node(), N, <<>>}) of
        ok ->
            receive {sent, From} -> From ! {self(), {all_taken, N}}
            after PauseMs -> send(Tag, PauseMs, N + 1)
            end;
        Refused -> receive {sent, From} -> From ! {self(), {refused, N, Refused}} end
    end.

%% {all_taken, HowMany}, or what went wrong.
sent(Pid) ->
    Pid ! {sent, self()},
    receive {Pid, Result} -> Result after 10_000 -> no_answer end.

%% Of those that From said, in the order in which they came.
numbers_of(Pid, From) -> [N || {plumtree_broadcast, {_, {Node, N, _}}} <- heard(Pid), Node =:= From].

%% What it heard of numbered/3 and sends/2: #{From => Last}, when each came once and in order.
in_order(Pid) ->
    lists:foldl(fun({plumtree_broadcast, {_, {From, N, _}}}, Last) ->
                        case maps:get(From, Last, 0) of
                            Before when N =:= Before + 1 -> Last#{From => N};
                            Before -> error({out_of_order, From, N, 'after', Before})
                        end
                end, #{}, heard(Pid)).
