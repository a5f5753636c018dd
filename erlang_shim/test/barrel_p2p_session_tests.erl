%% The session as a value: inputs in, effects out. Nothing runs here.
-module(barrel_p2p_session_tests).
-include_lib("eunit/include/eunit.hrl").
-import(barrel_p2p_session, [new/0, resume/1, handle/2]).

-define(TOKEN, <<7:256>>).
-define(TICKET, <<8:128>>).
-define(NO_DAEMON, {enoent, <<"no such file">>}).

a_starting_node_attaches_and_is_told_its_creation_test() ->
    {S1, Effects1} = handle({attach, kernel, app(), 10000}, new()),
    ?assertEqual(connect, lists:last(Effects1)),
    ?assert(lists:member({start_timer, give_up, {10000, 10000}}, Effects1)),
    {S2, Effects2} = handle(connected, S1),
    ?assertMatch([{send, {attach, #{name := <<"app@h">>, token := <<0:256>>, creation := 0, listens := true}}},
                  {start_timer, attach_reply, _}], Effects2),
    {_, Effects3} = handle(attached(77), S2),
    ?assertEqual([{ok, 77}], replies(kernel, Effects3)),
    ?assert(lists:member({keep, #{identity => app(), token => ?TOKEN, creation => 77}}, Effects3)).

a_node_that_is_there_first_waits_and_says_so_once_test() ->
    {S1, _} = handle({attach, kernel, app(), 10000}, new()),
    {S2, Effects2} = handle({connect_failed, ?NO_DAEMON}, S1),
    ?assertMatch([_], [Text || {say, Text} <- Effects2]),
    ?assertMatch([_], [Ms || {start_timer, retry, Ms} <- Effects2]),
    {S3, [connect]} = handle({timer, retry}, S2),
    {S4, Effects4} = handle({connect_failed, ?NO_DAEMON}, S3),
    ?assertEqual([], [Text || {say, Text} <- Effects4]),
    {S5, [connect]} = handle({timer, retry}, S4),
    {S6, _} = handle(connected, S5),
    {_, Effects7} = handle(attached(5), S6),
    ?assertEqual([{ok, 5}], replies(kernel, Effects7)).

a_node_gives_up_waiting_and_the_answer_names_the_cause_test() ->
    {S1, _} = handle({attach, kernel, app(), 100}, new()),
    {S2, _} = handle({connect_failed, ?NO_DAEMON}, S1),
    {S3, Effects} = handle({timer, give_up}, S2),
    ?assertEqual([{error, {daemon_unavailable, enoent}}], replies(kernel, Effects)),
    ?assertMatch([_], [Text || {say, Text} <- Effects]),
    ?assertEqual({S3, []}, handle({timer, retry}, S3)).

a_name_in_use_is_not_waited_for_test() ->
    {S1, _} = handle({attach, kernel, app(), 10000}, new()),
    {S2, _} = handle(connected, S1),
    {_, Effects} = handle(refused(3, <<"taken">>), S2),
    ?assertEqual([{error, duplicate_name}], replies(kernel, Effects)),
    ?assert(lists:member(close, Effects)),
    ?assert(lists:member({cancel_timer, give_up}, Effects)).

a_daemon_that_stops_while_a_node_attaches_is_waited_for_test() ->
    {S1, _} = handle({attach, kernel, app(), 10000}, new()),
    {S2, _} = handle(connected, S1),
    {_, Effects} = handle(refused(14, <<"stops">>), S2),
    ?assertEqual([], replies(kernel, Effects)),
    ?assertMatch([_], [Ms || {start_timer, retry, Ms} <- Effects]).

a_lost_session_is_taken_up_again_with_its_token_and_creation_test() ->
    {S1, Effects1} = handle(closed, standing(77)),
    ?assertMatch([{25, 50}], [Ms || {start_timer, retry, Ms} <- Effects1]),
    {S2, [connect]} = handle({timer, retry}, S1),
    {S3, Effects3} = handle(connected, S2),
    ?assertMatch([{send, {attach, #{name := <<"app@h">>, token := ?TOKEN, creation := 77}}} | _], Effects3),
    {_, Effects4} = handle(attached(77), S3),
    ?assertMatch([notice], [Level || {log, Level, _} <- Effects4]).

the_pause_between_tries_grows_to_a_second_and_no_further_test() ->
    {S1, _} = handle(closed, standing(77)),
    Pauses = pauses(12, S1),
    ?assertEqual([100, 200, 400, 800, 1000, 1000], lists:sublist(Pauses, 6)),
    ?assertEqual(1000, lists:last(Pauses)).

a_running_vm_keeps_its_creation_whatever_a_new_daemon_says_test() ->
    {S1, _} = handle(closed, standing(77)),
    {S2, _} = handle({timer, retry}, S1),
    {S3, _} = handle(connected, S2),
    {_, Effects} = handle(attached(99), S3),
    ?assert(lists:member(warning, [Level || {log, Level, _} <- Effects])),
    ?assertMatch([#{creation := 77}], [Kept || {keep, Kept} <- Effects]).

a_dial_while_the_daemon_is_away_tries_at_once_and_is_answered_at_once_test() ->
    {S1, _} = handle(closed, standing(77)),
    {S2, Effects2} = handle({need, dialler, nobody()}, S1),
    ?assertEqual([{cancel_timer, retry}, connect], Effects2),
    {_, Effects3} = handle({connect_failed, ?NO_DAEMON}, S2),
    ?assertEqual([{error, ?NO_DAEMON}], replies(dialler, Effects3)),
    ?assertMatch([_], [Ms || {start_timer, retry, Ms} <- Effects3]).

a_node_without_a_name_attaches_when_it_first_dials_test() ->
    {S1, [connect]} = handle({need, dialler, nobody()}, new()),
    {S2, Effects2} = handle(connected, S1),
    ?assertMatch([{send, {attach, #{name := <<>>, listens := false}}} | _], Effects2),
    {S3, Effects3} = handle(attached(4), S2),
    ?assertEqual([{ok, ?TOKEN}], replies(dialler, Effects3)),
    ?assertEqual({S3, [{reply, other, {ok, ?TOKEN}}]}, handle({need, other, nobody()}, S3)).

a_node_without_a_name_that_finds_no_daemon_stays_idle_test() ->
    {S1, [connect]} = handle({need, dialler, nobody()}, new()),
    {S2, Effects} = handle({connect_failed, ?NO_DAEMON}, S1),
    ?assertEqual([{error, ?NO_DAEMON}], replies(dialler, Effects)),
    ?assertEqual([], [Ms || {start_timer, retry, Ms} <- Effects]),
    ?assertMatch({_, [connect]}, handle({need, dialler, nobody()}, S2)).

an_incoming_channel_is_accepted_only_by_a_node_that_listens_test() ->
    ?assertMatch({_, [{accept, ?TICKET, <<"b@h">>}]}, handle(payload({incoming, ?TICKET, <<"b@h">>}), standing(7))),
    {S1, [connect]} = handle({need, dialler, nobody()}, new()),
    {S2, _} = handle(connected, S1),
    {S3, _} = handle(attached(4), S2),
    {_, Effects} = handle(payload({incoming, ?TICKET, <<"b@h">>}), S3),
    ?assertEqual([], [Ticket || {accept, Ticket, _} <- Effects]),
    ?assert(lists:member(close, Effects)).

an_answer_finds_its_question_test() ->
    {S1, [{send, {request, Id1, _}}, _]} = handle({request, one, node_info}, standing(7)),
    {S2, [{send, {request, Id2, _}}, _]} = handle({request, two, node_info}, S1),
    {S3, Effects3} = handle(answer(Id2, {ok, 2}), S2),
    ?assertEqual([{ok, 2}], replies(two, Effects3)),
    {S4, Effects4} = handle(answer(Id1, {error, unknown_request}), S3),
    ?assertEqual([{error, unknown_request}], replies(one, Effects4)),
    ?assertEqual({S4, []}, handle(answer(Id1, {ok, late}), S4)).

an_unanswered_caller_hears_that_the_daemon_went_away_test() ->
    {S1, _} = handle({request, caller, node_info}, standing(7)),
    {_, Effects} = handle(closed, S1),
    ?assertEqual([{error, daemon_unavailable}], replies(caller, Effects)).

an_unanswered_caller_hears_that_time_is_up_test() ->
    {S1, [_, {start_timer, Timer, _}]} = handle({request, caller, node_info}, standing(7)),
    ?assertMatch({_, [{reply, caller, {error, timeout}}]}, handle({timer, Timer}, S1)).

questions_are_bounded_test() ->
    Full = lists:foldl(fun(N, S) -> element(1, handle({request, N, node_info}, S)) end, standing(7), lists:seq(1, 256)),
    ?assertMatch({_, [{reply, more, {error, too_many_requests}}]}, handle({request, more, node_info}, Full)).

a_daemon_that_writes_nonsense_is_left_and_tried_again_test_() ->
    [fun() ->
             {_, Effects} = handle({payload, Bytes}, standing(7)),
             ?assert(lists:member(close, Effects)),
             ?assertMatch([_], [Ms || {start_timer, retry, Ms} <- Effects])
     end || Bytes <- [<<>>, <<255>>, <<6>>, <<9, 0>>, <<1, 1, 0, 0, 0>>]].

detaching_gives_the_name_back_and_forgets_test() ->
    {S, Effects} = handle(detach, standing(7)),
    ?assert(lists:member(close_gracefully, Effects)),
    ?assert(lists:member({keep, none}, Effects)),
    ?assertEqual({S, []}, handle({timer, retry}, S)),
    {S1, _} = handle({attach, kernel, app(), 1000}, S),
    {_, [{send, {attach, Shown}} | _]} = handle(connected, S1),
    ?assertMatch(#{token := <<0:256>>, creation := 0}, Shown).

a_failing_dial_is_told_once_a_minute_test() ->
    Why = {unknown_node, <<"no address">>},
    {S1, [{log, warning, _}]} = handle({dial_failed, <<"b@h">>, Why, 0}, standing(7)),
    {S2, []} = handle({dial_failed, <<"b@h">>, Why, 59999}, S1),
    {S3, [{log, warning, _}]} = handle({dial_failed, <<"c@h">>, Why, 59999}, S2),
    ?assertMatch({_, [{log, warning, _}]}, handle({dial_failed, <<"b@h">>, Why, 60000}, S3)).

what_was_said_is_bounded_test() ->
    Why = {unknown_node, <<"no address">>},
    Dialled = lists:foldl(fun(N, S) -> element(1, handle({dial_failed, integer_to_binary(N), Why, 0}, S)) end,
                          standing(7), lists:seq(1, 5000)),
    ?assert(map_size(maps:get(said, barrel_p2p_session:redact(Dialled))) =< 1001).

a_client_that_crashed_resumes_test() ->
    {S1, [{start_timer, retry, _}]} = resume(#{identity => app(), token => ?TOKEN, creation => 77}),
    {S2, [connect]} = handle({timer, retry}, S1),
    ?assertMatch({_, [{send, {attach, #{token := ?TOKEN, creation := 77}}} | _]}, handle(connected, S2)).

a_crash_report_shows_no_token_test() ->
    Text = lists:flatten(io_lib:format("~p", [barrel_p2p_session:redact(standing(7))])),
    ?assertEqual(nomatch, string:find(Text, "0,7>>")).

%% Whatever happens in whatever order: every caller gets one answer, the socket is asked for only when there is
%% none, and nothing is sent without one.
any_conversation_test_() ->
    {timeout, 60, fun() -> [conversation(Seed) || Seed <- lists:seq(1, 3000)] end}.

conversation(Seed) ->
    _ = rand:seed(exsss, Seed),
    World = #{session => new(), open => no, asked => [], answered => [], timers => []},
    Steps = lists:seq(1, 1 + rand:uniform(40)),
    #{asked := Asked, answered := Answered, open := Open} =
        feed(detach, settled(lists:foldl(fun(N, W) -> feed(any_input(N, W), W) end, World, Steps))),
    ?assertEqual({Seed, lists:sort(Asked)}, {Seed, lists:sort(Answered)}),
    ?assertEqual({Seed, no}, {Seed, Open}).

feed({connect_answer, Answer}, World) ->
    feed(Answer, World#{open := case Answer of connected -> yes; _ -> no end});
feed(Input, #{session := Session, asked := Asked} = World) ->
    {Next, Effects} = handle(Input, Session),
    Asked1 = case Input of
                 {attach, From, _, _} -> [From | Asked];
                 {need, From, _} -> [From | Asked];
                 {request, From, _} -> [From | Asked];
                 _ -> Asked
             end,
    %% The socket is gone before the session hears of it.
    Open = case Input of closed -> no; _ -> maps:get(open, World) end,
    lists:foldl(fun witness/2, World#{session := Next, asked := Asked1, open := Open}, Effects).

settled(#{open := connecting} = World) -> feed({connect_answer, {connect_failed, ?NO_DAEMON}}, World);
settled(World) -> World.

witness(connect, #{open := no} = World) -> World#{open := connecting};
witness({send, Frame}, #{open := yes} = World) -> _ = barrel_p2p_wire:encode(Frame), World;
witness(Close, #{open := Open} = World) when Close =:= close orelse Close =:= close_gracefully, Open =/= connecting ->
    World#{open := no};
witness({reply, From, _}, #{answered := Answered} = World) -> World#{answered := [From | Answered]};
witness({start_timer, Name, {Min, Max}}, #{timers := Timers} = World) when Min =< Max ->
    World#{timers := [Name | lists:delete(Name, Timers)]};
witness({cancel_timer, Name}, #{timers := Timers} = World) -> World#{timers := lists:delete(Name, Timers)};
witness({Kind, _}, World) when Kind =:= say; Kind =:= keep -> World;
witness({Kind, _, _}, World) when Kind =:= log; Kind =:= accept -> World.

any_input(_, #{open := connecting}) ->   % the client tries at once
    {connect_answer, lists:nth(rand:uniform(2), [connected, {connect_failed, ?NO_DAEMON}])};
any_input(N, #{open := Open, timers := Timers}) ->
    Always = [{attach, {attach, N}, app(), 100}, {need, {need, N}, nobody()}, {need, {again, N}, app()},
              {request, {request, N}, node_info}, {dial_failed, <<"b@h">>, ?NO_DAEMON, N}, detach]
        ++ [{timer, Timer} || Timer <- Timers] ++ [{timer, Timer} || Timer <- Timers],
    Heard = [attached(4 + N), attached(4 + N), attached(4), refused(14, <<"stops">>), refused(3, <<"taken">>),
             refused(6, <<"no">>), answer(1, {ok, 1}), answer(rand:uniform(9), {error, what}),
             payload({incoming, ?TICKET, <<"b@h">>}), payload(ready), {payload, <<255>>}, closed],
    Possible = case Open of yes -> Always ++ Heard; no -> Always end,
    lists:nth(rand:uniform(length(Possible)), Possible).

%% --- helpers --------------------------------------------------------------------------------------------

app() -> #{name => <<"app@h">>, hidden => false, listens => true}.
nobody() -> #{name => <<>>, hidden => true, listens => false}.

standing(Creation) ->
    {S1, _} = handle({attach, kernel, app(), 10000}, new()),
    {S2, _} = handle(connected, S1),
    element(1, handle(attached(Creation), S2)).

pauses(0, _) -> [];
pauses(N, S) ->
    {S1, [connect]} = handle({timer, retry}, S),
    {S2, Effects} = handle({connect_failed, ?NO_DAEMON}, S1),
    [Max || {start_timer, retry, {_, Max}} <- Effects] ++ pauses(N - 1, S2).

attached(Creation) ->
    payload({attached, #{creation => Creation, token => ?TOKEN, port => 9100, fingerprint => <<"SHA256:x">>}}).
refused(Code, Text) -> payload({refused, Code, Text}).
answer(Id, Term) -> payload({answer, Id, barrel_p2p_wire:term_bytes(Term)}).
payload(Frame) -> {payload, barrel_p2p_wire:encode(Frame)}.
replies(To, Effects) -> [Answer || {reply, From, Answer} <- Effects, From =:= To].
