%% The application's supervisor. The client is not its child (net_kernel needs it before there are
%% applications): the supervisor holds it, so that it runs at least as long as the application.
-module(barrel_p2p_sup).
-behaviour(supervisor).

-export([start_link/0, hold_client/1]).
-export([init/1]).

start_link() -> supervisor:start_link({local, ?MODULE}, ?MODULE, []).

init([]) ->
    Hold = #{id => client, start => {?MODULE, hold_client, [self()]}},
    {ok, {#{strategy => one_for_one, intensity => 3, period => 10}, [Hold]}}.

-spec hold_client(pid()) -> ignore.
hold_client(Supervisor) ->
    ok = barrel_p2p_client:hold(application, Supervisor),
    ignore.
