#!/bin/bash
# Installs what the tests need, builds sluice in four ways and runs every test.
#
#   ./test.sh [--long] [--only STAGE]... [--no-install] [--list]
#       --only STAGE   one stage (repeat for more); --list names them
#       --long         the suites that run for hours as well; FUZZ_SECONDS=N for each fuzz target
#       --no-install   use what is there, install and download nothing
#
# Logs lie in build*/meson-logs/. The last line counts exactly; the exit status says whether all passed.
set -u
cd "$(dirname "$0")" || exit 2

STAGES="gcc style clang asan tsan live"
LONG_STAGES="fuzz long"
# Above this, randomised addresses collide with the shadow memory of gcc 12's and clang 14's sanitizers.
MMAP_RND_BITS_MAX=28

long=false install=true only=
while [ $# -gt 0 ]; do
	case $1 in
	--long) long=true ;;
	--no-install) install=false ;;
	--only) only="$only ${2:?--only needs a stage}"; shift ;;
	--list) echo "$STAGES (with --long: $LONG_STAGES)"; exit 0 ;;
	-h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
	*) echo "test.sh: unknown option $1 (--help)" >&2; exit 2 ;;
	esac
	shift
done
for stage in $only; do
	case " $STAGES $LONG_STAGES " in
	*" $stage "*) ;;
	*) echo "test.sh: no stage $stage; there are: $STAGES $LONG_STAGES" >&2; exit 2 ;;
	esac
done

passed=0 failed=0 skipped=0
jobs=$(nproc)
waiting=$((2 * jobs)) # tests with whole programs wait for one another most of the time
started=$SECONDS

bold="" red="" green="" dim="" off=""
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' dim=$'\e[2m' off=$'\e[0m'
fi

# line STAGE WHAT RESULT SECONDS COLOUR
line() { printf '%s  %-6s %-22s%s %s%-44s%s %s%5d s%s\n' "$bold" "$1" "$2" "$off" "$5" "$3" "$off" "$dim" "$4" "$off"; }
indent() { sed 's/^/         /'; }
# one STAGE WHAT COMMAND...: a check that is one test. Exit status 77: skipped.
one() {
	local stage=$1 what=$2 log=build/meson-logs/$1-${2// /-}.txt begun=$SECONDS status=0
	shift 2
	mkdir -p build/meson-logs
	"$@" >"$log" 2>&1 || status=$?
	case $status in
	0) passed=$((passed + 1)); line "$stage" "$what" passed $((SECONDS - begun)) "$green" ;;
	77)
		skipped=$((skipped + 1))
		line "$stage" "$what" skipped $((SECONDS - begun)) "$dim"
		tail -n 2 "$log" | indent
		;;
	*)
		failed=$((failed + 1))
		line "$stage" "$what" "FAILED: $log" $((SECONDS - begun)) "$red"
		tail -n 25 "$log" | indent
		;;
	esac
	return $status
}
# build STAGE DIR OPTION...: configured once, then kept; counts as one failed test when it fails.
# With needed="SUITE...": only what the tests of these suites run.
build() {
	local stage=$1 dir=$2 log=$2/meson-logs/build.txt begun=$SECONDS
	shift 2
	mkdir -p "$dir/meson-logs"
	if { [ -f "$dir/build.ninja" ] || meson setup "$dir" "$@"; } >"$log" 2>&1 &&
		targets=$(${needed:+tools/test_targets.py "$dir" $needed}) && ninja -C "$dir" -j "$jobs" $targets >>"$log" 2>&1; then
		line "$stage" build "$dir" $((SECONDS - begun)) "$dim"
		return 0
	fi
	failed=$((failed + 1))
	line "$stage" build "FAILED: $log" $((SECONDS - begun)) "$red"
	grep -E 'error|warning:|FAILED|undefined|ERROR' "$log" | head -n 25 | indent
	return 1
}
# tests STAGE DIR SUITE...: meson's tests of these suites, counted from its own log; at_once of them, or one a processor.
tests() {
	local stage=$1 dir=$2 begun=$SECONDS suites=() report counts ok bad skip
	shift 2
	for suite in "$@"; do suites+=(--suite "$suite"); done
	report=$dir/meson-logs/$stage.json
	rm -f "$report"
	${wrapper:-} meson test -C "$dir" --no-rebuild --num-processes "${at_once:-$jobs}" --logbase "$stage" --timeout-multiplier "${slower:-1}" \
		"${suites[@]}" \
		>"$dir/meson-logs/$stage-meson.txt" 2>&1
	if ! counts=$(python3 tools/test_counts.py "$report" 2>/dev/null); then
		failed=$((failed + 1))
		line "$stage" "$*" "FAILED: $dir/meson-logs/$stage-meson.txt" $((SECONDS - begun)) "$red"
		tail -n 15 "$dir/meson-logs/$stage-meson.txt" | indent
		return 1
	fi
	read -r ok bad skip <<<"$(head -n 1 <<<"$counts")"
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	local colour=$green text="$ok passed"
	[ "$skip" = 0 ] || text="$text, $skip skipped"
	[ "$bad" = 0 ] || colour=$red text="$text, $bad FAILED"
	line "$stage" "$*" "$text" $((SECONDS - begun)) "$colour"
	tail -n +2 <<<"$counts" | grep . | indent
	return 0
}

c_files() { find src bin fuzz bench tests include -name '*.[ch]' -not -path 'build*' | sort; }
scripts() { { ls ./*.sh .ci/run; find tools tests -name '*.sh'; } | sort; }

check_format() {
	command -v clang-format >/dev/null || { echo "clang-format is not installed"; return 77; }
	c_files | xargs clang-format --dry-run -Werror
}
check_tidy() {
	command -v clang-tidy >/dev/null || { echo "clang-tidy is not installed"; return 77; }
	[ -f build-clang/compile_commands.json ] || { echo "needs the build of stage clang"; return 77; }
	local log=build/meson-logs/clang-tidy-all.txt
	find src bin tests/sim -name '*.c' | sort | xargs -P "$jobs" -n 8 clang-tidy -p build-clang --quiet >"$log" 2>&1 && return
	grep -A 2 'error:' "$log"
	return 1
}
check_scripts() {
	command -v shellcheck >/dev/null || { echo "shellcheck is not installed"; return 77; }
	# shellcheck disable=SC2046 # names without spaces
	shellcheck --severity=warning -x -P SCRIPTDIR $(scripts)
}
# A program of both sanitizers that does nothing: whether they can run here at all.
sanitizer_runs() { # KIND RUNNER...
	local kind=$1 probe status=0
	shift
	probe=$(mktemp -d)
	echo 'int main(void) { return 0; }' >"$probe/p.c"
	clang -fsanitize="$kind" -o "$probe/p" "$probe/p.c" >/dev/null 2>&1 && "$@" "$probe/p" >/dev/null 2>&1 || status=1
	rm -rf "$probe"
	return $status
}

stage_gcc() {
	build gcc build || return
	tests gcc build unit sim lint fuzz
	at_once=$waiting tests e2e build e2e
}
stage_style() {
	one style clang-format check_format
	one style shellcheck check_scripts
}
stage_clang() {
	CC=clang build clang build-clang || return
	tests clang build-clang unit fuzz
	one clang clang-tidy check_tidy
}
stage_asan() {
	needed="unit race fuzz sanitised" CC=clang build asan build-asan -Db_sanitize=address,undefined -Db_lundef=false \
		-Dc_args=-fno-sanitize-recover=all || return
	slower=4 ASAN_OPTIONS=strict_string_checks=1:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 \
		tests asan build-asan unit race fuzz sanitised
}
stage_tsan() {
	local wrapper=
	if setarch "$(uname -m)" -R true 2>/dev/null; then
		wrapper="setarch $(uname -m) -R"
	elif [ "$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)" -gt $MMAP_RND_BITS_MAX ]; then
		echo "         setarch -R is not allowed here: trying with randomised addresses"
	fi
	if ! sanitizer_runs thread $wrapper; then
		skipped=$((skipped + 1))
		line tsan race "skipped: ThreadSanitizer cannot run here" 0 "$dim"
		echo "vm.mmap_rnd_bits is over $MMAP_RND_BITS_MAX and setarch -R is refused (a container?)" | indent
		return
	fi
	needed=race CC=clang build tsan build-tsan -Db_sanitize=thread -Db_lundef=false || return
	slower=10 TSAN_OPTIONS=halt_on_error=1 tests tsan build-tsan race
}
stage_live() {
	build live build || return
	if $install; then
		for peer in anvil solc evm_js op_js light_relay elements_js wally btcd bitcoind lnd op-geth; do
			one live "$peer" "tools/peers/$peer.sh"
		done
	fi
	at_once=$waiting tests live build live
}
stage_fuzz() {
	CC=clang build fuzz build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false || return
	for target in build-fuzz/fuzz/fuzz_*; do
		[ -f "$target" ] && [ -x "$target" ] || continue
		name=${target##*/fuzz_}
		mkdir -p "build-fuzz/corpus/$name"
		one fuzz "$name" "$target" -max_total_time="${FUZZ_SECONDS:-600}" -timeout=10 -rss_limit_mb=2048 \
			-artifact_prefix="build-fuzz/corpus/crash-$name-" "build-fuzz/corpus/$name" "fuzz/corpus/$name"
	done
}
stage_long() {
	build long build || return
	if $install; then
		one long geth tools/peers/geth.sh
	fi
	tests long build long
}

if $install; then
	sets="build test"
	case " ${only:-live} " in *" live "*) sets="$sets peers" ;; esac
	# shellcheck disable=SC2086 # a list of words
	tools/install.sh $sets || echo "         going on with what is installed"
fi
stages=$STAGES
if $long; then stages="$stages $LONG_STAGES"; fi
for stage in ${only:-$stages}; do
	"stage_$stage"
done

printf '\n%s%d min %02d s%s\n' "$dim" $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60)) "$off"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
