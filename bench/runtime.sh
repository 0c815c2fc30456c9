#!/bin/bash
# bench/runtime.sh BUILD [PART[:TEXT]...]: the runtime beside its peers, which are built first (once, some minutes).
#
# TEXT: only the rows whose name contains it.
# PART: rings channels pools wake executor families clock loop. None: those that the variable RUNTIME_PARTS names, or all.
set -eu
cd "$(dirname "$0")/.."
build=$1
shift
# shellcheck disable=SC2086 # a list of words
[ $# -gt 0 ] || set -- ${RUNTIME_PARTS:-rings channels pools wake executor families clock loop}

tools/install.sh bench
peers=$(bench/peers/build.sh)
meson configure "$build" -Dpeers="$peers" >&2
ninja -C "$build" runtime >&2
exec "$build/bench/runtime_bench" "$@"
