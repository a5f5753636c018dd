%% A small gen_server for the tests.
-module(e2e_server).
-behaviour(gen_server).
-export([start/0, init/1, handle_call/3, handle_cast/2]).

start() -> gen_server:start({local, ?MODULE}, ?MODULE, [], []).

init([]) -> {ok, none}.

handle_call({echo, Term}, _, S) -> {reply, {ok, self(), Term}, S};
handle_call(sleep, _, S) -> timer:sleep(200), {reply, ok, S};
handle_call({exit, Reason}, _, S) -> {stop, Reason, S};
handle_call({reply_then_exit, Reason}, From, S) -> gen_server:reply(From, replied), {stop, Reason, S}.

handle_cast({tell, Pid, What}, S) -> Pid ! What, {noreply, S}.
