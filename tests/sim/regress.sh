#!/usr/bin/env bash
# Runs every line of regress.seeds again; nothing may be found.
#   regress.sh AREG_LAB SEEDS
set -euo pipefail
run_count=0
failed_count=0
while read -r line; do
    read -ra flags <<<"${line%%#*}"
    ((${#flags[@]})) || continue
    run_count=$((run_count + 1))
    if ! "$1" sim -q "${flags[@]}"; then
        echo "broken again: $line"
        failed_count=$((failed_count + 1))
    fi
done <"$2"
echo "$run_count lines, $failed_count broken"
((run_count > 0 && failed_count == 0))
