#!/usr/bin/env bash
# Runs every test from a fresh checkout: installs what is missing, builds, tests. The last line is the summary of all
# runs together; any failure makes the exit code 1.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

usage() {
    cat <<'EOT'
usage: scripts/test.sh [--preset NAME]... [--quick]

Without options: all tests in the dev build, all that can differ there with the address and undefined-behaviour
sanitizers, and those of threads with the thread sanitizer. What is shipped is built, too: its optimisation warns of
more.

  --preset NAME  only this preset (see CMakePresets.json); may be repeated
  --quick        only the dev preset, without the tests of real clusters
EOT
}

presets=()
ctest_options=()
while (($#)); do
    case $1 in
    --preset)
        [[ $# -ge 2 ]] || { usage >&2 && exit 2; }
        presets+=("$2")
        shift
        ;;
    --quick)
        presets=(dev)
        ctest_options+=(-LE '^cluster$')
        ;;
    --help | -h)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
    shift
done
builds=()
((${#presets[@]})) || { presets=(dev asan tsan) && builds=(release); }

scripts/setup.sh || exit 1
((${#ctest_options[@]})) || scripts/setup.sh --tests || echo "test: without a browser, no report is looked at"

# A passed test is one short line; the header and the summary of each run are left out for the one at the end.
summary='^[0-9]+% tests passed, '
noise="$summary|^Total Test time|^Test project|^ +Start +[0-9]+:|^Internal ctest|^Errors while running CTest|^\$"
test_count=0
failed_count=0
failed_presets=()
for preset in "${builds[@]}"; do
    scripts/build.sh "$preset" || failed_presets+=("$preset (build)")
done
declare -A targets=([tsan]=threads_tests) # what else is there would be built for nothing
for preset in "${presets[@]}"; do
    scripts/build.sh "$preset" ${targets[$preset]:+"${targets[$preset]}"} ||
        { failed_presets+=("$preset (build)") && continue; }
    log=build/$preset/test.log
    echo "test: $preset"
    ctest --preset "$preset" --no-label-summary "${ctest_options[@]}" 2>&1 | tee "$log" |
        grep -vE "$noise"
    [[ ${PIPESTATUS[0]} == 0 ]] || failed_presets+=("$preset")
    if [[ $(grep -E "$summary" "$log" | tail -n 1) =~ ,\ ([0-9]+)\ tests?\ failed\ out\ of\ ([0-9]+) ]]; then
        failed_count=$((failed_count + BASH_REMATCH[1]))
        test_count=$((test_count + BASH_REMATCH[2]))
    fi
done

if ((${#failed_presets[@]})); then
    echo "test: failed: ${failed_presets[*]}" >&2
fi
# What could not be built or run at all counts as one failure each, so that this line never says 100% by mistake.
if ((failed_count == 0 && ${#failed_presets[@]})); then
    failed_count=${#failed_presets[@]}
    test_count=$((test_count + failed_count))
fi
passed_percent=$((test_count ? (test_count - failed_count) * 100 / test_count : 0))
echo "test: ${presets[*]}, $SECONDS s"
echo "$passed_percent% tests passed, $failed_count tests failed out of $test_count"
((failed_count == 0 && test_count > 0))
