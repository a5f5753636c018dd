%% A small gen_server for the tests, and a process that calls it.
-module(e2e_server).
-behaviour(gen_server).
-export([start/0, calls/2, answered/1, init/1, handle_call/3, handle_cast/2]).

start() -> gen_server:start({local, ?MODULE}, ?MODULE, [], []).

%% A process that calls the server of Node again and again, until it is asked by answered/1 or a call fails.
calls(Node, PauseMs) -> spawn(fun() -> call(Node, PauseMs, 0) end).

call(Node, PauseMs, N) ->
    try {ok, _, N} = gen_server:call({?MODULE, Node}, {echo, N}) of
        _ ->
            receive {answered, From} -> From ! {self(), {all_answered, N + 1}}
            after PauseMs -> call(Node, PauseMs, N + 1)
            end
    catch Class:Why -> receive {answered, From} -> From ! {self(), {failed_after, N, Class, Why}} end
    end.

%% {all_answered, HowMany}, or what went wrong.
answered(Pid) ->
    Pid ! {answered, self()},
    receive {Pid, Result} -> Result after 10_000 -> no_answer end.

init([]) -> {ok, none}.

handle_call({echo, Term}, _, S) -> {reply, {ok, self(), Term}, S};
handle_call(sleep, _, S) -> timer:sleep(200), {reply, ok, S};
handle_call({exit, Reason}, _, S) -> {stop, Reason, S};
handle_call({reply_then_exit, Reason}, From, S) -> gen_server:reply(From, replied), {stop, Reason, S}.

handle_cast({tell, Pid, What}, S) -> Pid ! What, {noreply, S}.
