#!/usr/bin/env bash
# Installs the Debian packages that are missing for building and testing areg. Where all are there, it needs no root,
# touches no network and prints nothing.
#
#   --tests  instead, what tests can do without, since they skip what needs it: a browser, about 100 MB, that looks
#            at reports
set -euo pipefail

packages=(
    build-essential ccache cmake ninja-build pkg-config python3
    libconfig-dev libisal-dev liblmdb-dev libmsgpack-dev libsodium-dev libxxhash-dev libzmq3-dev
    libcmocka-dev clang-format
)
[[ ${1-} != --tests ]] || packages=(chromium fonts-dejavu-core)

is_installed() {
    [[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

if ! command -v dpkg-query >/dev/null; then
    echo "setup: this is no Debian system; install what corresponds to: ${packages[*]}" >&2
    exit 1
fi

missing=()
for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
    exit 0
fi

if ((EUID == 0)); then
    as_root=(env)
elif command -v sudo >/dev/null; then
    as_root=(sudo env)
else
    echo "setup: these Debian packages are missing, and installing them needs root or sudo:" >&2
    echo "    apt-get install ${missing[*]}" >&2
    exit 1
fi

install_missing() {
    "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
}

echo "setup: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The package lists may be missing or too old; so they are renewed only if the first try fails.
if ! install_missing >"$log" 2>&1; then
    if ! { "${as_root[@]}" apt-get update -q && install_missing; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "setup: could not install ${missing[*]}" >&2
        exit 1
    fi
fi
