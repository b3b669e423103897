#!/usr/bin/env bash
# Runs simulations of random seeds for some seconds; AREG_SEED gives the first one. No seed may find anything.
#   campaign.sh AREG_LAB SECONDS
set -euo pipefail
seed=${AREG_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "AREG_SEED=$seed"
exec "$1" sim -q --seed "$seed" --run "${AREG_TEST_SECONDS:-$2}s"
