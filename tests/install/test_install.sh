#!/usr/bin/env bash
# Installs a built tree into a prefix, moves that prefix away, and uses it from outside: by pkg-config and by
# find_package, from C and from C++; then starts every installed program.
#   test_install.sh BUILD_DIR VERSION
set -euo pipefail

build=$1
version=$2
consumer=$(cd "$(dirname "$0")" && pwd)/consumer
work=$build/tests/install/work
rm -rf "$work"
mkdir -p "$work"

fail() {
    echo "install: $*" >&2
    exit 1
}

# expect_version COMMAND...: the command says this version, and nothing else.
expect_version() {
    local said
    said=$("$@") || fail "$* failed"
    [[ $said == "$version" ]] || fail "$* says \"$said\", not \"$version\""
}

cmake --install "$build" --prefix "$work/first" >"$work/install.log"
# An installed prefix can be moved: nothing in it may name where it was, or where it was built.
mv "$work/first" "$work/prefix"
prefix=$work/prefix
lib=$(cd "$(dirname "$(find "$prefix" -name libareg.so)")" && pwd)

for file in "$prefix/include/areg.h" "$lib/libareg.so.$version" "$lib/pkgconfig/libareg.pc" \
    "$lib"/cmake/areg/areg{Config,ConfigVersion,Targets}.cmake; do
    [[ -f $file ]] || fail "$file is missing"
done
[[ $(find "$prefix/include" -type f | wc -l) == 1 ]] || fail "more than areg.h is in include/"
soname=$(objdump -p "$lib/libareg.so" | awk '$1 == "SONAME" { print $2 }')
[[ $soname == "libareg.so.${version%%.*}" ]] || fail "the SONAME is $soname"
[[ -e $lib/$soname ]] || fail "$soname does not lead to the library"
if grep -rIl -e "$work/first" -e "$build" "$prefix"; then
    fail "these files name the place where they were built or installed first"
fi

# By pkg-config.
export PKG_CONFIG_PATH=$lib/pkgconfig
[[ $(pkg-config --modversion libareg) == "$version" ]] || fail "pkg-config knows another version"
read -ra flags <<<"$(pkg-config --cflags --libs libareg)"
strict=(-Wall -Wextra -Werror -pedantic)
cc -std=c11 "${strict[@]}" -o "$work/by_pkg_config_c" "$consumer/main.c" "${flags[@]}"
c++ -std=c++17 "${strict[@]}" -o "$work/by_pkg_config_cc" "$consumer/main.cc" "${flags[@]}"
expect_version env LD_LIBRARY_PATH="$lib" "$work/by_pkg_config_c"
expect_version env LD_LIBRARY_PATH="$lib" "$work/by_pkg_config_cc"

# By find_package.
cmake -S "$consumer" -B "$work/consumer" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" >"$work/consumer.log"
cmake --build "$work/consumer" >>"$work/consumer.log" || fail "$(cat "$work/consumer.log")"
expect_version "$work/consumer/consumer_c"
expect_version "$work/consumer/consumer_cc"

# Programs find their library without help.
for program in "$prefix"/bin/*; do
    env -u LD_LIBRARY_PATH "$program" --version | grep -qF "$version" || fail "$program does not say its version"
done
