%% The `-epmd_module': what net_kernel and net_adm ask a port mapper, answered without one.
%%
%% Names lead to daemons, and the daemon knows where those are; a node has no port of its own. With this
%% module nobody starts or asks EPMD, with `-start_epmd false' or without.
-module(barrel_p2p_epmd).

-export([start/0, start_link/0, stop/0]).
-export([register_node/2, register_node/3, listen_port_please/2]).
-export([port_please/2, port_please/3, address_please/3, names/0, names/1]).

%% A child of net_kernel's supervisor that needs no process.
-spec start_link() -> ignore.
start_link() -> ignore.

-spec start() -> ignore.
start() -> ignore.

-spec stop() -> ok.
stop() -> ok.

%% Only a carrier other than ours asks; -1 lets net_kernel choose a creation itself.
-spec register_node(term(), term()) -> {ok, -1}.
register_node(_Name, _Port) -> {ok, -1}.

-spec register_node(term(), term(), term()) -> {ok, -1}.
register_node(_Name, _Port, _Family) -> {ok, -1}.

-spec listen_port_please(term(), term()) -> {ok, 0}.
listen_port_please(_Name, _Host) -> {ok, 0}.

-spec port_please(term(), term()) -> noport.
port_please(_Name, _Host) -> noport.

-spec port_please(term(), term(), term()) -> noport.
port_please(_Name, _Host, _Timeout) -> noport.

-spec address_please(term(), term(), term()) -> {error, eafnosupport}.
address_please(_Name, _Host, _Family) -> {error, eafnosupport}.

%% `address' is what net_adm:names/0 documents for "there is no port mapper".
-spec names() -> {error, address}.
names() -> {error, address}.

-spec names(term()) -> {error, address}.
names(_Host) -> {error, address}.
