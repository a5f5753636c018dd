%% The node's side of the node socket: performs what barrel_p2p_session decides.
%%
%% One process, registered under the module's name, started by whoever first needs the daemon (net_kernel
%% when the node begins to listen, a dial of a node without a name, the application) and ended when nobody does
%% any more. It owns the session's socket and nothing else: sockets of dist connections belong to the
%% connection's own process, and after that to the VM.
%%
%% net_kernel calls in here while it starts (`listen/1', `close/0'), and never in between.
-module(barrel_p2p_client).
-behaviour(gen_server).

-export([hold/2, listen/1, ensure_running/1, close/0]).
-export([dial/4, request/1, broadcast/2, subscribe/2, unsubscribe/2, status/0]).
-export([acceptor/3]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2, format_status/1]).

-define(KEPT, {?MODULE, kept}).
-define(ACCEPTORS_MAX, 128).
-define(ASK_MS, 10000).        % the session gives up first
-define(COMPLAIN_MS, 60000).
-define(LOOK_SHARE, 1000).
-define(CLOSE_MS, 500).        % net_kernel has 2 s to end
-define(READY_MS, 5000).       % docs/wire.md: an INCOMING is valid for 5 s
-define(HAND_OVER_MS, 10000).  % net_kernel may be busy

%% --- for net_kernel ----------------------------------------------------------------------------------

%% Runs as long as `Pid' lives (and others that said the same). With net_kernel ends the session as well: the
%% name is its.
-spec hold(application | net_kernel, pid()) -> ok.
hold(Role, Pid) -> call({hold, Role, Pid}).

%% Attaches the calling process's node; called by net_kernel, which then is the one to get connections.
%% Waits for the daemon as long as barrel_p2p_config:wait_ms/0 says, telling so on standard error.
-spec listen(barrel_p2p_session:identity()) -> {ok, Creation :: pos_integer()} | {error, term()}.
listen(Identity) ->
    call({listen, self(), Identity, barrel_p2p_config:wait_ms()}).

%% A client that died is back after this, with the session it had. Does not wait for the daemon.
-spec ensure_running(pid()) -> pid().
ensure_running(Kernel) ->
    ok = hold(net_kernel, Kernel),
    whereis(?MODULE).

%% Gives the name back. When this returns the daemon knows, or half a second has passed.
-spec close() -> ok.
close() ->
    case whereis(?MODULE) of
        undefined -> ok;
        _ ->
            try gen_server:call(?MODULE, detach, 2 * ?CLOSE_MS)
            catch exit:_ -> ok   % it ended, or is stuck: then so is the socket, and the VM closes it
            end
    end.

%% --- for connections ---------------------------------------------------------------------------------

%% Opens a channel to `Node'. The calling process owns the socket, passive, with `{packet, 4}', its next
%% byte the other node's. `Kernel' is net_kernel's pid.
-spec dial(node(), barrel_p2p_session:identity(), pid(), pos_integer()) ->
          {ok, inet:socket()} | {error, barrel_p2p_socket:why()}.
dial(Node, Identity, Kernel, Timeout) ->
    To = atom_to_binary(Node, utf8),
    Deadline = erlang:monotonic_time(millisecond) + Timeout,
    Result = try
                 ok = hold(net_kernel, Kernel),
                 case gen_server:call(?MODULE, {need, Identity}, Timeout) of
                     {ok, Token} when byte_size(To) =< 255 -> open_channel({dial, Token, To}, left(Deadline));
                     {ok, _} -> {error, {bad_name, <<"a node name has at most 255 bytes">>}};
                     Error -> Error
                 end
             catch
                 exit:{timeout, _} -> {error, {timeout, <<"no session within the time allowed">>}};
                 exit:{Reason, {gen_server, call, _}} ->
                     {error, {client_down, io_lib:format("the client ended: ~p", [Reason])}}
             end,
    case Result of
        {ok, Socket} -> {ok, Socket};
        {error, Why} ->
            gen_server:cast(?MODULE, {dial_failed, To, Why}),
            {error, Why}
    end.

%% A question to the daemon (docs/wire.md 1.2).
-spec request(term()) -> ok | {ok, term()} | {error, atom()}.
request(Question) -> ask({request, Question}).

%% The daemon has taken it (docs/wire.md 1.3).
-spec broadcast(Tag :: binary(), Payload :: binary()) -> ok | {ok, term()} | {error, atom()}.
broadcast(Tag, Payload) -> ask({broadcast, Tag, Payload}).

ask(Question) ->
    asking(fun() ->
                   case gen_server:call(?MODULE, {need, own_identity()}, ?ASK_MS) of
                       {ok, _Token} -> gen_server:call(?MODULE, Question, ?ASK_MS);
                       {error, _Why} -> {error, daemon_unavailable}
                   end
           end).

%% `Pid' gets what happens about `Topic', until it ends: as long as this process lives, whatever becomes of the daemon.
-spec subscribe(pid(), barrel_p2p_subscribers:topic()) -> ok | {error, atom()}.
subscribe(Pid, Topic) ->
    asking(fun() -> gen_server:call(?MODULE, {subscribe, Pid, Topic, own_identity()}, ?ASK_MS) end).

%% What was on its way to `Pid' may still come.
-spec unsubscribe(pid(), barrel_p2p_subscribers:topic()) -> ok.
unsubscribe(Pid, Topic) ->
    _ = asking(fun() -> gen_server:call(?MODULE, {unsubscribe, Pid, Topic}, ?ASK_MS) end),
    ok.

asking(Ask) ->
    try Ask()
    catch
        exit:{noproc, _} -> {error, not_started};
        exit:_ -> {error, daemon_unavailable}
    end.

%% For tests and people: the session without its secret.
-spec status() -> map() | not_started.
status() ->
    case whereis(?MODULE) of
        undefined -> not_started;
        _ -> gen_server:call(?MODULE, status)
    end.

%% --- the process -------------------------------------------------------------------------------------

init([]) ->
    process_flag(trap_exit, true),
    %% An application that stops kills every process with its group leader, and it may be the one who started us.
    true = group_leader(whereis(init), self()),
    State = #{session => barrel_p2p_session:new(), socket => none, timers => #{}, holders => #{},
              kernel => none, acceptors => #{}, watched => #{}, complained => never, look => none, look_from => never},
    case persistent_term:get(?KEPT, none) of
        none -> {ok, consenting(State)};
        {Kernel, Kept} ->
            case is_process_alive(Kernel) of
                true ->
                    {Session, Effects} = barrel_p2p_session:resume(Kept),
                    {ok, perform(Effects, holding(net_kernel, Kernel, consenting(State#{session := Session})))};
                false ->
                    _ = persistent_term:erase(?KEPT),
                    {ok, consenting(State)}
            end
    end.

handle_call({hold, Role, Pid}, _From, State) ->
    {reply, ok, holding(Role, Pid, consenting(State))};
handle_call({listen, Kernel, Identity, WaitMs}, From, State) ->
    {noreply, step({attach, From, Identity, WaitMs}, holding(net_kernel, Kernel, consenting(State)))};
handle_call(detach, _From, State) ->
    {reply, ok, step(detach, State)};
handle_call({need, Identity}, From, State) ->
    {noreply, step({need, From, Identity}, State)};
handle_call({request, Question}, From, State) ->
    {noreply, step({request, From, Question}, State)};
handle_call({broadcast, Tag, Payload}, From, State) ->
    {noreply, step({broadcast, From, Tag, Payload}, State)};
handle_call({subscribe, Pid, Topic, Identity}, From, State) ->
    {noreply, step({subscribe, From, Pid, Topic, Identity}, State)};
handle_call({unsubscribe, Pid, Topic}, _From, State) ->
    {reply, ok, step({unsubscribe, Pid, Topic}, State)};
handle_call(status, _From, #{session := Session, acceptors := Acceptors} = State) ->
    {reply, (barrel_p2p_session:redact(Session))#{acceptors => map_size(Acceptors)}, State}.

handle_cast({dial_failed, To, Why}, State) ->
    {noreply, step({dial_failed, To, Why, erlang:monotonic_time(millisecond)}, State)}.

handle_info({tcp, Socket, Bytes}, #{socket := Socket} = State) ->
    _ = inet:setopts(Socket, [{active, once}]),
    {noreply, step({payload, Bytes}, State)};
handle_info({tcp_closed, Socket}, #{socket := Socket} = State) ->
    {noreply, step(closed, State#{socket := none})};
handle_info({tcp_error, Socket, _Reason}, #{socket := Socket} = State) ->
    gen_tcp:close(Socket),
    {noreply, step(closed, State#{socket := none})};
handle_info({timer, Name, Ref}, #{timers := Timers} = State) ->
    case Timers of
        #{Name := Ref} -> {noreply, step({timer, Name}, State#{timers := maps:remove(Name, Timers)})};
        _ -> {noreply, State}   % cancelled when it had already fired
    end;
handle_info({'DOWN', Monitor, process, _, _}, #{acceptors := Acceptors} = State)
  when is_map_key(Monitor, Acceptors) ->
    {noreply, State#{acceptors := maps:remove(Monitor, Acceptors)}};
handle_info({'DOWN', Monitor, process, _, Result}, #{look := Monitor} = State) ->
    {noreply, looked(Result, State#{look := none})};
handle_info({'DOWN', Monitor, process, Pid, _}, #{watched := Watched} = State) when map_get(Pid, Watched) =:= Monitor ->
    {noreply, step({ended, Pid}, State#{watched := maps:remove(Pid, Watched)})};
handle_info({'DOWN', Monitor, process, Pid, _}, #{holders := Holders} = State) when map_get(Pid, Holders) =:= Monitor ->
    let_go(Pid, State#{holders := maps:remove(Pid, Holders)});
handle_info(_, State) ->   % of a socket that is closed, of a caller that timed out
    {noreply, State}.

terminate(_Reason, _State) -> ok.

%% Crash reports and sys:get_status: without the token, and without the bytes that may hold one.
format_status(Status) ->
    maps:map(fun(state, #{session := Session} = State) ->
                     State#{session := barrel_p2p_session:redact(Session)};
                (message, {tcp, Socket, Bytes}) -> {tcp, Socket, {bytes, byte_size(Bytes)}};
                (_, Value) -> Value
             end, Status).

%% --- inputs and effects --------------------------------------------------------------------------------

step(Input, #{session := Session} = State) ->
    {Next, Effects} = barrel_p2p_session:handle(Input, Session),
    perform(Effects, State#{session := Next}).

%% All effects of one input first, then what became of `connect'.
perform(Effects, State) ->
    {State1, Inputs} = lists:foldl(fun effect/2, {State, []}, Effects),
    lists:foldl(fun step/2, State1, lists:reverse(Inputs)).

effect(connect, {State, Inputs}) ->
    case barrel_p2p_socket:open(session) of
        {ok, Socket} ->
            _ = inet:setopts(Socket, [{active, once}]),
            {State#{socket := Socket}, [connected | Inputs]};
        {error, Why} -> {State, [{connect_failed, Why} | Inputs]}
    end;
effect({send, Frame}, {#{socket := Socket} = State, Inputs}) when Socket =/= none ->
    %% A failure shows as tcp_closed: active sockets report their end once.
    _ = gen_tcp:send(Socket, barrel_p2p_wire:encode(Frame)),
    {State, Inputs};
effect({send, _Frame}, Done) ->
    Done;
effect(close, {#{socket := Socket} = State, Inputs}) ->
    _ = Socket =/= none andalso gen_tcp:close(Socket),
    {State#{socket := none}, Inputs};
effect(close_gracefully, {#{socket := Socket} = State, Inputs}) ->
    _ = Socket =/= none andalso barrel_p2p_socket:close_gracefully(Socket, ?CLOSE_MS),
    {State#{socket := none}, Inputs};
effect({reply, From, Answer}, Done) ->
    gen_server:reply(From, Answer),
    Done;
effect({start_timer, Name, {Min, Max}}, {State, Inputs}) ->
    #{timers := Timers} = State1 = cancel(Name, State),
    Ref = make_ref(),
    _ = erlang:send_after(Min + rand:uniform(Max - Min + 1) - 1, self(), {timer, Name, Ref}),
    {State1#{timers := Timers#{Name => Ref}}, Inputs};
effect({cancel_timer, Name}, {State, Inputs}) ->
    {cancel(Name, State), Inputs};
effect({accept, Ticket, Node}, {#{kernel := Kernel, acceptors := Acceptors} = State, Inputs})
  when is_pid(Kernel), map_size(Acceptors) < ?ACCEPTORS_MAX ->
    {_Pid, Monitor} = spawn_opt(?MODULE, acceptor, [Kernel, Ticket, Node], [monitor, {priority, max}]),
    {State#{acceptors := Acceptors#{Monitor => Node}}, Inputs};
effect({accept, _Ticket, Node}, Done) ->   % the daemon tells the dialler when nobody dials back
    barrel_p2p_log:log(warning, ["too many nodes connect at once; not answering ", Node]),
    Done;
effect({keep, none}, Done) ->
    _ = persistent_term:erase(?KEPT),
    Done;
effect({keep, #{identity := #{listens := true}} = Kept}, {#{kernel := Kernel} = State, Inputs}) when is_pid(Kernel) ->
    %% Put again only when it changed: replacing one costs a scan of every process.
    _ = persistent_term:get(?KEPT, none) =:= {Kernel, Kept} orelse persistent_term:put(?KEPT, {Kernel, Kept}),
    {State, Inputs};
effect({keep, _Kept}, Done) ->
    Done;
effect({watch, Pid}, {#{watched := Watched} = State, Inputs}) ->
    {State#{watched := Watched#{Pid => monitor(process, Pid)}}, Inputs};
effect({unwatch, Pid}, {#{watched := Watched} = State, Inputs}) ->
    case maps:take(Pid, Watched) of
        {Monitor, Rest} ->
            true = demonitor(Monitor, [flush]),
            {State#{watched := Rest}, Inputs};
        error -> {State, Inputs}   % it has ended
    end;
effect({tell, Pids, Told}, {State, Inputs}) ->
    case message(Told) of
        {ok, Message} ->
            _ = [Pid ! Message || Pid <- Pids],
            {State, Inputs};
        {error, Reason} -> {complain(Reason, State), Inputs}
    end;
effect({look, Names}, {State, Inputs}) ->
    {look(Names, State), Inputs};
effect({say, Text}, Done) ->
    barrel_p2p_log:to_stderr(Text),
    Done;
effect({log, Level, Text}, Done) ->
    barrel_p2p_log:log(Level, Text),
    Done.

message({event, Event}) when is_atom(Event) ->
    {ok, {barrel_p2p_event, Event}};
message({event, Event}) ->
    case barrel_p2p_foreign:node_name(element(2, Event)) of
        {ok, Node} -> {ok, {barrel_p2p_event, setelement(2, Event, Node)}};
        Error -> Error
    end;
message({broadcast, Tag, Payload}) ->
    case {barrel_p2p_foreign:term(Tag), barrel_p2p_foreign:term(Payload)} of
        {{ok, TagTerm}, {ok, Term}} -> {ok, {plumtree_broadcast, {TagTerm, Term}}};
        {{error, _} = Error, _} -> Error;
        {_, Error} -> Error
    end.

%% One line a minute: whoever in the cluster sends such a thing may send many.
complain(Reason, #{complained := At} = State) ->
    case erlang:monotonic_time(millisecond) of
        Now when is_integer(At), Now - At < ?COMPLAIN_MS -> State;
        Now ->
            barrel_p2p_log:log(warning, ["subscribers here miss what came from elsewhere in the cluster: ",
                                         case Reason of
                                             bad_term -> "it is no term";
                                             too_many_atoms -> "too many new atoms have come that way"
                                         end]),
            State#{complained := Now}
    end.

%% The settings are there before the application is loaded, others only after: looked at whenever somebody comes.
consenting(State) -> step({reaping, barrel_p2p_reaping:consent()}, State).

%% One look at a time: the daemon asks again about what is passed over here.
look(Names, #{look := none, look_from := From} = State) ->
    case From =:= never orelse erlang:monotonic_time(millisecond) >= From of
        true ->
            {_Pid, Monitor} = spawn_opt(fun() -> exit({looked, barrel_p2p_reaping:unattached(Names)}) end,
                                        [monitor, {priority, low}]),
            State#{look := Monitor};
        false -> State
    end;
look(_, State) -> State.

%% The VM stands still for a thousandth of its time at most.
looked({looked, {Names, Us}}, State) ->
    step({let_go, Names}, State#{look_from := erlang:monotonic_time(millisecond) + Us * ?LOOK_SHARE div 1000});
looked(_, State) -> State.

%% The timer itself is let run: its reference is forgotten, so it finds nobody.
cancel(Name, #{timers := Timers} = State) -> State#{timers := maps:remove(Name, Timers)}.

holding(net_kernel, Pid, State) -> holding(application, Pid, State#{kernel := Pid});
holding(application, Pid, #{holders := Holders} = State) when is_map_key(Pid, Holders) -> State;
holding(application, Pid, #{holders := Holders} = State) ->
    State#{holders := Holders#{Pid => monitor(process, Pid)}}.

%% With net_kernel ends the session; without any holder so does the client.
let_go(Pid, #{kernel := Kernel} = State) ->
    State1 = case Pid of
                 Kernel -> (step(detach, State))#{kernel := none};
                 _ -> State
             end,
    case maps:get(holders, State1) of
        Left when map_size(Left) =:= 0 -> {stop, normal, step(detach, State1)};
        _ -> {noreply, State1}
    end.

%% --- channels ----------------------------------------------------------------------------------------

%% One process per INCOMING: dials back with the ticket, then hands the socket over the way an accepting
%% process does (net_kernel answers the sender of `accept', whichever it is).
-spec acceptor(pid(), barrel_p2p_wire:ticket(), binary()) -> ok.
acceptor(Kernel, Ticket, From) ->
    case open_channel({accept, Ticket}, ?READY_MS) of
        {ok, Socket} ->
            Monitor = monitor(process, Kernel),
            Kernel ! {accept, self(), Socket, local, barrel_p2p},
            receive
                {Kernel, controller, Pid} ->
                    case gen_tcp:controlling_process(Socket, Pid) of
                        ok -> Pid ! {self(), controller}, ok;
                        {error, _} -> gen_tcp:close(Socket)   % gone meanwhile
                    end;
                {Kernel, unsupported_protocol} -> gen_tcp:close(Socket);
                {'DOWN', Monitor, process, Kernel, _} -> gen_tcp:close(Socket)
            after ?HAND_OVER_MS -> gen_tcp:close(Socket)
            end;
        {error, {Kind, Text}} ->
            barrel_p2p_log:log(info, io_lib:format("no connection from ~ts: ~ts (~p)", [From, Text, Kind]))
    end.

open_channel(Frame, Timeout) ->
    case barrel_p2p_socket:open(channel) of
        {ok, Socket} ->
            case ask(Socket, Frame, Timeout) of
                ok -> {ok, Socket};
                Error ->
                    gen_tcp:close(Socket),
                    Error
            end;
        Error -> Error
    end.

ask(Socket, Frame, Timeout) ->
    case gen_tcp:send(Socket, barrel_p2p_wire:encode(Frame)) of
        ok ->
            case gen_tcp:recv(Socket, 0, Timeout) of
                {ok, Bytes} -> ready(barrel_p2p_wire:decode(list_to_binary(Bytes)));
                {error, timeout} -> {error, {timeout, <<"the daemon does not answer">>}};
                {error, Reason} -> {error, {Reason, <<"the daemon closed the connection">>}}
            end;
        {error, Reason} -> {error, {Reason, <<"the daemon closed the connection">>}}
    end.

ready({ok, ready}) -> ok;
ready({ok, {refused, Code, Text}}) -> {error, {barrel_p2p_wire:code_name(Code), Text}};
ready(_) -> {error, {protocol, <<"the daemon sent neither READY nor REFUSED">>}}.

%% --- details -----------------------------------------------------------------------------------------

%% Who a question comes from when no session stands.
own_identity() ->
    Name = case node() of
               nonode@nohost -> <<>>;
               Node -> atom_to_binary(Node, utf8)
           end,
    #{name => Name, hidden => true, listens => false}.

left(Deadline) -> max(0, Deadline - erlang:monotonic_time(millisecond)).

%% Starts the client when there is none. Between a look and a call it may have ended: once more then.
call(Request) ->
    _ = gen_server:start({local, ?MODULE}, ?MODULE, [], []),
    try gen_server:call(?MODULE, Request, infinity)
    catch
        exit:{Reason, _} when Reason =:= noproc; Reason =:= normal ->
            _ = gen_server:start({local, ?MODULE}, ?MODULE, [], []),
            gen_server:call(?MODULE, Request, infinity)
    end.
