%% What every benchmark needs: the machine in words, medians, the table and the JSON file.
%%
%% A benchmark is a module bench_NAME with run(#{quick, logs}) -> {Title, [measurement()]}; a measurement is one
%% value of one variant in one case and round. Rounds are interleaved by the benchmark, and ratios are
%% taken within a round, because the speed of a shared machine drifts.
-module(bench).
-export([main/1, median/1, percentile/2, shuffle/1, say/2]).

%% {Case, Variant, Round, Value, Unit}; cases in the order in which they first appear.

main([Name, Quick, JsonFile]) ->
    Status = try
        e2e_os:table(),
        e2e_vm:table(),
        Module = list_to_atom("bench_" ++ Name),
        {Title, Measured} = Module:run(#{quick => Quick =:= "true", logs => os:getenv("E2E_LOGS")}),
        Machine = machine(),
        Rows = rows(Measured),
        Ratios = ratios(Measured),
        print(Title, Machine, Rows, Ratios),
        ok = file:write_file(JsonFile, [json(Name, Machine, Rows, Ratios), $\n]),
        0
    catch Class:Reason:Stack ->
        say("bench ~s failed: ~p ~tp~n~tp", [Name, Class, Reason, Stack]),
        say("logs: ~s", [os:getenv("E2E_LOGS")]),
        1
    end,
    erlang:halt(Status).

say(Format, Args) -> io:put_chars(user, io_lib:format(Format ++ "~n", Args)).

%% --- figures -----------------------------------------------------------------------------------------------------

median(Values) -> percentile(50, Values).

percentile(P, Values) ->
    Sorted = lists:sort(Values),
    lists:nth(max(1, ceil(length(Sorted) * P / 100)), Sorted).

shuffle(List) -> [X || {_, X} <- lists:sort([{rand:uniform(), X} || X <- List])].

%% Each once, where it first appears.
in_order([]) -> [];
in_order([X | Rest]) -> [X | in_order([Y || Y <- Rest, Y =/= X])].

%% [{Case, Variant, Median, Unit}]
rows(Measured) ->
    [{Case, Variant, median([V || {C, W, _, V, _} <- Measured, C =:= Case, W =:= Variant]), Unit}
     || {Case, Variant, Unit} <- in_order([{C, W, U} || {C, W, _, _, U} <- Measured])].

%% [{Case, Over, Median of barrel's value divided by the other's, round by round}]
ratios(Measured) ->
    Pairs = in_order([{Case, Over} || {Case, Over, _, _, _} <- Measured, Over =/= barrel]),
    [{Case, Over, median(Quotients)}
     || {Case, Over} <- Pairs,
        Quotients <- [quotients(values(Case, barrel, Measured), values(Case, Over, Measured))], Quotients =/= []].

values(Case, Variant, Measured) -> [{Round, Value} || {C, V, Round, Value, _} <- Measured, C =:= Case, V =:= Variant].

quotients(Ours, Theirs) -> [A / B || {Round, A} <- Ours, {Round1, B} <- Theirs, Round =:= Round1, B > 0].

%% --- the machine in words ------------------------------------------------------------------------------------------

machine() ->
    {ok, Cpu} = file:read_file("/proc/cpuinfo"),
    {ok, Memory} = file:read_file("/proc/meminfo"),
    {_, Kernel} = e2e_os:run(["uname", "-r"]),
    {_, Daemon} = case filelib:is_regular(os:getenv("BARREL_P2PD", "")) of
                      true -> e2e_os:run([os:getenv("BARREL_P2PD"), "version"]);
                      false -> {0, <<"no daemon">>}
                  end,
    Model = first(Cpu, "^model name\\s*: (.*)$", <<"unknown processor">>),
    KiB = binary_to_integer(first(Memory, "^MemTotal:\\s+([0-9]+)", <<"0">>)),
    iolist_to_binary(io_lib:format("~b x ~s, ~b GiB, Linux ~s, OTP ~s (erts ~s), ~s",
        [erlang:system_info(logical_processors_available), string:trim(Model), round(KiB / 1048576),
         string:trim(Kernel), erlang:system_info(otp_release), erlang:system_info(version), first_line(Daemon)])).

first(Text, Pattern, Default) ->
    case re:run(Text, Pattern, [multiline, {capture, all_but_first, binary}]) of
        {match, [Value]} -> Value;
        nomatch -> Default
    end.

first_line(Text) -> hd(binary:split(string:trim(Text), <<"\n">>)).

%% --- output ----------------------------------------------------------------------------------------------------------

print(Title, Machine, Rows, Ratios) ->
    Variants = in_order([V || {_, V, _, _} <- Rows]),
    Overs = [O || O <- Variants, lists:any(fun({_, O1, _}) -> O1 =:= O end, Ratios)],
    say("~n~ts~n~ts~n", [Title, Machine]),
    Line = fun(Cells) ->
        say("~ts", [string:trim(lists:flatten([io_lib:format("~-*ts", [W, C]) || {W, C} <- Cells]), trailing)])
    end,
    Line([{28, "case"}, {8, "unit"}] ++ [{17, atom_to_list(V)} || V <- Variants]
         ++ [{24, lists:concat(["barrel/", O])} || O <- Overs]),
    [Line([{28, Case}, {8, Unit}] ++ [{17, cell([X || {C, V1, X, _} <- Rows, C =:= Case, V1 =:= V])} || V <- Variants]
          ++ [{24, cell([X || {C, O1, X} <- Ratios, C =:= Case, O1 =:= O])} || O <- Overs])
     || {Case, Unit} <- in_order([{C, U} || {C, _, _, U} <- Rows])],
    ok.

cell([]) -> "-";
cell([X]) when X >= 100 -> integer_to_list(round(X));
cell([X]) when X >= 10 -> io_lib:format("~.1f", [float(X)]);
cell([X]) -> io_lib:format("~.3f", [float(X)]).

%% {"bench", "machine", "rows": [{"case", "variant", "value", "unit"}], "ratios": [{"case", "over", "value"}]}
json(Name, Machine, Rows, Ratios) ->
    Object = fun(Fields) -> ["{", lists:join(", ", [[$", K, "\": ", V] || {K, V} <- Fields]), "}"] end,
    Text = fun(T) -> json:encode(iolist_to_binary(lists:concat([T]))) end,
    Number = fun(N) -> json:encode(round(N * 1.0e4) / 1.0e4) end,
    ["{\"bench\": ", Text(Name), ", \"machine\": ", json:encode(Machine), ",\n \"rows\": [\n  ",
     lists:join(",\n  ", [Object([{"case", Text(C)}, {"variant", Text(V)}, {"value", Number(X)}, {"unit", Text(U)}])
                          || {C, V, X, U} <- Rows]),
     "],\n \"ratios\": [\n  ",
     lists:join(",\n  ", [Object([{"case", Text(C)}, {"over", Text(O)}, {"value", Number(X)}]) || {C, O, X} <- Ratios]),
     "]}"].
