%% Runs one suite and says what happened in a line per case; the whole of it is in the log folder.
-module(e2e_run).
-export([main/1]).
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
    say("  FAILED  ~ts~n~ts", [text(What), indent(io_lib:format("~tp", [Reason]))]),
    case S of
        #{failed := true} -> ok;
        _ -> show_logs()
    end,
    S#{failed := true}.

text(What) when is_list(What) -> What;
text(What) -> io_lib:format("~tp", [What]).

indent(Text) -> ["          ", string:replace(Text, "\n", "\n          ", all)].

%% The end of every daemon's and VM's log, newest first, so that a failure in CI explains itself.
show_logs() ->
    Files = filelib:wildcard(filename:join(os:getenv("E2E_LOGS"), "*/{daemon,vm,relay}*.log")),
    Newest = lists:sublist(lists:reverse(lists:keysort(1, [{filelib:last_modified(F), F} || F <- Files])), 6),
    [case file:read_file(F) of
         {ok, <<>>} -> ok;
         {ok, Text} ->
             Lines = binary:split(string:trim(Text), <<"\n">>, [global]),
             say("  --- ~ts~n~ts", [F, lists:join("\n", [["          ", printable(L)]
                                       || L <- lists:nthtail(max(0, length(Lines) - 25), Lines)])]);
         _ -> ok
     end || {_, F} <- Newest].

printable(Line) -> [C || <<C>> <= binary:part(Line, 0, min(300, byte_size(Line))), C >= 32, C < 127].
