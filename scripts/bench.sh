#!/usr/bin/env bash
# Measures areg against the limit of its libraries on this machine, in turns, and prints one table. Builds the release
# preset first; everything it writes is under build/bench/, and nothing is left running.
#   scripts/bench.sh [--quick] [--sizes 256,64KiB] [--depths 1,16,64] [--sync batch,none] [--repeat N] [--run SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/build.sh release areg-lab aregd areg-bare >&2
exec python3 tests/bench/compare.py --bin build/release/bin --dir build/bench "$@"
