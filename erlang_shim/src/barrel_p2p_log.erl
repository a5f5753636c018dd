%% What the shim tells people. Never on standard output: that belongs to the program.
%%
%% A node that is still starting has no logger worth the name (its early handler writes to standard output),
%% so what concerns the start goes straight to standard error; the rest goes to logger.
-module(barrel_p2p_log).

-export([to_stderr/1, log/2]).

-spec to_stderr(unicode:chardata()) -> ok.
to_stderr(Text) ->
    Line = unicode:characters_to_list(["barrel_p2p: ", Text, "\n"]),
    try
        true = erlang:display_string(stderr, Line),
        ok
    catch
        error:_ -> by_port(Line)   % OTP 25 has no display_string/2
    end.

%% Without a domain: logger's default handler drops those that it does not know.
-spec log(logger:level(), unicode:chardata()) -> ok.
log(Level, Text) ->
    logger:log(Level, "barrel_p2p: ~ts", [Text]).

by_port(Line) ->
    try
        Port = open_port({fd, 2, 2}, [out]),
        true = port_command(Port, unicode:characters_to_binary(Line)),
        %% Answered when it is written; the VM may halt right after.
        Port ! {self(), close},
        receive {Port, closed} -> ok after 500 -> ok end
    catch
        error:_ -> ok   % no standard error at all
    end.
