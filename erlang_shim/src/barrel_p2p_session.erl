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
%%
%% Subscriptions belong to the processes that made them, not to the session: they are told to the daemon whenever one
%% begins, and as long as there are any a session is wanted, if need be without a name. Only with the client they end.
%% Events that the loss of a session has swallowed are made up for by questions (barrel_p2p_seen).
-module(barrel_p2p_session).

-export([new/0, resume/1, handle/2, redact/1]).
-export_type([session/0, input/0, effect/0, identity/0, kept/0, told/0]).

-define(BACKOFF_MIN_MS, 50).           % guess: a daemon's restart takes about 100 ms
-define(BACKOFF_MAX_MS, 1000).         % a try costs a failed connect on this host, nothing on a wire
-define(BACKOFF_REFUSED_MS, 5000).     % the daemon is there and does not want us: an operator has to look
-define(ATTACH_REPLY_MS, 5000).        % docs/wire.md: the daemon's own limit for an attach
-define(REQUEST_MS, 5000).
-define(LOOK_MS, 10000).               % guess: a restarted daemon knows a cluster of 12 within a second
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
  | {request, caller(), Question :: term()}        % answered ok | {ok, term()} | {error, atom()}
  | {broadcast, caller(), Tag :: binary(), Payload :: binary()}   % the same
  | {subscribe, caller(), pid(), barrel_p2p_subscribers:topic(), identity()}   % answered ok | {error, atom()}
  | {unsubscribe, pid(), barrel_p2p_subscribers:topic()}
  | {ended, pid()}                                 % of one that is watched
  | {dial_failed, To :: binary(), why(), NowMs :: integer()}
  | {reaping, barrel_p2p_reaping:consent()}
  | {let_go, [Name :: binary()]}                   % what came of `look'
  | detach
  | connected
  | {connect_failed, why()}
  | {payload, binary()}
  | closed
  | {timer, timer_name()}.
-type timer_name() :: retry | give_up | attach_reply | look | {request, Id :: non_neg_integer()}.
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
  | {watch | unwatch, pid()}                       % say when it ends
  | {tell, [pid()], told()}
  | {look, [Name :: binary()]}                     % is anything attached to the connections with these nodes?
  | {say, unicode:chardata()}                      % to standard error: the node is starting
  | {log, logger:level(), unicode:chardata()}.
%% Names of nodes and what is broadcast are as they came.
-type told() :: {event, atom() | tuple()} | {broadcast, Tag :: binary(), Payload :: binary()}.
%% Who waits for an answer.
-type waiting() :: {caller, caller()} | {subscriber, caller(), pid(), barrel_p2p_subscribers:topic()}
                 | {look, first | additions | all, barrel_p2p_seen:topic()}.

-opaque session() :: #{phase := idle | connecting | retrying | attaching | attached,
                       identity := identity() | none,
                       token := barrel_p2p_wire:token(), creation := non_neg_integer(),
                       tries := non_neg_integer(),
                       attacher := none | {caller(), Said :: boolean(), LastWhy :: why() | none},
                       needers := [caller()],
                       next_id := non_neg_integer(), requests := #{non_neg_integer() => waiting()},
                       subscribers := barrel_p2p_subscribers:subscribers(), seen := barrel_p2p_seen:seen(),
                       reaping := barrel_p2p_reaping:consent(), said := #{term() => integer()}}.

-spec new() -> session().
new() ->
    #{phase => idle, identity => none, token => barrel_p2p_wire:zero_token(), creation => 0, tries => 0,
      attacher => none, needers => [], next_id => 1, requests => #{}, said => #{},
      subscribers => barrel_p2p_subscribers:new(), seen => barrel_p2p_seen:new(), reaping => none}.

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
    S2 = (again(S1))#{identity := Identity, phase := connecting, attacher := {From, false, none}},
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

handle({request, From, Question}, S) ->
    ask(From, question(Question), S);
handle({broadcast, From, Tag, Payload}, S) ->
    ask(From, fun(Id) -> {broadcast, Id, Tag, Payload} end, S);

handle({subscribe, From, _, _, _}, #{requests := Requests} = S) when map_size(Requests) >= ?REQUESTS_MAX ->
    {S, [{reply, From, {error, too_many_requests}}]};
handle({subscribe, From, Pid, Topic, Identity}, #{phase := Phase, subscribers := Subscribers} = S) ->
    Watch = [{watch, Pid} || not barrel_p2p_subscribers:is_known(Pid, Subscribers)],
    IsFirst = barrel_p2p_subscribers:of_topic(Topic, Subscribers) =:= [],
    S1 = S#{subscribers := barrel_p2p_subscribers:add(Pid, Topic, Subscribers)},
    case Phase of
        attached ->
            %% Its caller may rely on it from the answer on, so it waits for that.
            {S2, Effects} = send_question({subscriber, From, Pid, Topic}, {subscribe, Topic}, S1),
            {S3, Look} = look(first, [Topic || IsFirst], S2),
            {S3, Watch ++ Effects ++ Look};
        _ ->
            %% The daemon hears of it as soon as the session stands.
            S2 = nobody_is_up([Topic || IsFirst], S1),
            case Phase of
                idle -> {S2#{phase := connecting, identity := Identity}, Watch ++ [{reply, From, ok}, connect]};
                _ -> {S2, Watch ++ [{reply, From, ok}]}
            end
    end;
handle({unsubscribe, Pid, Topic}, S) ->
    unsubscribe(Pid, [Topic], S);
handle({ended, Pid}, #{subscribers := Subscribers} = S) ->
    unsubscribe(Pid, barrel_p2p_subscribers:topics(Pid, Subscribers), S);

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

handle({reaping, Consent}, #{reaping := Consent} = S) ->
    {S, []};
handle({reaping, Consent}, #{phase := Phase} = S) ->
    S1 = S#{reaping := Consent},
    case Phase of
        attached -> say_consent(S1);
        _ -> {S1, []}
    end;
handle({let_go, [_ | _] = Names}, #{phase := attached} = S) ->
    {S1, Send} = send_unasked({let_go, Names}, S),
    {S1, [Send, {log, debug, ["nothing is attached to the unused connections with ", lists:join(", ", Names)]}]};
handle({let_go, _}, S) ->
    {S, []};

handle(detach, S) ->
    {S1, Effects} = drop(S, detached),
    {S2, Again} = rest(again(S1)),
    {S2, Effects ++ [{keep, none}] ++ Again};

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
    case is_wanted(S) of
        true -> {S#{phase := connecting}, [connect]};
        false -> {S#{phase := idle, identity := none}, []}
    end;
handle({timer, attach_reply}, #{phase := attaching} = S) ->
    {S1, Effects} = unavailable({timeout, <<"the daemon does not answer">>}, S),
    {S1, [close | Effects]};
handle({timer, give_up}, #{attacher := {From, _, LastWhy}} = S) ->
    {S0, Dropped} = drop(S#{attacher := none}, daemon_unavailable),
    {S1, Again} = rest(S0),
    Effects = Dropped ++ Again,
    {Kind, Text} = case LastWhy of
                       none -> {timeout, <<"no answer">>};
                       _ -> LastWhy
                   end,
    {S1, Effects ++ [{say, ["gave up waiting for the daemon: ", Text,
                            ". Is barrel-p2pd running? BARREL_P2P_SOCKET says where its socket is"]},
                     {reply, From, {error, {daemon_unavailable, Kind}}}]};
handle({timer, {request, Id}}, #{requests := Requests} = S) ->
    case maps:take(Id, Requests) of
        {Waiting, Rest} -> answered(Waiting, {error, timeout}, S#{requests := Rest});
        error -> {S, []}
    end;

handle({timer, look}, #{phase := attached, subscribers := Subscribers} = S) ->
    look(all, barrel_p2p_subscribers:topics(Subscribers), S);

%% What was under way when the phase changed: a timer that fired, a socket closed twice.
handle({timer, _}, S) -> {S, []};
handle(closed, S) -> {S, []};
handle({payload, _}, S) -> {S, []}.

%% --- frames ----------------------------------------------------------------------------------------

on_frame({attached, #{creation := Creation, token := Token}}, #{phase := attaching} = S) ->
    #{identity := Identity, attacher := Attacher, needers := Needers, creation := Before} = S,
    %% A running VM keeps the creation that it started with, whatever the daemon says now.
    Ours = case Before of 0 -> Creation; _ -> Before end,
    {S1, Subscribe} = subscribe_again(S#{phase := attached, token := Token, creation := Ours, tries := 0,
                                         attacher := none, needers := []}),
    {S2, Consent} = case S1 of #{reaping := none} -> {S1, []}; _ -> say_consent(S1) end,
    {S2,
     [{cancel_timer, attach_reply}, {cancel_timer, give_up},
      {keep, #{identity => Identity, token => Token, creation => Ours}}]
     ++ Subscribe ++ Consent
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
        {Waiting, Rest} ->
            {S1, Effects} = answered(Waiting, answer(Bytes), S#{requests := Rest}),
            {S1, [{cancel_timer, {request, Id}} | Effects]};
        error -> {S, []}   % too late: its caller has been told; or nobody waits for it
    end;
on_frame({event, Bytes}, #{phase := attached} = S) ->
    case barrel_p2p_wire:term(Bytes) of
        {ok, {unused, Names}} when is_list(Names) -> {S, [{look, [Name || Name <- Names, is_binary(Name)]}]};
        {ok, Event} -> on_event(topic_of(Event), Event, S);
        {error, bad_term} -> {S, []}   % of a later daemon
    end;
on_frame({deliver, Tag, Payload}, #{phase := attached} = S) ->
    {S, told([broadcasts, {broadcast, Tag}], {broadcast, Tag, Payload}, S)};
on_frame({refused, _Code, Text}, #{phase := attached} = S) ->
    {S1, Effects} = lost(["the daemon ended the session: ", Text], S),
    {S1, [close | Effects]};
on_frame(Frame, S) ->
    Type = case is_tuple(Frame) of true -> element(1, Frame); false -> Frame end,
    broken(io_lib:format("a frame out of turn (~p)", [Type]), S).

answer(Bytes) ->
    case barrel_p2p_wire:term(Bytes) of
        {ok, ok} -> ok;
        {ok, {ok, _} = Answer} -> Answer;
        {ok, {error, Reason} = Answer} when is_atom(Reason) -> Answer;
        _ -> {error, bad_answer}
    end.

%% --- questions and subscriptions ---------------------------------------------------------------------

ask(From, _, #{requests := Requests} = S) when map_size(Requests) >= ?REQUESTS_MAX ->
    {S, [{reply, From, {error, too_many_requests}}]};
ask(From, ToFrame, #{phase := attached} = S) ->
    send_request({caller, From}, ToFrame, S);
ask(From, _, S) ->
    {S, [{reply, From, {error, daemon_unavailable}}]}.

question(Question) -> fun(Id) -> {request, Id, barrel_p2p_wire:term_bytes(Question)} end.

send_question(Waiting, Question, S) -> send_request(Waiting, question(Question), S).

send_request(Waiting, ToFrame, #{next_id := Id, requests := Requests} = S) ->
    {next_id(S#{requests := Requests#{Id => Waiting}}),
     [{send, ToFrame(Id)}, {start_timer, {request, Id}, {?REQUEST_MS, ?REQUEST_MS}}]}.

%% Nobody waits for the answer.
send_unasked(Question, #{next_id := Id} = S) ->
    {next_id(S), {send, {request, Id, barrel_p2p_wire:term_bytes(Question)}}}.

%% A daemon that does not know of it closes no connection that nobody uses.
say_consent(#{reaping := Consent} = S) ->
    {S1, Send} = send_unasked(case Consent of
                                  none -> {unsubscribe, unused};
                                  {MinAgeMs, PeriodMs} -> {subscribe, {unused, MinAgeMs, PeriodMs}}
                              end, S),
    {S1, [Send]}.

next_id(#{next_id := Id} = S) -> S#{next_id := (Id + 1) band 16#ffffffff}.

answered({caller, From}, Answer, S) ->
    {S, [{reply, From, Answer}]};
answered({subscriber, From, Pid, Topic}, {error, _} = Error, S) ->
    {S1, Effects} = unsubscribe(Pid, [Topic], S),
    {S1, Effects ++ [{reply, From, Error}]};
answered({subscriber, From, _, _}, _, S) ->
    {S, [{reply, From, ok}]};
answered({look, first, Topic}, {ok, Names}, #{seen := Seen} = S) when is_list(Names) ->
    {S#{seen := barrel_p2p_seen:begin_with(Topic, Names, Seen)}, []};
answered({look, How, Topic}, {ok, Names}, #{seen := Seen} = S) when is_list(Names) ->
    {Missed, Seen1} = barrel_p2p_seen:compare(How, Topic, Names, Seen),
    {S#{seen := Seen1}, lists:append([told([Topic], {event, Event}, S) || Event <- Missed])};
answered({look, _, _}, _, S) ->
    {S, []}.

unsubscribe(Pid, Topics, #{subscribers := Subscribers} = S) ->
    Left = lists:foldl(fun(Topic, Acc) -> barrel_p2p_subscribers:remove(Pid, Topic, Acc) end, Subscribers, Topics),
    Unwatch = [{unwatch, Pid} || barrel_p2p_subscribers:is_known(Pid, Subscribers),
                                 not barrel_p2p_subscribers:is_known(Pid, Left)],
    Unheard = barrel_p2p_subscribers:topics(Subscribers) -- barrel_p2p_subscribers:topics(Left),
    Seen = lists:foldl(fun barrel_p2p_seen:forget/2, maps:get(seen, S), of_events(Unheard)),
    {S1, Effects} = say_of_each(unsubscribe, Unheard, S#{subscribers := Left, seen := Seen}),
    {S1, Unwatch ++ Effects}.

subscribe_again(#{subscribers := Subscribers} = S) ->
    Topics = barrel_p2p_subscribers:topics(Subscribers),
    {S1, Subscribe} = say_of_each(subscribe, Topics, S),
    {S2, Look} = look(additions, Topics, S1),
    {S2, Subscribe ++ Look ++ [{start_timer, look, {?LOOK_MS, ?LOOK_MS}} || Look =/= []]}.

%% Asks who is up. Behind a subscription on the same stream: no change falls between the two.
look(How, Topics, S) ->
    {Effects, S1} = lists:mapfoldl(fun(Topic, Acc) ->
                                           Question = case Topic of neighbours -> active_view; members -> members end,
                                           {Acc1, Asked} = send_question({look, How, Topic}, Question, Acc),
                                           {Asked, Acc1}
                                   end, S, of_events(Topics)),
    {S1, lists:append(Effects)}.

of_events(Topics) -> [Topic || Topic <- Topics, Topic =:= neighbours orelse Topic =:= members].

%% What is to be believed while no daemon can be asked.
nobody_is_up(Topics, #{seen := Seen} = S) ->
    S#{seen := lists:foldl(fun(Topic, Acc) -> barrel_p2p_seen:begin_with(Topic, [], Acc) end, Seen, of_events(Topics))}.

on_event([Topic], Event, #{seen := Seen} = S) ->
    case barrel_p2p_seen:event(Event, Seen) of
        {true, Seen1} -> {S#{seen := Seen1}, told([Topic], {event, Event}, S)};
        {false, Seen1} -> {S#{seen := Seen1}, []}
    end;
on_event([], _, S) -> {S, []}.   % of a later daemon

say_of_each(Word, Topics, #{phase := attached} = S) ->
    {Sends, S1} = lists:mapfoldl(fun(Topic, Acc) ->
                                         {Acc1, Send} = send_unasked({Word, Topic}, Acc),
                                         {Send, Acc1}
                                 end, S, Topics),
    {S1, Sends};
say_of_each(_, _, S) -> {S, []}.

%% Everybody once, whatever they subscribed to.
told(Topics, What, #{subscribers := Subscribers}) ->
    case lists:usort([Pid || Topic <- Topics, Pid <- barrel_p2p_subscribers:of_topic(Topic, Subscribers)]) of
        [] -> [];
        Pids -> [{tell, Pids, What}]
    end.

topic_of(Event) when Event =:= joined; Event =:= left -> [neighbours];
topic_of({peer_up, Name}) when is_binary(Name) -> [neighbours];
topic_of({peer_down, Name, Why}) when is_binary(Name), is_atom(Why) -> [neighbours];
topic_of({member_up, Name}) when is_binary(Name) -> [members];
topic_of({member_down, Name, Why}) when is_binary(Name), is_atom(Why) -> [members];
topic_of(_) -> [].

%% Somebody would miss it.
is_wanted(#{attacher := Attacher, creation := Creation, subscribers := Subscribers}) ->
    Attacher =/= none orelse Creation =/= 0 orelse barrel_p2p_subscribers:has_any(Subscribers).

%% A new beginning: what is not of the session but of the VM comes along.
again(#{said := Said, subscribers := Subscribers, seen := Seen, reaping := Consent}) ->
    (new())#{said := Said, subscribers := Subscribers, seen := Seen, reaping := Consent}.

nameless() -> #{name => <<>>, hidden => true, listens => false}.

%% --- when it does not stand --------------------------------------------------------------------------

%% The daemon could not be asked, for a reason that may pass.
unavailable(Why, #{attacher := {From, Said, _}} = S) ->
    {S1, Effects} = retry_later(S#{attacher := {From, true, Why}}),
    {S1, [{cancel_timer, attach_reply}]
         ++ [{say, ["waiting for the daemon: ", barrel_p2p_socket:why_text(Why)]} || not Said]
         ++ answer_needers({error, Why}, S) ++ Effects};
unavailable(Why, S) ->
    {S1, Effects} = case is_wanted(S) of
                        true -> retry_later(S);
                        false -> {S#{phase := idle, identity := none, needers := []}, []}   % only a caller wanted it
                    end,
    {S1, [{cancel_timer, attach_reply} | answer_needers({error, Why}, S)] ++ Effects}.

refused(shutting_down, Text, S) ->
    unavailable({shutting_down, Text}, S);
refused(Name, Text, #{attacher := {From, _, _}} = S) ->
    Answer = case Name of
                 duplicate_name -> {error, duplicate_name};
                 _ -> {error, {refused, Name}}
             end,
    {S1, Again} = rest(S#{attacher := none, needers := []}),
    {S1,
     [{cancel_timer, give_up}, {say, io_lib:format("the daemon refuses this node: ~ts (~p)", [Text, Name])},
      {reply, From, Answer} | answer_needers({error, {Name, Text}}, S)] ++ Again};
refused(Name, Text, S) ->
    case is_wanted(S) of
        true -> refused_again(Name, Text, S);
        false -> {S#{phase := idle, identity := none, needers := []}, answer_needers({error, {Name, Text}}, S)}
    end.

%% A node that did not start, or has stopped: what it was is over, its subscribers are not.
rest(S) ->
    case is_wanted(S) of
        true -> retry_later(S#{identity := nameless()});
        false -> {S#{phase := idle, identity := none}, []}
    end.

refused_again(Name, Text, S) ->
    {S#{phase := retrying, needers := []},
     [{log, error, io_lib:format("the daemon refuses this node: ~ts (~p); trying again", [Text, Name])},
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

%% Subscribers are none the worse: the daemon is told of them again.
fail_requests(Reason, #{requests := Requests} = S) ->
    {S#{requests := #{}},
     lists:append([[{cancel_timer, {request, Id}},
                    case Waiting of
                        {caller, From} -> {reply, From, {error, Reason}};
                        {subscriber, From, _, _} -> {reply, From, ok};
                        {look, _, _} -> {cancel_timer, look}   % all over again when the next one stands
                    end] || {Id, Waiting} <- lists:sort(maps:to_list(Requests))])}.

answer_needers(Answer, #{needers := Needers}) ->
    [{reply, From, Answer} || From <- lists:reverse(Needers)].
