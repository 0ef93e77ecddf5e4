#!/usr/bin/env bash
# A Slurm of one node on this very machine, without accounting, for the test beside this script. Needs root, and Debian's
# packages slurm-wlm and munge:  slurm_node.sh start FOLDER [CPUS] [MEMORY_MB]  |  slurm_node.sh stop FOLDER
# Everything it writes is in FOLDER, but for a link to its settings where all Slurm programs look for them.
set -euo pipefail

start() {
  if [[ -e /etc/slurm/slurm.conf && ! -L /etc/slurm/slurm.conf ]]; then
    echo "this machine has a Slurm of its own (/etc/slurm/slurm.conf): leaving it alone" >&2
    return 1
  fi
  local folder=$1 cpus=${2:-$(getconf _NPROCESSORS_ONLN)} memory=${3:-4000}
  mkdir -p "$folder/state" "$folder/spool" "$folder/munge"
  chmod 755 "$folder"
  dd if=/dev/urandom of="$folder/munge/key" bs=128 count=1 status=none
  chmod 700 "$folder/munge"
  chmod 400 "$folder/munge/key"
  cat >"$folder/slurm.conf" <<CONF
ClusterName=book
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/jobs.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2
KillWait=5
ReturnToService=2
NodeName=$(hostname) NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$memory State=UNKNOWN
PartitionName=book Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
  munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" \
    --pid-file="$folder/munge/pid" --log-file="$folder/munge/log" --seed-file="$folder/munge/seed"
  ln -sf "$folder/slurm.conf" /etc/slurm/slurm.conf
  slurmctld
  slurmd
  for _ in $(seq 100); do
    sinfo --noheader --format=%T 2>/dev/null | grep -q idle && return 0
    sleep 0.2
  done
  tail -n 20 "$folder/slurmctld.log" "$folder/slurmd.log" >&2
  stop "$folder"
  return 1
}

stop() {
  local name
  for name in slurmd.pid slurmctld.pid munge/pid; do
    if [[ -f "$1/$name" ]]; then kill "$(cat "$1/$name")" 2>/dev/null || true; fi
  done
  if [[ "$(readlink /etc/slurm/slurm.conf)" == "$1/slurm.conf" ]]; then rm /etc/slurm/slurm.conf; fi
}

case "${1:-}" in
  start) start "${@:2}" ;;
  stop) stop "$2" ;;
  *) sed -n '2,4s/^# //p' "$0" >&2; exit 2 ;;
esac
