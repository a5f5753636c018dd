#!/bin/sh
# usage: check.sh NM SOURCE_DIR ARCHIVE...   fails when proto/ imports what only a process may have, or when a folder of
# it includes one that it must not know.
set -eu
nm=$1 source=$2
shift 2
[ $# -ge 6 ] || { echo "layering: expected the six archives of proto/, got $#"; exit 1; }
found=0

# --- what the archives import: clocks, sockets, files, threads, entropy, and the libraries that are the daemon's.
# check.cc may write one line to stderr and abort; nothing else may print.
forbidden='(^|[^_[:alnum:]])(clock_gettime|gettimeofday|time|nanosleep|usleep|sleep|timerfd_[a-z]+)(@|$)'
forbidden="$forbidden|std::chrono::_V2::(steady|system)_clock::now"
forbidden="$forbidden|(^|[^_[:alnum:]])(socket|bind|listen|connect|accept4?|send|sendto|sendmsg|sendmmsg|recv|recvfrom|recvmsg|recvmmsg|poll|epoll_[a-z0-9]+|select|getaddrinfo)(@|$)"
forbidden="$forbidden|(^|[^_[:alnum:]])(open|open64|openat|creat|read|write|pread|pwrite|fopen|fopen64|fread|fwrite|fsync|unlink|rename|stat|lstat|mmap|ioctl|fork|execve|getenv|printf|puts|syslog)(@|$)"
forbidden="$forbidden|std::(basic_[io]?fstream|basic_filebuf|filesystem|cout|cerr|clog|random_device|thread|jthread|condition_variable)"
forbidden="$forbidden|(^|[^_[:alnum:]])(pthread_create|pthread_mutex_lock|pthread_cond_[a-z]+|getrandom|getentropy|arc4random[a-z_]*|rand|srand|random)(@|$)"
forbidden="$forbidden|boost::|spdlog::|ngtcp2_|SSL_|EVP_|OPENSSL|crypto_sign|sodium_|nlohmann|toml::|CLI::"
for archive in "$@"; do
  [ -s "$archive" ] || { echo "layering: $archive is not there"; exit 1; }
  # Symbols as C++ names; the sanitizers' own are the build's, not ours.
  if "$nm" -uC "$archive" | sed -n 's/^ *[Uw] //p' | grep -vE '^__(asan|ubsan|tsan|sanitizer|msan)' | sort -u |
    grep -E "$forbidden"; then
    echo "layering: $(basename "$archive") imports the above; proto/ has no clock, socket, file, thread, entropy or log"
    found=1
  fi
done

# --- who includes whom: base <- wire <- {trust, membership, dist} <- core, and nobody in proto/ knows the daemon.
may_include() {
  case $1 in
    base) echo 'base' ;;
    wire) echo 'base|wire' ;;
    trust) echo 'base|wire|trust' ;;
    membership) echo 'base|wire|membership' ;;
    dist) echo 'base|wire|dist' ;;
    gossip) echo 'base|wire|gossip' ;;
    core) echo 'base|wire|trust|membership|gossip|dist|core' ;;
  esac
}
for folder in base wire trust membership gossip dist core; do
  allowed=$(may_include $folder)
  if grep -nE '^#include "' "$source/proto/$folder"/*.h "$source/proto/$folder"/*.cc | grep -vE "\"proto/($allowed)/"; then
    echo "layering: proto/$folder includes the above; it may know only $allowed"
    found=1
  fi
done
if grep -lE '#include "proto/wire/peer\.pb\.h"' -r "$source/proto" "$source/daemon" | grep -v 'proto/wire/peer_messages.cc'; then
  echo "layering: only proto/wire/peer_messages.cc knows the generated messages"
  found=1
fi
exit $found
