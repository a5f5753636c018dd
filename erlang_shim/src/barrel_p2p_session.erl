%% A node's session with its daemon, as a value: what happened goes in, the next value and what is to be done
%% come out. No socket, clock, process or entropy in here; barrel_p2p_client has those.
%%
%%   idle       nobody needs a session
%%   retrying   the daemon is not there; a timer runs until the next try
%%   attaching  connected, ATTACH sent, the answer is awaited
%%   attached   the session stands
%%
%% Two kinds of callers want one. A node that listens `attach'es when it starts and waits for the daemon for a
%% bounded time. Everybody else (`need': a dial, a question) wants an answer now: what stands is used, what
%% does not is tried once at once.
%%
%% Once a session has stood, it is taken up again after a loss under the same name, token and creation until
%% `detach': the VM cannot change its creation while it runs.
-module(barrel_p2p_session).

-export([new/0, resume/1, handle/2, redact/1]).
-export_type([session/0, input/0, effect/0, identity/0, kept/0]).

-define(BACKOFF_MIN_MS, 50).           % guess: a daemon's restart takes about 100 ms
-define(BACKOFF_MAX_MS, 1000).         % a try costs a failed connect on this host, nothing on a wire
-define(BACKOFF_REFUSED_MS, 5000).     % the daemon is there and does not want us: an operator has to look
-define(ATTACH_REPLY_MS, 5000).        % docs/wire.md: the daemon's own limit for an attach
-define(REQUEST_MS, 5000).
-define(REQUESTS_MAX, 256).
-define(CALLERS_MAX, 1024).
-define(SAID_MAX, 1000).
-define(SAY_AGAIN_MS, 60000).

-type identity() :: #{name := binary(), hidden := boolean(), listens := boolean()}.
%% What outlives a crash of the client, so that the same session can be taken up again.
-type kept() :: #{identity := identity(), token := barrel_p2p_wire:token(), creation := pos_integer()}.
-type why() :: barrel_p2p_socket:why().
-type caller() :: term().
-type input() ::
    {attach, caller(), identity(), WaitMs :: non_neg_integer()}
  | {need, caller(), identity()}                   % answered {ok, token()} | {error, why()}
  | {request, caller(), Question :: term()}        % answered {ok, term()} | {error, atom()}
  | {dial_failed, To :: binary(), why(), NowMs :: integer()}
  | detach
  | connected
  | {connect_failed, why()}
  | {payload, binary()}
  | closed
  | {timer, timer_name()}.
-type timer_name() :: retry | give_up | attach_reply | {request, Id :: non_neg_integer()}.
-type effect() ::
    connect                                        % answered by connected or connect_failed
  | {send, barrel_p2p_wire:frame()}
  | close                                          % `closed' does not follow
  | close_gracefully                               % so that the name is free afterwards
  | {reply, caller(), term()}
  | {start_timer, timer_name(), Ms :: {Min :: non_neg_integer(), Max :: non_neg_integer()}}   % draw between
  | {cancel_timer, timer_name()}
  | {accept, barrel_p2p_wire:ticket(), From :: binary()}
  | {keep, kept() | none}
  | {say, unicode:chardata()}                      % to standard error: the node is starting
  | {log, logger:level(), unicode:chardata()}.

-opaque session() :: #{phase := idle | connecting | retrying | attaching | attached,
                       identity := identity() | none,
                       token := barrel_p2p_wire:token(), creation := non_neg_integer(),
                       tries := non_neg_integer(),
                       attacher := none | {caller(), Said :: boolean(), LastWhy :: why() | none},
                       needers := [caller()],
                       next_id := non_neg_integer(), requests := #{non_neg_integer() => caller()},
                       said := #{term() => integer()}}.

-spec new() -> session().
new() ->
    #{phase => idle, identity => none, token => barrel_p2p_wire:zero_token(), creation => 0, tries => 0,
      attacher => none, needers => [], next_id => 1, requests => #{}, said => #{}}.

%% The client crashed and is back: take the same session up again.
-spec resume(kept()) -> {session(), [effect()]}.
resume(#{identity := Identity, token := Token, creation := Creation}) ->
    retry_later((new())#{identity := Identity, token := Token, creation := Creation}).

%% For crash reports: the token is a secret.
-spec redact(session()) -> map().
redact(Session) -> Session#{token := '...'}.

-spec handle(input(), session()) -> {session(), [effect()]}.
handle({attach, From, Identity, WaitMs}, S) ->
    {S1, Dropped} = drop(S, detached),
    S2 = (new())#{identity := Identity, phase := connecting, attacher := {From, false, none},
                  said := maps:get(said, S1)},
    {S2, Dropped ++ [{start_timer, give_up, {WaitMs, WaitMs}}, connect]};

handle({need, From, _}, #{phase := attached, token := Token} = S) ->
    {S, [{reply, From, {ok, Token}}]};
handle({need, From, _}, #{needers := Needers} = S) when length(Needers) >= ?CALLERS_MAX ->
    {S, [{reply, From, {error, {too_many, <<"too many callers wait for the session">>}}}]};
handle({need, From, Identity}, #{phase := idle} = S) ->
    {S#{phase := connecting, identity := Identity, needers := [From]}, [connect]};
handle({need, From, _}, #{phase := retrying, needers := Needers} = S) ->
    {S#{phase := connecting, needers := [From | Needers]}, [{cancel_timer, retry}, connect]};
handle({need, From, _}, #{needers := Needers} = S) ->
    {S#{needers := [From | Needers]}, []};

handle({request, From, _}, #{requests := Requests} = S) when map_size(Requests) >= ?REQUESTS_MAX ->
    {S, [{reply, From, {error, too_many_requests}}]};
handle({request, From, Question}, #{phase := attached, next_id := Id, requests := Requests} = S) ->
    {S#{next_id := (Id + 1) band 16#ffffffff, requests := Requests#{Id => From}},
     [{send, {request, Id, barrel_p2p_wire:term_bytes(Question)}},
      {start_timer, {request, Id}, {?REQUEST_MS, ?REQUEST_MS}}]};
handle({request, From, _}, S) ->
    {S, [{reply, From, {error, daemon_unavailable}}]};

%% One line a minute for one name and reason: programs try again and again.
handle({dial_failed, To, {Kind, Text}, NowMs}, #{said := Said} = S) ->
    case Said of
        #{{To, Kind} := At} when NowMs - At < ?SAY_AGAIN_MS -> {S, []};
        _ ->
            Fresh = maps:filter(fun(_, At) -> NowMs - At < ?SAY_AGAIN_MS end, Said),
            Kept = case map_size(Fresh) < ?SAID_MAX of true -> Fresh; false -> #{} end,
            {S#{said := Kept#{{To, Kind} => NowMs}},
             [{log, warning, io_lib:format("no connection to ~ts: ~ts (~p)", [To, Text, Kind])}]}
    end;

handle(detach, S) ->
    {S1, Effects} = drop(S, detached),
    {(new())#{said := maps:get(said, S1)}, Effects ++ [{keep, none}]};

handle(connected, #{phase := connecting, identity := Identity, token := Token, creation := Creation} = S) ->
    {S#{phase := attaching},
     [{send, {attach, Identity#{token => Token, creation => Creation}}},
      {start_timer, attach_reply, {?ATTACH_REPLY_MS, ?ATTACH_REPLY_MS}}]};
handle({connect_failed, Why}, #{phase := connecting} = S) ->
    unavailable(Why, S);

handle({payload, Bytes}, #{phase := Phase} = S) when Phase =:= attaching; Phase =:= attached ->
    case barrel_p2p_wire:decode(Bytes) of
        {ok, Frame} -> on_frame(Frame, S);
        {error, Reason} -> broken(io_lib:format("a frame that does not decode (~p)", [Reason]), S)
    end;
handle(closed, #{phase := attaching} = S) ->
    unavailable({closed, <<"the daemon closed the connection before it answered">>},
                S);
handle(closed, #{phase := attached} = S) ->
    lost(<<"the daemon closed the session">>, S);

handle({timer, retry}, #{phase := retrying} = S) ->
    {S#{phase := connecting}, [connect]};
handle({timer, attach_reply}, #{phase := attaching} = S) ->
    {S1, Effects} = unavailable({timeout, <<"the daemon does not answer">>}, S),
    {S1, [close | Effects]};
handle({timer, give_up}, #{attacher := {From, _, LastWhy}} = S) ->
    {S1, Effects} = drop(S#{attacher := none}, daemon_unavailable),
    {Kind, Text} = case LastWhy of
                       none -> {timeout, <<"no answer">>};
                       _ -> LastWhy
                   end,
    {S1, Effects ++ [{say, ["gave up waiting for the daemon: ", Text,
                            ". Is barrel-p2pd running? BARREL_P2P_SOCKET says where its socket is"]},
                     {reply, From, {error, {daemon_unavailable, Kind}}}]};
handle({timer, {request, Id}}, #{requests := Requests} = S) ->
    case maps:take(Id, Requests) of
        {From, Rest} -> {S#{requests := Rest}, [{reply, From, {error, timeout}}]};
        error -> {S, []}
    end;

%% What was under way when the phase changed: a timer that fired, a socket closed twice.
handle({timer, _}, S) -> {S, []};
handle(closed, S) -> {S, []};
handle({payload, _}, S) -> {S, []}.

%% --- frames ----------------------------------------------------------------------------------------

on_frame({attached, #{creation := Creation, token := Token}}, #{phase := attaching} = S) ->
    #{identity := Identity, attacher := Attacher, needers := Needers, creation := Before} = S,
    %% A running VM keeps the creation that it started with, whatever the daemon says now.
    Ours = case Before of 0 -> Creation; _ -> Before end,
    {S#{phase := attached, token := Token, creation := Ours, tries := 0, attacher := none, needers := []},
     [{cancel_timer, attach_reply}, {cancel_timer, give_up},
      {keep, #{identity => Identity, token => Token, creation => Ours}}]
     ++ [{log, warning, <<"the daemon gave this node another creation than before; other nodes may mistake it "
                          "for a later start of the same name">>} || Ours =/= Creation]
     ++ [{log, notice, <<"attached to the daemon again">>} || Before =/= 0]
     ++ [{reply, From, {ok, Creation}} || {From, _, _} <- [Attacher]]
     ++ [{reply, From, {ok, Token}} || From <- lists:reverse(Needers)]};
on_frame({refused, Code, Text}, #{phase := attaching} = S) ->
    {S1, Effects} = refused(barrel_p2p_wire:code_name(Code), Text, S),
    {S1, [{cancel_timer, attach_reply}, close | Effects]};
on_frame({incoming, Ticket, From}, #{phase := attached, identity := #{listens := true}} = S) ->
    {S, [{accept, Ticket, From}]};
on_frame({answer, Id, Bytes}, #{phase := attached, requests := Requests} = S) ->
    case maps:take(Id, Requests) of
        {From, Rest} ->
            {S#{requests := Rest}, [{cancel_timer, {request, Id}}, {reply, From, answer(Bytes)}]};
        error -> {S, []}   % too late: its caller has been told
    end;
on_frame({refused, _Code, Text}, #{phase := attached} = S) ->
    {S1, Effects} = lost(["the daemon ended the session: ", Text], S),
    {S1, [close | Effects]};
on_frame(Frame, S) ->
    Type = case is_tuple(Frame) of true -> element(1, Frame); false -> Frame end,
    broken(io_lib:format("a frame out of turn (~p)", [Type]), S).

answer(Bytes) ->
    case barrel_p2p_wire:term(Bytes) of
        {ok, {ok, _} = Answer} -> Answer;
        {ok, {error, Reason} = Answer} when is_atom(Reason) -> Answer;
        _ -> {error, bad_answer}
    end.

%% --- when it does not stand --------------------------------------------------------------------------

%% The daemon could not be asked, for a reason that may pass.
unavailable(Why, #{attacher := {From, Said, _}} = S) ->
    {S1, Effects} = retry_later(S#{attacher := {From, true, Why}}),
    {S1, [{cancel_timer, attach_reply}]
         ++ [{say, ["waiting for the daemon: ", barrel_p2p_socket:why_text(Why)]} || not Said]
         ++ answer_needers({error, Why}, S) ++ Effects};
unavailable(Why, #{creation := 0} = S) ->   % never stood, and only a caller wanted it
    {S#{phase := idle, identity := none, needers := []},
     [{cancel_timer, attach_reply} | answer_needers({error, Why}, S)]};
unavailable(Why, S) ->
    {S1, Effects} = retry_later(S),
    {S1, [{cancel_timer, attach_reply} | answer_needers({error, Why}, S)] ++ Effects}.

refused(shutting_down, Text, S) ->
    unavailable({shutting_down, Text}, S);
refused(Name, Text, #{attacher := {From, _, _}} = S) ->
    Answer = case Name of
                 duplicate_name -> {error, duplicate_name};
                 _ -> {error, {refused, Name}}
             end,
    {S#{phase := idle, identity := none, attacher := none, needers := []},
     [{cancel_timer, give_up}, {say, io_lib:format("the daemon refuses this node: ~ts (~p)", [Text, Name])},
      {reply, From, Answer} | answer_needers({error, {Name, Text}}, S)]};
refused(Name, Text, #{creation := 0} = S) ->
    {S#{phase := idle, identity := none, needers := []}, answer_needers({error, {Name, Text}}, S)};
refused(Name, Text, S) ->
    {S#{phase := retrying, needers := []},
     [{log, error, io_lib:format("the daemon refuses to take this node back: ~ts (~p); trying again", [Text, Name])},
      {start_timer, retry, {?BACKOFF_REFUSED_MS, 2 * ?BACKOFF_REFUSED_MS}} | answer_needers({error, {Name, Text}}, S)]}.

%% It stood, and is gone: so are the channels, which the VM sees by itself.
lost(Text, S) ->
    {S1, Failed} = fail_requests(daemon_unavailable, S),
    {S2, Effects} = retry_later(S1#{tries := 0}),
    {S2, Failed ++ [{log, warning, [Text, "; trying to attach again"]}] ++ Effects}.

broken(What, #{phase := attaching} = S) ->
    {S1, Effects} = unavailable({protocol, ["the daemon sent ", What]}, S),
    {S1, [close | Effects]};
broken(What, S) ->
    {S1, Effects} = lost(["the daemon sent ", What], S),
    {S1, [close | Effects]}.

%% Half of the time is certain, half is drawn: many nodes of a host must not come back in step.
retry_later(#{tries := Tries} = S) ->
    Ms = min(?BACKOFF_MAX_MS, ?BACKOFF_MIN_MS bsl min(Tries, 10)),
    {S#{phase := retrying, tries := Tries + 1, needers := []}, [{start_timer, retry, {Ms div 2, Ms}}]}.

%% Ends whatever there is.
drop(#{phase := Phase, attacher := Attacher} = S, Reason) ->
    {S1, Failed} = fail_requests(Reason, S),
    Close = case Phase of
                attached -> [close_gracefully];
                attaching -> [close];
                _ -> []
            end,
    {S1#{phase := idle, identity := none, attacher := none, needers := []},
     [{cancel_timer, Timer} || Timer <- [retry, give_up, attach_reply]] ++ Close ++ Failed
     ++ [{reply, From, {error, Reason}} || {From, _, _} <- [Attacher]]
     ++ answer_needers({error, {Reason, <<"distribution is being stopped or started">>}}, S)}.

fail_requests(Reason, #{requests := Requests} = S) ->
    {S#{requests := #{}},
     lists:append([[{cancel_timer, {request, Id}}, {reply, From, {error, Reason}}]
                   || {Id, From} <- lists:sort(maps:to_list(Requests))])}.

answer_needers(Answer, #{needers := Needers}) ->
    [{reply, From, Answer} || From <- lists:reverse(Needers)].
