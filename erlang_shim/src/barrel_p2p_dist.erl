%% The carrier: `-proto_dist barrel_p2p'. What net_kernel and dist_util need to speak Erlang distribution
%% over connections to this host's daemon.
%%
%% A connection is a Unix socket with `{packet, 4}' from its first byte. The handshake is dist_util's; after
%% it the socket is an ordinary dist port, and no Erlang process touches a message. There is no listening
%% socket: the daemon tells the session about a connection and the node dials back (barrel_p2p_client).
%%
%% Two nodes that connect to each other at once make two connections; dist_util keeps the one dialled by
%% the greater name. Nothing here may drop either.
-module(barrel_p2p_dist).

-export([listen/1, listen/2, accept/1, accept_connection/5, setup/5, close/1, select/1]).
-export([address/0, address/1, is_node_name/1, setopts/2, getopts/2]).
-export([is_hidden/0]).
-export([doorkeeper/1, do_accept/5, do_setup/5, tick/1, getstat/1]).

-include_lib("kernel/include/net_address.hrl").
-include_lib("kernel/include/dist.hrl").
-include_lib("kernel/include/dist_util.hrl").

-define(FAMILY, local).
-define(PROTOCOL, barrel_p2p).
-define(LISTEN, barrel_p2p_listen).
-define(NODELAY, barrel_p2p_nodelay).
-define(BRAKE_MS, 200).
-define(DAEMON_ANSWERS_MS, 500).

%% --- for net_kernel ----------------------------------------------------------------------------------

-spec listen(atom()) -> {ok, {term(), #net_address{}, pos_integer()}} | {error, term()}.
listen(Name) ->
    {ok, Host} = inet:gethostname(),
    listen(Name, Host).

%% Attaches under the name. Creation comes from the daemon: 4 or more, another one for each start of a name.
-spec listen(atom(), string()) -> {ok, {term(), #net_address{}, pos_integer()}} | {error, term()}.
listen(Name, Host) ->
    warn_about_full_mesh(),
    Node = unicode:characters_to_binary([atom_to_list(Name), $@, Host]),
    case barrel_p2p_client:listen(#{name => Node, hidden => is_hidden(), listens => true}) of
        {ok, Creation} -> {ok, {?LISTEN, address(Host), Creation}};
        {error, Reason} -> {error, Reason}
    end.

%% net_kernel wants a process that lives as long as connections are accepted; when it ends, net_kernel calls
%% here again, which brings back a client that crashed.
-spec accept(term()) -> pid().
accept(?LISTEN) ->
    Client = barrel_p2p_client:ensure_running(self()),
    spawn_opt(?MODULE, doorkeeper, [Client], [link]).

-spec accept_connection(pid(), inet:socket(), node(), list(), timeout()) -> pid().
accept_connection(AcceptPid, Socket, MyNode, Allowed, SetupTime) ->
    spawn_opt(?MODULE, do_accept, [self(), AcceptPid, Socket, MyNode, {Allowed, SetupTime}],
              dist_util:net_ticker_spawn_options()).

-spec setup(node(), normal | hidden, node(), longnames | shortnames, timeout()) -> pid().
setup(Node, Type, MyNode, _LongOrShortNames, SetupTime) ->
    spawn_opt(?MODULE, do_setup, [self(), Node, Type, MyNode, SetupTime], dist_util:net_ticker_spawn_options()).

-spec close(term()) -> ok.
close(?LISTEN) -> barrel_p2p_client:close();
close(Socket) -> gen_tcp:close(Socket).

%% Whether a name is one of ours. Runs inside net_kernel, so: by its looks alone; who does not exist is
%% found out by dialling. Any host part will do, `f@::1' too.
-spec select(node()) -> boolean().
select(Node) -> is_node_name(Node).

-spec is_node_name(term()) -> boolean().
is_node_name(Node) when is_atom(Node) -> host_of(Node) =/= none;
is_node_name(_) -> false.

-spec address() -> #net_address{}.
address() ->
    {ok, Host} = inet:gethostname(),
    address(Host).

-spec address(string()) -> #net_address{}.
address(Host) ->
    #net_address{address = undefined, host = Host, protocol = ?PROTOCOL, family = ?FAMILY}.

%% net_kernel:setopts/2 asks the listener (`undefined' where there is none) and each connection.
-spec setopts(term(), [{atom(), term()}]) -> ok | {error, term()}.
setopts(Socket, Options) ->
    case [Option || {Key, _} = Option <- Options, lists:member(Key, [active, deliver, packet])] of
        [] when is_port(Socket) ->
            _ = [put(?NODELAY, Value) || {nodelay, Value} <- Options],
            inet:setopts(Socket, Options);
        [] -> ok;   % connections to come read `dist_nodelay' and have no other choice
        Bad -> {error, {badopts, Bad}}
    end.

-spec getopts(term(), [atom()]) -> {ok, [{atom(), term()}]} | {error, term()}.
getopts(Socket, Options) when is_port(Socket) ->
    case inet:getopts(Socket, Options) of
        %% A local socket takes `nodelay' and does not give it back: the connection's process, in which this
        %% runs, remembers.
        {ok, Got} ->
            {ok, Got ++ [{nodelay, get_nodelay()} || lists:member(nodelay, Options),
                                                     not lists:keymember(nodelay, 1, Got)]};
        Error -> Error
    end;
getopts(_Listen, _Options) -> {error, enotsup}.

%% --- processes ---------------------------------------------------------------------------------------

-spec doorkeeper(pid()) -> no_return().
doorkeeper(Client) ->
    Monitor = monitor(process, Client),
    receive
        {'DOWN', Monitor, process, Client, Reason} ->
            %% A client that crashes whenever it starts must not keep net_kernel busy.
            receive after ?BRAKE_MS -> ok end,
            exit({client_ended, Reason})
    end.

-spec do_accept(pid(), pid(), inet:socket(), node(), {list(), timeout()}) -> no_return().
do_accept(Kernel, AcceptPid, Socket, MyNode, {Allowed, SetupTime}) ->
    receive
        {AcceptPid, controller} ->
            Timer = dist_util:start_timer(SetupTime),
            HSData = hs_data(Socket),
            dist_util:handshake_other_started(
              HSData#hs_data{kernel_pid = Kernel, this_node = MyNode, timer = Timer, this_flags = 0,
                             allowed = Allowed, f_address = fun remote_address/2})
    after SetupTime ->
            ?shutdown2(no_node, {controller, timeout})
    end.

-spec do_setup(pid(), node(), normal | hidden, node(), timeout()) -> no_return().
do_setup(Kernel, Node, Type, MyNode, SetupTime) ->
    %% The handshake's timer would end this process without a word. So it starts when there is a channel, and
    %% the daemon has a little more than the same time: it knows the reason, and a name for it.
    case barrel_p2p_client:dial(Node, identity(MyNode), Kernel, SetupTime + ?DAEMON_ANSWERS_MS) of
        {ok, Socket} ->
            Timer = dist_util:start_timer(SetupTime),
            HSData = hs_data(Socket),
            dist_util:handshake_we_started(
              HSData#hs_data{kernel_pid = Kernel, other_node = Node, this_node = MyNode, timer = Timer,
                             this_flags = 0, other_version = ?ERL_DIST_VER_HIGH, f_address = fun remote_address/2,
                             request_type = Type});
        {error, {Kind, _Text}} ->
            ?shutdown2(Node, {setup_failed, Kind})
    end.

%% --- for dist_util -----------------------------------------------------------------------------------

%% The atom cache belongs to a connection whose frames stay in one order, which ours do not (docs/wire.md
%% 2.2): rejected here, on both sides. Fragments stay.
hs_data(Socket) ->
    Nodelay = {nodelay, get_nodelay()},
    #hs_data{socket = Socket,
             f_send = fun gen_tcp:send/2,
             f_recv = fun gen_tcp:recv/3,
             f_setopts_pre_nodeup =
                 fun(S) -> inet:setopts(S, [{active, false}, {packet, 4}, Nodelay]) end,
             f_setopts_post_nodeup =
                 fun(S) -> inet:setopts(S, [{active, true}, {packet, 4}, {deliver, port}, binary, Nodelay]) end,
             f_getll = fun inet:getll/1,
             mf_tick = fun ?MODULE:tick/1,
             mf_getstat = fun ?MODULE:getstat/1,
             mf_setopts = fun ?MODULE:setopts/2,
             mf_getopts = fun ?MODULE:getopts/2,
             reject_flags = dist_util:strict_order_flags()}.

%% `force': a tick must get through a busy port.
-spec tick(port()) -> ok | {error, term()}.
tick(Socket) ->
    case prim_inet:send(Socket, [], [force]) of
        {error, closed} = Error ->
            self() ! {tcp_closed, Socket},
            Error;
        Result -> Result
    end.

-spec getstat(port()) -> {ok, non_neg_integer(), non_neg_integer(), non_neg_integer()} | {error, term()}.
getstat(Socket) ->
    case inet:getstat(Socket, [recv_cnt, send_cnt, send_pend]) of
        {ok, Stat} ->
            [Received, Sent, Pending] = [proplists:get_value(Key, Stat, 0) || Key <- [recv_cnt, send_cnt, send_pend]],
            {ok, Received, Sent, Pending};
        Error -> Error
    end.

%% A local socket's peer has no name of its own.
remote_address(_Socket, Node) ->
    case host_of(Node) of
        none -> ?shutdown(no_node);
        Host -> address(Host)
    end.

%% --- details -----------------------------------------------------------------------------------------

get_nodelay() ->
    case get(?NODELAY) of
        undefined -> application:get_env(kernel, dist_nodelay, true) =/= false;
        Value -> Value
    end.

host_of(Node) ->
    case string:split(atom_to_list(Node), "@", all) of
        [[_ | _], [_ | _] = Host] -> Host;
        _ -> none
    end.

%% For a session that a dial has to make first: this node does not listen.
identity(MyNode) ->
    Name = case node() of
               nonode@nohost -> <<>>;   % it is given one in its first handshake
               _ -> atom_to_binary(MyNode, utf8)
           end,
    #{name => Name, hidden => true, listens => false}.

%% Of this node: it takes no part in what others do together.
-spec is_hidden() -> boolean().
is_hidden() ->
    case persistent_term:get({net_kernel, publish_type}, undefined) of
        hidden -> true;
        normal -> false;
        undefined -> init:get_argument(hidden) =/= error   % OTP 25 reads the flag alone
    end.

%% With both at their defaults global builds a full mesh and, when one connection of it is lost, cuts more:
%% on hosts that come and go this takes clusters apart (OTP issue 6470 among others). Names of global need that mesh,
%% so it is somebody's choice: nothing is said when the flag `-connect_all' is there, either way.
warn_about_full_mesh() ->
    FullMesh = init:get_argument(connect_all) =:= error
        andalso application:get_env(kernel, connect_all, true) =/= false,
    CutsMore = application:get_env(kernel, prevent_overlapping_partitions, true) =/= false,
    case FullMesh andalso CutsMore andalso not persistent_term:get({?MODULE, warned}, false) of
        true ->
            persistent_term:put({?MODULE, warned}, true),
            barrel_p2p_log:to_stderr(
              "global builds a full mesh here, and disconnects more nodes when one connection is lost. "
              "Names of `global' need that, and it is fine for a small cluster: say -connect_all true, and this "
              "line goes. Else say -connect_all false -kernel prevent_overlapping_partitions false, and use pg "
              "or a registry of your own ({via, Module, Name}) instead of `global'");
        false -> ok
    end.
