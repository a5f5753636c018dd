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

a_bare_ok_is_an_answer_test() ->
    {S1, [{send, {request, Id, _}}, _]} = handle({request, caller, leave}, standing(7)),
    {_, Effects} = handle(answer(Id, ok), S1),
    ?assertEqual([ok], replies(caller, Effects)).

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

a_broadcast_is_answered_like_a_question_test() ->
    {S1, [{send, {broadcast, Id, <<"tag">>, <<"payload">>}}, {start_timer, {request, Id}, _}]} =
        handle({broadcast, caller, <<"tag">>, <<"payload">>}, standing(7)),
    {_, Effects} = handle(answer(Id, {error, busy}), S1),
    ?assertEqual([{error, busy}], replies(caller, Effects)),
    {_, Lost} = handle(closed, S1),
    ?assertEqual([{error, daemon_unavailable}], replies(caller, Lost)),
    {Away, _} = handle(closed, standing(7)),
    ?assertMatch({_, [{reply, caller, {error, daemon_unavailable}}]}, handle({broadcast, caller, <<>>, <<>>}, Away)).

%% --- subscriptions ---------------------------------------------------------------------------------------

a_subscriber_is_told_when_the_daemon_knows_test() ->
    {S1, Effects1} = handle({subscribe, caller, pid(1), neighbours, app()}, standing(7)),
    ?assertMatch([{watch, _}, {send, {request, 1, _}} | _], Effects1),
    ?assertEqual([{subscribe, neighbours}, active_view], questions(Effects1)),
    {_, Effects2} = handle(answer(1, ok), S1),
    ?assertEqual([ok], replies(caller, Effects2)).

a_subscriber_whom_the_daemon_refuses_is_none_test() ->
    {S1, _} = handle({subscribe, caller, pid(1), {broadcast, <<"t">>}, app()}, standing(7)),
    {S2, Effects} = handle(answer(1, {error, too_many}), S1),
    ?assertEqual([{error, too_many}], replies(caller, Effects)),
    ?assert(lists:member({unwatch, pid(1)}, Effects)),
    ?assertMatch({_, []}, handle(payload({deliver, <<"t">>, <<>>}), S2)).

events_go_to_those_who_subscribed_to_their_kind_test() ->
    S = subscribed([{pid(1), neighbours}, {pid(2), neighbours}, {pid(2), members}]),
    Told = fun(Event) ->
                   {_, Effects} = handle(payload({event, barrel_p2p_wire:term_bytes(Event)}), S),
                   [{lists:sort(Pids), What} || {tell, Pids, What} <- Effects]
           end,
    Everybody = lists:sort([pid(1), pid(2)]),
    [?assertEqual([{Everybody, {event, Event}}], Told(Event))
     || Event <- [left, {peer_up, <<"b@h">>}, {peer_down, <<"n@h">>, dropped}]],
    [?assertEqual([{[pid(2)], {event, Event}}], Told(Event))
     || Event <- [{member_up, <<"b@h">>}, {member_down, <<"m@h">>, nodedown}]],
    %% of a later daemon
    [?assertEqual([], Told(Event)) || Event <- [error, {peer_up, 1}, {peer_down, <<"b@h">>, 1}, {peer_up}, 1, []]].

an_event_with_an_atom_that_nobody_knows_is_passed_over_test() ->
    S = subscribed([{pid(1), neighbours}]),
    ?assertEqual({S, []}, handle(payload({event, <<131, 119, 20, "event_of_a_later_one">>}), S)).

a_broadcast_comes_once_to_whoever_hears_its_tag_or_all_test() ->
    S = subscribed([{pid(1), broadcasts}, {pid(1), {broadcast, <<"t">>}}, {pid(2), {broadcast, <<"t">>}},
                    {pid(3), {broadcast, <<"u">>}}]),
    {_, [{tell, Pids, {broadcast, <<"t">>, <<"p">>}}]} = handle(payload({deliver, <<"t">>, <<"p">>}), S),
    ?assertEqual(lists:sort([pid(1), pid(2)]), lists:sort(Pids)),
    ?assertMatch({_, [{tell, [_], _}]}, handle(payload({deliver, <<"none">>, <<"p">>}), S)).

a_daemon_that_is_back_is_told_of_every_topic_once_before_anybody_may_ask_test() ->
    {S1, _} = handle(closed, subscribed([{pid(1), members}, {pid(2), members}, {pid(2), broadcasts}])),
    {S2, _} = handle({need, dialler, app()}, S1),
    {S3, _} = handle(connected, S2),
    {S4, Effects} = handle(attached(7), S3),
    ?assertEqual([{subscribe, broadcasts}, {subscribe, members}, members], questions(Effects)),
    ?assertEqual({reply, dialler, {ok, ?TOKEN}}, lists:last(Effects)),
    %% nobody waits for those answers, and none is taken for another's
    {S5, [{send, {request, Id, _}}, _]} = handle({request, caller, node_info}, S4),
    {S6, []} = handle(answer(Id - 2, ok), S5),
    ?assertMatch({_, [_, {reply, caller, {ok, 1}}]}, handle(answer(Id, {ok, 1}), S6)).

who_subscribes_while_the_daemon_is_away_is_subscribed_when_it_is_back_test() ->
    {S1, _} = handle(closed, standing(7)),
    {S2, Effects2} = handle({subscribe, caller, pid(1), neighbours, app()}, S1),
    ?assertEqual([{watch, pid(1)}, {reply, caller, ok}], Effects2),
    {S3, _} = handle({timer, retry}, S2),
    {S4, _} = handle(connected, S3),
    {S5, Effects5} = handle(attached(7), S4),
    ?assertEqual([{subscribe, neighbours}, active_view], questions(Effects5)),
    {_, Effects6} = handle(answer(2, {ok, [<<"b@h">>]}), S5),
    ?assertEqual([joined, {peer_up, <<"b@h">>}], told(Effects6)).

%% A clean stop of the daemon has told that everybody is gone; a crash has not. Either way each up and down comes once.
what_happens_while_the_daemon_restarts_is_told_when_it_is_back_test() ->
    S0 = subscribed([{pid(1), neighbours}, {pid(1), members}]),   % n@h is a neighbour, m@h and n@h are members
    {S1, _} = handle(closed, S0),
    {S2, [connect]} = handle({timer, retry}, S1),
    {S3, _} = handle(connected, S2),
    {S4, Effects4} = handle(attached(7), S3),
    ?assert(lists:member({start_timer, look, {10000, 10000}}, Effects4)),
    [_, _, Members, View] = [Id || {send, {request, Id, _}} <- Effects4],
    ?assertEqual([{subscribe, members}, {subscribe, neighbours}, members, active_view], questions(Effects4)),
    %% it has a neighbour already, another one, and knows nobody else yet
    {S5, Effects5} = handle(answer(View, {ok, [<<"x@h">>]}), S4),
    ?assertEqual([{peer_up, <<"x@h">>}], told(Effects5)),
    {S6, Effects6} = handle(answer(Members, {ok, [<<"x@h">>]}), S5),
    ?assertEqual([{member_up, <<"x@h">>}], told(Effects6)),
    %% what subscribers know is not told again
    Event = fun(E, S) -> {Next, Effects} = handle(payload({event, barrel_p2p_wire:term_bytes(E)}), S), {Next, told(Effects)} end,
    {S7, []} = Event(joined, S6),
    {S8, []} = Event({member_up, <<"m@h">>}, S7),
    {S9, []} = Event({peer_up, <<"x@h">>}, S8),
    %% and in the end those are down who were not heard of
    {S10, Effects10} = handle({timer, look}, S9),
    [MembersAgain, ViewAgain] = [Id || {send, {request, Id, _}} <- Effects10],
    {S11, Effects11} = handle(answer(ViewAgain, {ok, [<<"x@h">>]}), S10),
    ?assertEqual([{peer_down, <<"n@h">>, nodedown}], told(Effects11)),
    {S12, Effects12} = handle(answer(MembersAgain, {ok, [<<"m@h">>, <<"x@h">>]}), S11),
    ?assertEqual([{member_down, <<"n@h">>, nodedown}], told(Effects12)),
    {_, []} = Event({member_down, <<"n@h">>, nodedown}, S12).

who_waits_for_the_daemon_to_know_need_not_care_that_it_went_away_test() ->
    {S1, _} = handle({subscribe, caller, pid(1), neighbours, app()}, standing(7)),
    {_, Effects} = handle(closed, S1),
    ?assertEqual([ok], replies(caller, Effects)).

the_daemon_hears_when_the_last_one_has_gone_test() ->
    S = subscribed([{pid(1), neighbours}, {pid(2), neighbours}, {pid(2), members}]),
    {S1, Effects1} = handle({ended, pid(1)}, S),
    ?assertEqual([], questions(Effects1)),
    {S2, Effects2} = handle({unsubscribe, pid(2), neighbours}, S1),
    ?assertEqual([{unsubscribe, neighbours}], questions(Effects2)),
    ?assertNot(lists:member({unwatch, pid(2)}, Effects2)),
    {S3, Effects3} = handle({unsubscribe, pid(2), members}, S2),
    ?assertEqual([{unsubscribe, members}], questions(Effects3)),
    ?assert(lists:member({unwatch, pid(2)}, Effects3)),
    ?assertEqual({S3, []}, handle({unsubscribe, pid(2), members}, S3)),
    ?assertEqual({S3, []}, handle({ended, pid(2)}, S3)).

a_node_without_a_name_that_subscribes_waits_for_a_daemon_as_long_as_it_is_subscribed_test() ->
    {S1, [{watch, _}, {reply, caller, ok}, connect]} = handle({subscribe, caller, pid(1), broadcasts, nobody()}, new()),
    {S2, Effects2} = handle({connect_failed, ?NO_DAEMON}, S1),
    ?assertMatch([_], [Ms || {start_timer, retry, Ms} <- Effects2]),
    ?assertMatch({_, [connect]}, handle({timer, retry}, S2)),
    {S3, _} = handle({unsubscribe, pid(1), broadcasts}, S2),
    {S4, []} = handle({timer, retry}, S3),
    ?assertMatch({_, [connect]}, handle({need, dialler, nobody()}, S4)).

subscriptions_outlive_a_node_and_come_along_into_the_next_test() ->
    {S1, Effects1} = handle(detach, subscribed([{pid(1), members}])),
    ?assertMatch([_], [Ms || {start_timer, retry, Ms} <- Effects1]),
    {S2, [connect]} = handle({timer, retry}, S1),
    {S3, [{send, {attach, #{name := <<>>, creation := 0}}} | _]} = handle(connected, S2),
    {S4, Effects4} = handle(attached(4), S3),
    ?assertEqual([{subscribe, members}, members], questions(Effects4)),
    {S5, _} = handle({attach, kernel, app(), 1000}, S4),
    {S6, _} = handle(connected, S5),
    {_, Effects7} = handle(attached(5), S6),
    ?assertEqual([{subscribe, members}, members], questions(Effects7)).

a_node_that_could_not_start_leaves_its_subscribers_with_a_session_without_a_name_test() ->
    {S1, _} = handle({attach, kernel, app(), 10000}, subscribed([{pid(1), members}])),
    {S2, _} = handle(connected, S1),
    {S3, Effects} = handle(refused(3, <<"taken">>), S2),
    ?assertMatch([_], [Ms || {start_timer, retry, Ms} <- Effects]),
    {S4, [connect]} = handle({timer, retry}, S3),
    ?assertMatch({_, [{send, {attach, #{name := <<>>}}} | _]}, handle(connected, S4)).

%% -----------------------------------------------------------------------------------------------------------

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
    World = #{session => new(), open => no, asked => [], answered => [], timers => [], watched => []},
    Steps = lists:seq(1, 1 + rand:uniform(40)),
    #{watched := Watched} = Talked = settled(lists:foldl(fun(N, W) -> feed(any_input(N, W), W) end, World, Steps)),
    #{asked := Asked, answered := Answered, open := Open} =
        feed(detach, lists:foldl(fun(Pid, W) -> feed({ended, Pid}, W) end, Talked, Watched)),
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
                 {broadcast, From, _, _} -> [From | Asked];
                 {subscribe, From, _, _, _} -> [From | Asked];
                 _ -> Asked
             end,
    Watched = case Input of {ended, Pid} -> lists:delete(Pid, maps:get(watched, World)); _ -> maps:get(watched, World) end,
    %% The socket is gone before the session hears of it.
    Open = case Input of closed -> no; _ -> maps:get(open, World) end,
    lists:foldl(fun witness/2, World#{session := Next, asked := Asked1, open := Open, watched := Watched}, Effects).

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
witness({watch, Pid}, #{watched := Watched} = World) ->
    ?assertNot(lists:member(Pid, Watched)),
    World#{watched := [Pid | Watched]};
witness({unwatch, Pid}, #{watched := Watched} = World) -> World#{watched := lists:delete(Pid, Watched)};
witness({tell, [_ | _] = Pids, _}, #{watched := Watched} = World) ->
    ?assertEqual([], Pids -- Watched),
    World;
witness({Kind, _}, World) when Kind =:= say; Kind =:= keep; Kind =:= look -> World;
witness({Kind, _, _}, World) when Kind =:= log; Kind =:= accept -> World.

any_input(_, #{open := connecting}) ->   % the client tries at once
    {connect_answer, lists:nth(rand:uniform(2), [connected, {connect_failed, ?NO_DAEMON}])};
any_input(N, #{open := Open, timers := Timers}) ->
    Always = [{attach, {attach, N}, app(), 100}, {need, {need, N}, nobody()}, {need, {again, N}, app()},
              {request, {request, N}, node_info}, {broadcast, {broadcast, N}, <<"t">>, <<>>},
              {subscribe, {subscribe, N}, pid(rand:uniform(3)), any_topic(), nobody()},
              {reaping, lists:nth(rand:uniform(3), [none, {1000, 500}, {1000, 600}])}, {let_go, [<<"b@h">>]},
              {unsubscribe, pid(rand:uniform(3)), any_topic()}, {ended, pid(rand:uniform(3))}, {dial_failed, <<"b@h">>, ?NO_DAEMON, N}, detach]
        ++ [{timer, Timer} || Timer <- Timers] ++ [{timer, Timer} || Timer <- Timers],
    Heard = [attached(4 + N), attached(4 + N), attached(4), refused(14, <<"stops">>), refused(3, <<"taken">>),
             refused(6, <<"no">>), answer(1, {ok, 1}), answer(rand:uniform(9), {error, what}), answer(rand:uniform(9), ok),
             payload({event, barrel_p2p_wire:term_bytes(joined)}),
             payload({event, barrel_p2p_wire:term_bytes({unused, [<<"b@h">>]})}), payload({deliver, <<"t">>, <<>>}),
             payload({incoming, ?TICKET, <<"b@h">>}), payload(ready), {payload, <<255>>}, closed],
    Possible = case Open of yes -> Always ++ Heard; no -> Always end,
    lists:nth(rand:uniform(length(Possible)), Possible).

any_topic() -> lists:nth(rand:uniform(3), [neighbours, broadcasts, {broadcast, <<"t">>}]).

a_node_that_consents_says_so_whenever_a_session_begins_test() ->
    {S1, []} = handle({reaping, {300000, 60000}}, new()),
    {S2, _} = handle({attach, kernel, app(), 10000}, S1),
    {S3, _} = handle(connected, S2),
    {S4, Effects4} = handle(attached(7), S3),
    ?assertEqual([{subscribe, {unused, 300000, 60000}}], questions(Effects4)),
    ?assertEqual({S4, []}, handle({reaping, {300000, 60000}}, S4)),
    {S5, Effects5} = handle({reaping, {1000, 500}}, S4),
    ?assertEqual([{subscribe, {unused, 1000, 500}}], questions(Effects5)),
    {S6, _} = handle(closed, S5),
    {S7, []} = handle({reaping, {2000, 500}}, S6),
    {S8, [connect]} = handle({timer, retry}, S7),
    {S9, _} = handle(connected, S8),
    {S10, Effects10} = handle(attached(7), S9),
    ?assertEqual([{subscribe, {unused, 2000, 500}}], questions(Effects10)),
    {S11, Effects11} = handle({reaping, none}, S10),
    ?assertEqual([{unsubscribe, unused}], questions(Effects11)),
    {S12, _} = handle(closed, S11),
    {S13, [connect]} = handle({timer, retry}, S12),
    {S14, _} = handle(connected, S13),
    {_, Effects15} = handle(attached(7), S14),
    ?assertEqual([], questions(Effects15)).

what_nobody_uses_is_looked_at_and_let_go_test() ->
    S = standing(7),
    {S1, Effects} = handle(payload({event, barrel_p2p_wire:term_bytes({unused, [<<"a@h">>, <<"b@h">>, 'c@h']})}), S),
    ?assertEqual([{look, [<<"a@h">>, <<"b@h">>]}], Effects),
    ?assertEqual({S1, []}, handle({let_go, []}, S1)),
    {S2, Effects2} = handle({let_go, [<<"b@h">>]}, S1),
    ?assertEqual([{let_go, [<<"b@h">>]}], questions(Effects2)),
    {S3, _} = handle(closed, S2),
    ?assertEqual({S3, []}, handle({let_go, [<<"b@h">>]}, S3)).

%% --- helpers --------------------------------------------------------------------------------------------

app() -> #{name => <<"app@h">>, hidden => false, listens => true}.
nobody() -> #{name => <<>>, hidden => true, listens => false}.

standing(Creation) ->
    {S1, _} = handle({attach, kernel, app(), 10000}, new()),
    {S2, _} = handle(connected, S1),
    element(1, handle(attached(Creation), S2)).

%% Standing, with all this known to the daemon. n@h is a neighbour; n@h and m@h are members.
subscribed(Whos) ->
    lists:foldl(fun({Pid, Topic}, S) ->
                        {S1, Effects} = handle({subscribe, caller, Pid, Topic, app()}, S),
                        [Id | Look] = [N || {send, {request, N, _}} <- Effects],
                        {S2, [_, {reply, caller, ok}]} = handle(answer(Id, ok), S1),
                        Up = case Topic of neighbours -> [<<"n@h">>]; _ -> [<<"m@h">>, <<"n@h">>] end,
                        lists:foldl(fun(N, Acc) -> element(1, handle(answer(N, {ok, Up}), Acc)) end, S2, Look)
                end, standing(7), Whos).

%% Any pid will do: nothing is sent to it.
pid(N) -> list_to_pid("<0." ++ integer_to_list(1000000 + N) ++ ".0>").

told(Effects) -> [Event || {tell, _, {event, Event}} <- Effects].

questions(Effects) ->
    [begin {ok, Question} = barrel_p2p_wire:term(Bytes), Question end || {send, {request, _, Bytes}} <- Effects].

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
