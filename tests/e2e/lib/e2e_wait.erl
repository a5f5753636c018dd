%% Waiting for a condition with a deadline: the only way in which a test waits.
-module(e2e_wait).
-export([until/2, until/3, never/2, timed/1]).

%% Until Fun returns true; {true, Value} gives Value. Errors inside Fun count as "not yet" and are reported
%% when time is up.
until(What, Fun) -> until(What, Fun, 15_000).

until(What, Fun, Ms) -> until(What, Fun, Ms, erlang:monotonic_time(millisecond) + Ms, 1).

until(What, Fun, Ms, Deadline, Pause) ->
    Last = try Fun() catch Class:Reason:Stack -> {Class, Reason, Stack} end,
    case Last of
        true -> true;
        {true, Value} -> Value;
        _ ->
            case erlang:monotonic_time(millisecond) >= Deadline of
                true -> error({not_within, Ms, What, Last});
                false -> timer:sleep(Pause), until(What, Fun, Ms, Deadline, min(50, Pause * 2))
            end
    end.

%% For Ms milliseconds Fun never returns true: for what must not happen.
never(Fun, Ms) -> never_until(Fun, erlang:monotonic_time(millisecond) + Ms).

never_until(Fun, Deadline) ->
    case Fun() of
        true -> error(happened);
        _ -> ok
    end,
    case erlang:monotonic_time(millisecond) >= Deadline of
        true -> ok;
        false -> timer:sleep(20), never_until(Fun, Deadline)
    end.

%% {Milliseconds, Result}
timed(Fun) ->
    Start = erlang:monotonic_time(microsecond),
    Result = Fun(),
    {(erlang:monotonic_time(microsecond) - Start) / 1000, Result}.
