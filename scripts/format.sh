#!/usr/bin/env bash
# Formats every C file of the repository with clang-format; with --check it changes nothing and fails if a file differs.
set -euo pipefail
cd "$(dirname "$0")/.."

mode=(-i)
case "${1:-}" in
"") ;;
--check) mode=(--dry-run -Werror) ;;
*)
    echo "usage: scripts/format.sh [--check]" >&2
    exit 2
    ;;
esac

# Tracked files and new ones, but not ignored ones.
git ls-files -z --cached --others --exclude-standard '*.c' '*.h' | xargs -0 -r clang-format --style=file "${mode[@]}"
