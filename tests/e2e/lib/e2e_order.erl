%% Signals in numbered order, from many processes of one node to many of another, and receivers that check
%% the numbers. Runs inside the VMs under test.
%%
%% A sender numbers what it sends to each receiver. Messages carry their number however they are addressed
%% (pid, name, alias) and however large; exit signals carry it as their reason. Link, monitor and group
%% leader signals carry none, so a numbered message follows and asks the receiver to look at their effect. When
%% a sender is done it exits, and its receivers hear of it by a link, a monitor of its pid and a monitor of
%% its name: each of these must come after everything that the sender sent.
-module(e2e_order).
-export([receivers/1, dismiss/1, watch/2, report/1, senders/4, begin_sending/1]).
-export([spawning/2, calling/2, calling_by_name/2]).

%% --- receivers ---------------------------------------------------------------------------------------------------

%% [{Pid, Name, Alias}]
receivers(Count) ->
    [begin
         Name = list_to_atom("e2e_receiver_" ++ integer_to_list(I)),
         Me = self(),
         Pid = spawn(fun() ->
             register(Name, self()),
             process_flag(trap_exit, true),
             process_flag(message_queue_data, off_heap),
             Me ! {self(), alias()},
             receiver(#{last => #{}, waiting => #{}, faults => [], leaders => #{}, total => 0})
         end),
         receive {Pid, Alias} -> {Pid, Name, Alias} end
     end || I <- lists:seq(1, Count)].

dismiss(Receivers) ->
    Ends = [begin exit(Pid, kill), monitor(process, Pid) end || {Pid, _, _} <- Receivers],
    [receive {'DOWN', Ref, _, _, _} -> ok end || Ref <- Ends],
    ok.

%% Receivers begin to watch every sender; returns when all do, and nothing has been sent yet.
watch(Receivers, Senders) ->
    [Pid ! {watch, self(), Senders} || {Pid, _, _} <- Receivers],
    [receive {watching, Pid} -> ok end || {Pid, _, _} <- Receivers],
    ok.

%% #{faults => [], waiting => number of ends still to be heard of, total => signals received}
report(Receivers) ->
    [begin
         Pid ! {report, self()},
         receive {report, Pid, Report} -> Report after 20_000 -> #{faults => [no_report], waiting => -1, total => 0} end
     end || {Pid, _, _} <- Receivers].

receiver(S) ->
    receive
        {m, Sender, Number, Payload, Check} ->
            receiver(checked(Check, Sender, sound(Payload, numbered(Sender, Number, S))));
        {'EXIT', Sender, {m, Number}} -> receiver(numbered(Sender, Number, S));
        {'EXIT', Sender, Reason} -> receiver(ended({link, Sender}, Sender, Reason, S));
        {'DOWN', Ref, process, _, Reason} ->
            #{Ref := Sender} = S,
            receiver(ended(Ref, Sender, Reason, S));
        {watch, From, Senders} ->
            S1 = lists:foldl(fun watched/2, S, Senders),
            From ! {watching, self()},
            receiver(S1);
        {report, From} ->
            #{waiting := Waiting, faults := Faults, total := Total} = S,
            From ! {report, self(), #{faults => lists:sublist(lists:reverse(Faults), 5), waiting => map_size(Waiting),
                                      total => Total}},
            receiver(S)
    end.

watched({Sender, Name, Links}, #{waiting := Waiting} = S) ->
    ByPid = monitor(process, Sender),
    ByName = monitor(process, {Name, node(Sender)}),
    Ends = case Links of
               true -> link(Sender), Waiting#{{link, Sender} => true};
               false -> Waiting
           end,
    S#{ByPid => Sender, ByName => Sender, waiting := Ends#{ByPid => true, ByName => true}}.

numbered(Sender, Number, #{last := Last, total := Total} = S) ->
    Expected = maps:get(Sender, Last, 0) + 1,
    S1 = S#{last := Last#{Sender => Number}, total := Total + 1},
    case Number of
        Expected -> S1;
        _ -> fault({out_of_order, Sender, {expected, Expected}, {got, Number}}, S1)
    end.

sound({Crc, Bytes}, S) ->
    case erlang:crc32(Bytes) of
        Crc -> S;
        _ -> fault(payload_changed, S)
    end.

checked(none, _, S) -> S;
checked({Item, IsThere}, Sender, S) ->   % Item: links | monitored_by
    {Item, Pids} = process_info(self(), Item),
    Sender ! {looked, self()},
    case lists:member(Sender, Pids) of
        IsThere -> S;
        Wrong -> fault({Item, Sender, is_there, Wrong}, S)
    end;
checked({leader, Leader, Rank}, Sender, S) ->
    %% A later group leader may have come before the process looked, an earlier one not.
    #{leaders := Leaders} = S1 = S#{leaders := (maps:get(leaders, S))#{Leader => Rank}},
    {group_leader, Current} = process_info(self(), group_leader),
    Sender ! {looked, self()},
    case Leaders of
        #{Current := Older} when Older < Rank -> fault({group_leader, Sender, {expected, Rank}, {is, Older}}, S1);
        _ when Current =/= Leader, not is_map_key(Current, Leaders), map_size(Leaders) =:= 1 ->
            fault({group_leader_not_set, Sender}, S1);
        _ -> S1
    end.

%% The end of a sender, in one of the ways we hear of it: nothing of what it sent may be missing.
ended(Way, Sender, {finished, Counts}, #{waiting := Waiting, last := Last} = S) ->
    Sent = maps:get(self(), Counts, 0),
    S1 = S#{waiting := maps:remove(Way, Waiting)},
    case maps:get(Sender, Last, 0) of
        Sent -> S1;
        Got -> fault({ended_too_early, Way, Sender, {sent, Sent}, {got, Got}}, S1)
    end;
ended(Way, Sender, Reason, #{waiting := Waiting} = S) ->
    fault({sender_ended, Way, Sender, Reason}, S#{waiting := maps:remove(Way, Waiting)}).

fault(What, #{faults := Faults} = S) -> S#{faults := lists:sublist([What | Faults], 100)}.

%% --- senders -----------------------------------------------------------------------------------------------------

%% What they send: a number of signals of every kind, or {rounds, N} of a small, a large and another small message to
%% one receiver, the way that a large message overtakes a small one or is overtaken if a carrier lets it.
%% [{Pid, Name, LinkedByReceivers}]. Half of them are linked to by their receivers, the others link themselves.
senders(Count, Receivers, Signals, Seed) ->
    Payload = element(1, rand:bytes_s(200_000, rand:seed_s(exsss, Seed))),
    Numbered = lists:zip(lists:seq(1, length(Receivers)), Receivers),
    [begin
         Name = list_to_atom("e2e_sender_" ++ integer_to_list(I)),
         Linked = I rem 2 =:= 0,
         %% One sender per receiver may set its group leader.
         Leads = [Pid || {J, {Pid, _, _}} <- Numbered, J =:= I],
         Me = self(),
         Pid = spawn(fun() ->
             register(Name, self()),
             rand:seed(exsss, Seed * 1000 + I),
             Leaders = case Leads of [] -> {}; _ -> list_to_tuple([spawn(fun() -> timer:sleep(300_000) end)
                                                                    || _ <- lists:seq(1, 8)]) end,
             Me ! {registered, self()},
             receive go -> ok end,
             sending(Signals, list_to_tuple(Receivers), Payload,
                     #{counts => #{}, linked => Linked, links => #{}, monitors => #{}, asked => #{}, leads => Leads,
                       leaders => Leaders, rank => 0})
         end),
         receive {registered, Pid} -> ok end,
         {Pid, Name, Linked}
     end || I <- lists:seq(1, Count)].

begin_sending(Senders) -> [Pid ! go || {Pid, _, _} <- Senders], ok.

sending({rounds, N}, Receivers, Payload, S) ->
    Receiver = element(rand:uniform(tuple_size(Receivers)), Receivers),
    rounds(N, Receiver, Payload, S);
%% Not before everyone asked has looked: our end undoes links and monitors.
sending(0, _, _, #{counts := Counts, asked := Asked}) ->
    [receive {looked, Pid} -> ok end || Pid := true <- Asked],
    exit({finished, Counts});
sending(Left, Receivers, Payload, S0) ->
    S = answers(S0),
    Receiver = element(rand:uniform(tuple_size(Receivers)), Receivers),
    sending(Left - 1, Receivers, Payload, signal(rand:uniform(100), Receiver, Payload, S)).

rounds(0, _, _, #{counts := Counts}) -> exit({finished, Counts});
rounds(Left, Receiver, Payload, S0) ->
    S1 = message(pid, Receiver, 100, none, Payload, S0),
    receive after rand:uniform(3) - 1 -> ok end,    % else both begin in one packet, and are late together
    S2 = message(alias, Receiver, 66_000 + rand:uniform(4_000), none, Payload, S1),
    receive after rand:uniform(16) - 1 -> ok end,   % its tail has arrived, or has not, when the next is sent
    rounds(Left - 1, Receiver, Payload, message(name, Receiver, 100, none, Payload, S2)).

%% Receivers that have looked may be asked again.
answers(#{asked := Asked} = S) ->
    receive {looked, Pid} -> answers(S#{asked := maps:remove(Pid, Asked)}) after 0 -> S end.

signal(Dice, {Pid, _, _} = R, Payload, #{asked := Asked} = S) when Dice > 90, not is_map_key(Pid, Asked) ->
    #{links := Links, monitors := Monitors, linked := Linked, leads := Leads, leaders := Leaders, rank := Rank} = S,
    Ask = S#{asked := Asked#{Pid => true}},
    case lists:member(Pid, Leads) of
        true when Dice > 97, Rank < tuple_size(Leaders) ->
            Leader = element(Rank + 1, Leaders),
            group_leader(Leader, Pid),
            message(pid, R, 10, {leader, Leader, Rank + 1}, Payload, Ask#{rank := Rank + 1});
        _ when Dice rem 2 =:= 0, not Linked ->
            case Links of
                #{Pid := _} ->
                    unlink(Pid),
                    message(alias, R, 10, {links, false}, Payload, Ask#{links := maps:remove(Pid, Links)});
                _ ->
                    link(Pid),
                    message(name, R, 10, {links, true}, Payload, Ask#{links := Links#{Pid => true}})
            end;
        _ ->
            case Monitors of
                #{Pid := Ref} ->
                    demonitor(Ref),
                    message(pid, R, 10, {monitored_by, false}, Payload, Ask#{monitors := maps:remove(Pid, Monitors)});
                _ ->
                    Ref = monitor(process, Pid),
                    message(alias, R, 10, {monitored_by, true}, Payload, Ask#{monitors := Monitors#{Pid => Ref}})
            end
    end;
signal(Dice, {Pid, _, _}, _, #{counts := Counts} = S) when Dice > 80 ->
    Number = maps:get(Pid, Counts, 0) + 1,
    exit(Pid, {m, Number}),
    S#{counts := Counts#{Pid => Number}};
signal(Dice, R, Payload, S) ->
    Size = case Dice of
               _ when Dice =< 2 -> 66_000 + rand:uniform(130_000);  % cut into fragments by the VM
               _ when Dice =< 6 -> 1_000 + rand:uniform(60_000);
               _ -> rand:uniform(300)
           end,
    message(lists:nth(rand:uniform(3), [pid, name, alias]), R, Size, none, Payload, S).

message(How, {Pid, Name, Alias}, Size, Check, Payload, #{counts := Counts} = S) ->
    Number = maps:get(Pid, Counts, 0) + 1,
    Bytes = binary:part(Payload, rand:uniform(byte_size(Payload) - Size) - 1, Size),
    Message = {m, self(), Number, {erlang:crc32(Bytes), Bytes}, Check},
    case How of
        pid -> Pid ! Message;
        name -> {Name, node(Pid)} ! Message;
        alias -> Alias ! Message
    end,
    S#{counts := Counts#{Pid => Number}}.

%% --- orders that a remote answer must keep -------------------------------------------------------------------------

%% A spawn's reply comes before everything that the child sends. Gives the number of times that it did not.
spawning(Node, Times) ->
    Large = binary:copy(<<1>>, 70_000),
    count_wrong(Times, fun() ->
        Me = self(),
        Request = spawn_request(Node, fun() -> Me ! {child, self(), small}, Me ! {child, self(), Large} end, [monitor]),
        Order = [receive
                     {spawn_reply, Request, ok, _} -> reply;
                     {child, _, small} -> small;
                     {child, _, _} -> large;
                     {'DOWN', Request, _, _, Reason} -> Reason
                 after 30_000 -> nothing
                 end || _ <- lists:seq(1, 4)],
        Order =:= [reply, small, large, normal]
    end).

%% A server that answers and exits: the answer comes first, however the caller watches the server.
calling(Node, Times) ->
    count_wrong(Times, fun() ->
        Server = spawn(Node, fun() -> receive {'$gen_call', From, _} -> gen:reply(From, answer), exit(done) end end),
        try gen_server:call(Server, question, 30_000) =:= answer
        catch exit:_ -> false
        end
    end).

calling_by_name(Node, Times) ->
    Name = list_to_atom("e2e_called_" ++ integer_to_list(erlang:unique_integer([positive]) rem 1000)),
    count_wrong(Times, fun() ->
        Me = self(),
        _ = spawn(Node, fun() ->
            register(Name, self()),
            Me ! ready,
            receive {question, From, Alias} -> Alias ! {answer, 1}, From ! {answer, 2}, exit(done) end
        end),
        receive ready -> ok after 30_000 -> error(not_ready) end,
        Ref = monitor(process, {Name, Node}),
        {Name, Node} ! {question, self(), alias([reply])},
        Order = [receive {answer, N} -> N; {'DOWN', Ref, _, _, Reason} -> Reason after 30_000 -> nothing end
                 || _ <- lists:seq(1, 3)],
        Order =:= [1, 2, done]
    end).

count_wrong(Times, Fun) -> length([wrong || _ <- lists:seq(1, Times), not Fun()]).
