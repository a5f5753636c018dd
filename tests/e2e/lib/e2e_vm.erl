%% Erlang nodes under test: VMs on a host of the test, steered over their standard input and output (the module
%% peer), so that the test itself needs no distribution to them and can watch it break.
-module(e2e_vm).
-export([table/0, all/0, outliving/0, kill_except/1, start/1, start_later/1, await/2, flags/2]).
-export([call/2, call/3, call/5, kill/1, suspend/1, resume/1, is_alive/1]).

%% Of every VM started, so that it can be ended whatever became of the test that started it.
table() -> ets:new(e2e_vms, [named_table, public]).

all() -> [Peer || {Peer, _, _} <- ets:tab2list(e2e_vms)].
%% Those that stay when the case ends in which they were started.
outliving() -> [Peer || {Peer, _, true} <- ets:tab2list(e2e_vms)].

kill_except(Peers) ->
    [begin
         ets:delete(e2e_vms, Peer),
         is_process_alive(Peer) andalso kill(#{peer => Peer, id => Id, name => left_over})
     end || {Peer, Id, _} <- ets:tab2list(e2e_vms), not lists:member(Peer, Peers)],
    ok.

%% #{host, name => 'a@h1', carrier => #{flags, env}, names => long | short, logs, flags => [], cookie, env => [],
%%   outlives_case => false}
start(Options) ->
    Tag = start_later(Options),
    case await(Tag, 60_000) of
        {ok, Vm} -> Vm;
        {error, Reason} -> error({vm_did_not_start, maps:get(name, Options, undefined), Reason})
    end.

%% Starts it without waiting: await/2 tells how it went.
start_later(#{host := Host, logs := Logs} = Options) ->
    Name = maps:get(name, Options, undefined),
    Label = maps:get(label, Options, case Name of undefined -> "nameless"; _ -> atom_to_list(Name) end),
    Log = filename:join(Logs, ["vm-", Label, ".log"]),
    Command = e2e_os:in_host(Host, ["erl" | flags(Name, Options)]),
    Self = self(),
    Ref = make_ref(),
    %% A process of its own, because peer:start binds the VM's output to the caller's group leader.
    Starter = spawn(fun() ->
        {ok, Output} = file:open(Log, [append, {encoding, utf8}]),
        group_leader(Output, self()),
        Started = try
            {ok, Peer, _} = peer:start(#{connection => standard_io, peer_down => stop, wait_boot => 120_000,
                                         shutdown => close, env => maps:get(env, Options, []),
                                         exec => {"/bin/sh", ["-c", "exec 2>>\"$0\" \"$@\"", Log | Command]}}),
            Id = list_to_integer(peer:call(Peer, os, getpid, [])),
            ets:insert(e2e_vms, {Peer, Id, maps:get(outlives_case, Options, false)}),
            {ok, #{peer => Peer, id => Id, name => Name, log => Log}}
        catch _:Reason -> {error, Reason}
        end,
        Self ! {Ref, Started},
        case Started of  % the file belongs to this process
            {ok, #{peer := P}} -> M = monitor(process, P), receive {'DOWN', M, _, _, _} -> ok end;
            _ -> ok
        end
    end),
    {Starter, Ref}.

await({Starter, Ref}, Ms) ->
    receive
        {Ref, Result} -> Result
    after Ms ->
        exit(Starter, kill),
        {error, timeout}
    end.

flags(Name, Options) ->
    #{flags := Carrier} = maps:get(carrier, Options),
    NameFlags = case {Name, maps:get(names, Options, short)} of
                    {undefined, _} -> [];
                    {_, long} -> ["-name", atom_to_list(Name)];
                    {_, short} -> ["-sname", atom_to_list(Name)]
                end,
    Emulator = maps:get(emulator, Options, ["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"]),
    Emulator ++ NameFlags ++ Carrier ++ ["-pa", os:getenv("E2E_EBIN"), "-setcookie", maps:get(cookie, Options, "e2e")]
        ++ maps:get(flags, Options, []).

%% The fun runs in the VM: its module is on every VM's code path.
call(Vm, Fun) -> call(Vm, Fun, 30_000).
call(#{peer := Peer}, Fun, Ms) -> peer:call(Peer, erlang, apply, [Fun, []], Ms).
call(#{peer := Peer}, M, F, A, Ms) -> peer:call(Peer, M, F, A, Ms).

%% kill -9, and the proof that it is gone.
kill(#{peer := Peer, id := Id, name := Name}) ->
    Monitor = monitor(process, Peer),
    signal(Id, kill),
    receive {'DOWN', Monitor, _, _, _} -> ok
    after 20_000 -> error({vm_did_not_end, Name})
    end.

suspend(#{id := Id}) -> signal(Id, stop).
resume(#{id := Id}) -> signal(Id, cont).
is_alive(#{peer := Peer}) -> is_process_alive(Peer).

signal(Id, Signal) -> e2e_os:run(["/bin/kill", "-" ++ string:uppercase(atom_to_list(Signal)), integer_to_list(Id)]).
