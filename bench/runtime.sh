#!/bin/bash
# bench/runtime.sh BUILD [PART...]: the runtime beside its peers, which are built first (once, some minutes).
#
# Parts: rings channels pools wake executor. Without a name: those of the variable RUNTIME_PARTS, or all.
set -eu
cd "$(dirname "$0")/.."
build=$1
shift
parts=${*:-${RUNTIME_PARTS:-rings channels pools wake executor}}

tools/install.sh bench
peers=$(bench/peers/build.sh)
meson configure "$build" -Dpeers="$peers" >&2
ninja -C "$build" >&2
# shellcheck disable=SC2086 # a list of words
exec "$build/bench/runtime_bench" $parts
