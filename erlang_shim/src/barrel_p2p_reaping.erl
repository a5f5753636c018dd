%% What this node has to say when the daemon would close a connection that nobody uses (docs/decisions/0008-reaping.md):
%% whether it may at all, and whether something is attached to it.
-module(barrel_p2p_reaping).

-export([consent/0, unattached/1, unattached/3]).
-export_type([consent/0]).

-define(MIN_AGE_MS, 300000).   % upstream's, like the next
-define(PERIOD_MS, 60000).
-define(PERIOD_MS_MIN, 100).   % proto/wire/limits.h
-define(MS_MAX, 16#100000000).

%% How old a connection is at least, and for how long nothing but ticks has passed; how often the daemon looks.
-type consent() :: none | {MinAgeMs :: non_neg_integer(), PeriodMs :: pos_integer()}.

%% None where it would do harm: `global' with its full mesh connects again at once, and with overlapping partitions
%% prevented cuts others; and `dist_auto_connect' may forbid that the next message connects again.
-spec consent() -> consent().
consent() ->
    case barrel_p2p_dist:is_hidden() orelse not keeps_full_mesh() of
        true ->
            case application:get_env(kernel, dist_auto_connect) of
                {ok, Barred} when Barred =:= never; Barred =:= once -> none;
                _ ->
                    {min(?MS_MAX, barrel_p2p_config:ms(dist_gc_min_age_ms, ?MIN_AGE_MS)),
                     min(?MS_MAX, max(?PERIOD_MS_MIN, barrel_p2p_config:ms(dist_gc_sweep_period_ms, ?PERIOD_MS)))}
            end;
        false -> none
    end.

%% Those of Names that this node is connected to with nothing attached: no link, no monitor of a process, by either end,
%% no monitor_node/2. And for how long the VM stood still for it.
%%
%% The VM prints its own table of these, as documented for crash dumps; process_info/2 has no monitors of nodes, and is a
%% signal to every process. The price: while it prints, nothing else runs. Measured: 30 us with 200,000
%% processes, 3 ms with 10,000 links and monitors to other nodes, 0.2 s with 100,000.
-spec unattached([binary()]) -> {[binary()], Us :: non_neg_integer()}.
unattached(Names) ->
    Controllers = erlang:system_info(dist_ctrl),
    {Us, Table} = timer:tc(erlang, system_info, [dist]),
    {unattached(Names, Controllers, Table), Us}.

%% What is not understood counts as attached.
-spec unattached([binary()], [{node(), port() | pid()}], binary()) -> [binary()].
unattached(Names, Controllers, Table) ->
    Asked = maps:from_keys(Names, asked),
    ByPort = maps:from_list([{list_to_binary(port_to_list(Port)), Name}
                             || {Node, Port} <- Controllers, is_port(Port),
                                Name <- [atom_to_binary(Node, utf8)], is_map_key(Name, Asked)]),
    sections(binary:split(Table, <<"\n">>, [global]), none, ByPort, []).

%% `none': in a section of no connection, or of one with something attached.
sections([<<"=", _/binary>> | Lines], Name, ByPort, Free) -> sections(Lines, unknown, ByPort, found(Name, Free));
sections([<<"Controller: ", Port/binary>> | Lines], unknown, ByPort, Free) ->
    sections(Lines, maps:get(Port, ByPort, none), ByPort, Free);
sections([<<"Name: ", _/binary>> | Lines], Name, ByPort, Free) -> sections(Lines, Name, ByPort, Free);
sections([<<"Creation: ", _/binary>> | Lines], Name, ByPort, Free) -> sections(Lines, Name, ByPort, Free);
sections([<<>> | Lines], Name, ByPort, Free) -> sections(Lines, Name, ByPort, Free);
sections([_ | Lines], _, ByPort, Free) -> sections(Lines, none, ByPort, Free);
sections([], Name, _, Free) -> lists:reverse(found(Name, Free)).

found(Name, Free) when is_binary(Name) -> [Name | Free];
found(_, Free) -> Free.

%% As `global' decides it.
keeps_full_mesh() ->
    case application:get_env(kernel, connect_all) of
        {ok, false} -> false;
        {ok, _} -> true;
        undefined ->
            case init:get_argument(connect_all) of
                {ok, [["false" | _] | _]} -> false;
                _ -> true
            end
    end.
