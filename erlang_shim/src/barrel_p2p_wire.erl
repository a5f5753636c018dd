%% The frames of the node socket (docs/wire.md section 1), as bytes and as terms. Pure.
%%
%% A frame here is one payload: the `Len:32' before it is the socket's `{packet, 4}'. Decoding takes
%% whatever the other end wrote and answers with a frame or with the reason it is none; it makes no atom and
%% leaves the term of REQUEST, ANSWER and EVENT as bytes, for `term/1'. The golden bytes are in
%% proto/wire/vectors/local_frames.txt and the C++ codec reads the same file.
-module(barrel_p2p_wire).

-export([encode/1, decode/1, term/1, term_bytes/1, code_name/1, zero_token/0, frame_bytes_max/0]).
-export([known_atoms/0]).
-export_type([frame/0, reason/0, token/0, ticket/0, code_name/0]).

-define(VERSION, 1).
-define(NAME_BYTES_MAX, 255).            % proto/base/node_name.h
-define(FRAME_BYTES_MAX, 16#1000000).    % docs/wire.md section 1

-define(ATTACH, 1).
-define(ATTACHED, 2).
-define(REFUSED, 3).
-define(DIAL, 4).
-define(ACCEPT, 5).
-define(READY, 6).
-define(INCOMING, 7).
-define(REQUEST, 8).
-define(ANSWER, 9).
-define(EVENT, 10).
-define(BROADCAST, 11).
-define(DELIVER, 12).

-define(HIDDEN, 1).
-define(NOT_LISTENING, 2).

-type token() :: <<_:256>>.
-type ticket() :: <<_:128>>.
-type frame() ::
    {attach, #{name := binary(), hidden := boolean(), listens := boolean(), token := token(),
               creation := non_neg_integer()}}
  | {attached, #{creation := pos_integer(), token := token(), port := inet:port_number(),
                 fingerprint := binary()}}
  | {refused, Code :: 0..65535, Text :: binary()}
  | {dial, token(), To :: binary()}
  | {accept, ticket()}
  | ready
  | {incoming, ticket(), From :: binary()}
  | {request, Id :: non_neg_integer(), TermBytes :: binary()}
  | {answer, Id :: non_neg_integer(), TermBytes :: binary()}
  | {event, TermBytes :: binary()}
  | {broadcast, Id :: non_neg_integer(), Tag :: binary(), Payload :: binary()}
  | {deliver, Tag :: binary(), Payload :: binary()}.
-type reason() :: truncated | trailing_bytes | unknown_type | bad_version | bad_flags | too_long | bad_text
                | bad_creation | bad_term.
-type code_name() :: bad_frame | bad_version | duplicate_name | bad_token | bad_ticket | not_allowed | bad_name
                   | too_many | unknown_node | unreachable | not_trusted | no_such_node | timed_out
                   | shutting_down | not_listening | {code, 0..65535}.

-spec zero_token() -> token().
zero_token() -> <<0:256>>.

-spec frame_bytes_max() -> pos_integer().
frame_bytes_max() -> ?FRAME_BYTES_MAX.

%% What is encoded comes from our own code: a frame that breaks a rule crashes the caller.
-spec encode(frame()) -> binary().
encode({attach, #{name := Name, hidden := Hidden, listens := Listens, token := <<_:32/binary>> = Token,
                  creation := Creation}}) when byte_size(Name) =< ?NAME_BYTES_MAX ->
    Flags = flag(Hidden, ?HIDDEN) bor flag(not Listens, ?NOT_LISTENING),
    <<?ATTACH, ?VERSION, Flags, (text(Name))/binary, Token/binary, Creation:32>>;
encode({attached, #{creation := Creation, token := <<_:32/binary>> = Token, port := Port,
                    fingerprint := Fingerprint}}) ->
    <<?ATTACHED, ?VERSION, Creation:32, Token/binary, Port:16, (text(Fingerprint))/binary>>;
encode({refused, Code, Text}) ->
    <<?REFUSED, Code:16, (text(Text))/binary>>;
encode({dial, <<_:32/binary>> = Token, To}) when byte_size(To) =< ?NAME_BYTES_MAX ->
    <<?DIAL, ?VERSION, Token/binary, (text(To))/binary>>;
encode({accept, <<_:16/binary>> = Ticket}) ->
    <<?ACCEPT, ?VERSION, Ticket/binary>>;
encode(ready) ->
    <<?READY>>;
encode({incoming, <<_:16/binary>> = Ticket, From}) when byte_size(From) =< ?NAME_BYTES_MAX ->
    <<?INCOMING, Ticket/binary, (text(From))/binary>>;
encode({request, Id, <<131, _/binary>> = Term}) ->
    <<?REQUEST, Id:32, Term/binary>>;
encode({answer, Id, <<131, _/binary>> = Term}) ->
    <<?ANSWER, Id:32, Term/binary>>;
encode({event, <<131, _/binary>> = Term}) ->
    <<?EVENT, Term/binary>>;
encode({broadcast, Id, Tag, Payload}) ->
    <<?BROADCAST, Id:32, (text(Tag))/binary, Payload/binary>>;
encode({deliver, Tag, Payload}) ->
    <<?DELIVER, (text(Tag))/binary, Payload/binary>>.

-spec decode(binary()) -> {ok, frame()} | {error, reason()}.
decode(<<Type, Version, _/binary>>)
  when Version =/= ?VERSION, (Type =:= ?ATTACH orelse Type =:= ?ATTACHED orelse Type =:= ?DIAL orelse
                              Type =:= ?ACCEPT) ->
    {error, bad_version};
decode(<<?ATTACH, _, Flags, _/binary>>) when Flags > (?HIDDEN bor ?NOT_LISTENING) ->
    {error, bad_flags};
decode(<<?ATTACH, _, Flags, Len:16, Name:Len/binary, Token:32/binary, Creation:32, Rest/binary>>) ->
    Frame = {attach, #{name => Name, hidden => Flags band ?HIDDEN =/= 0,
                       listens => Flags band ?NOT_LISTENING =:= 0, token => Token, creation => Creation}},
    checked(Rest, [{name, Name}], Frame);
decode(<<?ATTACHED, _, Creation:32, Token:32/binary, Port:16, Len:16, Fingerprint:Len/binary, Rest/binary>>) ->
    Frame = {attached, #{creation => Creation, token => Token, port => Port, fingerprint => Fingerprint}},
    checked(Rest, [{text, Fingerprint}, {creation, Creation}], Frame);
decode(<<?REFUSED, Code:16, Len:16, Text:Len/binary, Rest/binary>>) ->
    checked(Rest, [{text, Text}], {refused, Code, Text});
decode(<<?DIAL, _, Token:32/binary, Len:16, To:Len/binary, Rest/binary>>) ->
    checked(Rest, [{name, To}], {dial, Token, To});
decode(<<?ACCEPT, _, Ticket:16/binary, Rest/binary>>) ->
    checked(Rest, [], {accept, Ticket});
decode(<<?READY, Rest/binary>>) ->
    checked(Rest, [], ready);
decode(<<?INCOMING, Ticket:16/binary, Len:16, From:Len/binary, Rest/binary>>) ->
    checked(Rest, [{name, From}], {incoming, Ticket, From});
decode(<<?REQUEST, Id:32, Term/binary>>) ->
    checked(<<>>, [{term, Term}], {request, Id, Term});
decode(<<?ANSWER, Id:32, Term/binary>>) ->
    checked(<<>>, [{term, Term}], {answer, Id, Term});
decode(<<?EVENT, Term/binary>>) ->
    checked(<<>>, [{term, Term}], {event, Term});
decode(<<?BROADCAST, Id:32, Len:16, Tag:Len/binary, Payload/binary>>) ->
    {ok, {broadcast, Id, Tag, Payload}};
decode(<<?DELIVER, Len:16, Tag:Len/binary, Payload/binary>>) ->
    {ok, {deliver, Tag, Payload}};
decode(<<Type, _/binary>>) when Type < ?ATTACH; Type > ?DELIVER ->
    {error, unknown_type};
decode(_) ->
    {error, truncated}.

%% The term in a REQUEST, an ANSWER or an EVENT. `safe': what a daemon sends never becomes a new atom.
-spec term(binary()) -> {ok, term()} | {error, bad_term}.
term(Bytes) ->
    try binary_to_term(Bytes, [safe, used]) of
        {Term, Used} when Used =:= byte_size(Bytes) -> {ok, Term};
        _ -> {error, bad_term}
    catch
        error:badarg -> {error, bad_term}
    end.

%% The atoms of docs/wire.md 1.2 and 1.3. A module brings the atoms of its exported functions with it, so these are there
%% for `safe'; an answer with others is of a later daemon and is refused.
-spec known_atoms() -> [atom()].
known_atoms() ->
    [ok, error, unknown_request, bad_term, node_info, daemon, fingerprint, port, name, creation, channels, node, link, trust,
     tofu, strict, uptime_ms,
     active_view, passive_view, members, join, leave, subscribe, unsubscribe, neighbours, broadcasts, broadcast,
     bad_name, cannot_join_self, too_many, tag_too_long, too_large, busy,
     unused, let_go, bad_value,
     peer_up, peer_down, joined, left, member_up, member_down, nodedown, connect_failed, graceful, dropped, blocked].

-spec term_bytes(term()) -> binary().
term_bytes(Term) -> term_to_binary(Term, [{minor_version, 2}]).

%% docs/wire.md 1.1
-spec code_name(0..65535) -> code_name().
code_name(1) -> bad_frame;
code_name(2) -> bad_version;
code_name(3) -> duplicate_name;
code_name(4) -> bad_token;
code_name(5) -> bad_ticket;
code_name(6) -> not_allowed;
code_name(7) -> bad_name;
code_name(8) -> too_many;
code_name(9) -> unknown_node;
code_name(10) -> unreachable;
code_name(11) -> not_trusted;
code_name(12) -> no_such_node;
code_name(13) -> timed_out;
code_name(14) -> shutting_down;
code_name(15) -> not_listening;
code_name(Code) -> {code, Code}.   % of a newer daemon

%% --- details ---------------------------------------------------------------------------------------

checked(Rest, _Fields, _Frame) when Rest =/= <<>> -> {error, trailing_bytes};
checked(<<>>, [], Frame) -> {ok, Frame};
checked(<<>>, [Field | Fields], Frame) ->
    case check(Field) of
        ok -> checked(<<>>, Fields, Frame);
        Reason -> {error, Reason}
    end.

check({name, Name}) when byte_size(Name) > ?NAME_BYTES_MAX -> too_long;
check({name, Name}) -> check({text, Name});
check({text, Text}) ->
    case unicode:characters_to_binary(Text) of   % utf8 to utf8: says whether it is
        Text -> ok;
        _ -> bad_text
    end;
check({creation, Creation}) when Creation < 4 -> bad_creation;   % 0 to 3 have meanings of their own in the VM
check({creation, _}) -> ok;
check({term, <<131, 80, _/binary>>}) -> bad_term;                % compressed: 1 KiB may become 1 MiB
check({term, <<131, _, _/binary>>}) -> ok;
check({term, _}) -> bad_term.

text(Text) when byte_size(Text) =< 16#ffff -> <<(byte_size(Text)):16, Text/binary>>.

flag(true, Bit) -> Bit;
flag(false, _) -> 0.
