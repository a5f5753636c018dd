%% The application's face: what a program may call.
-module(barrel_p2p).

-export([node_info/0]).

%% What the daemon knows of this node: `daemon' (its version), `fingerprint' (of its key), `port' (UDP), `name',
%% `creation', `channels' (a list of #{node, link}), `trust', `uptime_ms'; texts are binaries. A later daemon may
%% say more.
%%
%% Errors: `not_started' when neither distribution over barrel_p2p nor the application runs,
%% `daemon_unavailable', `timeout', `bad_answer'.
-spec node_info() -> {ok, #{atom() => term()}} | {error, atom()}.
node_info() ->
    barrel_p2p_client:request(node_info).
