%% The load of the benchmarks; runs in the VMs that are measured.
-module(bench_load).
-export([stream/4, round_trips/4, sink/0, echo/0, start_stream/3, stop_stream/1, paced/4]).

%% Pairs of processes: a sender here and a receiver on Node that acknowledges. A sender has at most a window
%% of messages unacknowledged, so a transport cannot look fast by queueing. Gives {Bytes, Messages, Seconds} of what
%% was acknowledged within Ms.
stream(Node, Size, Pairs, Ms) ->
    Senders = [start_stream(Node, Size, self()) || _ <- lists:seq(1, Pairs)],
    Read = fun() -> lists:sum([begin S ! {count, self()}, receive {S, N} -> N end end || S <- Senders]) end,
    %% Warm: every pair has had its first window acknowledged.
    [receive {warm, S} -> ok after 30_000 -> error(not_warm) end || S <- Senders],
    Start = erlang:monotonic_time(microsecond),
    Before = Read(),
    receive after Ms -> ok end,  % the length of the measurement
    After = Read(),
    Seconds = (erlang:monotonic_time(microsecond) - Start) / 1.0e6,
    [stop_stream(S) || S <- Senders],
    {(After - Before) * Size, After - Before, Seconds}.

%% {Window, Every}: messages unacknowledged at most, and how many one acknowledgement stands for.
window(Size) when Size >= 1_000_000 -> {4, 1};
window(Size) when Size >= 10_000 -> {16, 4};
window(_) -> {512, 128}.

start_stream(Node, Size, Owner) ->
    {Window, Every} = window(Size),
    spawn(fun() ->
        Sink = spawn_link(Node, ?MODULE, sink, []),
        Sink ! {every, self(), Every},
        Bytes = binary:copy(<<7>>, Size),
        sender(#{sink => Sink, bytes => Bytes, window => Window, free => Window, every => Every, acknowledged => 0,
                 warm => Owner})
    end).

%% Returns when everything that was sent has arrived, so that the next measurement does not pay for this one.
stop_stream(Sender) ->
    Ref = monitor(process, Sender),
    Sender ! stop,
    receive {'DOWN', Ref, _, _, _} -> ok after 60_000 -> error(not_drained) end.

%% Fills up to whole acknowledgements first.
drain_whole(#{free := Free, every := Every, sink := Sink, bytes := Bytes} = S) ->
    Odd = Free rem Every,
    [Sink ! Bytes || _ <- lists:seq(1, Odd)],
    drain(S#{free := Free - Odd}).

drain(#{window := Window, free := Window, sink := Sink}) -> unlink(Sink), exit(Sink, kill);
drain(#{free := Free, every := Every} = S) ->
    receive
        ack -> drain(S#{free := Free + Every});
        {count, _} -> drain(S)
    end.

sender(#{free := 0} = S) -> sender_event(S, infinity);
sender(#{sink := Sink, bytes := Bytes, free := Free} = S) ->
    Sink ! Bytes,
    sender_event(S#{free := Free - 1}, 0).

sender_event(#{free := Free, every := Every, acknowledged := Acknowledged, warm := Warm} = S, Wait) ->
    receive
        ack ->
            Warm =:= none orelse (Warm ! {warm, self()}),
            sender(S#{free := Free + Every, acknowledged := Acknowledged + Every, warm := none});
        {count, From} -> From ! {self(), Acknowledged}, sender(S);
        stop -> drain_whole(S)
    after Wait -> sender(S)
    end.

sink() -> receive {every, From, Every} -> sink(From, Every, Every) end.
sink(From, 0, Every) -> From ! ack, sink(From, Every, Every);
sink(From, Left, Every) -> receive Bytes when is_binary(Bytes) -> sink(From, Left - 1, Every) end.

%% Microseconds of each of Count round trips of Size bytes, Pause milliseconds apart, after a few to warm up.
round_trips(Node, Size, Count, Pause) ->
    Echo = spawn_link(Node, ?MODULE, echo, []),
    Bytes = binary:copy(<<1>>, Size),
    _ = [round_trip(Echo, Bytes) || _ <- lists:seq(1, 50)],
    Times = [begin
                 Pause > 0 andalso timer:sleep(Pause),
                 round_trip(Echo, Bytes)
             end || _ <- lists:seq(1, Count)],
    unlink(Echo),
    exit(Echo, kill),
    Times.

round_trip(Echo, Bytes) ->
    Start = erlang:monotonic_time(nanosecond),
    Echo ! {self(), Bytes},
    receive Echo -> (erlang:monotonic_time(nanosecond) - Start) / 1000
    after 30_000 -> error(no_answer)
    end.

echo() -> receive {From, _} -> From ! self(), echo() end.

%% Pairs that each send a message of Size every Pause milliseconds; gives their pids.
paced(Node, Pairs, Size, Pause) ->
    Bytes = binary:copy(<<3>>, Size),
    [spawn(fun() ->
         Sink = spawn_link(Node, fun Loop() -> receive _ -> Loop() end end),
         receive after rand:uniform(Pause) -> ok end,
         (fun Loop() -> Sink ! Bytes, receive after Pause -> Loop() end end)()
     end) || _ <- lists:seq(1, Pairs)].
