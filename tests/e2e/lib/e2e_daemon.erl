%% A barrel-p2pd on a host of the test: its configuration, its life, what it says, and at the end whether it
%% stayed healthy.
-module(e2e_daemon).
-export([start/1, restart/1, reconfigure/2, stop/1, kill/1, suspend/1, resume/1]).
-export([command/2, try_command/2, status/1, log/1, lines/1, logged/2, rss/1, healthy/1, node_socket/1, state_dir/1]).

%% #{host => 1, dir, logs, static => [{Name, Address}], listen => Address, config => [{Section, Key, Value}]}
%% Values are TOML text. Returns when the node socket takes connections.
start(Options) ->
    Daemon = start_unready(Options),
    wait_ready(Daemon),
    Daemon.

start_unready(#{host := N, dir := Dir, logs := Logs} = Options) ->
    ok = filelib:ensure_path(Dir),
    ok = file:write_file(config_file(Options), config(Options)),
    Log = filename:join(Logs, ["daemon-", e2e_net:host(N), ".log"]),
    Process = e2e_os:start(#{name => "daemon " ++ e2e_net:host(N), host => e2e_net:host(N), log => Log,
                             command => [os:getenv("BARREL_P2PD"), "run", "--config", config_file(Options)]}),
    Options#{process => Process, log => Log, options => maps:without([process, log, options], Options)}.

wait_ready(#{process := Process} = Daemon) ->
    Socket = node_socket(Daemon),
    e2e_wait:until({daemon_ready, maps:get(host, Daemon)}, fun() ->
        e2e_os:is_running(Process) orelse error({daemon_ended, e2e_os:wait_exit(Process, 1000), tail(Daemon)}),
        case gen_tcp:connect({local, Socket}, 0, [binary, {active, false}]) of
            {ok, S} -> gen_tcp:close(S), true;
            {error, _} -> false
        end
    end, 20_000).

config(#{host := N} = Options) ->
    Listen = maps:get(listen, Options, "[::]:9100"),
    Text = fun(T) -> ["\"", T, "\""] end,
    Keys = [{"host", "listen", ["[", Text(Listen), "]"]},
            {"host", "node_socket", Text(node_socket(Options))},
            {"host", "control_socket", Text(control_socket(Options))},
            {"host", "state_dir", Text(state_dir(Options))}
            | maps:get(config, Options, [])],
    Sections = lists:usort([S || {S, _, _} <- Keys]),
    ["# host ", integer_to_list(N), $\n,
     [["[", S, "]\n", [[K, " = ", V, $\n] || {S1, K, V} <- Keys, S1 =:= S]] || S <- Sections],
     "[discovery.static]\n",
     [["\"", Name, "\" = \"", Address, "\"\n"] || {Name, Address} <- maps:get(static, Options, [])]].

node_socket(#{dir := Dir}) -> filename:join(Dir, "node.sock").
control_socket(#{dir := Dir}) -> filename:join(Dir, "ctl.sock").
state_dir(#{dir := Dir}) -> filename:join(Dir, "state").
config_file(#{dir := Dir}) -> filename:join(Dir, "barrel-p2pd.toml").

%% The clean stop: within 2 s, says promise I24; a sanitizer build on a busy machine gets 6. With status 0.
stop(#{process := Process} = Daemon) ->
    {Ms, Status} = e2e_wait:timed(fun() -> e2e_os:stop(Process, term) end),
    Status =:= 0 orelse error({daemon_stopped_with, Status, tail(Daemon)}),
    Ms =< 6000 orelse error({clean_stop_took_ms, Ms}),
    Ms.

kill(#{process := Process}) ->
    137 = e2e_os:stop(Process, kill),
    ok.

suspend(#{process := Process}) -> e2e_os:signal(Process, stop).
resume(#{process := Process}) -> e2e_os:signal(Process, cont).

%% Again, with the same directory and configuration.
restart(#{options := Options}) -> start(Options).
reconfigure(#{options := Options}, Changes) -> start(maps:merge(Options, Changes)).

%% A command of the daemon's program, on its host; what it printed. It must succeed.
command(Daemon, Words) ->
    case try_command(Daemon, Words) of
        {0, Printed} -> Printed;
        {Status, Printed} -> error({command_failed, Words, Status, Printed})
    end.

%% {ExitStatus, Printed}
try_command(#{host := N} = Daemon, Words) ->
    e2e_os:run(e2e_os:in_host(e2e_net:host(N), [os:getenv("BARREL_P2PD") | Words] ++ ["--config", config_file(Daemon)])).

%% `status --json`, decoded.
status(Daemon) -> json:decode(command(Daemon, ["status", "--json"])).

log(#{log := Log}) ->
    {ok, Text} = file:read_file(Log),
    Text.

logged(Daemon, Pattern) -> re:run(log(Daemon), Pattern, [{capture, none}]) =:= match.

tail(Daemon) -> lists:nthtail(max(0, length(lines(Daemon)) - 20), lines(Daemon)).
lines(Daemon) -> binary:split(log(Daemon), <<"\n">>, [global]).

rss(#{process := #{id := Id}}) -> e2e_os:rss(Id).

%% No sanitizer report, no failed check, no end that nobody asked for (stop/1 and kill/1 look at the others).
healthy(Daemon) ->
    Fault = "AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|ThreadSanitizer|runtime error:"
            "|BP2P_CHECK|check failed|terminate called|Assertion",
    case re:run(log(Daemon), Fault, [{capture, first, binary}, caseless]) of
        nomatch -> ok;
        {match, [What]} -> error({daemon_faulty, maps:get(host, Daemon), What, tail(Daemon)})
    end.
