#include "daemon/app.h"
#include "daemon/cli/cli.h"

int main(int argc, char** argv) { return bp2p::cli_main(argc, argv, bp2p::run_daemon); }
