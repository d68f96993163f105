#!/usr/bin/env bash
# A SLURM cluster of this one machine, to try out what maskwright does under srun.
#
#   bench/cluster/slurm.sh up        start munged, slurmctld and slurmd (as root; Debian: apt-get install
#                                    --no-install-recommends slurmctld slurmd slurm-client munge)
#   bench/cluster/slurm.sh down      stop them
#
# Everything it writes lies under PLACE (default /tmp/maskwright-slurm); no service is installed.
# Partition `main` has two tasks' worth of processors; jobs of partition `urgent` send those of `main` back
# into the queue, with 30 seconds to write a checkpoint.
set -euo pipefail
place=${PLACE:-/tmp/maskwright-slurm}
host=$(hostname -s)
export SLURM_CONF=$place/slurm.conf

stop() {
  for name in slurmd slurmctld munged; do
    [ -f "$place/$name.pid" ] && kill "$(cat "$place/$name.pid")" 2>/dev/null || true
  done
}

write_configuration() {
  cat >"$SLURM_CONF" <<CONF
ClusterName=trial
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$place/munge.socket
CredType=cred/munge
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool
SlurmctldPidFile=$place/slurmctld.pid
SlurmdPidFile=$place/slurmd.pid
SlurmctldLogFile=$place/slurmctld.log
SlurmdLogFile=$place/slurmd.log
# Nothing of the kernel is asked for: this also runs inside a container.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobRequeue=1
ReturnToService=2
KillWait=30
MinJobAge=3600
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES PriorityTier=1 GraceTime=30 State=UP
PartitionName=urgent Nodes=$host PriorityTier=10 PreemptMode=OFF State=UP
CONF
}

case ${1:-} in
up)
  stop
  mkdir -p "$place"/{state,spool,munge}
  [ -f "$place/munge/key" ] || dd if=/dev/urandom of="$place/munge/key" bs=1024 count=1 status=none
  chmod 700 "$place/munge" && chmod 400 "$place/munge/key"
  munged --force --key-file="$place/munge/key" --socket="$place/munge.socket" --pid-file="$place/munged.pid" \
    --log-file="$place/munged.log" --seed-file="$place/munge/seed" --num-threads=2
  write_configuration
  slurmctld -c
  # Trainings that are tried out give way to other work of this machine.
  nice -n 19 slurmd -c
  for _ in $(seq 30); do
    sinfo -h -o %t | grep -q idle && break
    sleep 1
  done
  sinfo
  echo "export SLURM_CONF=$SLURM_CONF"
  ;;
down)
  stop
  ;;
*)
  sed -n '2,11p' "$0" && exit 2
  ;;
esac
