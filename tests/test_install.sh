#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# test_install.sh PART SOURCE BUILD: what is installed works by itself, moved to another place, and from other people's projects.
#   tree      what lies where; a moved copy finds its parts, and nothing of the build tree
#   consumer  tests/consumer in C and C++, by CMake and by pkg-config, shared and static, run on the emulator
#   examples  the installed examples, built by themselves
#   packages  the Debian packages, taken apart and installed into a root of their own
set -u
part=$1 source=$2 build=$3
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failures=0
fail() { printf 'FAILED %s\n' "$*"; failures=$((failures + 1)); }
must() { # NAME COMMAND...: it succeeds; what it printed is in $out
  local name=$1
  shift
  out=$("$@" 2>&1) || fail "$name: $* ended with $?: $out"
}
contains() { # NAME PART: of $out
  case "$out" in *"$2"*) ;; *) fail "$1: no \"$2\" in: $out" ;; esac
}

# Nothing of this shell's environment but what every user has.
clean() { env -i PATH="${path:-/usr/sbin:/usr/bin:/sbin:/bin}" HOME="$scratch/home" TMPDIR="$scratch" FA_CACHE_DIR="$scratch/cache" "$@"; }

# bring_compiler PREFIX: to its place there, unless it is the machine's ROCm.
bring_compiler() {
  [ -e "$build/lib/fa-gen/toolchain/root" ] || return 0
  mkdir -p "$1/lib/fa-gen"
  ln -s "$(realpath "$build/lib/fa-gen/toolchain")" "$1/lib/fa-gen/toolchain"
}
install_to() { # PREFIX
  cmake --install "$build" --prefix "$1" >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
  bring_compiler "$1"
}

tree() {
  install_to "$scratch/first"
  local p="$scratch/another place" file command
  mv "$scratch/first" "$p"
  for file in bin/fa-gen libexec/fa-gen/fa-gen-worker include/fagen/fagen.h include/fagen/emulator.h lib/libfagen.a lib/libfagen-emulator.a lib/libfagen.so \
    lib/libfagen.so.0 lib/libfagen-emulator.so.0 lib/libfagen-jit.so lib/cmake/fagen/fagen-config.cmake \
    lib/cmake/fagen/fagen-config-version.cmake lib/pkgconfig/fagen.pc \
    share/fa-gen/setup.sh share/fa-gen/models.json share/fa-gen/demo/cards_layer0_q.npy share/man/man1/fa-gen.1.gz share/man/man3/libfagen.3.gz \
    share/bash-completion/completions/fa-gen share/zsh/site-functions/_fa-gen share/fish/vendor_completions.d/fa-gen.fish share/doc/fa-gen/README.md \
    share/doc/fa-gen/copyright share/doc/libfagen-dev/examples/CMakeLists.txt; do
    [ -r "$p/$file" ] || fail "tree: $file is not installed"
  done
  out=$(grep -rlF -e "$build" -e "$(realpath "$build")" -e "$source/" "$p" 2>&1)
  [ -z "$out" ] || fail "tree: a path of the build is in: $out"
  for command in $(clean "$p/bin/fa-gen" --help | sed -n '/^commands:/,/^$/s/^  \([a-z-]*\).*/\1/p'); do
    zcat "$p/share/man/man1/fa-gen-$command.1.gz" 2>&1 | grep -q '^\.SH OPTIONS' || fail "tree: no page of fa-gen $command"
  done
  out=$(nm "$p/lib/libfagen.a" "$p/lib/libfagen-emulator.a" | awk '$2 ~ /^[A-TV-Z]$/ && $3 !~ /^fa_/')
  [ -z "$out" ] || fail "tree: names in the static libraries that are not the headers': $out"

  # the moved tool with its worker, compiler, emulator and data
  local d="$p/share/fa-gen/demo/short_layer2"
  must run clean "$p/bin/fa-gen" run -q "${d}_q.npy" -k "${d}_k.npy" -v "${d}_v.npy" --device emulator:gfx1100
  must completion clean bash -c 'source "$1" && complete -p fa-gen' - "$p/share/bash-completion/completions/fa-gen"
  # started by a link, as a user's bin folder has it
  mkdir "$scratch/bin" && ln -s "$p/bin/fa-gen" "$scratch/bin/fa-gen"
  must link clean "$scratch/bin/fa-gen" build target=gfx942 head_dim=32
  # without its own worker it takes no other one, such as the build's
  mv "$p/libexec" "$p/elsewhere"
  out=$(clean "$p/bin/fa-gen" build target=gfx942 head_dim=40 2>&1) && fail "tree: a worker was found, though the installed one is gone"
  contains "no worker" "no fa-gen-worker beside the library"
}

consumer() {
  local p=$scratch/prefix program
  install_to "$p"
  must configure cmake -S "$source/tests/consumer" -B "$scratch/cmake" -DCMAKE_PREFIX_PATH="$p"
  must "build by CMake" cmake --build "$scratch/cmake" -j2
  # the library's own worker is found from the library; a program with the library in it finds it by the fa-gen in PATH
  must c_fagen clean "$scratch/cmake/c_fagen" emulator:gfx942
  contains c_fagen "C gfx942 compiled: O = 20"
  out=$(clean FA_CACHE_DIR="$scratch/other" "$scratch/cmake/c_static" emulator:gfx942 2>&1) && fail "c_static: found a worker without PATH"
  contains "c_static alone" "LD_LIBRARY_PATH"
  # what it is called by whoever starts it says nothing
  mkdir "$scratch/bad" && : >"$scratch/bad/c_static"
  printf '#!/bin/sh\n: >"%s"\n' "$scratch/ran" >"$scratch/bad/fa-gen-worker" && chmod +x "$scratch/bad/fa-gen-worker"
  out=$(clean FA_CACHE_DIR="$scratch/other" LD_LIBRARY_PATH="$p/lib" \
    bash -c 'exec -a "$1" "$2" emulator:gfx942' - "$scratch/bad/c_static" "$scratch/cmake/c_static" 2>&1) &&
    fail "c_static: found a worker by its name"
  contains "c_static called otherwise" "no fa-gen-worker"
  [ ! -e "$scratch/ran" ] || fail "c_static: a worker was run that lies where argv[0] says"
  # nor does what lies where anybody may put it
  mkdir -m 1777 "$scratch/open" && cp "$scratch/bad/fa-gen-worker" "$scratch/cmake/c_static" "$scratch/open"
  out=$(clean FA_CACHE_DIR="$scratch/other" LD_LIBRARY_PATH="$p/lib" "$scratch/open/c_static" emulator:gfx942 2>&1) &&
    fail "c_static: found a worker in a folder open to all"
  contains "c_static in an open folder" "no fa-gen-worker"
  local path=$p/bin:/usr/bin:/bin
  must c_static clean FA_CACHE_DIR="$scratch/other" "$scratch/cmake/c_static" emulator:gfx942
  contains c_static "C gfx942 compiled: O = 20"
  must cxx_fagen clean "$scratch/cmake/cxx_fagen" emulator:gfx1100
  contains cxx_fagen "C++ gfx1100 compiled: O = 20"
  must cxx_static clean "$scratch/cmake/cxx_static" emulator:gfx1100
  contains cxx_static "C++ gfx1100 disk: O = 20"
  for program in emulator emulator-static; do must $program clean "$scratch/cmake/$program"; done

  cp -r "$source/tests/consumer" "$scratch/make"
  must "build by make" env PKG_CONFIG_PATH="$p/lib/pkgconfig" make -s -j2 -C "$scratch/make"
  for program in c_shared c_static; do
    must "make $program" clean "$scratch/make/$program" emulator:gfx942
    contains "make $program" "C gfx942 disk: O = 20"
  done
  for program in cxx_shared cxx_static; do
    must "make $program" clean "$scratch/make/$program" emulator:gfx1100
    contains "make $program" "C++ gfx1100 disk: O = 20"
  done
  # a program that cannot open shared libraries is told so
  must "link all statically" env PKG_CONFIG_PATH="$p/lib/pkgconfig" make -s -C "$scratch/make" c_all_static
  out=$(clean "$scratch/make/c_all_static" 2>&1) && fail "c_all_static: has a device"
  contains c_all_static "linked with -static"
  for program in emulator emulator_static; do must "make $program" clean "$scratch/make/$program"; done
  must modversion env PKG_CONFIG_PATH="$p/lib/pkgconfig" pkg-config --modversion fagen
  [ "$out" = "$(sed -n 's/^project(fagen VERSION \([0-9.]*\).*/\1/p' "$source/CMakeLists.txt")" ] || fail "pkg-config says version $out"
}

examples() {
  local p=$scratch/prefix
  install_to "$p"
  must configure cmake -S "$p/share/doc/libfagen-dev/examples" -B "$scratch/examples" -DCMAKE_PREFIX_PATH="$p"
  must build clean cmake --build "$scratch/examples" -j2
  must run clean ctest --test-dir "$scratch/examples" --output-on-failure --no-tests=error
  contains run "100% tests passed"
}

packages() {
  local version root=$scratch/root deb
  version=$(sed -n 's/^project(fagen VERSION \([0-9.]*\).*/\1/p' "$source/CMakeLists.txt")
  must cpack cpack --config "$build/CPackConfig.cmake" -B "$scratch/packages"
  field() { dpkg-deb -f "$scratch"/packages/"$1"_"$version"_*.deb "$2"; }
  out=$(field fa-gen Depends)
  contains "fa-gen depends" "libfagen0 (= $version)"
  contains "fa-gen depends" "libc6 (>= "
  contains "fa-gen depends" "libjansson4"
  out=$(field libfagen0 Depends)
  contains "libfagen0 depends" "libc6 (>= "
  case "$out" in *jansson* | *lua* | *stdc++*) fail "libfagen0 depends on $out" ;; esac
  out=$(field libfagen-dev Depends)
  contains "libfagen-dev depends" "libfagen0 (= $version)"
  out=$(dpkg-deb -I "$scratch"/packages/libfagen0_*.deb shlibs)
  contains shlibs "libfagen 0 libfagen0"

  mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/var/log"
  : >"$root/var/lib/dpkg/status"
  if [ "$(id -u)" -eq 0 ]; then
    must "dpkg -i" clean dpkg --root="$root" --force-depends --force-script-chrootless -i "$scratch"/packages/*.deb
    must "dpkg -V" clean dpkg --root="$root" -V fa-gen libfagen0 libfagen-dev
  else # taken apart only
    for deb in "$scratch"/packages/*.deb; do must "$deb" dpkg-deb -x "$deb" "$root"; done
  fi
  bring_compiler "$root/usr"
  must version clean "$root/usr/bin/fa-gen" version
  contains version "$version"
  must build clean "$root/usr/bin/fa-gen" build target=gfx1100 head_dim=32
  if [ "$(id -u)" -eq 0 ]; then
    rm -rf "$root/usr/lib/fa-gen"
    must "dpkg -P" clean dpkg --root="$root" --force-script-chrootless -P libfagen-dev fa-gen libfagen0
    out=$(find "$root/usr" -type f 2>/dev/null)
    [ -z "$out" ] || fail "removing the packages left $out"
  fi
}

mkdir -p "$scratch/home"
case "$part" in
  tree | consumer | examples | packages) "$part" ;;
  *) echo "usage: test_install.sh tree|consumer|examples|packages SOURCE BUILD" >&2; exit 2 ;;
esac
[ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
