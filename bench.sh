#!/bin/bash
# Builds sluice for speed and runs its benchmarks, each beside its peer in the same run.
#
#   ./bench.sh [FAMILY]... [--json] [--list]
#       FAMILY    one family (none: all); --list names them
#       --json    one object a row: name, peer, peer_version, ours, theirs, unit, ratio, goal, met
#
# A family is bench/FAMILY.sh, or the program that bench/meson.build builds as bench_FAMILY. It prints one
# JSON object a row on its standard output and tells people what it is doing on its standard error.
set -eu
cd "$(dirname "$0")"

json=false families=
all() { { ls bench/*.sh bench/bench_*.c 2>/dev/null || true; } | sed 's,.*/,,; s,^bench_,,; s,\.[a-z]*$,,' | sort -u; }
while [ $# -gt 0 ]; do
	case $1 in
	--json) json=true ;;
	--list) all; exit 0 ;;
	-h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
	-*) echo "bench.sh: unknown option $1 (--help)" >&2; exit 2 ;;
	*) families="$families $1" ;;
	esac
	shift
done
known=$(all)
for family in $families; do
	grep -qx -- "$family" <<<"$known" || {
		echo "bench.sh: no family $family; there are:" ${known:-none yet} >&2
		exit 2
	}
done

tools/install.sh build
[ -f build-bench/build.ninja ] ||
	meson setup build-bench -Dbench=true -Dkill_points=false -Dwerror=false --buildtype=release >&2
ninja -C build-bench >&2

status=0
for family in ${families:-$known}; do
	if [ -x "bench/$family.sh" ]; then
		run="bench/$family.sh build-bench"
	else
		run=build-bench/bench/bench_$family
	fi
	if $json; then
		$run || status=1
	else
		$run | python3 tools/bench_table.py || status=1
	fi
done
exit $status
