%% The OTP application. Distribution does not need it running; it is for what programs use beside: started on
%% a node without distribution as well, which then has a session without a name.
-module(barrel_p2p_app).
-behaviour(application).

-export([start/2, stop/1]).

start(_Type, _Args) -> barrel_p2p_sup:start_link().

stop(_State) -> ok.
