#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# test_setup.sh SOURCE_DIRECTORY: the set-up of the compiler, as far as it can be tested without a network: which mirrors it reads from apt's
# configuration, and what it says when something is missing.
set -u
setup=$1/gen/toolchain/setup.sh
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failures=0
if ls /opt/rocm*/lib/libhiprtc.so.[67] /usr/lib/x86_64-linux-gnu/libhiprtc.so.[67] /usr/lib64/libhiprtc.so.[67] >/dev/null 2>&1; then have_rocm=1; else have_rocm=0; fi

expect() { # NAME EXPECTED GOT
  if [ "$2" != "$3" ]; then
    printf 'FAILED %s\nexpected: %s\ngot:      %s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
  fi
}
contains() { # NAME EXPECTED_PART GOT
  case "$3" in *"$2"*) ;; *) expect "$1" "...$2..." "$3" ;; esac
}
mirrors() { env -u FA_DEBIAN_MIRROR bash "$setup" --mirrors "$scratch/apt" | paste -sd' '; }

mkdir -p "$scratch/apt/sources.list.d"
expect 'no configuration' '' "$(mirrors)"

cat >"$scratch/apt/sources.list" <<'END'
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/x.gpg] http://one.example/debian bookworm main contrib # the usual one
deb-src http://source.example/debian bookworm main
deb http://security.example/debian-security bookworm-security main
deb cdrom:[Debian]/ bookworm main
deb http://vendor.example/repo vendor-bookworm main
deb http://other.example/linux bookworm stable
END
expect 'sources.list' 'http://one.example/debian' "$(mirrors)"

printf 'deb http://vendor.example/debian-packages bookworm main' >"$scratch/apt/sources.list.d/a.list" # no end of line
printf 'Types: deb deb-src\nURIs: http://two.example/debian/\n  http://three.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n' \
  >"$scratch/apt/sources.list.d/b.sources"
printf 'Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: bookworm\nComponents: main\n\nTypes: deb\n# a comment\nURIs: mirror+file:/etc/apt/mirrors/debian.list\nSuites: trixie\nComponents: main\n' \
  >"$scratch/apt/sources.list.d/c.sources"
printf 'Types: deb-src\nURIs: http://source.example/debian\nSuites: bookworm\nComponents: main\n' >"$scratch/apt/sources.list.d/d.sources"
expect 'all forms, Debian by name first' \
  'http://one.example/debian http://two.example/debian/ http://three.example/debian http://vendor.example/debian-packages mirror+file:/etc/apt/mirrors/debian.list' \
  "$(mirrors)"
expect 'override' 'http://mine.example/debian' "$(FA_DEBIAN_MIRROR=http://mine.example/debian bash "$setup" --mirrors "$scratch/apt")"

bash "$setup" >/dev/null 2>&1
expect 'usage' 2 $?
contains 'a directory that cannot be made' 'cannot be made' "$(bash "$setup" /proc/nonexistent/directory 2>&1)"

if [ $have_rocm = 0 ] && command -v apt-get >/dev/null; then
  got=$(FA_DEBIAN_MIRROR=http://127.0.0.1:9/debian timeout 60 bash "$setup" "$scratch/toolchain" 2>&1)
  expect 'no network: exit code' 1 $?
  contains 'no network' 'error: the mirror http://127.0.0.1:9/debian cannot be reached; see to the network, or name another mirror' "$got"
  [ ! -e "$scratch/toolchain/complete" ] && [ ! -e "$scratch/toolchain/root" ] || expect 'no network leaves nothing that looks complete' '' "$(ls "$scratch/toolchain")"

  # A mirror that nobody signed for.
  mkdir -p "$scratch/fake/dists/testing/main/binary-amd64"
  : >"$scratch/fake/dists/testing/main/binary-amd64/Packages"
  printf 'Origin: Debian\nSuite: testing\nCodename: testing\nDate: Sat, 01 Nov 2025 00:00:00 UTC\nArchitectures: amd64\nComponents: main\n' >"$scratch/fake/dists/testing/Release"
  got=$(FA_DEBIAN_MIRROR=file:$scratch/fake timeout 60 bash "$setup" "$scratch/toolchain" 2>&1)
  expect 'unsigned: exit code' 1 $?
  contains 'unsigned' "does not verify with /usr/share/keyrings/debian-archive-keyring" "$got"

  # A set that is marked complete but lacks a file is not taken for one.
  mkdir -p "$scratch/half/root/usr/lib64"
  echo 'libhiprtc6 libhiprtc-builtins6 libamd-comgr3' >"$scratch/half/complete"
  FA_DEBIAN_MIRROR=http://127.0.0.1:9/debian timeout 60 bash "$setup" "$scratch/half" >/dev/null 2>&1
  expect 'half a set' 1 $?

  if [ "$(id -u)" = 0 ] && mkdir "$scratch/small" && mount -t tmpfs -o size=4m none "$scratch/small" 2>/dev/null; then
    got=$(bash "$setup" "$scratch/small/toolchain" 2>&1)
    umount "$scratch/small"
    contains 'small disk' 'MB of free space; 800 MB are needed' "$got"
  fi
fi

[ $failures = 0 ] && echo "set-up: all cases passed"
exit $failures
