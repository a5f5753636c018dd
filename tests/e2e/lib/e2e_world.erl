%% A whole world for a test: hosts, a daemon on each, and what a VM needs to use it. The carrier under test is
%% `barrel`; E2E_CARRIER=tcp runs the same tests over Erlang's own distribution, to see what the tests expect
%% of any carrier (only the cases about daemons cannot run then).
-module(e2e_world).
-export([start/2, stop/1, vm/3, vm_options/3, name/3, daemon_options/2, daemon/2, replace/3, carrier/0, pair/1, down_daemons/1]).

carrier() -> list_to_atom(os:getenv("E2E_CARRIER", "barrel")).

%% start(Name, #{hosts => 2, link => switch | direct | relay, names => short | long, config => [] | fun((Host) -> []),
%%               guests => 0, static => true, ipv6 => false, carrier => barrel | tcp | {tls, OptionFile}, seed => 1})
%% static: daemons know from a table where everyone is. guests: so many of the hosts, the last ones, have no daemon yet.
start(Name, Options0) ->
    clean_up(),
    Options = maps:merge(#{hosts => 2, guests => 0, link => switch, names => short, config => [], static => true, ipv6 => false,
                           carrier => carrier(), seed => 1}, Options0),
    Logs = filename:join(os:getenv("E2E_LOGS"), Name),
    Dir = filename:join("/run/e2e", Name),
    ok = filelib:ensure_path(Logs),
    ok = filelib:ensure_path(Dir),
    Net = e2e_net:up(Options#{logs => Logs}),
    World = Options#{net => Net, logs => Logs, dir => Dir, name => Name},
    write_hosts(World),
    case World of
        #{carrier := barrel, hosts := Count, guests := Guests} ->
            Daemons = [e2e_daemon:start(daemon_options(World, N)) || N <- lists:seq(1, Count - Guests)],
            World#{daemons => maps:from_list([{N, D} || #{host := N} = D <- Daemons])};
        _ -> World#{daemons => #{}}
    end.

%% What a failed case left behind, so that it does not spoil the next one.
clean_up() ->
    e2e_vm:kill_except([]),
    e2e_os:kill_all(),
    {0, Left} = e2e_os:run(["ip", "netns", "list"]),
    [e2e_os:run(["ip", "netns", "del", hd(string:lexemes(Line, " "))], ok)
     || Line <- string:lexemes(unicode:characters_to_list(Left), "\n")].

%% For inet_tcp and inet_tls: what the hosts are called.
write_hosts(#{dir := Dir, hosts := Count} = World) ->
    Lines = [io_lib:format("{host, ~p, [~p, ~p]}.~n", [Address, host_part(long, N), host_part(short, N)])
             || N <- lists:seq(1, Count), {ok, Address} <- [inet:parse_address(e2e_net:address(N))]],
    ok = file:write_file(inetrc(World), [Lines, "{lookup, [file]}.\n"]),
    Dir.

inetrc(#{dir := Dir}) -> filename:join(Dir, "inetrc").

host_part(short, N) -> e2e_net:host(N);
host_part(long, N) -> e2e_net:host(N) ++ ".test".

%% a@h1 or a@h1.test
name(#{names := Names}, Short, N) -> list_to_atom(lists:concat([Short, "@", host_part(Names, N)])).

%% What e2e_daemon:start/1 takes for host N.
daemon_options(#{config := ByHost} = World, N) when is_function(ByHost) -> daemon_options(World#{config := ByHost(N)}, N);
daemon_options(#{dir := Dir, logs := Logs, hosts := Count, ipv6 := Ipv6, static := IsStatic, config := Config} = World, N) ->
    Address = fun(H) when Ipv6 -> "[" ++ e2e_net:address6(H) ++ "]:9100";
                 (H) -> e2e_net:address(H) ++ ":9100" end,
    Static = [{atom_to_list(name(World, Short, H)), Address(H)}
              || H <- lists:seq(1, Count), IsStatic, Short <- [a, b, c, d, e, f, nobody]],
    #{host => N, dir => filename:join(Dir, e2e_net:host(N)), logs => Logs, static => Static,
      config => Config ++ [{"transport", "idle_timeout", "\"4s\""} || not overridden("idle_timeout", Config)]
                       ++ [{"transport", "keep_alive", "\"1s\""} || not overridden("keep_alive", Config)]}.

%% Other sections have keys of the same name.
overridden(Key, Config) -> lists:any(fun({Section, K, _}) -> Section =:= "transport" andalso K =:= Key end, Config).

stop(#{daemons := Daemons, net := Net}) ->
    Running = [D || #{process := P} = D <- maps:values(Daemons), e2e_os:is_running(P)],
    [e2e_daemon:stop(D) || D <- Running],
    [e2e_daemon:healthy(D) || D <- maps:values(Daemons)],
    Dead = [maps:get(host, D) || #{process := P} = D <- maps:values(Daemons) -- Running,
            not lists:member(e2e_os:wait_exit(P, 1000), [0, 137])],
    e2e_net:down(Net),
    Dead =:= [] orelse error({daemons_died, Dead}),
    ok.

down_daemons(#{daemons := Daemons}) -> [N || {N, #{process := P}} <- maps:to_list(Daemons), not e2e_os:is_running(P)].

daemon(#{daemons := Daemons}, N) -> maps:get(N, Daemons).
replace(#{daemons := Daemons} = World, N, Daemon) -> World#{daemons := Daemons#{N => Daemon}}.

%% vm(World, {a, 1}, #{}) starts a@h1. {undefined, 1} starts a VM without a name.
vm(World, Who, Extra) -> e2e_vm:start(vm_options(World, Who, Extra)).

vm_options(#{logs := Logs, names := Names} = World, {Short, N}, Extra) ->
    Name = case Short of
               undefined -> #{};
               _ -> #{name => name(World, Short, N)}
           end,
    Mesh = case maps:get(mesh, Extra, false) of true -> []; false -> no_mesh_flags() end,
    maps:merge(Name#{host => e2e_net:host(N), names => Names, logs => Logs,
                     carrier => #{flags => carrier_flags(World) ++ Mesh},
                     env => carrier_env(World, N)}, Extra).

carrier_flags(#{carrier := barrel}) ->
    ["-pa", os:getenv("BARREL_P2P_EBIN"), "-proto_dist", "barrel_p2p", "-epmd_module", "barrel_p2p_epmd",
     "-start_epmd", "false"];
carrier_flags(#{carrier := tcp} = World) -> inetrc_flags(World);
carrier_flags(#{carrier := {tls, OptionFile}} = World) ->
    ["-proto_dist", "inet_tls", "-ssl_dist_optfile", OptionFile | inetrc_flags(World)].

inetrc_flags(World) -> ["-kernel", "inetrc", "\"" ++ inetrc(World) ++ "\""].

%% Without them OTP's `global` builds a full mesh.
no_mesh_flags() -> ["-connect_all", "false", "-kernel", "prevent_overlapping_partitions", "false"].

carrier_env(#{carrier := barrel} = World, N) -> [{"BARREL_P2P_SOCKET", e2e_daemon:node_socket(daemon(World, N))}];
carrier_env(_, _) -> [].

%% The usual two: a@h1 and b@h2.
pair(World) ->
    Starting = [{Who, e2e_vm:start_later(vm_options(World, Who, #{}))} || Who <- [{a, 1}, {b, 2}]],
    list_to_tuple([case e2e_vm:await(Tag, 60_000) of
                       {ok, Vm} -> Vm;
                       {error, Reason} -> error({vm_did_not_start, Who, Reason})
                   end || {Who, Tag} <- Starting]).
