%% Runs one suite and says what happened in a line per case; the whole of it is in the log folder.
-module(e2e_run).
-export([main/1, note/2]).
%% Common Test hook
-export([id/1, init/2, post_init_per_suite/4, post_init_per_group/5, pre_init_per_testcase/4, post_end_per_testcase/5,
         post_end_per_group/5, post_end_per_suite/4, on_tc_fail/4, on_tc_skip/4, terminate/1]).

main([Name | Cases]) ->
    Suite = list_to_atom(Name ++ "_SUITE"),
    Logs = os:getenv("E2E_LOGS"),
    Select = case Cases of [] -> []; _ -> [{testcase, [list_to_atom(C) || C <- Cases]}] ++ groups(Suite, Cases) end,
    e2e_os:table(),
    e2e_vm:table(),
    Result = ct:run_test([{dir, os:getenv("E2E_EBIN")}, {suite, Suite}, {auto_compile, false}, {logdir, Logs},
                          {ct_hooks, [?MODULE]}, {abort_if_missing_suites, true}, {verbosity, 50} | Select]),
    case Result of
        {Ok, 0, {0, 0}} when Ok > 0 -> say("~s: ~b passed", [Name, Ok]), stop(0);
        {Ok, Failed, {User, Auto}} ->
            say("~s: ~b passed, ~b failed, ~b skipped", [Name, Ok, Failed, User + Auto]),
            say("logs: ~s", [Logs]),
            stop(1);
        Error -> say("~s: ~p", [Name, Error]), stop(1)
    end;
main(_) -> stop(64).

%% Cases named on the command line may be in groups.
groups(Suite, _) ->
    case [G || {group, G} <- Suite:all()] of
        [] -> [];
        Groups -> [{group, Groups}]
    end.

stop(Status) -> erlang:halt(Status).

%% Straight to our own output: Common Test's and its group leaders' go to the log folder.
say(Format, Args) -> io:put_chars(user, io_lib:format(Format ++ "~n", Args)).

%% A figure that a case has measured.
note(Format, Args) -> say("          " ++ Format, Args).

id(_) -> ?MODULE.
init(_, _) -> {ok, #{start => now_ms(), failed => false}}.

now_ms() -> erlang:monotonic_time(millisecond).

post_init_per_suite(_, _, Return, S) -> {Return, report("init_per_suite", Return, S)}.
post_init_per_group(_, Group, _, Return, S) -> {Return, report(Group, Return, S)}.
pre_init_per_testcase(_, _, Config, S) -> {Config, S#{start := now_ms(), vms => e2e_vm:all()}}.
post_end_per_testcase(_, Case, _, Return, #{start := Start, vms := Vms} = S) ->
    Took = now_ms() - Start,
    e2e_vm:kill_except(Vms ++ e2e_vm:outliving()),
    is_failure(Return) orelse say("  ok      ~-40ts ~8b ms", [text(Case), Took]),
    {Return, S}.
post_end_per_group(_, Group, _, Return, S) -> {Return, report({end_of, Group}, Return, S)}.
post_end_per_suite(_, _, Return, S) -> {Return, report("end_per_suite", Return, S)}.

%% A failed case is reported by on_tc_fail, which comes after post_end_per_testcase.
is_failure(Return) ->
    is_tuple(Return) andalso lists:member(element(1, Return), [error, failed, fail, timetrap_timeout, skip]).

report(What, {fail, Reason}, S) -> failure(What, Reason, S);
report(What, {'EXIT', Reason}, S) -> failure(What, Reason, S);
report(What, {failed, Reason}, S) -> failure(What, Reason, S);
report(_, _, S) -> S.

on_tc_fail(_, What, Reason, S) -> failure(What, Reason, S).
on_tc_skip(_, What, Reason, S) -> say("  skipped ~ts: ~tp", [text(What), Reason]), S.
terminate(_) -> ok.

failure(What, Reason, S) ->
    say("  FAILED  ~ts~n~ts", [text(What), indent(explain(Reason))]),
    case S of
        #{failed := true} -> ok;
        _ -> show_logs()
    end,
    S#{failed := true}.

%% What was expected and what was there, and on which line of the suite; the reason as it is where this knows no better.
explain({{not_within, Ms, What, Last}, [_ | _] = Stack}) ->
    io_lib:format("~ts~tp~nwas not so within ~b ms; at the last look:~n~tp", [place(Stack), What, Ms, Last]);
explain({{assertEqual, Facts}, [_ | _] = Stack}) ->
    io_lib:format("~ts~ts~nexpected: ~tp~nfound:    ~tp",
                  [place(Stack), proplists:get_value(expression, Facts), proplists:get_value(expected, Facts),
                   proplists:get_value(value, Facts)]);
explain({{assertMatch, Facts}, [_ | _] = Stack}) ->
    io_lib:format("~ts~ts~nexpected: ~ts~nfound:    ~tp",
                  [place(Stack), proplists:get_value(expression, Facts), proplists:get_value(pattern, Facts),
                   proplists:get_value(value, Facts)]);
explain(Reason) -> io_lib:format("~tp", [Reason]).

place(Stack) ->
    case [{filename:basename(File), Line} || {_, _, _, Where} <- Stack, {file, File} <- Where, {line, Line} <- Where,
                                             lists:suffix("_SUITE.erl", File)] of
        [{File, Line} | _] -> io_lib:format("~ts:~b: ", [File, Line]);
        [] -> ""
    end.

text(What) when is_list(What) -> What;
text(What) -> io_lib:format("~tp", [What]).

indent(Text) -> ["          ", string:replace(Text, "\n", "\n          ", all)].

%% The end of what the last world's daemons said, as one story, and of each other log, so that a failure in CI explains
%% itself.
show_logs() ->
    case newest(filelib:wildcard(filename:join(os:getenv("E2E_LOGS"), "*/daemon*.log"))) of
        [] -> ok;
        [Last | _] ->
            Daemons = filelib:wildcard(filename:join(filename:dirname(Last), "daemon*.log")),
            say("  --- ~ts", [filename:join(filename:dirname(Last), "daemon*.log")]),
            show(last(80, lists:sort(lists:flatmap(fun timed_lines/1, Daemons))), fun({_, _, Host, Line}) -> [Host, " ", printable(Line)] end)
    end,
    [begin
         say("  --- ~ts", [File]),
         show(last(25, lines(File)), fun printable/1)
     end || File <- lists:sublist(newest(filelib:wildcard(filename:join(os:getenv("E2E_LOGS"), "*/{vm,relay}*.log"))), 4),
            lines(File) =/= []],
    ok.

newest(Files) -> [F || {_, F} <- lists:reverse(lists:keysort(1, [{filelib:last_modified(F), F} || F <- Files]))].

%% {Time, its place in the file, Host, Line}: a line without a time (a sanitizer's) stays with the one before it.
timed_lines(File) ->
    "daemon-" ++ Host = filename:basename(File, ".log"),
    {Timed, _} = lists:mapfoldl(fun({At, Line}, Before) ->
        Time = case Line of
                   <<Stamp:24/binary, " ", _/binary>> when binary_part(Stamp, 23, 1) =:= <<"Z">> -> Stamp;
                   _ -> Before
               end,
        {{Time, At, Host, Line}, Time}
    end, <<>>, lists:enumerate(lines(File))),
    Timed.

lines(File) ->
    {ok, Text} = file:read_file(File),
    [Line || Line <- binary:split(Text, <<"\n">>, [global]), Line =/= <<>>].

last(Count, List) -> lists:nthtail(max(0, length(List) - Count), List).
show(Lines, Shown) -> say("~ts", [lists:join("\n", [["          ", Shown(Line)] || Line <- Lines])]).

printable(Line) -> [C || <<C>> <= binary:part(Line, 0, min(300, byte_size(Line))), C >= 32, C < 127].
