#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh FA_GEN EXAMPLES: the Slurm example on a cluster of one machine, made in a folder of its own: munge, slurmctld and slurmd with keys, ports and
# folders that nobody else has. Ends with 77, and says why, where Slurm is not installed or may not run.
set -eu
fa_gen=$1 examples=$2
skip() { echo "skipped: $*"; exit 77; }
for program in munged slurmctld slurmd sbatch sinfo; do
  command -v $program >/dev/null || skip "$program is not installed (Debian: apt-get install slurm-wlm)"
done
[ "$(id -u)" -eq 0 ] || skip "slurmd starts jobs as root only"

top=$(mktemp -d /tmp/fa-slurm-XXXXXX)
pids=
clean() {
  for pid in $pids; do kill "$pid" 2>/dev/null || :; done
  for pid in $pids; do wait "$pid" 2>/dev/null || :; done
  rm -rf "$top"
}
trap clean EXIT
trap 'exit 1' INT TERM
fail() { echo "failed: $*"; tail -n 20 "$top"/*.log "$top"/out/*.log 2>/dev/null || :; exit 1; }

# munge: its folders must be closed to others.
chmod 755 "$top"
mkdir -m 700 "$top/munge" "$top/state" "$top/spool"
mkdir -m 755 "$top/socket" "$top/out"
dd if=/dev/urandom of="$top/munge/key" bs=128 count=1 2>/dev/null
chmod 400 "$top/munge/key"
munged --foreground --socket="$top/socket/munge" --key-file="$top/munge/key" --pid-file="$top/munge/pid" --log-file="$top/munge/log" --seed-file="$top/munge/seed" \
  >"$top/munged.log" 2>&1 &
pids="$pids $!"

host=$(hostname -s)
ports=$((20000 + $$ % 20000))
cat >"$top/slurm.conf" <<CONF
ClusterName=fagen
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmctldPort=$ports
SlurmdPort=$((ports + 1))
AuthType=auth/munge
AuthInfo=socket=$top/socket/munge
CredType=cred/munge
StateSaveLocation=$top/state
SlurmdSpoolDir=$top/spool
SlurmctldPidFile=$top/slurmctld.pid
SlurmdPidFile=$top/slurmd.pid
SlurmctldLogFile=$top/slurmctld.log
SlurmdLogFile=$top/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,sched_min_interval=10000,batch_sched_delay=1,bf_interval=1
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
CONF
export SLURM_CONF="$top/slurm.conf"
slurmctld -D >"$top/ctld-out.log" 2>&1 &
pids="$pids $!"
slurmd -D >"$top/slurmd-out.log" 2>&1 &
pids="$pids $!"
for wait in $(seq 60); do
  sinfo -h -o %T 2>/dev/null | grep -q idle && break
  [ "$wait" -lt 60 ] || fail "the node does not become idle"
  sleep 0.5
done

# As the example's README has it, with two small shards.
cd "$top/out"
export FA_GEN="$fa_gen" FA_MODELS=phi-2 FA_TARGETS=gfx942 FA_OUT="$top/out/packs"
mkdir -p "$FA_OUT"
job=$(sbatch --parsable --array=1-2 --cpus-per-task=1 "$examples/prebuild.sbatch")
timeout 200 sbatch --wait --dependency=afterok:"$job" "$examples/merge.sbatch" >"$top/merge.log" 2>&1 || fail "the merge did not end well"

"$FA_GEN" prebuild --model phi-2 --target gfx942 -o "$top/alone" >"$top/alone.log"
cmp "$FA_OUT/gfx942.fapack" "$top/alone/gfx942.fapack" || fail "the shards' pack is not that of one machine"
[ "$(cd "$FA_OUT" && echo *.fapack)" = gfx942.fapack ] || fail "shards are left: $(ls "$FA_OUT")"
cat "$top"/out/*.log
echo "ok: two array tasks and a merge gave the bytes of one machine"
