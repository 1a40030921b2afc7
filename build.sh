#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# build.sh        installs what is missing, builds into build/, and runs the main job: build/bin/fa-gen demo
# build.sh test   the same set-up, then all tests: as built, under ASan and UBSan, the thread tests under TSan, and the fuzz targets for a while
#
# Run either at any time and in any order: what is there already is left alone, what is half done is completed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
top=$PWD
umask 022 # some CI runners have 0; what others may write to is not trusted
packages="gcc g++ libc6-dev cmake ninja-build liblua5.4-dev libcmocka-dev libjansson-dev libxxhash-dev ca-certificates"
# for the tests of the installed copy: its users' compilers and tools, and what computes a Debian package's dependencies
packages="$packages pkg-config dpkg-dev file"
log=$top/build/setup.log

say() { printf '== %s\n' "$*"; }
fail() { printf 'build.sh: error: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then env DEBIAN_FRONTEND=noninteractive "$@"
  elif command -v sudo >/dev/null; then sudo env DEBIAN_FRONTEND=noninteractive "$@"
  else fail "packages are missing and there is no sudo; as root, run: apt-get install -y $packages"; fi
}

install_packages() {
  local missing='' package
  if ! command -v dpkg-query >/dev/null; then
    say "no Debian packages on this machine: gcc, g++, cmake, ninja, make, pkg-config, Lua 5.4 (static), cmocka, jansson (static) and xxhash are expected"
    return
  fi
  for package in $packages; do
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | cut -c1-2)" = ii ] || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  say "installing$missing"
  {
    as_root dpkg --configure -a # completes an interrupted run
    as_root apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 update
    as_root apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 install --no-install-recommends $missing
  } >"$log" 2>&1 </dev/null || {
    tail -n 20 "$log" >&2
    fail "packages could not be installed (see $log): $missing"
  }
}

# configure DIRECTORY [cmake arguments]: always, it takes a second, and completes what was interrupted.
configure() {
  local directory=$1
  shift
  if [ -e "$directory/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$top" "$directory/CMakeCache.txt"; then
    rm -rf "$directory/CMakeCache.txt" "$directory/CMakeFiles" # the checkout was moved
  fi
  cmake -S "$top" -B "$directory" -G Ninja -DFA_TOOLCHAIN_DIR="$top/build/toolchain" "$@" >"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    fail "cmake failed (see $log); if build/ is from another machine or version, remove it"
  }
}

# build DIRECTORY [targets]
build() {
  local directory=$1
  shift
  ninja -C "$directory" "$@" >"$log" 2>&1 || {
    grep -v '^\[' "$log" | tail -n 60 >&2
    fail "the build in $directory failed (see $log)"
  }
}

setup() {
  mkdir -p "$top/build" && : >"$log" || fail "$top/build cannot be written"
  install_packages
  gen/toolchain/setup.sh "$top/build/toolchain"
  say "building into build/"
  configure "$top/build"
  build "$top/build"
}

# run_tests DIRECTORY: all tests of one build.
run_tests() {
  (cd "$1" && ctest --output-on-failure -j"$(nproc)" --no-tests=error) || failed="$failed $1"
}

run_all_tests() {
  failed=
  say "tests"
  run_tests "$top/build"
  say "tests under address and undefined behaviour sanitizers"
  configure "$top/build/asan" -DFA_SANITIZE=address
  build "$top/build/asan"
  run_tests "$top/build/asan"
  say "thread tests under the thread sanitizer"
  configure "$top/build/tsan" -DFA_SANITIZE=thread
  build "$top/build/tsan"
  run_tests "$top/build/tsan"
  if command -v clang-14 >/dev/null; then
    say "fuzz targets under libFuzzer, ${FA_FUZZ_SECONDS:-8} s each"
    configure "$top/build/fuzz" -DFA_SANITIZE=address -DFA_LIBFUZZER=ON -DCMAKE_C_COMPILER=clang-14
    build "$top/build/fuzz" fuzz-targets
    tests/fuzz/run.sh "$top/build/fuzz" || failed="$failed $top/build/fuzz"
  else
    say "no clang-14: the fuzz targets are not run under libFuzzer"
  fi
  [ -z "$failed" ] || fail "tests failed in$failed"
  say "all tests passed"
}

case "${1:-}" in
  '') setup; say "build/bin/fa-gen demo"; exec "$top/build/bin/fa-gen" demo ;;
  test)
    packages="$packages clang-14 libclang-rt-14-dev" # libFuzzer: 54 MB to fetch
    setup
    run_all_tests
    ;;
  *) echo "usage: build.sh [test]" >&2; exit 2 ;;
esac
