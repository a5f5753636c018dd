%% Erlang distribution between two hosts over inet_tcp, inet_tls (TLS 1.3, AES-128-GCM) and barrel_p2p. All three
%% pairs of VMs are up during the whole run and are measured in turn. MTU 1500; VM flags are OTP's defaults.
-module(bench_dist).
-export([run/1]).

run(#{quick := Quick, logs := Logs}) ->
    {Rounds, Ms, Trips, BulkTrips} = case Quick of
                                         true -> {3, 500, 1000, 30};
                                         false -> {7, 2000, 5000, 300}
                                     end,
    World = e2e_world:start("dist", #{link => direct, config => [{"transport", "idle_timeout", "\"30s\""}]}),
    Tls = tls_options(Logs),
    Carriers = [{tcp, a, tcp}, {tls, c, {tls, Tls}} | [{barrel, e, barrel} || e2e_world:carrier() =:= barrel]],
    Variants = #{Variant => start(World#{carrier := Carrier}, Short) || {Variant, Short, Carrier} <- Carriers},
    Names = [V || {V, _, _} <- Carriers],
    Measured = [Value || Round <- lists:seq(1, Rounds),
                         {Case, Size, Pairs} <- streams(),
                         Variant <- bench:shuffle(Names),
                         Value <- stream(Case, Variant, Round, maps:get(Variant, Variants), Size, Pairs, Ms)]
        ++ [Value || Round <- lists:seq(1, Rounds), Variant <- bench:shuffle(Names),
                     Value <- trips(Variant, Round, maps:get(Variant, Variants), Trips, BulkTrips)]
        ++ [Value || Variant <- Names, Value <- memory(Variant, maps:get(Variant, Variants))],
    Order = ["1MiB-1", "1MiB-8", "16KiB-1", "16KiB-8", "100B-1", "100B-8", "rtt", "rtt-p99", "rtt-under-bulk",
             "rtt-under-bulk-p99", "cpu-per-gb", "cpu-per-gb-sending-daemon", "cpu-per-gb-receiving-daemon",
             "peak-memory-vms", "peak-memory-daemons"],
    [e2e_vm:kill(Vm) || #{vms := Vms} <- maps:values(Variants), Vm <- Vms],
    e2e_world:stop(World),
    {io_lib:format("Erlang distribution between two network namespaces, MTU 1500, ~b rounds of ~b ms", [Rounds, Ms]),
     [M || Case <- Order, V <- Names, {C, V1, _, _, _} = M <- Measured, C =:= Case, V1 =:= V]}.

streams() ->
    [{"1MiB-1", 1_048_576, 1}, {"1MiB-8", 1_048_576, 8}, {"16KiB-1", 16_384, 1}, {"16KiB-8", 16_384, 8},
     {"100B-1", 100, 1}, {"100B-8", 100, 8}].

start(#{carrier := Carrier} = World, Short) ->
    Flags = #{emulator => string:lexemes(os:getenv("BENCH_ERL_FLAGS", ""), " ")},
    Other = list_to_atom([hd(atom_to_list(Short)) + 1]),
    Vms = [A, B] = [e2e_world:vm(World, {Short, 1}, Flags), e2e_world:vm(World, {Other, 2}, Flags)],
    Node = maps:get(name, B),
    pong = e2e_vm:call(A, fun() -> net_adm:ping(Node) end),
    Daemons = case Carrier of
                  barrel -> [maps:get(id, maps:get(process, e2e_world:daemon(World, N))) || N <- [1, 2]];
                  _ -> []
              end,
    #{vms => Vms, vm => A, node => Node, daemons => Daemons, ids => [maps:get(id, Vm) || Vm <- Vms] ++ Daemons}.

%% For one pair of 1 MiB messages also what every process of the variant spent on it.
stream(Case, Variant, Round, #{vm := A, node := Node, ids := Ids} = V, Size, Pairs, Ms) ->
    Before = [e2e_os:cpu_seconds(Id) || Id <- Ids],
    {Bytes, Messages, Seconds} = e2e_vm:call(A, bench_load, stream, [Node, Size, Pairs, Ms], Ms + 60_000),
    Spent = [After - B || {After, B} <- lists:zip([e2e_os:cpu_seconds(Id) || Id <- Ids], Before)],
    Rate = case Size of
               100 -> {Case, Variant, Round, Messages / Seconds, "msg/s"};
               _ -> {Case, Variant, Round, Bytes / Seconds / 1.0e6, "MB/s"}
           end,
    [Rate | case Case of
                "1MiB-1" -> cpu(Variant, Round, V, Spent, Bytes / 1.0e9);
                _ -> []
            end].

cpu(Variant, Round, #{daemons := Daemons}, Spent, Gb) ->
    [{"cpu-per-gb", Variant, Round, lists:sum(Spent) / Gb, "s/GB"}
     | [{Case, Variant, Round, Seconds / Gb, "s/GB"}
        || Daemons =/= [],
           {Case, Seconds} <- lists:zip(["cpu-per-gb-sending-daemon", "cpu-per-gb-receiving-daemon"],
                                        lists:nthtail(2, Spent))]].

trips(Variant, Round, #{vm := A, node := Node}, Trips, BulkTrips) ->
    Idle = e2e_vm:call(A, bench_load, round_trips, [Node, 100, Trips, 0], 60_000),
    Busy = e2e_vm:call(A, fun() ->
        Bulk = bench_load:start_stream(Node, 1_048_576, self()),
        receive {warm, Bulk} -> ok end,
        Times = bench_load:round_trips(Node, 100, BulkTrips, 2),
        bench_load:stop_stream(Bulk),
        Times
    end, 120_000),
    [{Case, Variant, Round, bench:percentile(P, Times), "us"}
     || {Case, P, Times} <- [{"rtt", 50, Idle}, {"rtt-p99", 99, Idle}, {"rtt-under-bulk", 50, Busy},
                             {"rtt-under-bulk-p99", 99, Busy}]].

memory(Variant, #{vms := Vms, daemons := Daemons}) ->
    MiB = fun(Ids) -> lists:max([e2e_os:peak_rss(Id) || Id <- Ids]) / 1048576 end,
    [{"peak-memory-vms", Variant, 1, MiB([maps:get(id, Vm) || Vm <- Vms]), "MiB"}
     | [{"peak-memory-daemons", Variant, 1, MiB(Daemons), "MiB"} || Daemons =/= []]].

%% An authority and one certificate for both hosts, good for this run only; both sides must show it.
tls_options(Logs) ->
    File = fun(Name) -> filename:join(Logs, Name) end,
    Request = fun(Name, Subject, More) ->
        e2e_os:run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-keyout", File(Name ++ ".key"), "-out", File(Name ++ ".pem"),
                    "-subj", Subject | More], ok)
    end,
    Request("ca", "/CN=bench authority", []),
    Request("host", "/CN=bench host", ["-CA", File("ca.pem"), "-CAkey", File("ca.key"),
                                       "-addext", "subjectAltName=DNS:h1,DNS:h2",
                                       "-addext", "basicConstraints=critical,CA:FALSE"]),
    Common = [{certfile, File("host.pem")}, {keyfile, File("host.key")}, {cacertfile, File("ca.pem")},
              {versions, ['tlsv1.3']}, {ciphers, ["TLS_AES_128_GCM_SHA256"]}, {verify, verify_peer}],
    Options = [{server, [{fail_if_no_peer_cert, true} | Common]}, {client, Common}],
    ok = file:write_file(File("tls.conf"), io_lib:format("~p.~n", [Options])),
    File("tls.conf").
