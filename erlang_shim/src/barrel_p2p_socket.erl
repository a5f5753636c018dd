%% Opens connections to the daemon's node socket, after a look at who is behind it.
%%
%% The first frame carries the session's token and what follows is Erlang distribution, which is code
%% execution in this VM: so the path must be a socket, not a link to one, of an owner we believe, and once
%% connected the kernel must name such an owner for the other end as well (the path may have been replaced
%% between the two).
-module(barrel_p2p_socket).

-export([open/1, close_gracefully/2, why_text/1]).
-export_type([why/0]).

-include_lib("kernel/include/file.hrl").

-type why() :: {Kind :: atom(), Text :: unicode:chardata()}.

-define(SUN_PATH_BYTES_MAX, 107).    % unix(7): 108 with the final zero
-define(SOL_SOCKET, 1).
-define(SO_PEERCRED, 17).

%% `session' and `channel' differ in what the VM wants later: a session's socket delivers binaries to its
%% owner, a channel's lists to dist_util and then everything to the VM itself.
-spec open(session | channel) -> {ok, inet:socket()} | {error, why()}.
open(Purpose) ->
    Path = barrel_p2p_config:socket_path(),
    Trusted = trusted_uids(),
    case check_path(Path, Trusted) of
        ok -> connect(Path, Trusted, Purpose);
        Error -> Error
    end.

%% Ends the connection so that the daemon has seen the end when this returns, or the time is up: what it
%% knew the connection by (the node's name) is free then.
-spec close_gracefully(inet:socket(), timeout()) -> ok.
close_gracefully(Socket, Timeout) ->
    _ = gen_tcp:shutdown(Socket, write),
    Deadline = erlang:monotonic_time(millisecond) + Timeout,
    drain(Socket, Deadline),
    gen_tcp:close(Socket).

-spec why_text(why()) -> unicode:chardata().
why_text({_Kind, Text}) -> Text.

%% --- details ---------------------------------------------------------------------------------------

check_path(Path, Trusted) ->
    Bytes = byte_size(unicode:characters_to_binary(Path)),
    case file:read_link_info(Path, [raw, {time, posix}]) of
        _ when Bytes > ?SUN_PATH_BYTES_MAX ->
            refuse(path_too_long, "the path ~ts has ~b bytes, a Unix socket's may have ~b",
                   [Path, Bytes, ?SUN_PATH_BYTES_MAX]);
        {ok, #file_info{mode = Mode}} when Mode band 8#170000 =/= 8#140000 ->
            refuse(not_a_socket, "~ts is not a socket", [Path]);
        {ok, #file_info{uid = Uid}} ->
            case is_trusted(Uid, Trusted) of
                true -> ok;
                false -> wrong_owner("the socket ~ts belongs to uid ~b", Path, Uid)
            end;
        {error, Reason} ->
            refuse(Reason, "~ts: ~ts", [Path, file:format_error(Reason)])
    end.

%% The inet backend whatever `kernel inet_backend' says: the other one has no port to hand to the VM. The
%% sizes are for 1 MiB of data on its way in each place; the kernel may give less. Without delay_send every
%% signal is a system call of its own; with it the port writes what has gathered since its last write (100 B
%% messages: twice as many a second, a round trip as long as before; docs/decisions/0004-delay-send.md).
connect(Path, Trusted, Purpose) ->
    Common = [{inet_backend, inet}, local, {active, false}, {packet, 4}],
    case gen_tcp:connect({local, Path}, 0, Common ++ options(Purpose), 5000) of
        {ok, Socket} -> check_peer(Socket, Path, Trusted);
        {error, Reason} -> refuse(Reason, "~ts: ~ts", [Path, inet:format_error(Reason)])
    end.

options(session) ->
    [binary, {packet_size, barrel_p2p_wire:frame_bytes_max()}, {send_timeout, 5000}, {send_timeout_close, true}];
options(channel) ->
    [list, {delay_send, true}, {sndbuf, 1048576}, {recbuf, 1048576}, {buffer, 1048576}, {high_watermark, 1048576},
     {low_watermark, 524288}].

%% Who listened on the other end; under socket activation that is root.
check_peer(Socket, Path, Trusted) ->
    case inet:getopts(Socket, [{raw, ?SOL_SOCKET, ?SO_PEERCRED, 12}]) of
        {ok, [{raw, ?SOL_SOCKET, ?SO_PEERCRED, <<_Pid:32/native, Uid:32/native, _Gid:32/native>>}]} ->
            case is_trusted(Uid, Trusted) of
                true -> {ok, Socket};
                false ->
                    gen_tcp:close(Socket),
                    wrong_owner("the process behind ~ts runs as uid ~b", Path, Uid)
            end;
        _ -> {ok, Socket}   % not Linux: the path's owner is all there is
    end.

is_trusted(Uid, Trusted) -> lists:member(Uid, Trusted).

trusted_uids() -> [0 | own_uid() ++ uid_of(barrel_p2p_config:daemon_user())].

own_uid() ->
    case file:read_file_info("/proc/self", [raw, {time, posix}]) of
        {ok, #file_info{uid = Uid}} -> [Uid];
        {error, _} -> []
    end.

uid_of(User) ->
    Name = unicode:characters_to_binary(User),
    case file:open("/etc/passwd", [read, raw, binary]) of
        {ok, File} ->
            Read = file:read(File, 1048576),
            _ = file:close(File),
            case Read of
                {ok, Bytes} -> uid_in(binary:split(Bytes, <<"\n">>, [global]), Name);
                _ -> []
            end;
        {error, _} -> []
    end.

uid_in(Lines, Name) ->
    [Uid || Line <- Lines, [User, _, Text | _] <- [binary:split(Line, <<":">>, [global])], User =:= Name,
            {Uid, <<>>} <- [string:to_integer(Text)]].

wrong_owner(Format, Path, Uid) ->
    refuse(wrong_owner, Format ++ ", which is neither root, nor us, nor the user ~ts",
           [Path, Uid, barrel_p2p_config:daemon_user()]).

refuse(Kind, Format, Args) -> {error, {Kind, io_lib:format(Format, Args)}}.

drain(Socket, Deadline) ->
    case inet:setopts(Socket, [{active, once}]) of
        ok ->
            receive
                {tcp, Socket, _} -> drain(Socket, Deadline);
                {tcp_closed, Socket} -> ok;
                {tcp_error, Socket, _} -> ok
            after max(0, Deadline - erlang:monotonic_time(millisecond)) -> ok
            end;
        {error, _} -> ok
    end.
