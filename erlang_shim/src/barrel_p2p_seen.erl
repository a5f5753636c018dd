%% What subscribers of events believe: who is up, and whether this host's daemon has joined. A daemon that restarts tells
%% what happens from then on; what it told before, and what happened meanwhile, is compared here, so that each up and
%% each down comes once, and none is missed for good.
-module(barrel_p2p_seen).

-export([new/0, begin_with/3, forget/2, event/2, compare/4]).
-export_type([seen/0, topic/0, event/0]).

-type topic() :: neighbours | members.
-type event() :: joined | left | {peer_up | member_up, Name :: binary()}
               | {peer_down | member_down, Name :: binary(), Reason :: atom()}.
%% Topics that nobody has asked about yet are not in it.
-opaque seen() :: #{joined := boolean(), up := #{topic() => #{Name :: binary() => up}}}.

-spec new() -> seen().
new() -> #{joined => false, up => #{}}.

%% These are up when the first subscriber comes, who can ask for them and is not told.
-spec begin_with(topic(), [binary()], seen()) -> seen().
begin_with(Topic, Names, #{up := Up} = Seen) ->
    joined(Topic, Names, Seen#{up := Up#{Topic => maps:from_keys(Names, up)}}).

-spec forget(topic(), seen()) -> seen().
forget(Topic, #{up := Up} = Seen) ->
    Left = Seen#{up := maps:remove(Topic, Up)},
    case Topic of
        neighbours -> Left#{joined := false};
        members -> Left
    end.

%% Whether subscribers have to be told.
-spec event(event(), seen()) -> {boolean(), seen()}.
event(joined, #{joined := Joined} = Seen) -> {not Joined, Seen#{joined := true}};
event(left, Seen) -> {true, Seen#{joined := false}};
event({peer_up, Name}, Seen) -> up(neighbours, Name, Seen);
event({member_up, Name}, Seen) -> up(members, Name, Seen);
event({peer_down, Name, _}, Seen) -> down(neighbours, Name, Seen);
event({member_down, Name, _}, Seen) -> down(members, Name, Seen).

%% The daemon says that Names are up. `additions': it has just started and may not know all yet, so nobody is down
%% because it is not among them. The events that are missing.
-spec compare(additions | all, topic(), [binary()], seen()) -> {[event()], seen()}.
compare(How, Topic, Names, #{joined := Joined, up := Up} = Seen) when is_map_key(Topic, Up) ->
    Before = maps:get(Topic, Up),
    Now = maps:from_keys(Names, up),
    Gone = case How of
               additions -> [];
               all -> lists:sort(maps:keys(maps:without(Names, Before)))
           end,
    New = lists:sort(maps:keys(maps:without(maps:keys(Before), Now))),
    After = maps:merge(maps:without(Gone, Before), Now),
    #{joined := JoinedNow} = Seen1 = joined(Topic, Names, Seen#{up := Up#{Topic := After}}),
    {[joined || JoinedNow, not Joined] ++ [down_event(Topic, Name) || Name <- Gone] ++ [up_event(Topic, Name) || Name <- New],
     Seen1};
compare(_, _, _, Seen) -> {[], Seen}.

up(Topic, Name, #{up := Up} = Seen) ->
    case Up of
        #{Topic := #{Name := up}} -> {false, Seen};
        #{Topic := Names} -> {true, Seen#{up := Up#{Topic := Names#{Name => up}}}};
        _ -> {true, Seen}   % the answer to begin with is on its way
    end.

down(Topic, Name, #{up := Up} = Seen) ->
    case Up of
        #{Topic := #{Name := up} = Names} -> {true, Seen#{up := Up#{Topic := maps:remove(Name, Names)}}};
        #{Topic := _} -> {false, Seen};
        _ -> {true, Seen}
    end.

%% Who has a neighbour has joined; without one nothing can be said.
joined(neighbours, [_ | _], Seen) -> Seen#{joined := true};
joined(_, _, Seen) -> Seen.

up_event(neighbours, Name) -> {peer_up, Name};
up_event(members, Name) -> {member_up, Name}.

down_event(neighbours, Name) -> {peer_down, Name, nodedown};
down_event(members, Name) -> {member_down, Name, nodedown}.
