%% A daemon for tests: the node socket of docs/wire.md section 1 and nothing behind it. It joins the two ends of
%% a channel byte for byte, so that nodes of this host meet, and passes broadcasts on; it judges as the document says, and remembers
%% what it was shown.
-module(fake_daemon).

-export([start/1, start/2, stop/1, attaches/1, dials/1, handshakes/1, sessions/1, topics/1, joins/1, tell/3]).
-export([consents/1, asks_whether_unused/3, let_go/1]).
-export([connection/2]).

%% Listens at Path. The options: `refuse => {Code, Text}' for every ATTACH, `silent => true' to answer none,
%% `first_creation'.
start(Path) -> start(Path, #{}).

start(Path, Options) ->
    Self = self(),
    Pid = spawn(fun() ->
                        process_flag(trap_exit, true),
                        _ = file:delete(Path),
                        {ok, Listen} = gen_tcp:listen(0, [{inet_backend, inet}, {ifaddr, {local, Path}}, binary,
                                                          {packet, 4}, {active, false}, {backlog, 128}]),
                        Self ! {self(), listening},
                        Server = self(),
                        spawn_link(fun() -> accept(Listen, Server) end),
                        loop(#{options => Options, sessions => #{}, tickets => #{}, attaches => [], dials => [],
                               handshakes => [], topics => #{}, joins => [], consents => [], let_go => [],
                               creation => maps:get(first_creation, Options, 1000)})
                end),
    receive {Pid, listening} -> Pid end.

%% As kill -9 would: every socket is gone at once.
stop(Pid) ->
    Monitor = monitor(process, Pid),
    exit(Pid, kill),
    receive {'DOWN', Monitor, process, Pid, _} -> ok end.

attaches(Pid) -> ask(Pid, attaches).
dials(Pid) -> ask(Pid, dials).
%% The flags that diallers and acceptors sent in their handshakes: what the atom cache depends on.
handshakes(Pid) -> ask(Pid, handshakes).
sessions(Pid) -> ask(Pid, sessions).
%% What each session is subscribed to: #{pid() => [Topic]}.
topics(Pid) -> ask(Pid, topics).
joins(Pid) -> ask(Pid, joins).
%% Something happens in the cluster.
tell(Pid, Topic, Event) -> ask(Pid, {tell, Topic, {event, barrel_p2p_wire:term_bytes(Event)}}).

%% What nodes said of connections that nobody uses: [{Name, MinAgeMs, PeriodMs}], the last first.
consents(Pid) -> ask(Pid, consents).
asks_whether_unused(Pid, Name, Names) ->
    ask(Pid, {tell_node, Name, {event, barrel_p2p_wire:term_bytes({unused, Names})}}).
%% [{Name, Names}], the last first.
let_go(Pid) -> ask(Pid, let_go).

%% --- the server ---------------------------------------------------------------------------------------

ask(Pid, Question) ->
    Ref = monitor(process, Pid),
    Pid ! {ask, self(), Ref, Question},
    receive
        {Ref, Answer} -> demonitor(Ref, [flush]), Answer;
        {'DOWN', Ref, process, Pid, Reason} -> exit({fake_daemon, Reason})
    end.

accept(Listen, Server) ->
    {ok, Socket} = gen_tcp:accept(Listen),
    Pid = spawn(?MODULE, connection, [Socket, Server]),
    ok = gen_tcp:controlling_process(Socket, Pid),
    Server ! {owns, Pid},
    Pid ! go,
    accept(Listen, Server).

loop(#{sessions := Sessions, tickets := Tickets, options := Options} = S) ->
    receive
        {owns, Pid} ->
            link(Pid),
            loop(S);
        {'EXIT', Pid, _} ->
            loop(S#{sessions := maps:filter(fun(_, #{pid := P}) -> P =/= Pid end, Sessions),
                    topics := maps:remove(Pid, maps:get(topics, S)),
                    tickets := maps:filter(fun(_, P) -> P =/= Pid end, Tickets)});
        {ask, From, Ref, {attach, Pid, Shown}} ->
            {Answer, S1} = attach(Pid, Shown, Options, S),
            From ! {Ref, Answer},
            loop(S1);
        {ask, From, Ref, {dial, Pid, Token, To}} ->
            S1 = S#{dials := [To | maps:get(dials, S)]},
            Caller = [Name || {_, #{token := T, name := Name}} <- maps:to_list(Sessions), T =:= Token],
            Target = [P || {_, #{name := Name, listens := true, pid := P}} <- maps:to_list(Sessions), Name =:= To],
            case {Caller, Target} of
                {[], _} -> From ! {Ref, {refused, 4, <<"no session has this token">>}}, loop(S1);
                {_, []} -> From ! {Ref, {refused, 9, <<"no address for ", To/binary>>}}, loop(S1);
                {[Name], [Session]} ->
                    Ticket = rand:bytes(16),
                    Session ! {send, {incoming, Ticket, Name}},
                    From ! {Ref, wait},
                    loop(S1#{tickets := Tickets#{Ticket => Pid}})
            end;
        {ask, From, Ref, {accept, Ticket}} ->
            case maps:take(Ticket, Tickets) of
                {Dialler, Rest} -> From ! {Ref, {ok, Dialler}}, loop(S#{tickets := Rest});
                error -> From ! {Ref, {refused, 5, <<"no such ticket">>}}, loop(S)
            end;
        {ask, From, Ref, {subscribe, Pid, Topic}} ->
            Topics = maps:get(topics, S),
            From ! {Ref, ok},
            loop(S#{topics := Topics#{Pid => lists:usort([Topic | maps:get(Pid, Topics, [])])}});
        {ask, From, Ref, {unsubscribe, Pid, Topic}} ->
            Topics = maps:get(topics, S),
            From ! {Ref, ok},
            loop(S#{topics := Topics#{Pid => maps:get(Pid, Topics, []) -- [Topic]}});
        {ask, From, Ref, {join, Name}} ->
            From ! {Ref, ok},
            loop(S#{joins := [Name | maps:get(joins, S)]});
        {ask, From, Ref, {remember, Key, What}} ->
            From ! {Ref, ok},
            loop(S#{Key := [What | maps:get(Key, S)]});
        {ask, From, Ref, {tell_node, Name, Frame}} ->
            _ = [Pid ! {send, Frame} || #{pid := Pid, name := N} <- maps:values(Sessions), N =:= Name],
            From ! {Ref, ok},
            loop(S);
        {ask, From, Ref, {tell, Topic, Frame}} ->
            Wanted = case Frame of
                         {deliver, Tag, _} -> [broadcasts, {broadcast, Tag}];
                         _ -> [Topic]
                     end,
            _ = [Pid ! {send, Frame} || {Pid, Topics} <- maps:to_list(maps:get(topics, S)), Wanted -- Topics =/= Wanted],
            From ! {Ref, ok},
            loop(S);
        {ask, From, Ref, {handshake, Flags}} ->
            From ! {Ref, ok},
            loop(S#{handshakes := [Flags | maps:get(handshakes, S)]});
        {ask, From, Ref, Key} when is_atom(Key) ->
            From ! {Ref, maps:get(Key, S)},
            loop(S)
    end.

attach(_Pid, Shown, #{refuse := {Code, Text}}, S) ->
    {{refused, Code, Text}, S#{attaches := [Shown | maps:get(attaches, S)]}};
attach(_Pid, Shown, #{silent := true}, S) ->
    {silence, S#{attaches := [Shown | maps:get(attaches, S)]}};
attach(Pid, #{name := Name, token := Token, creation := Creation} = Shown, _Options, S) ->
    #{sessions := Sessions, creation := Next} = S,
    S1 = S#{attaches := [Shown | maps:get(attaches, S)]},
    Taken = Name =/= <<>> andalso lists:any(fun(#{name := N}) -> N =:= Name end, maps:values(Sessions)),
    Zero = barrel_p2p_wire:zero_token(),
    case Token of
        _ when Taken -> {{refused, 3, <<Name/binary, " is attached already">>}, S1};
        Zero ->
            Session = Shown#{pid => Pid, token := rand:bytes(32), creation := Next},
            {{ok, Session}, S1#{sessions := Sessions#{Pid => Session}, creation := Next + 1}};
        _ ->
            Session = Shown#{pid => Pid, creation := Creation},
            {{ok, Session}, S1#{sessions := Sessions#{Pid => Session}}}
    end.

%% --- a connection ---------------------------------------------------------------------------------------

connection(Socket, Server) ->
    receive go -> ok end,
    {ok, Bytes} = gen_tcp:recv(Socket, 0),
    case barrel_p2p_wire:decode(Bytes) of
        {ok, {attach, Shown}} ->
            case ask(Server, {attach, self(), Shown}) of
                silence -> {error, closed} = gen_tcp:recv(Socket, 0);
                {ok, #{token := Token, creation := Creation}} ->
                    ok = send(Socket, {attached, #{creation => Creation, token => Token, port => 9100,
                                                   fingerprint => <<"SHA256:fake">>}}),
                    session(Socket, Server, Shown#{creation := Creation, token := Token});
                Refused -> send(Socket, Refused)
            end;
        {ok, {dial, Token, To}} ->
            case ask(Server, {dial, self(), Token, To}) of
                wait -> wait_for_acceptor(Socket, Server);
                Refused -> send(Socket, Refused)
            end;
        {ok, {accept, Ticket}} ->
            case ask(Server, {accept, Ticket}) of
                {ok, Dialler} ->
                    Dialler ! {acceptor, self(), Socket},
                    receive {dialler, Other} -> join(Socket, Other, Server) end;
                Refused -> send(Socket, Refused)
            end;
        {error, Reason} ->
            send(Socket, {refused, 1, atom_to_binary(Reason, utf8)})
    end.

send(Socket, Frame) -> gen_tcp:send(Socket, barrel_p2p_wire:encode(Frame)).

session(Socket, Server, Session) ->
    _ = inet:setopts(Socket, [{active, once}]),
    receive
        {send, Frame} ->
            ok = send(Socket, Frame),
            session(Socket, Server, Session);
        {tcp, Socket, Bytes} ->
            {Id, Answer} = case barrel_p2p_wire:decode(Bytes) of
                               {ok, {request, N, Term}} ->
                                   {ok, Request} = barrel_p2p_wire:term(Term),
                                   {N, answer(Request, Server, Session)};
                               {ok, {broadcast, N, Tag, Payload}} ->
                                   {N, ask(Server, {tell, none, {deliver, Tag, Payload}})}
                           end,
            ok = send(Socket, {answer, Id, barrel_p2p_wire:term_bytes(Answer)}),
            session(Socket, Server, Session);
        {tcp_closed, Socket} -> ok
    end.

answer(node_info, _, #{name := Name, creation := Creation}) ->
    {ok, #{daemon => <<"fake">>, name => Name, channels => [], creation => Creation, trust => tofu, uptime_ms => 1}};
answer(members, Server, _) ->
    {ok, lists:sort([Name || #{name := Name} <- maps:values(ask(Server, sessions)), Name =/= <<>>])};
answer(active_view, _, _) -> {ok, []};
answer(passive_view, _, _) -> {ok, [<<"nobody_yet@elsewhere">>]};
answer(leave, _, _) -> ok;
answer({join, Name}, Server, _) ->
    case [N || #{name := N} <- maps:values(ask(Server, sessions)), N =:= Name] of
        [] -> ask(Server, {join, Name});
        _ -> {error, cannot_join_self}
    end;
answer({subscribe, {broadcast, <<131, 107, _/binary>>}}, _, _) -> {error, too_many};   % a text as a tag: none is taken
answer({subscribe, {unused, MinAgeMs, PeriodMs}}, Server, #{name := Name}) ->
    ask(Server, {remember, consents, {Name, MinAgeMs, PeriodMs}});
answer({let_go, Names}, Server, #{name := Name}) -> ask(Server, {remember, let_go, {Name, Names}});
answer({Word, Topic}, Server, _) when Word =:= subscribe; Word =:= unsubscribe -> ask(Server, {Word, self(), Topic});
answer(_, _, _) -> {error, unknown_request}.

wait_for_acceptor(Socket, Server) ->
    receive
        {acceptor, Pid, Other} ->
            %% Both READYs before either end can say something.
            [_ = send(End, ready) || End <- [Other, Socket]],
            Pid ! {dialler, Socket},
            join(Socket, Other, Server)
    end.

%% One process for each direction; either end's close closes the other.
join(Socket, Other, Server) ->
    case gen_tcp:recv(Socket, 0) of
        {ok, Bytes} ->
            case Bytes of
                <<$N, Flags:64, _/binary>> -> ok = ask(Server, {handshake, Flags});
                _ -> ok
            end,
            _ = gen_tcp:send(Other, Bytes),
            _ = inet:setopts(Socket, [{buffer, 65536}]),
            copy(Socket, Other);
        {error, _} -> gen_tcp:close(Other)
    end.

copy(Socket, Other) ->
    case gen_tcp:recv(Socket, 0) of
        {ok, Bytes} ->
            case gen_tcp:send(Other, Bytes) of
                ok -> copy(Socket, Other);
                {error, _} -> gen_tcp:close(Socket)
            end;
        {error, _} -> gen_tcp:close(Other)
    end.
