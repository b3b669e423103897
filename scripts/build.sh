#!/usr/bin/env bash
# Configures and builds one preset (default: dev) into build/PRESET, and prints only what went wrong.
#   scripts/build.sh [PRESET [TARGET...]]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${1:-dev}
shift || true
jobs=${AREG_JOBS:-$(nproc)}
log=build/$preset/build.log
mkdir -p "build/$preset"

started=$SECONDS
if ! { cmake --preset "$preset" && cmake --build "build/$preset" -j "$jobs" ${1:+--target "$@"}; } >"$log" 2>&1; then
    grep -vE '^\[[0-9]+/[0-9]+\] |^-- ' "$log" | head -n 200 >&2
    echo "build: the $preset preset failed; all of it is in $log" >&2
    exit 1
fi
echo "build: $preset, $((SECONDS - started)) s"
