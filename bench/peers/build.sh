#!/bin/bash
# bench/peers/build.sh: builds the runtime's peers, prints the folder where they are.
#
# Each at its best setting for this very machine: optimised, link-time optimised, for its processor. Crates are
# fetched at the versions and sums of Cargo.lock, everything else comes from Debian's packages (the set `bench` of
# tools/install.sh). Kept outside the tree; built again only when a source, a package or the processor is another.
set -eu
cd "$(dirname "$0")"
. ../../tools/peers/lib.sh

# variable of the sources : Debian's package
packages="CK:libck-dev DPDK:libdpdk-dev BOOST:libboost-dev MOODY:libconcurrentqueue-dev RWQ:libreaderwriterqueue-dev
	TBB:libtbb-dev TCMALLOC:libtcmalloc-minimal4 JEMALLOC:libjemalloc2 MIMALLOC:libmimalloc2.0
	UV:libuv1-dev"

version_of() { dpkg-query -W -f '${Version}' "$1"; }
versions=()
for pair in $packages; do
	version=$(version_of "${pair#*:}" | sed 's/^[0-9]*://; s/[-+].*//')
	versions+=("-DVERSION_${pair%%:*}=\"$version\"")
done
sum=$({
	cat Cargo.toml Cargo.lock build.rs build.sh peers.h src/*.rs src/bin/* native/* echo/*
	echo "${versions[*]}"
	grep -m1 '^model name' /proc/cpuinfo || true
} | sha256sum)

dir=$PEERS/runtime
peer_lock runtime
mkdir -p "$dir"
if [ -f "$dir/.done" ] && [ "$(cat "$dir/.done")" = "$sum" ]; then
	echo "$dir"
	exit 0
fi
rm -f "$dir/.done"
say "peers: building the runtime's peers into $dir (minutes, once)"

RUSTFLAGS="-C target-cpu=native" CARGO_TARGET_DIR=$dir/cargo \
	cargo build --release --locked --quiet >&2
cp --remove-destination "$dir"/cargo/release/libsluice_peers.a "$dir"/cargo/release/echo_tokio "$dir/"

flags="-D_GNU_SOURCE -O3 -march=native -pthread"
dpdk="-I/usr/include/dpdk -I/usr/include/$(gcc -dumpmachine)/dpdk -include rte_config.h"
rm -f "$dir"/*.o "$dir/libsluice_peers_native.a" "$dir/echo_epoll" "$dir/echo_uv"
for source in native/*.c native/*.cpp; do
	object=$dir/$(basename "$source").o
	case $source in
	*.cpp) compiler="g++ -std=c++17" ;;
	*) compiler="gcc -std=gnu17 $dpdk" ;;
	esac
	# shellcheck disable=SC2086 # lists of words
	$compiler $flags "${versions[@]}" -Wall -Wextra -c "$source" -o "$object"
done
gcc-ar rcs "$dir/libsluice_peers_native.a" "$dir"/*.o
rm -f "$dir"/*.o
# shellcheck disable=SC2086 # a list of words
gcc -std=gnu17 $flags -Wall -Wextra echo/echo_epoll.c -o "$dir/echo_epoll"
# shellcheck disable=SC2086 # a list of words
gcc -std=gnu17 $flags -Wall -Wextra echo/echo_uv.c -luv -o "$dir/echo_uv"
printf '%s' "$sum" > "$dir/.done"
echo "$dir"
