%% What the VM's own table says of connections.
-module(barrel_p2p_reaping_tests).
-include_lib("eunit/include/eunit.hrl").
-import(barrel_p2p_reaping, [unattached/3]).

a_connection_without_links_and_monitors_is_free_test() ->
    [A, B, C] = Ports = [open() || _ <- [1, 2, 3]],
    Table = [<<"=node:'me@h'\n">>,
             section(<<"visible_node">>, A, <<"a@h">>, []),
             section(<<"hidden_node">>, B, <<"b@h">>, []),
             section(<<"visible_node">>, C, <<"c@h">>, [<<"Remote link: <9784.57.0> <0.96.0>">>]),
             <<"=not_connected:3\nName: 'nonode@nohost'\n\n">>],
    Controllers = [{'a@h', A}, {'b@h', B}, {'c@h', C}],
    ?assertEqual([<<"a@h">>, <<"b@h">>], free([<<"a@h">>, <<"b@h">>, <<"c@h">>, <<"d@h">>], Controllers, Table)),
    ?assertEqual([<<"b@h">>], free([<<"b@h">>], Controllers, Table)),
    ?assertEqual([], free([], Controllers, Table)),
    _ = [port_close(Port) || Port <- Ports].

whatever_else_is_said_of_it_keeps_it_test() ->
    Port = open(),
    [?assertEqual({Line, []}, {Line, free([<<"a@h">>], [{'a@h', Port}], [section(<<"visible_node">>, Port, <<"a@h">>, [Line])])})
     || Line <- [<<"Remote monitoring: <0.94.0> 'a@h'">>, <<"Remote monitoring: <0.95.0> {rex, 'a@h'}">>,
                 <<"Remotely monitored by: <0.1.0> <9784.93.0>">>, <<"Remote link: <9784.57.0> <0.96.0>">>,
                 <<"Of a later VM: 1">>]],
    port_close(Port).

what_is_not_there_or_not_understood_is_not_free_test() ->
    Port = open(),
    [?assertEqual({Table, []}, {Table, free([<<"a@h">>], [{'a@h', Port}], Table)})
     || Table <- [<<>>, <<"=node:'me@h'\n">>, <<"=visible_node:1\nName: 'a@h'\nCreation: 7\n">>,
                  <<"=visible_node:1\nName: 'a@h'\nController: #Port<0.99999999>\n">>]],
    ?assertEqual([], free([<<"a@h">>], [{'a@h', self()}], section(<<"visible_node">>, Port, <<"a@h">>, []))),
    port_close(Port).

free(Names, Controllers, Table) -> unattached(Names, Controllers, iolist_to_binary(Table)).

section(Kind, Port, Name, Lines) ->
    [<<"=">>, Kind, <<":9784\nName: '">>, Name, <<"'\nController: ">>, port_to_list(Port), <<"\nCreation: 1795209185\n">>,
     [[Line, $\n] || Line <- Lines]].

open() -> open_port({spawn, "cat"}, []).
