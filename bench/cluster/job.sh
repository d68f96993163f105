#!/usr/bin/env bash
#SBATCH --job-name=maskwright
#SBATCH --ntasks=2
#SBATCH --requeue
#SBATCH --signal=USR1@60
#SBATCH --open-mode=append
# A training that outlives its time on the cluster: sbatch bench/cluster/job.sh RUN PICTURES [flags of pretrain].
#
# A minute before its time is over, or when a job of higher priority takes its place, the training gets a
# signal, writes a checkpoint and ends with exit code 130. Then this job goes back into the queue, and goes on
# from the checkpoint when it is started again.
run=$1 pictures=$2
shift 2

# What is there decides whether a training begins or goes on.
words=("$pictures" --devices "${DEVICES:-2}" --nodes "${SLURM_JOB_NUM_NODES:-1}" --overwrite "$@")
[ -f "$run/checkpoints/last.ckpt" ] && words=(--resume)

# The signal of a preemption comes to this script too, and it has to outlive the training.
trap : TERM
srun --kill-on-bad-exit=1 maskwright pretrain "${words[@]}" --out "$run" &
wait $!
code=$?
# A signal to this script ends `wait` early; the training is still writing its checkpoint.
while kill -0 $! 2>/dev/null; do wait $!; code=$?; done

echo "exit code $code after start ${SLURM_RESTART_COUNT:-0}"
# 130 says: stopped as asked, can go on. Where the cluster requeues the job itself, this fails harmlessly.
[ "$code" = 130 ] && scontrol requeue "$SLURM_JOB_ID"
exit "$code"
