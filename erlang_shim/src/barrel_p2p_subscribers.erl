%% Which processes hear what, as a value. One process may subscribe to several topics, to each once.
-module(barrel_p2p_subscribers).

-export([new/0, add/3, remove/2, remove/3, is_known/2, has_any/1, topics/1, topics/2, of_topic/2]).
-export_type([subscribers/0, topic/0]).

%% As they are asked for from the daemon (docs/wire.md 1.3).
-type topic() :: neighbours | members | broadcasts | {broadcast, Tag :: binary()}.
-opaque subscribers() :: #{topics := #{topic() => [pid(), ...]}, pids := #{pid() => [topic(), ...]}}.

-spec new() -> subscribers().
new() -> #{topics => #{}, pids => #{}}.

-spec add(pid(), topic(), subscribers()) -> subscribers().
add(Pid, Topic, #{topics := Topics, pids := Pids}) ->
    #{topics => with(Topic, Pid, Topics), pids => with(Pid, Topic, Pids)}.

-spec remove(pid(), topic(), subscribers()) -> subscribers().
remove(Pid, Topic, #{topics := Topics, pids := Pids}) ->
    #{topics => without(Topic, Pid, Topics), pids => without(Pid, Topic, Pids)}.

%% From everything.
-spec remove(pid(), subscribers()) -> subscribers().
remove(Pid, Subscribers) ->
    lists:foldl(fun(Topic, Left) -> remove(Pid, Topic, Left) end, Subscribers, topics(Pid, Subscribers)).

-spec is_known(pid(), subscribers()) -> boolean().
is_known(Pid, #{pids := Pids}) -> is_map_key(Pid, Pids).

-spec has_any(subscribers()) -> boolean().
has_any(#{pids := Pids}) -> map_size(Pids) > 0.

-spec topics(subscribers()) -> [topic()].
topics(#{topics := Topics}) -> lists:sort(maps:keys(Topics)).

-spec topics(pid(), subscribers()) -> [topic()].
topics(Pid, #{pids := Pids}) -> maps:get(Pid, Pids, []).

-spec of_topic(topic(), subscribers()) -> [pid()].
of_topic(Topic, #{topics := Topics}) -> maps:get(Topic, Topics, []).

with(Key, Value, Map) ->
    Values = maps:get(Key, Map, []),
    case lists:member(Value, Values) of
        true -> Map;
        false -> Map#{Key => [Value | Values]}
    end.

without(Key, Value, Map) ->
    case lists:delete(Value, maps:get(Key, Map, [])) of
        [] -> maps:remove(Key, Map);
        Left -> Map#{Key => Left}
    end.
