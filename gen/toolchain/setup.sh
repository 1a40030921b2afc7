#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# setup.sh DIRECTORY: sees to it that there is a compiler for GPU kernels (hiprtc, comgr, LLVM).
#
# A machine with ROCm 6 or 7 has one, and nothing is done.  Otherwise the packages come from Debian testing into DIRECTORY/root, beside the
# system and without root: a private apt state, signatures verified with Debian's keyring, and later started through their own loader.  Run
# again at any time: a finished set-up is recognised at once, a half-done one is completed.
#
# FA_DEBIAN_MIRROR overrides the mirror that is read from the machine's own apt configuration; setup.sh --mirrors [APT_DIRECTORY] prints what
# is read there.
set -u
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
packages="libhiprtc6 libhiprtc-builtins6 libamd-comgr3"
megabytes=800 # downloads 60, unpacked 260, package lists 100, and room

say() { printf 'toolchain: %s\n' "$*"; }
fail() { printf 'toolchain: error: %s\n' "$*" >&2; exit 1; }

# ---- mirrors: the machine's own entries for Debian, those that end in /debian first ----

apt=/etc/apt
print_files() { local file; for file in "$@"; do [ -r "$file" ] && { cat "$file"; echo; }; done; }
entries() { # prints: URI SUITE COMPONENTS...
  print_files "$apt"/sources.list "$apt"/sources.list.d/*.list |
    awk '$1 == "deb" { sub(/#.*/, ""); sub(/\[[^]]*\]/, ""); $1 = ""; print }'
  print_files "$apt"/sources.list.d/*.sources | awk '
    function flush(  i, j, u, s) {
      if (uris != "" && types ~ /(^| )deb( |$)/ && enabled !~ /^(no|false|0|off)$/) {
        split(uris, u, " "); split(suites, s, " ")
        for (i = 1; i in u; i++) for (j = 1; j in s; j++) print u[i], s[j], components
      }
      uris = suites = types = components = enabled = field = ""
    }
    /^[ \t]*$/ { flush() }
    /^#/ { next }
    /^[A-Za-z-]+:/ { field = tolower($0); sub(/:.*/, "", field); sub(/^[A-Za-z-]+:[ \t]*/, "") }
    /[^ \t]/ {
      if (field == "uris") uris = uris " " $0
      if (field == "suites") suites = suites " " $0
      if (field == "types") types = types " " $0
      if (field == "components") components = components " " $0
      if (field == "enabled") enabled = tolower($0)
    }
    END { flush() }'
}
mirrors() {
  if [ -n "${FA_DEBIAN_MIRROR:-}" ]; then echo "$FA_DEBIAN_MIRROR"; return; fi
  entries | awk '
    $2 !~ /^(buster|bullseye|bookworm|trixie|forky|duke|sid|oldoldstable|oldstable|stable|testing|unstable)$/ { next }
    $1 ~ /security/ || $1 ~ /^cdrom:/ { next }
    { main = 0; for (i = 3; i <= NF; i++) if ($i == "main") main = 1; if (!main) next }
    !seen[$1]++ { if ($1 ~ /\/debian\/?$/) print "1", $1; else print "2", $1 }' | sort -s -k1,1 | cut -d' ' -f2
}
if [ "${1:-}" = --mirrors ]; then
  apt=${2:-$apt}
  mirrors
  exit 0
fi
[ $# -eq 1 ] || { echo "usage: setup.sh DIRECTORY" >&2; exit 2; }
mkdir -p "$1" || fail "the directory $1 cannot be made"
directory=$(cd "$1" && pwd) || fail "the directory $1 cannot be entered"
root=$directory/root work=$directory/work stamp=$directory/complete

# ---- is there one already? ----

rocm() {
  local lib
  for lib in /opt/rocm/lib $(ls -d /opt/rocm*/lib 2>/dev/null | sort -rV) /usr/lib/x86_64-linux-gnu /usr/lib64; do
    if { [ -e "$lib/libhiprtc.so.7" ] || [ -e "$lib/libhiprtc.so.6" ]; } && { [ -e "$lib/libamd_comgr.so.3" ] || [ -e "$lib/libamd_comgr.so.2" ]; }; then
      echo "$lib"
      return 0
    fi
  done
  return 1
}
unpacked() { # the set that lies there is whole
  [ -e "$stamp" ] && [ "$(head -n 1 "$stamp" 2>/dev/null)" = "$packages" ] && [ -x "$root/usr/lib64/ld-linux-x86-64.so.2" ] &&
    [ -e "$root/usr/lib/x86_64-linux-gnu/libhiprtc.so.6" ] && [ -e "$root/usr/lib/x86_64-linux-gnu/libamd_comgr.so.3" ]
}

if lib=$(rocm); then
  say "using the ROCm libraries in $lib"
  exit 0
fi
if unpacked; then
  exit 0
fi

# ---- what is needed for it ----

for tool in apt-get dpkg-deb dpkg flock; do
  command -v $tool >/dev/null || fail "neither ROCm 6 or 7 nor $tool is here; install ROCm, or run this on Debian or a relative of it"
done
[ "$(dpkg --print-architecture)" = amd64 ] || fail "the compiler's packages are used on amd64; this machine is $(dpkg --print-architecture)"
keyring=
for file in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
  [ -z "$keyring" ] && [ -r "$file" ] && keyring=$file
done
[ -n "$keyring" ] || fail "Debian's keyring (/usr/share/keyrings/debian-archive-keyring.gpg) is missing, so nothing could be verified; install the package debian-archive-keyring"

exec 9>"$directory/lock" || fail "$directory cannot be written"
flock -n 9 || say "waiting for another set-up in $directory"
flock -w 600 9 || fail "another set-up has held $directory/lock for ten minutes"
if unpacked; then exit 0; fi # made by whoever held the lock
free=$(df -Pk "$directory" | awk 'NR==2 {print int($4 / 1024)}')
[ "${free:-0}" -ge $megabytes ] || fail "$directory has ${free:-0} MB of free space; $megabytes MB are needed"

list=$(mirrors) # the machine's own entries for Debian
[ -n "$list" ] || fail "the machine's apt configuration names no Debian mirror; name one in FA_DEBIAN_MIRROR"

# ---- download ----

apt_private() {
  apt-get -q -o Dir::State="$work/state" -o Dir::State::lists="$work/state/lists" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" \
    -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferences=/dev/null \
    -o Dir::Etc::preferencesparts=/dev/null -o Dir::Log="$work" -o APT::Install-Recommends=0 -o APT::Architecture=amd64 -o APT::Architectures=amd64 \
    -o APT::Update::Error-Mode=any -o APT::Get::AllowUnauthenticated=0 -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=1 \
    -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false -o Acquire::Retries=3 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 \
    -o Acquire::AllowInsecureRepositories=0 -o DPkg::Post-Invoke= -o APT::Update::Post-Invoke= -o APT::Update::Post-Invoke-Success= "$@"
}
explain() { # why apt failed, from its log
  tail -n 12 "$work/log" >&2
  if grep -qiE 'no space left|disk quota' "$work/log"; then fail "the disk is full; free some space in $directory and run this again"
  elif grep -qE 'NO_PUBKEY|not signed|signatures (were|couldn)|BADSIG|EXPKEYSIG' "$work/log"; then
    fail "the signature of $1 does not verify with $keyring; is it a Debian mirror, and is the package debian-archive-keyring up to date?"
  elif grep -qiE 'could not (resolve|connect)|temporary failure|connection (failed|refused|timed out)|network is unreachable|timed out|unable to connect' "$work/log"; then
    fail "$1 cannot be reached; see to the network, or name another mirror in FA_DEBIAN_MIRROR, and run this again: what is there already is kept"
  else fail "apt could not get the packages from $1 (its messages stand above)"; fi
}

rm -rf "$work/root" "$work/old"
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" || fail "$work cannot be made"
: >"$work/status" || fail "$work cannot be written"
used=
for mirror in $list; do
  say "reading the package list of Debian testing"
  echo "deb [signed-by=$keyring] $mirror testing main" >"$work/sources.list"
  if apt_private update >"$work/log" 2>&1; then used=$mirror; break; fi
done
[ -n "$used" ] || explain "the mirror $mirror"
say "downloading hiprtc, comgr and LLVM"
apt_private --download-only -y install $packages >"$work/log" 2>&1 || explain "the mirror $used"

# ---- unpack aside, look at it, move into place ----

say "unpacking"
mkdir -p "$work/root" || fail "$work/root cannot be made"
wanted=$(apt_private -y --print-uris install $packages 2>/dev/null | awk '/^\x27/ {print $2}')
versions=
for archive in "$work"/cache/archives/*.deb; do
  dpkg-deb -x "$archive" "$work/root" 2>"$work/log" || {
    tail -n 5 "$work/log" >&2
    rm -f "$archive"
    fail "$(basename "$archive") could not be unpacked (is the disk full?); run this again"
  }
  versions="$versions$(basename "$archive" .deb)
"
done
[ -z "$wanted" ] || fail "some packages were not downloaded: $wanted; run this again"
loader=$work/root/usr/lib64/ld-linux-x86-64.so.2 libraries=$work/root/usr/lib/x86_64-linux-gnu
[ -x "$loader" ] || fail "the unpacked set has no loader"
for library in libhiprtc.so.6 libamd_comgr.so.3; do
  "$loader" --library-path "$libraries" --list "$libraries/$library" >"$work/log" 2>&1 && ! grep -q 'not found' "$work/log" || {
    cat "$work/log" >&2
    fail "$library does not find all that it needs"
  }
done
# What was unpacked, for `fa-gen toolchain verify`: sums of files, targets of links.
(cd "$work" && find root -type l -printf 'link  %p  %l\n' && find root -type f -print0 | xargs -0 sha256sum) >"$work/files" || fail "$work/files cannot be written"
rm -f "$stamp" # from here to the end the set is not called complete; there is never half a root
{ [ ! -e "$root" ] || mv -T "$root" "$work/old"; } && mv -T "$work/root" "$root" && mv "$work/files" "$directory/files" || fail "$root cannot be put into place"
printf '%s\n%s' "$packages" "$versions" >"$stamp.new" && mv "$stamp.new" "$stamp" || fail "$stamp cannot be written"
rm -rf "$work"
say "ready: $(sed -n 's/^\(libhiprtc6\|libamd-comgr3\|libllvm[0-9]*\)_\([^_]*\)_.*/\1 \2/p' "$stamp" | paste -sd, | sed 's/,/, /g; s/%3a/:/g')"
