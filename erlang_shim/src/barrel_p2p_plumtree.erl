%% Messages to everybody: what one node broadcasts reaches every subscriber of every node of the cluster, once, and what
%% one node says in the order in which it said it. The daemons carry it (Plumtree over their overlay).
-module(barrel_p2p_plumtree).

-export([broadcast/2, subscribe/1, subscribe/2, unsubscribe/1, unsubscribe/2]).

-define(TAG_MAX, 1024).     % proto/wire/limits.h, like the next
-define(BYTES_MAX, 511 * 1024).
-define(BUSY_MS, 5000).     % then the caller hears it; guess: longer than a link takes to be given up with short timings
-define(AGAIN_MS, 10).

%% Subscribers, also those of this node, get `{plumtree_broadcast, {Tag, Payload}}'. Returns when the daemon has taken it.
%% One that has too much on its way already (a slow neighbour) is asked again for 5 s: the caller is slowed down and
%% nothing is lost. Also without a neighbour: then it reaches the nodes of this host, and whoever joins within
%% half a minute.
%%
%% Errors: `busy', `too_large' (511 KiB in external term format, tag and payload together), `tag_too_long' (1 KiB), and
%% those of barrel_p2p:node_info/0. After `timeout' it may have been sent.
-spec broadcast(Tag :: term(), Payload :: term()) -> ok | {error, atom()}.
broadcast(Tag, Payload) ->
    %% Judged here as well: a frame that is too long would cost the session.
    case {tag_bytes(Tag), barrel_p2p_wire:term_bytes(Payload)} of
        {TagBytes, _} when byte_size(TagBytes) > ?TAG_MAX -> {error, tag_too_long};
        {TagBytes, Bytes} when byte_size(TagBytes) + byte_size(Bytes) > ?BYTES_MAX -> {error, too_large};
        {TagBytes, Bytes} -> broadcast(TagBytes, Bytes, erlang:monotonic_time(millisecond) + ?BUSY_MS)
    end.

broadcast(Tag, Payload, Deadline) ->
    case barrel_p2p_client:broadcast(Tag, Payload) of
        {error, busy} ->
            case erlang:monotonic_time(millisecond) >= Deadline of
                true -> {error, busy};
                false ->
                    receive after ?AGAIN_MS -> ok end,
                    broadcast(Tag, Payload, Deadline)
            end;
        {ok, _} -> {error, bad_answer};
        Answer -> Answer
    end.

%% Broadcasts of every tag.
-spec subscribe(pid()) -> ok | {error, atom()}.
subscribe(Pid) when is_pid(Pid) -> barrel_p2p_client:subscribe(Pid, broadcasts).

%% Of one tag: others do not even come to this node. With subscribe/1 as well a message still comes once. Errors:
%% `tag_too_long', `too_many' (1,024 tags of one node), and those of barrel_p2p:subscribe/0.
-spec subscribe(pid(), Tag :: term()) -> ok | {error, atom()}.
subscribe(Pid, Tag) when is_pid(Pid) ->
    case tag_bytes(Tag) of
        Bytes when byte_size(Bytes) > ?TAG_MAX -> {error, tag_too_long};
        Bytes -> barrel_p2p_client:subscribe(Pid, {broadcast, Bytes})
    end.

-spec unsubscribe(pid()) -> ok.
unsubscribe(Pid) when is_pid(Pid) -> barrel_p2p_client:unsubscribe(Pid, broadcasts).

-spec unsubscribe(pid(), Tag :: term()) -> ok.
unsubscribe(Pid, Tag) when is_pid(Pid) -> barrel_p2p_client:unsubscribe(Pid, {broadcast, tag_bytes(Tag)}).

%% Daemons compare tags byte for byte: equal terms have to be equal bytes on every node.
tag_bytes(Tag) -> term_to_binary(Tag, [deterministic, {minor_version, 2}]).
