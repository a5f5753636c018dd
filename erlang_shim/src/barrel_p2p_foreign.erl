%% Terms and node names that come from anywhere in the cluster, and the atoms that they may cost this VM.
%%
%% Distribution makes atoms of what connected nodes send, and a connected node has shown the cookie. A broadcast, or
%% a name in a peer record, is of any member of the cluster, and with trust on first use a member is whoever
%% joined; one could fill the atom table, which ends the VM. With `safe' alone, on the other hand, a subscriber
%% would miss messages that upstream delivers: a node elsewhere has atoms that are not known here yet, its own
%% name the first of them. So new atoms are made, and counted; when a fifth of the VM's atom table has gone this way,
%% only what is known already is taken.
-module(barrel_p2p_foreign).

-export([term/1, node_name/1, node_names/1]).

-define(COUNTER, {?MODULE, atoms}).
-define(SHARE, 5).             % a fifth; guess: 200,000 atoms of the usual table, and 10,000 nodes need 10,000
-define(PAYLOAD_MAX, 524288).  % so that one term may go beyond it by 100,000 at most; the daemon has the same limit

%% Errors: `bad_term' (no term, or compressed: 1 KiB may become 1 MiB), `too_many_atoms'.
-spec term(binary()) -> {ok, term()} | {error, bad_term | too_many_atoms}.
term(<<131, 80, _/binary>>) -> {error, bad_term};
term(Bytes) when byte_size(Bytes) > ?PAYLOAD_MAX -> {error, bad_term};
term(Bytes) ->
    case barrel_p2p_wire:term(Bytes) of
        {ok, Term} -> {ok, Term};
        {error, bad_term} ->
            case may_make_atoms() of
                true -> counted(fun() -> decode(Bytes) end);
                false -> {error, too_many_atoms}
            end
    end.

%% A node's name as the API has it.
-spec node_name(binary()) -> {ok, node()} | {error, too_many_atoms}.
node_name(Name) ->
    try {ok, binary_to_existing_atom(Name, utf8)}
    catch
        error:badarg ->
            case may_make_atoms() of
                true -> counted(fun() -> {ok, binary_to_atom(Name, utf8)} end);
                false -> {error, too_many_atoms}
            end
    end.

%% Those that may become atoms, in the same order.
-spec node_names([binary()]) -> [node()].
node_names(Names) -> [Node || Name <- Names, {ok, Node} <- [node_name(Name)]].

decode(Bytes) ->
    try binary_to_term(Bytes, [used]) of
        {Term, Used} when Used =:= byte_size(Bytes) -> {ok, Term};
        _ -> {error, bad_term}
    catch
        error:badarg -> {error, bad_term}
    end.

may_make_atoms() -> counters:get(counter(), 1) < erlang:system_info(atom_limit) div ?SHARE.

%% What other processes make meanwhile counts as well: an error on the safe side, and a rare one.
counted(Make) ->
    Before = erlang:system_info(atom_count),
    Result = Make(),
    ok = counters:add(counter(), 1, max(0, erlang:system_info(atom_count) - Before)),
    Result.

counter() ->
    case persistent_term:get(?COUNTER, none) of
        none ->
            %% Two processes at once: one of two counters is lost, with what was counted in that moment.
            ok = persistent_term:put(?COUNTER, counters:new(1, [])),
            persistent_term:get(?COUNTER);
        Counter -> Counter
    end.
