%% Operating-system processes: started here, known by their id, ended by it. Everything is also ended by the
%% sandbox (../sandbox), so nothing survives a test run that was itself killed.
-module(e2e_os).
-export([table/0, kill_all/0, run/1, run/2, in_host/2]).
-export([start/1, stop/2, signal/2, wait_exit/2, is_running/1, ask/2, send/2, output/1]).
-export([rss/1, peak_rss/1, cpu_seconds/1]).
-export_type([process/0]).

-type process() :: #{owner := pid(), id := pos_integer(), name := string()}.

%% Of everything started, so that it can be ended whatever became of the test that started it.
table() -> ets:new(e2e_processes, [named_table, public]).

kill_all() ->
    [begin
         stop(Process, kill),
         ets:delete(e2e_processes, Owner)
     end || {Owner, Process} <- ets:tab2list(e2e_processes)],
    ok.

%% Runs a command to its end: {Status, Output}. With `ok` as the second argument any failure is an error.
run([Program | Args]) ->
    Port = open_port({spawn_executable, find(Program)},
                     [{args, Args}, exit_status, binary, stderr_to_stdout, hide]),
    collect(Port, [], erlang:monotonic_time(millisecond) + 60_000).

run(Command, ok) ->
    case run(Command) of
        {0, Output} -> Output;
        {Status, Output} -> error({command_failed, Command, Status, Output})
    end.

collect(Port, Output, Deadline) ->
    receive
        {Port, {data, Data}} -> collect(Port, [Output | Data], Deadline);
        {Port, {exit_status, Status}} -> {Status, iolist_to_binary(Output)}
    after max(0, Deadline - erlang:monotonic_time(millisecond)) ->
        signal_id(9, element(2, erlang:port_info(Port, os_pid))),
        error({command_did_not_end, iolist_to_binary(Output)})
    end.

find([$/ | _] = Path) -> Path;
find(Program) ->
    case os:find_executable(Program) of
        false -> error({no_such_program, Program});
        Path -> Path
    end.

%% The words that run a command on a host.
in_host(none, Command) -> Command;
in_host(Host, Command) -> ["ip", "netns", "exec", Host | Command].

%% Starts a process that stays.
%%   #{name, command, host => network namespace, log => file, env => [{Name, Value}], stdio => null | pipe}
%% With `pipe` its input is ours and its output is read by lines (ask/2, output/1); else its output goes to the log.
-spec start(map()) -> process().
start(#{name := Name, command := Command} = Options) ->
    [Program | Args] = in_host(maps:get(host, Options, none), Command),
    Log = maps:get(log, Options, "/dev/null"),
    Redirect = case maps:get(stdio, Options, null) of
                   null -> "exec \"$@\" </dev/null >>\"$0\" 2>&1";
                   pipe -> "exec \"$@\" 2>>\"$0\""
               end,
    Self = self(),
    Owner = spawn(fun() ->
        Port = open_port({spawn_executable, "/bin/sh"},
                         [{args, ["-c", Redirect, Log, find(Program) | Args]}, {env, maps:get(env, Options, [])},
                          exit_status, binary, hide]),
        {os_pid, Id} = erlang:port_info(Port, os_pid),
        Self ! {self(), Id},
        own(#{port => Port, status => running, waiting => [], lines => [], partial => <<>>, asking => []})
    end),
    Monitor = monitor(process, Owner),
    receive
        {Owner, Id} ->
            demonitor(Monitor, [flush]),
            Process = #{owner => Owner, id => Id, name => Name},
            ets:insert(e2e_processes, {Owner, Process}),
            Process;
        {'DOWN', Monitor, _, _, Reason} -> error({cannot_start, Name, Reason})
    end.

own(#{port := Port} = S) ->
    receive
        {Port, {exit_status, Status}} ->
            [Who ! {Ref, Status} || {Who, Ref} <- maps:get(waiting, S)],
            own(S#{status := Status, waiting := []});
        {Port, {data, Data}} ->
            own(take_lines(S, Data));
        {send, Line} ->
            catch port_command(Port, [Line, $\n]),
            own(S);
        {ask, Who, Ref, Line} ->
            catch port_command(Port, [Line, $\n]),
            own(S#{asking := maps:get(asking, S) ++ [{Who, Ref}]});
        {wait, Who, Ref} ->
            case S of
                #{status := running, waiting := Waiting} -> own(S#{waiting := [{Who, Ref} | Waiting]});
                #{status := Status} -> Who ! {Ref, Status}, own(S)
            end;
        {status, Who, Ref} -> Who ! {Ref, maps:get(status, S)}, own(S);
        {output, Who, Ref} ->
            Who ! {Ref, iolist_to_binary([lists:join($\n, lists:reverse(maps:get(lines, S))), $\n,
                                          maps:get(partial, S)])},
            own(S)
    end.

take_lines(#{partial := Partial} = S, Data) ->
    [Last | Whole] = lists:reverse(binary:split(<<Partial/binary, Data/binary>>, <<"\n">>, [global])),
    lists:foldl(fun take_line/2, S#{partial := Last}, lists:reverse(Whole)).

take_line(Line, #{asking := [{Who, Ref} | Others]} = S) -> Who ! {Ref, Line}, S#{asking := Others};
take_line(Line, #{lines := Lines} = S) -> S#{lines := lists:sublist([Line | Lines], 10_000)}.

call(#{owner := Owner, name := Name}, Request, Ms) ->
    Ref = make_ref(),
    Owner ! erlang:insert_element(3, erlang:insert_element(2, Request, self()), Ref),
    receive {Ref, Answer} -> Answer after Ms -> error({no_answer, Name, Request}) end.

%% Sends a line and waits for the line that answers it.
ask(Process, Line) -> call(Process, {ask, Line}, 5_000).
send(#{owner := Owner}, Line) -> Owner ! {send, Line}, ok.
output(Process) -> call(Process, {output}, 5_000).

is_running(Process) -> call(Process, {status}, 5_000) =:= running.

%% The exit status, as the shell counts: 128 + signal for one that was killed.
wait_exit(#{name := Name} = Process, Ms) ->
    try call(Process, {wait}, Ms)
    catch error:{no_answer, _, _} -> error({still_running, Name, Ms})
    end.

signal(#{id := Id} = Process, Signal) ->
    case is_running(Process) of
        true -> signal_id(Signal, Id);
        false -> ok
    end.

signal_id(Signal, Id) ->
    {_, _} = run(["/bin/kill", "-" ++ name(Signal), integer_to_list(Id)]),
    ok.

name(Signal) when is_integer(Signal) -> integer_to_list(Signal);
name(Signal) -> string:uppercase(atom_to_list(Signal)).

%% Ends it: a signal and its exit status. A process that ignores TERM for 10 s is killed, and that is an error.
stop(Process, Signal) ->
    signal(Process, Signal),
    try wait_exit(Process, 10_000)
    catch error:{still_running, _, _} = Reason ->
        signal(Process, kill),
        error(Reason)
    end.

%% --- what the kernel knows of a process id -------------------------------------------------------------------

rss(Id) -> field(Id, "VmRSS").
peak_rss(Id) -> field(Id, "VmHWM").

field(Id, Name) ->
    {ok, Status} = file:read_file(proc(Id, "status")),
    {match, [KiB]} = re:run(Status, ["^", Name, ":\\s+([0-9]+) kB"], [multiline, {capture, all_but_first, list}]),
    list_to_integer(KiB) * 1024.

cpu_seconds(Id) ->
    {ok, Stat} = file:read_file(proc(Id, "stat")),
    [_, AfterName] = string:split(Stat, ") ", trailing),
    Fields = string:lexemes(AfterName, " "),
    [User, System] = [binary_to_integer(lists:nth(N, Fields)) || N <- [12, 13]],
    (User + System) / 100.  % USER_HZ, 100 on every Linux of today

proc(Id, File) -> ["/proc/", integer_to_list(Id), "/", File].
