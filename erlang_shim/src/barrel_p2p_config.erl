%% Where the daemon's socket is, how long to wait for it, and other settings of a node.
%%
%% Read before any application is loaded (net_kernel starts first), so application:get_env/2 alone will not
%% do: first the environment variable, then the application environment, then the flag on the command line
%% as it stands there (`-barrel_p2p socket PATH', with or without the quotes that an Erlang string has).
-module(barrel_p2p_config).

-export([socket_path/0, wait_ms/0, daemon_user/0, ms/2]).

-define(DEFAULT_SOCKET, "/run/barrel-p2p/node.sock").
-define(DEFAULT_WAIT_MS, 10000).
-define(DEFAULT_USER, "barrel-p2p").

-spec socket_path() -> string().
socket_path() ->
    case setting("BARREL_P2P_SOCKET", socket) of
        undefined -> ?DEFAULT_SOCKET;
        Path -> unicode:characters_to_list(Path)
    end.

%% For how long a starting node waits for its daemon.
-spec wait_ms() -> non_neg_integer().
wait_ms() ->
    ms_of(setting("BARREL_P2P_WAIT_MS", wait_ms), ?DEFAULT_WAIT_MS).

%% A span of the application environment, or of the command line.
-spec ms(atom(), non_neg_integer()) -> non_neg_integer().
ms(Key, Default) -> ms_of(setting(Key), Default).

%% The account that the daemon runs under when it is not root and not ours.
-spec daemon_user() -> string().
daemon_user() ->
    case setting("BARREL_P2P_DAEMON_USER", daemon_user) of
        undefined -> ?DEFAULT_USER;
        User -> unicode:characters_to_list(User)
    end.

setting(Variable, Key) ->
    case os:getenv(Variable) of
        Value when is_list(Value), Value =/= "" -> Value;
        _ -> setting(Key)
    end.

setting(Key) ->
    case application:get_env(barrel_p2p, Key) of
        {ok, Value} -> Value;
        undefined -> flag(atom_to_list(Key))
    end.

ms_of(Ms, _) when is_integer(Ms), Ms >= 0 -> Ms;
ms_of([_ | _] = Text, Default) ->
    try list_to_integer(Text) of
        Ms when Ms >= 0 -> Ms;
        _ -> Default
    catch
        error:badarg -> Default
    end;
ms_of(_, Default) -> Default.

flag(Key) ->
    case init:get_argument(barrel_p2p) of
        {ok, Occurrences} -> in_flags(Key, lists:append(Occurrences));
        error -> undefined
    end.

in_flags(Key, [Key, Value | _]) -> string:trim(Value, both, "\"");
in_flags(Key, [_, _ | Rest]) -> in_flags(Key, Rest);
in_flags(_, _) -> undefined.
