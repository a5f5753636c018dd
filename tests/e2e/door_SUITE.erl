%% The node socket against everybody else on the host: other users, second claims to a name, and bytes that are not
%% frames (docs/wire.md, section 1). A refusal has a reason, ends that connection, and touches nothing else: a node
%% that is attached all the while keeps working.
-module(door_SUITE).
-compile([export_all, nowarn_export_all]).
-include_lib("stdlib/include/assert.hrl").
-import(e2e_vm, [call/2]).

-define(BAD_FRAME, 1).
-define(BAD_VERSION, 2).
-define(DUPLICATE_NAME, 3).
-define(BAD_TOKEN, 4).
-define(BAD_TICKET, 5).
-define(NOT_ALLOWED, 6).
-define(BAD_NAME, 7).
-define(TOO_MANY, 8).

suite() -> [{timetrap, {seconds, 60}}].
all() ->
    [strangers_cannot_open_the_socket, strangers_are_refused, strangers_cannot_use_a_token, second_node_of_a_name,
     second_attach_of_a_name, malformed_frames, oversized_frames, truncated_frames, silence, random_bytes,
     frames_out_of_turn, unknown_request, session_limit, control_socket_garbage].

init_per_suite(Config) ->
    World = e2e_world:start("door", #{}),
    {A, B} = e2e_world:pair(World),
    pong = call(A, fun() -> net_adm:ping(maps:get(name, B)) end),
    ok = call(A, fun e2e_watch:start/0),
    [{world, World}, {a, A}, {b, B}, {calm, e2e_daemon:rss(e2e_world:daemon(World, 1))} | Config].

end_per_suite(Config) ->
    [e2e_vm:kill(proplists:get_value(Vm, Config)) || Vm <- [a, b]],
    e2e_world:stop(proplists:get_value(world, Config)).

init_per_testcase(_, Config) -> Config.

%% After every case: the daemon stands, its memory has not grown, and the attached node noticed nothing.
end_per_testcase(_, Config) ->
    {A, B} = {proplists:get_value(a, Config), maps:get(name, proplists:get_value(b, Config))},
    ?assertEqual(B, call(A, fun() -> rpc:call(B, erlang, node, []) end)),
    ?assertEqual([], call(A, fun e2e_watch:events/0)),
    ?assert(e2e_daemon:rss(daemon(Config)) - proplists:get_value(calm, Config) < 64 bsl 20),
    ok.

daemon(Config) -> e2e_world:daemon(proplists:get_value(world, Config), 1).
socket(Config) -> e2e_daemon:node_socket(daemon(Config)).

%% --- a client that says what it likes --------------------------------------------------------------------------

connect(Config) ->
    {ok, S} = gen_tcp:connect({local, socket(Config)}, 0, [binary, {active, false}]),
    S.

frame(Payload) -> <<(byte_size(Payload)):32, Payload/binary>>.
str(Text) -> <<(byte_size(Text)):16, Text/binary>>.
attach(Name) -> attach(1, 0, Name, 0).
attach(Version, Flags, Name, Token) -> frame(<<1, Version, Flags, (str(Name))/binary, Token:256, 0:32>>).

%% Everything until the other side closes: {Replies, closed | open}.
answers(S, Ms) -> answers(S, <<>>, erlang:monotonic_time(millisecond) + Ms).
answers(S, Got, Deadline) ->
    case gen_tcp:recv(S, 0, max(0, Deadline - erlang:monotonic_time(millisecond))) of
        {ok, More} -> answers(S, <<Got/binary, More/binary>>, Deadline);
        {error, timeout} -> {replies(Got), open};
        {error, _} -> {replies(Got), closed}
    end.

%% The first frame that comes.
first_answer(S) -> first_answer(S, <<>>).
first_answer(S, Got) ->
    case gen_tcp:recv(S, 0, 10_000) of
        {ok, More} ->
            case <<Got/binary, More/binary>> of
                <<Size:32, Payload:Size/binary, _/binary>> -> reply(Payload);
                Part -> first_answer(S, Part)
            end;
        {error, Reason} -> Reason
    end.

replies(<<Size:32, Payload:Size/binary, Rest/binary>>) -> [reply(Payload) | replies(Rest)];
replies(<<>>) -> [];
replies(Other) -> [{not_a_frame, Other}].

reply(<<2, 1, Creation:32, Token:32/binary, Port:16, Rest/binary>>) -> {attached, Creation, Token, Port, Rest};
reply(<<3, Code:16, Size:16, Text:Size/binary>>) -> {refused, Code, Text};
reply(<<9, Id:32, Term/binary>>) -> {answer, Id, binary_to_term(Term)};
reply(Other) -> {other, Other}.

%% Sends Bytes on a connection of its own: the refusal's code, and the connection is closed after it.
refusal(Config, Bytes) ->
    S = connect(Config),
    _ = gen_tcp:send(S, Bytes),
    Result = answers(S, 8000),
    gen_tcp:close(S),
    case Result of
        {[{refused, Code, Text}], closed} -> ?assertNotEqual(<<>>, Text), Code;
        Other -> Other
    end.

%% --- other users -------------------------------------------------------------------------------------------------

%% Runs an expression in a VM of user nobody; its value.
as_nobody(Expression) ->
    Eval = lists:flatten(["io:format(\"~w.\", [begin ", Expression, " end]), halt()."]),
    {0, Output} = e2e_os:run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=/", "erl",
                              "-noshell", "-eval", Eval]),
    {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Output)),
    {ok, Value} = erl_parse:parse_term(Tokens),
    Value.

%% Listens first: whoever may not even say what it wants is told so at once, and then the socket takes nothing more.
exchange(Config, Bytes) ->
    io_lib:format("case gen_tcp:connect({local, ~p}, 0, [binary, {active, false}, {packet, 4}]) of "
                  "{ok, S} -> Early = gen_tcp:recv(S, 0, 300), "
                  "  First = case Early of "
                  "    {error, timeout} -> ok = gen_tcp:send(S, ~w), gen_tcp:recv(S, 0, 8000); "
                  "    _ -> Early "
                  "  end, "
                  "  {First, gen_tcp:recv(S, 0, 8000)}; "
                  "Error -> Error end", [socket(Config), Bytes]).

payload(<<_:32, Payload/binary>>) -> Payload.

%% The permissions that an operator might get wrong, for the time of Fun.
with_open_permissions(Config, Fun) ->
    Directory = filename:dirname(socket(Config)),
    Modes = [{Path, begin {ok, #{mode := M}} = mode(Path), M end} || Path <- [Directory, socket(Config)]],
    [ok = file:change_mode(Path, 8#777) || {Path, _} <- Modes],
    try Fun() after [ok = file:change_mode(Path, Mode) || {Path, Mode} <- Modes] end.

mode(Path) ->
    {ok, Info} = file:read_file_info(Path),
    {ok, #{mode => element(8, Info) band 8#7777}}.

strangers_cannot_open_the_socket(Config) ->
    {ok, #{mode := Mode}} = mode(socket(Config)),
    ?assertEqual(0, Mode band 8#007),
    ?assertEqual({error, eacces}, as_nobody(exchange(Config, payload(attach(<<"z@h1">>))))).

%% The kernel's word for who it is, not the file's mode alone.
strangers_are_refused(Config) ->
    with_open_permissions(Config, fun() ->
        {{ok, Refusal}, Then} = as_nobody(exchange(Config, payload(attach(<<"z@h1">>)))),
        ?assertMatch({refused, ?NOT_ALLOWED, _}, reply(Refusal)),
        ?assertEqual({error, closed}, Then)
    end).

strangers_cannot_use_a_token(Config) ->
    S = connect(Config),
    ok = gen_tcp:send(S, attach(<<"token@h1">>)),
    {attached, _, Token, _, _} = first_answer(S),
    with_open_permissions(Config, fun() ->
        {{ok, Refusal}, Then} = as_nobody(exchange(Config, <<4, 1, Token/binary, (str(<<"b@h2">>))/binary>>)),
        {refused, Code, _} = reply(Refusal),
        ?assert(lists:member(Code, [?BAD_TOKEN, ?NOT_ALLOWED])),
        ?assertEqual({error, closed}, Then)
    end),
    ?assertEqual({[], open}, answers(S, 100)),
    gen_tcp:close(S).

%% --- one name, one node ------------------------------------------------------------------------------------------

second_node_of_a_name(Config) ->
    Options = e2e_world:vm_options(proplists:get_value(world, Config), {a, 1}, #{label => "second-a"}),
    {error, {boot_failed, _}} = e2e_vm:await(e2e_vm:start_later(Options), 20_000),
    {ok, Log} = file:read_file(filename:join(maps:get(logs, Options), "vm-second-a.log")),
    ?assertMatch({match, _}, re:run(Log, "duplicate|already|refuse", [caseless])).

second_attach_of_a_name(Config) ->
    ?assertEqual(?DUPLICATE_NAME, refusal(Config, attach(<<"a@h1">>))),
    ?assertEqual(?DUPLICATE_NAME, refusal(Config, attach(1, 0, <<"a@h1">>, 12345))),   % a made-up token does not help
    %% Once its holder is gone a name is free.
    S = connect(Config),
    ok = gen_tcp:send(S, attach(<<"once@h1">>)),
    {attached, Creation, _, _, _} = first_answer(S),
    ?assert(Creation >= 4),
    ?assertEqual(?DUPLICATE_NAME, refusal(Config, attach(<<"once@h1">>))),
    gen_tcp:close(S),
    e2e_wait:until(free_again, fun() ->
        S2 = connect(Config),
        ok = gen_tcp:send(S2, attach(<<"once@h1">>)),
        Result = first_answer(S2),
        gen_tcp:close(S2),
        case Result of
            {attached, Another, _, _, _} -> ?assertNotEqual(Creation, Another), true;
            _ -> false
        end
    end).

%% --- bytes that are not frames -----------------------------------------------------------------------------------

malformed_frames(Config) ->
    Name = <<"y@h1">>,
    Cases =
        [{no_such_type, frame(<<77, 1, 2, 3>>), [?BAD_FRAME]},
         {a_type_of_the_daemon, frame(<<2, 1, 0:32, 0:256, 0:16, 0:16>>), [?BAD_FRAME]},
         {empty, frame(<<>>), [?BAD_FRAME]},
         {attach_too_short, frame(<<1, 1>>), [?BAD_FRAME]},
         {attach_name_longer_than_frame, frame(<<1, 1, 0, 60_000:16, "abc">>), [?BAD_FRAME]},
         {attach_trailing_bytes, frame(<<(payload(attach(Name)))/binary, 0>>), [?BAD_FRAME]},
         {attach_version, attach(9, 0, Name, 0), [?BAD_VERSION]},
         {no_host, attach(<<"nohost">>), [?BAD_NAME]},
         {two_ats, attach(<<"a@b@c">>), [?BAD_NAME]},
         {not_utf8, attach(<<16#ff, 16#fe, "@h1">>), [?BAD_NAME, ?BAD_FRAME]},
         {slash, attach(<<"../../x@h1">>), [?BAD_NAME]},
         {nul, attach(<<"a", 0, "b@h1">>), [?BAD_NAME]},
         {very_long_name, attach(<<(binary:copy(<<"n">>, 3000))/binary, "@h1">>), [?BAD_NAME]},
         {dial_unknown_token, frame(<<4, 1, 7:256, (str(<<"b@h2">>))/binary>>), [?BAD_TOKEN]},
         {dial_zero_token, frame(<<4, 1, 0:256, (str(<<"b@h2">>))/binary>>), [?BAD_TOKEN]},
         {dial_version, frame(<<4, 2, 7:256, (str(<<"b@h2">>))/binary>>), [?BAD_VERSION]},
         {dial_too_short, frame(<<4, 1, 7:128>>), [?BAD_FRAME]},
         {accept_unknown_ticket, frame(<<5, 1, 7:128>>), [?BAD_TICKET]},
         {accept_too_long, frame(<<5, 1, 7:256>>), [?BAD_FRAME]},
         {request_without_session, frame(<<8, 1:32, (term_to_binary(node_info))/binary>>), [?BAD_FRAME]}],
    Wrong = [{Case, Code} || {Case, Bytes, Allowed} <- Cases, Code <- [refusal(Config, Bytes)],
                             not lists:member(Code, Allowed)],
    ?assertEqual([], Wrong).

%% Refused by the length alone: not one byte of the rest is waited for.
oversized_frames(Config) ->
    [begin
         {Ms, Code} = e2e_wait:timed(fun() -> refusal(Config, <<Size:32, Start/binary>>) end),
         ?assertEqual({Size, ?BAD_FRAME}, {Size, Code}),
         ?assert(Ms < 2000)
     end || {Size, Start} <- [{16#ffffffff, <<>>}, {16#80000000, <<1, 1>>}, {16_777_217, <<1>>}, {4097, <<1, 1, 0>>},
                              {4097, <<4, 1>>}, {4097, <<5, 1>>}]].

%% Cut at every byte; the other end goes away.
truncated_frames(Config) ->
    Whole = attach(<<"cut@h1">>),
    [begin
         S = connect(Config),
         ok = gen_tcp:send(S, binary:part(Whole, 0, Size)),
         gen_tcp:close(S)
     end || Size <- lists:seq(0, byte_size(Whole) - 1)],
    %% None of them took the name.
    S = connect(Config),
    ok = gen_tcp:send(S, Whole),
    ?assertMatch({attached, _, _, _, _}, first_answer(S)),
    gen_tcp:close(S).

%% The first frame has five seconds.
silence(Config) ->
    Sockets = [begin S = connect(Config), ok = gen_tcp:send(S, Bytes), S end
               || Bytes <- [<<>>, <<0, 0>>, binary:part(attach(<<"slow@h1">>), 0, 20)]],
    {Ms, Results} = e2e_wait:timed(fun() -> [answers(S, 9000) || S <- Sockets] end),
    ?assertEqual([closed, closed, closed], [End || {_, End} <- Results]),
    ?assert(Ms > 3000),
    ?assert(Ms < 8000).

random_bytes(Config) ->
    rand:seed(exsss, 4),
    [begin
         S = connect(Config),
         _ = gen_tcp:send(S, Bytes),
         _ = gen_tcp:shutdown(S, write),
         {_, closed} = answers(S, 8000),
         gen_tcp:close(S)
     end || N <- lists:seq(1, 200),
            Bytes <- [case N rem 2 of
                          0 -> rand:bytes(rand:uniform(5000));
                          1 -> frame(<<(rand:uniform(9)), (rand:bytes(rand:uniform(300)))/binary>>)
                      end]].

%% What is right at another time.
frames_out_of_turn(Config) ->
    [begin
         S = connect(Config),
         ok = gen_tcp:send(S, attach(<<"turn@h1">>)),
         {attached, _, _, _, _} = first_answer(S),
         _ = gen_tcp:send(S, Bytes),
         Result = answers(S, 8000),
         gen_tcp:close(S),
         ?assertMatch({[{refused, ?BAD_FRAME, _}], closed}, Result),
         e2e_wait:until(gone, fun() -> not lists:member(<<"turn@h1">>, session_names(Config)) end)
     end || Bytes <- [attach(<<"turn@h1">>), frame(<<4, 1, 7:256, (str(<<"b@h2">>))/binary>>), frame(<<5, 1, 7:128>>),
                      frame(<<6>>), frame(<<255>>), frame(<<8, 1>>), <<16#ffffffff:32>>]].

session_names(Config) -> [maps:get(<<"name">>, S) || S <- maps:get(<<"nodes">>, e2e_daemon:status(daemon(Config)))].

unknown_request(Config) ->
    S = connect(Config),
    ok = gen_tcp:send(S, attach(<<"ask@h1">>)),
    {attached, _, _, _, _} = first_answer(S),
    Ask = fun(Id, Term) -> gen_tcp:send(S, frame(<<8, Id:32, Term/binary>>)) end,
    ok = Ask(1, term_to_binary(no_such_request)),
    ok = Ask(2, term_to_binary(node_info)),
    ok = Ask(3, term_to_binary({deep, lists:seq(1, 10_000)})),
    ok = Ask(4, <<131, 250>>),
    ok = Ask(5, term_to_binary(fun() -> ok end)),
    {Replies, open} = answers(S, 500),
    ?assertMatch([{answer, 1, {error, unknown_request}}, {answer, 2, {ok, #{name := <<"ask@h1">>}}},
                  {answer, 3, {error, unknown_request}}, {answer, 4, {error, bad_term}},
                  {answer, 5, {error, bad_term}}], Replies),
    gen_tcp:close(S).

%% 64 sessions, those of this suite's own node included.
session_limit(Config) ->
    Already = length(session_names(Config)),
    Sockets = [begin
                   S = connect(Config),
                   ok = gen_tcp:send(S, attach(iolist_to_binary(["many", integer_to_list(N), "@h1"]))),
                   S
               end || N <- lists:seq(1, 70)],
    Results = [first_answer(S) || S <- Sockets],
    %% The other host knows this one's key, and believes it all of them.
    Peer = e2e_world:daemon(proplists:get_value(world, Config), 2),
    e2e_wait:until(all_are_believed, fun() ->
        64 =:= length(lists:append([Names || #{<<"names">> := Names} <- maps:get(<<"links">>, e2e_daemon:status(Peer))]))
    end),
    [gen_tcp:close(S) || S <- Sockets],
    ?assertEqual(64 - Already, length([ok || {attached, _, _, _, _} <- Results])),
    ?assertEqual(6 + Already, length([ok || {refused, ?TOO_MANY, _} <- Results])),
    e2e_wait:until(all_gone, fun() -> length(session_names(Config)) =:= Already end).

control_socket_garbage(Config) ->
    Control = filename:join(filename:dirname(socket(Config)), "ctl.sock"),
    rand:seed(exsss, 5),
    [begin
         {ok, S} = gen_tcp:connect({local, Control}, 0, [binary, {active, false}]),
         _ = gen_tcp:send(S, Bytes),
         _ = gen_tcp:shutdown(S, write),
         {_, closed} = {gen_tcp_all(S), closed},
         gen_tcp:close(S)
     end || Bytes <- [<<"\r\n\r\n">>, <<"GET / HTTP/9.9\r\n\r\n">>, <<"GET /nothing HTTP/1.1\r\nHost: d\r\n\r\n">>,
                      <<"POST /v1/status HTTP/1.1\r\nHost: d\r\nContent-Length: 99999999999\r\n\r\n">>,
                      <<"GET /", (binary:copy(<<"a">>, 100_000))/binary, " HTTP/1.1\r\n\r\n">>,
                      iolist_to_binary(["GET /v1/status HTTP/1.1\r\n",
                                        [["H", integer_to_list(N), ": x\r\n"] || N <- lists:seq(1, 5000)], "\r\n"]),
                      rand:bytes(10_000)]],
    ?assertMatch(#{<<"nodes">> := [_ | _]}, e2e_daemon:status(daemon(Config))).

gen_tcp_all(S) ->
    case gen_tcp:recv(S, 0, 8000) of
        {ok, _} -> gen_tcp_all(S);
        {error, timeout} -> error(control_socket_stays_open);
        {error, _} -> closed
    end.
