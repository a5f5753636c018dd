%% Two hosts that know nothing of each other but what a shared directory, or a command, tells them.
-module(discovery_SUITE).
-compile([export_all, nowarn_export_all]).
-include_lib("stdlib/include/assert.hrl").
-import(e2e_vm, [call/2]).

suite() -> [{timetrap, {seconds, 90}}].
all() -> [shared_directory, command].

name(#{name := Name}) -> Name.
ping(Vm, To) -> call(Vm, fun() -> net_adm:ping(To) end).

%% A new directory, and a world whose daemons have Keys(Host) instead of a table.
world(Name, Keys) ->
    e2e_world:start(["discovery_", Name], #{static => false, config => fun(N) ->
        [{"host", "advertise", ["[\"", e2e_net:address(N), ":9100\"]"]} | Keys]
    end}).

directory(Name) ->
    Dir = filename:join("/run/e2e", Name),
    ok = filelib:ensure_path(Dir),
    Dir.

done(World) ->
    e2e_vm:kill_except([]),
    e2e_world:stop(World).

%% --- cases ---------------------------------------------------------------------------------------------------

shared_directory(_) ->
    Dir = directory("shared"),
    File = fun(Vm) -> filename:join(Dir, atom_to_list(name(Vm)) ++ ".endpoint") end,
    Says = fun(Vm) -> file:consult(File(Vm)) end,                       % as upstream reads it
    Becomes = fun(Vm, What) -> e2e_wait:until({endpoint, name(Vm), What}, fun() -> Says(Vm) =:= What end) end,
    %% Left by a crash, of the time when b was elsewhere.
    ok = file:write_file(filename:join(Dir, "b@h2.endpoint"), "{\"10.77.0.99\", 9100}.\n"),
    World = world("shared", [{"discovery", "backends", "[\"file\"]"}, {"discovery", "directory", ["\"", Dir, "\""]}]),
    {A, B} = e2e_world:pair(World),
    Becomes(A, {ok, [{"10.77.0.1", 9100}]}),
    Becomes(B, {ok, [{"10.77.0.2", 9100}]}),
    ?assertEqual(pong, ping(A, name(B))),
    ?assertEqual(pang, ping(A, 'nobody@h2')),

    %% A node that leaves takes its file along.
    e2e_vm:kill(A),
    Becomes(A, {error, enoent}),
    %% A clean stop, too.
    Daemon2 = e2e_world:daemon(World, 2),
    e2e_daemon:stop(Daemon2),
    ?assertEqual({error, enoent}, Says(B)),

    %% A daemon that is killed leaves it; the node attaches again, and it is right again.
    World1 = e2e_world:replace(World, 2, e2e_daemon:restart(Daemon2)),
    Becomes(B, {ok, [{"10.77.0.2", 9100}]}),
    A1 = e2e_world:vm(World1, {a, 1}, #{}),
    Becomes(A1, {ok, [{"10.77.0.1", 9100}]}),
    e2e_wait:until(pong, fun() -> ping(A1, name(B)) =:= pong end, 20_000),
    e2e_daemon:kill(e2e_world:daemon(World1, 2)),
    ?assertEqual({ok, [{"10.77.0.2", 9100}]}, Says(B)),
    World2 = e2e_world:replace(World1, 2, e2e_daemon:restart(e2e_world:daemon(World1, 2))),
    e2e_wait:until(pong, fun() -> ping(A1, name(B)) =:= pong end, 20_000),
    done(World2).

command(_) ->
    Program = filename:join(directory("command"), "find-node"),
    ok = file:write_file(Program, ["#!/bin/sh\n"
                                   "case \"$1\" in\n"
                                   "  a@h1) echo 10.77.0.1:9100 ;;\n"
                                   "  b@h2) echo 10.77.0.99:9100; echo 10.77.0.2:9100 ;;\n"
                                   "  slow@h2) sleep 1000 ;;\n"
                                   "  *) exit 1 ;;\n"
                                   "esac\n"]),
    ok = file:change_mode(Program, 8#755),
    World = world("command", [{"discovery", "backends", "[\"static\", \"dns\", \"command\"]"},
                              {"discovery", "command", ["[\"", Program, "\"]"]}]),
    {A, B} = e2e_world:pair(World),
    {UnknownMs, pang} = e2e_wait:timed(fun() -> ping(A, 'nobody@h2') end),
    ?assert(UnknownMs < 5000),
    %% One that hangs is killed, and does not hold up another name.
    Slow = call(A, fun() -> spawn(fun() -> net_adm:ping('slow@h2') end) end),
    ?assertEqual(pong, ping(A, name(B))),
    Daemon = e2e_world:daemon(World, 1),
    e2e_wait:until(killed, fun() -> e2e_daemon:logged(Daemon, "discovery.command.*did not answer for slow@h2 within 3000 ms") end),
    e2e_wait:until(slow_is_over, fun() -> not call(A, fun() -> is_process_alive(Slow) end) end, 10_000),
    done(World).
