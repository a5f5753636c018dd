%% The two nodes of ./dev demo (demo.sh starts them).
-module(e2e_demo).
-export([one/0, two/0]).

%% app@two: answers to greetings.
two() ->
    register(greeter, spawn(fun greet/0)),
    spawn(fun end_when_over/0),
    ok = file:write_file(file("two/pid"), os:getpid()).

%% The script stops the nodes before their daemons: a node that loses its daemon says so on the screen.
end_when_over() -> filelib:is_regular(file("over")) andalso halt(0), timer:sleep(50), end_when_over().

greet() ->
    receive {From, Greeting} -> From ! {self(), string:uppercase(Greeting) ++ ", said " ++ atom_to_list(node())} end,
    greet().

%% app@one: does one thing after another and shows what came back.
one() ->
    try talk() of
        ok -> ok = file:write_file(file("done"), ""), end_when_over()
    catch Class:Reason:Stack ->
        io:format("~ndemo failed: ~p ~tp~n~tp~n", [Class, Reason, Stack]),
        halt(1)
    end.

talk() ->
    Two = 'app@two',
    say("First contact: app@one asks for app@two. The daemons meet over QUIC, prove their keys to each other and", []),
    say_more("pin what they saw (trust on first use). From now on no other key can be app@two.", []),
    shell("net_adm:ping('app@two').", pong = net_adm:ping(Two)),
    [command("ls " ++ Keys, [Keys]) || Keys <- [file(Host ++ "/state/keys/trusted") || Host <- ["one", "two"]]],

    say("A message there and back.", []),
    {greeter, Two} ! {self(), "hello"},
    shell("{greeter, 'app@two'} ! {self(), \"hello\"}, receive Answer -> Answer end.",
          receive {_, _} = Answer -> Answer after 5000 -> exit(no_answer) end),

    say("A remote call: host two tells its own address.", []),
    shell("rpc:call('app@two', os, cmd, [\"ip -brief -4 address show eth0\"]).",
          string:trim(rpc:call(Two, os, cmd, ["ip -brief -4 address show eth0"]))),

    say("What the daemons know.", []),
    [command("barrel-p2pd status", ["barrel-p2pd status --config ", file(Host ++ "/barrel-p2pd.toml")], Host)
     || Host <- ["one", "two"]],

    say("app@two is killed (kill -9). app@one hears of it:", []),
    true = erlang:monitor_node(Two, true),
    {ok, Pid} = file:read_file(file("two/pid")),
    ok = file:delete(file("two/pid")),
    Start = erlang:monotonic_time(millisecond),
    [] = os:cmd("kill -9 " ++ binary_to_list(Pid)),
    receive {nodedown, Two} = Down ->
        shell("receive Event -> Event end.", Down),
        io:format("  after ~b ms~n", [erlang:monotonic_time(millisecond) - Start])
    after 10_000 -> exit(no_nodedown)
    end,

    say("It is started again, by what supervises it; the pin still holds:", []),
    wait_for(file("two/pid"), 400),
    shell("net_adm:ping('app@two').", pong = net_adm:ping(Two)),
    ok.

wait_for(_, 0) -> exit(app_two_did_not_come_back);
wait_for(File, Tries) -> filelib:is_regular(File) orelse begin timer:sleep(50), wait_for(File, Tries - 1) end.

file(Name) -> filename:join(os:getenv("DEMO_DIR"), Name).

say(Format, Args) -> io:format("~n" ++ Format ++ "~n", Args).
say_more(Format, Args) -> io:format(Format ++ "~n", Args).

shell(Input, Value) -> io:format("  (app@one)> ~s~n  ~tp~n", [Input, Value]).

command(Shown, [Directory]) ->
    {ok, Names} = file:list_dir(Directory),
    io:format("  $ ~ts~n~ts", [Shown, [["  ", N, $\n] || N <- lists:sort(Names)]]).
command(Shown, Command, Host) ->
    Output = string:trim(os:cmd(lists:flatten([Command, " 2>&1"]))),
    io:format("  ~s $ ~ts~n~ts~n", [Host, Shown, [["    ", L, $\n] || L <- string:split(Output, "\n", all)]]).
