#!/bin/bash
# Installs the Debian packages that are missing, by name, through apt. Run by demo.sh, test.sh and bench.sh.
#
#   tools/install.sh [--print] SET...
#       build   what sluice needs to compile and run
#       test    both compilers, sanitizers, formatters
#       bench   what the runtime is measured against, and what that is built with
#       peers   what the real nodes of tests and `demo.sh --real` are built from or run on
#   --print: name what is missing, install nothing.
#
# Nothing missing: says nothing, needs no right. Otherwise it says what it is about to install and
# uses sudo for that alone (not when it is root already).
set -eu

build="gcc libc6-dev meson ninja-build pkg-config python3 libssl-dev libsecp256k1-dev libsodium-dev
	libjansson-dev libcurl4-openssl-dev libmicrohttpd-dev libyaml-dev liburing-dev"
test="clang clang-format clang-tidy libclang-rt-14-dev llvm shellcheck git util-linux
	valgrind libfuse3-dev fuse3"
peers="g++ cmake make libboost-dev libevent-dev libsqlite3-dev python3-venv ca-certificates"
bench="g++ make ca-certificates libboost-dev libck-dev libdpdk-dev libtbb-dev libuv1-dev
	libconcurrentqueue-dev libreaderwriterqueue-dev libtcmalloc-minimal4 libjemalloc2 libmimalloc2.0
	libsqlite3-dev liblmdb-dev librocksdb-dev"

# A tool that may as well come from elsewhere than apt: its package counts only if no such command is there.
# Debian's own cargo is too old for the registry's sparse index; cargo-web is the one that it keeps current.
peers_commands="cargo:cargo-web node:nodejs npm:npm"
bench_commands="cargo:cargo-web"

# want_commands PAIR...
want_commands() {
	for pair in "$@"; do
		command -v "${pair%%:*}" >/dev/null || wanted="$wanted ${pair#*:}"
	done
}

print=false
wanted=
for arg in "$@"; do
	case $arg in
	--print) print=true ;;
	build) wanted="$wanted $build" ;;
	test) wanted="$wanted $test" ;;
	peers)
		wanted="$wanted $peers"
		# shellcheck disable=SC2086 # a list of words
		want_commands $peers_commands
		;;
	bench)
		wanted="$wanted $bench"
		# shellcheck disable=SC2086 # a list of words
		want_commands $bench_commands
		;;
	*) echo "tools/install.sh: no such set: $arg (build, test, bench, peers)" >&2; exit 2 ;;
	esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "This is not Debian: please see that these, by Debian's names, are installed:" >&2
	# shellcheck disable=SC2086 # a list of words
	printf '  %s\n' $wanted >&2
	exit 0
fi

missing=
for package in $wanted; do
	state=$(dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | sort -u) || true
	[ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if $print; then
	# shellcheck disable=SC2086 # a list of words
	printf '%s\n' $missing
	exit 0
fi

sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || {
		echo "Please install, as root:  apt-get install$missing" >&2
		exit 1
	}
	sudo=sudo
fi
{
	echo "About to install from Debian's repositories${sudo:+ (sudo for this alone)}:"
	# shellcheck disable=SC2086 # a list of words
	echo $missing | fold -s -w 90 | sed 's/^/    /'
} >&2
quiet="-q -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # lists of words
if ! { $sudo apt-get $quiet update &&
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get $quiet install -y --no-install-recommends $missing; } \
	>"$log" 2>&1; then
	tail -n 20 "$log" >&2
	echo "apt-get could not install$missing" >&2
	exit 1
fi
echo "Installed." >&2
