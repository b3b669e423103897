#!/usr/bin/env bash
# A long campaign of the simulator: seeds that nobody has run yet, on all cores. It can be ended at any time, and goes
# on where it was the next time. What it finds is printed with the command that shows it again; what it has done is
# added to build/soak/log.
#   scripts/soak.sh MINUTES [FLAG OF areg-lab sim...]
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
'' | *[!0-9]*)
    echo "usage: scripts/soak.sh MINUTES [FLAG OF areg-lab sim...]" >&2
    exit 2
    ;;
esac
minutes=$1
shift

scripts/build.sh release areg-lab >&2
mkdir -p build/soak
{
    echo "# $(date -u +%FT%TZ), revision $(git describe --always --dirty 2>/dev/null || echo unknown)"
    code=0
    build/release/bin/areg-lab sim --run "${minutes}m" --state build/soak/next "$@" || code=$?
    echo "# exit code $code"
    exit "$code"
} | tee -a build/soak/log
exit "${PIPESTATUS[0]}"
