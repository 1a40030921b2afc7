#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh BUILD: runs the fuzz targets of a build for libFuzzer, each for FA_FUZZ_SECONDS (8), as many at a time as there are cores.  The corpus of the
# source tree is read and never written; what is found beyond it is kept in BUILD/fuzz-corpus.  Inputs that failed are named at the end.
set -euo pipefail
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
seconds=${FA_FUZZ_SECONDS:-8}
work=$build/fuzz-run
rm -rf "$work"
mkdir -p "$work"

run_one() {
  local name=$1 corpus
  corpus=$here/corpus/$name
  mkdir -p "$build/fuzz-corpus/$name" "$work/$name"
  ( cd "$work/$name" && ASAN_OPTIONS=detect_leaks=1 "$build/bin/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
      "$build/fuzz-corpus/$name" "$corpus" ) >"$work/$name.log" 2>&1 || echo "$name" >>"$work/failed"
  printf '%-12s %s\n' "$name" "$(grep -E '^#[0-9]+.*(DONE|pulse|NEW|REDUCE|RELOAD|INITED)' "$work/$name.log" | tail -n 1 | tr -s '\t ' ' ')"
}
export -f run_one
export build here seconds work

for program in "$build"/bin/fuzz/fuzz_*; do echo "${program##*/fuzz_}"; done | xargs -P "$(nproc)" -I{} bash -c 'run_one {}'
if [ -s "$work/failed" ]; then
  while read -r name; do
    tail -n 40 "$work/$name.log"
    echo "fuzz_$name failed; the input is in $work/$name: run $build/bin/fuzz/fuzz_$name with it, and keep a small form of it in tests/fuzz/corpus/$name"
  done <"$work/failed"
  exit 1
fi
