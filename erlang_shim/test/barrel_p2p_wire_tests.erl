%% The golden bytes that the C++ codec reads too (proto/wire/vectors/local_frames.txt), and what a hand-written
%% list would miss: every cut and every flipped bit of them.
-module(barrel_p2p_wire_tests).
-include_lib("eunit/include/eunit.hrl").

-define(TOKEN, <<16#a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf:256>>).
-define(TICKET, <<16#101112131415161718191a1b1c1d1e1f:128>>).

every_good_vector_decodes_and_encodes_back_test_() ->
    Good = [Vector || {Name, _} = Vector <- vectors(), not is_bad(Name)],
    ?assert(length(Good) >= 30),
    [{Name, fun() ->
                    {ok, Frame} = barrel_p2p_wire:decode(Bytes),
                    ?assertEqual(Bytes, barrel_p2p_wire:encode(Frame))
            end} || {Name, Bytes} <- Good].

every_bad_vector_is_refused_with_the_error_that_its_comment_names_test_() ->
    Bad = [Vector || {Name, _, _} = Vector <- vectors_with_comments(), is_bad(Name)],
    ?assert(length(Bad) >= 30),
    [{Name, fun() ->
                    [Expected | _] = string:lexemes(Comment, " :"),
                    ?assertEqual({error, list_to_atom(Expected)}, barrel_p2p_wire:decode(Bytes))
            end} || {Name, Bytes, Comment} <- Bad].

every_type_has_a_vector_test() ->
    Types = lists:usort([Type || {Name, <<Type, _/binary>>} <- vectors(), not is_bad(Name)]),
    ?assertEqual(lists:seq(1, 12), Types).

fields_test_() ->
    [?_assertEqual({ok, Frame}, barrel_p2p_wire:decode(vector(Name)))
     || {Name, Frame} <-
            [{"attach_first", {attach, #{name => <<"app@db1">>, hidden => false, listens => true,
                                         token => barrel_p2p_wire:zero_token(), creation => 0}}},
             {"attach_again", {attach, #{name => <<"app@db1">>, hidden => false, listens => true, token => ?TOKEN,
                                         creation => 1781234567}}},
             {"attach_hidden_not_listening", {attach, #{name => <<"f@::1">>, hidden => true, listens => false,
                                                        token => barrel_p2p_wire:zero_token(), creation => 0}}},
             {"attached_smallest_creation", {attached, #{creation => 4, token => ?TOKEN, port => 1,
                                                         fingerprint => <<"SHA256:x">>}}},
             {"refused_unknown_node", {refused, 9, <<"no address for app@db9">>}},
             {"dial", {dial, ?TOKEN, <<"app@db2">>}},
             {"accept", {accept, ?TICKET}},
             {"ready", ready},
             {"incoming", {incoming, ?TICKET, <<"app@db2">>}},
             {"incoming_without_a_name", {incoming, ?TICKET, <<>>}},
             {"event_joined", {event, term_to_binary(joined, [{minor_version, 2}])}},
             {"broadcast", {broadcast, 6, term_to_binary(prices, [{minor_version, 2}]),
                            term_to_binary({eur, 42}, [{minor_version, 2}])}},
             {"deliver", {deliver, term_to_binary(prices, [{minor_version, 2}]),
                          term_to_binary({eur, 42}, [{minor_version, 2}])}},
             {"deliver_any_bytes", {deliver, <<>>, <<255>>}}]].

requests_and_events_test_() ->
    Term = fun(Name) ->
                   case barrel_p2p_wire:decode(vector(Name)) of
                       {ok, {request, _, Bytes}} -> barrel_p2p_wire:term(Bytes);
                       {ok, {answer, _, Bytes}} -> barrel_p2p_wire:term(Bytes);
                       {ok, {event, Bytes}} -> barrel_p2p_wire:term(Bytes)
                   end
           end,
    [?_assertEqual({Name, {ok, Expected}}, {Name, Term(Name)})
     || {Name, Expected} <- [{"request_join", {join, <<"app@db2">>}},
                             {"request_subscribe_neighbours", {subscribe, neighbours}},
                             {"request_unsubscribe_tag", {unsubscribe, {broadcast, <<"t">>}}},
                             {"answer_ok", ok},
                             {"answer_members", {ok, [<<"app@db1">>, <<"app@db2">>]}},
                             {"event_peer_up", {peer_up, <<"app@db2">>}},
                             {"event_peer_down", {peer_down, <<"app@db2">>, nodedown}}]].

terms_test_() ->
    {ok, {request, 1, Request}} = barrel_p2p_wire:decode(vector("request_node_info")),
    {ok, {answer, 1, Answer}} = barrel_p2p_wire:decode(vector("answer_node_info")),
    [?_assertEqual({ok, node_info}, barrel_p2p_wire:term(Request)),
     ?_assertEqual(Request, barrel_p2p_wire:term_bytes(node_info)),
     [?_assertMatch({ok, {answer, _, {error, Reason}}},
                    begin
                        {ok, {answer, Id, Bytes}} = barrel_p2p_wire:decode(vector(Name)),
                        {ok, Term} = barrel_p2p_wire:term(Bytes),
                        {ok, {answer, Id, Term}}
                    end) || {Name, Reason} <- [{"answer_error", unknown_request}, {"answer_bad_term", bad_term}]],
     ?_assertMatch({ok, {ok, #{name := <<"app@db1">>, port := 9100, trust := tofu, uptime_ms := 86400000,
                               channels := [#{node := <<"app@db2">>, link := <<"10.0.0.6:9100">>}]}}},
                   barrel_p2p_wire:term(Answer))].

a_term_makes_no_atom_test() ->
    Name = <<"no_such_atom_", (integer_to_binary(erlang:unique_integer([positive])))/binary>>,
    Bytes = <<131, 119, (byte_size(Name)), Name/binary>>,
    ?assertEqual({error, bad_term}, barrel_p2p_wire:term(Bytes)),
    ?assertError(badarg, binary_to_existing_atom(Name, utf8)).

a_term_with_something_after_it_is_refused_test() ->
    ?assertEqual({error, bad_term}, barrel_p2p_wire:term(<<131, 97, 1, 0>>)).

a_frame_cut_anywhere_is_refused_test_() ->
    %% From REQUEST on they carry a term or a payload to their end, which is not looked into here.
    [{Name, fun() ->
                    [?assertMatch({error, _}, barrel_p2p_wire:decode(binary:part(Bytes, 0, Size)))
                     || Size <- lists:seq(0, byte_size(Bytes) - 1)]
            end} || {Name, <<Type, _/binary>> = Bytes} <- vectors(), not is_bad(Name), Type < 8].

what_a_flipped_bit_makes_of_a_frame_is_a_frame_or_an_error_test_() ->
    [{Name, fun() ->
                    [begin
                         <<Before:Bit/bits, B:1, After/bits>> = Bytes,
                         Flipped = <<Before/bits, (1 - B):1, After/bits>>,
                         case barrel_p2p_wire:decode(Flipped) of
                             {ok, Frame} -> ?assertEqual(Flipped, barrel_p2p_wire:encode(Frame));
                             {error, Reason} -> ?assert(is_atom(Reason))
                         end
                     end || Bit <- lists:seq(0, bit_size(Bytes) - 1)]
            end} || {Name, Bytes} <- vectors(), byte_size(Bytes) > 0].

noise_is_a_frame_or_an_error_test() ->
    _ = rand:seed(exsss, 1),
    [begin
         Type = rand:uniform(14) - 1,
         Bytes = <<Type, 1, (rand:bytes(rand:uniform(80) - 1))/binary>>,
         case barrel_p2p_wire:decode(Bytes) of
             {ok, Frame} -> ?assertEqual(Bytes, barrel_p2p_wire:encode(Frame));
             {error, Reason} -> ?assert(is_atom(Reason))
         end
     end || _ <- lists:seq(1, 20000)].

%% --- the file -------------------------------------------------------------------------------------------

is_bad(Name) -> lists:prefix("bad_", Name).

vector(Name) -> proplists:get_value(Name, vectors()).

vectors() -> [{Name, Bytes} || {Name, Bytes, _} <- vectors_with_comments()].

%% [{Name, Bytes, Comment}]: the comment is the line above.
vectors_with_comments() ->
    {ok, File} = file:read_file(os:getenv("BARREL_P2P_VECTORS")),
    lines(string:split(binary_to_list(File), "\n", all), "").

lines(["# " ++ Comment | Lines], _) -> lines(Lines, Comment);
lines(["#" ++ _ | Lines], _) -> lines(Lines, "");
lines(["" | Lines], _) -> lines(Lines, "");
lines([Line | Lines], Comment) ->
    [Name, Hex] = string:split(Line, " "),
    [{Name, bytes(Hex), Comment} | lines(Lines, "")];
lines([], _) -> [].

bytes([A, B | Hex]) -> <<(list_to_integer([A, B], 16)), (bytes(Hex))/binary>>;
bytes([]) -> <<>>.
