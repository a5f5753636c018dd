%% The application's face: what a program may call. The cluster is a cluster of daemons; what is said of a
%% daemon here is said of each node that is attached to it.
-module(barrel_p2p).

-export([node_info/0]).
-export([join/1, leave/0, active_view/0, passive_view/0, members/0]).
-export([subscribe/0, subscribe/1, subscribe/2, unsubscribe/0, unsubscribe/1, unsubscribe/2]).
-export_type([event/0]).

%% Comes as `{barrel_p2p_event, event()}'. `peer_up' and `peer_down' are about neighbours, `joined' and `left' about
%% this host's daemon; the last two are about all members of the cluster.
-type event() ::
    {peer_up, node()} | {peer_down, node(), down_reason()} | joined | left
  | {member_up, node()} | {member_down, node(), nodedown | graceful}.
%% `dropped': the overlay has chosen others; the node lives. Upstream's words; `connect_failed' and `blocked' do not
%% happen here.
-type down_reason() :: nodedown | connect_failed | graceful | dropped | blocked.

%% What the daemon knows of this node: `daemon' (its version), `fingerprint' (of its key), `port' (UDP), `name',
%% `creation', `channels' (a list of #{node, link}), `trust', `uptime_ms'; texts are binaries. A later daemon may
%% say more.
%%
%% Errors: `not_started' when neither distribution over barrel_p2p nor the application runs,
%% `daemon_unavailable', `timeout', `bad_answer'.
-spec node_info() -> {ok, #{atom() => term()}} | {error, atom()}.
node_info() ->
    case barrel_p2p_client:request(node_info) of
        ok -> {error, bad_answer};
        Answer -> Answer
    end.

%% --- the cluster ---------------------------------------------------------------------------------------

%% Asks the daemon to join the cluster through the node's daemon, and does not wait: `joined' comes as an event, and
%% what fails is in the daemon's log. The other nodes of this host are joined already.
%%
%% Errors: `cannot_join_self', `bad_name', and those of node_info/0.
-spec join(node()) -> ok | {error, atom()}.
join(Node) when Node =:= node() -> {error, cannot_join_self};
join(Node) when is_atom(Node) ->
    case barrel_p2p_client:request({join, atom_to_binary(Node, utf8)}) of
        {error, cannot_join_self} -> ok;   % it is attached to the same daemon
        Answer -> done(Answer)
    end.

%% Takes this host's daemon out of the cluster, for all its nodes, until it joins again. Connections stay.
-spec leave() -> ok | {error, atom()}.
leave() -> done(barrel_p2p_client:request(leave)).

%% The nodes of the daemons that are neighbours of this one. [] when the daemon cannot be asked: without it
%% nobody is reached.
-spec active_view() -> [node()].
active_view() -> nodes_of(active_view).

%% Those of the spares.
-spec passive_view() -> [node()].
passive_view() -> nodes_of(passive_view).

%% All nodes of the cluster that live as far as is known here, with the nodes of this host.
-spec members() -> [node()].
members() -> nodes_of(members).

%% --- events ----------------------------------------------------------------------------------------------

%% To the calling process. Twice is once; a process that ends is forgotten. Ups and downs take turns, also when the daemon
%% restarts in between: who came meanwhile is told at once, who is gone after 10 s, when the daemon knows the cluster again.
%%
%% Errors: `not_started', `timeout', `too_many_requests'.
-spec subscribe() -> ok | {error, atom()}.
subscribe() -> subscribe(self()).

-spec subscribe(pid()) -> ok | {error, atom()}.
subscribe(Pid) -> subscribe(Pid, neighbours).

%% `neighbours' is what subscribe/1 means.
-spec subscribe(pid(), neighbours | members) -> ok | {error, atom()}.
subscribe(Pid, Topic) when is_pid(Pid), (Topic =:= neighbours orelse Topic =:= members) ->
    barrel_p2p_client:subscribe(Pid, Topic).

-spec unsubscribe() -> ok.
unsubscribe() -> unsubscribe(self()).

-spec unsubscribe(pid()) -> ok.
unsubscribe(Pid) -> unsubscribe(Pid, neighbours).

-spec unsubscribe(pid(), neighbours | members) -> ok.
unsubscribe(Pid, Topic) when is_pid(Pid), (Topic =:= neighbours orelse Topic =:= members) ->
    barrel_p2p_client:unsubscribe(Pid, Topic).

%% --- details ---------------------------------------------------------------------------------------------

done({ok, _}) -> {error, bad_answer};
done(Answer) -> Answer.

nodes_of(Question) ->
    case barrel_p2p_client:request(Question) of
        {ok, Names} when is_list(Names) -> barrel_p2p_foreign:node_names(Names);
        _ -> []
    end.
