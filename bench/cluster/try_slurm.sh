#!/usr/bin/env bash
# What a training of two processes does on a real SLURM: bench/cluster/slurm.sh up, then this.
#
#   bench/cluster/try_slurm.sh [FOLDER]
#
# It trains with srun; takes the place of a job by one of higher priority; sends the signal that comes before
# the end of a job's time; and lets workers on the cluster run a study. Every check prints a line; exit code 1
# where one fails.
set -uo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
place=$(realpath -m "${1:-/tmp/maskwright-slurm/trial}")
export SLURM_CONF=${SLURM_CONF:-${PLACE:-/tmp/maskwright-slurm}/slurm.conf}
export PATH="$root/.venv/bin:$PATH" PYTHONPATH="$root/src:$root/bench/cluster" OMP_NUM_THREADS=1
export MASKWRIGHT_CACHE=$place/cache
rm -rf "$place" && mkdir -p "$place" && cd "$place"
failed=0

check() { # check WORDS COMMAND...
  local words=$1
  shift
  if "$@"; then echo "good: $words"; else echo "FAILED: $words" && failed=1; fi
}
field() { python -c "import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])" "$1/run.json" "$2"; }
state_of() { scontrol show job "$1" -o | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p'; }
wait_for() { # wait_for SECONDS COMMAND...
  local seconds=$1
  shift
  for _ in $(seq "$seconds"); do "$@" >/dev/null 2>&1 && return 0; sleep 1; done
  return 1
}
rows() { [ "$(wc -l <"$1/metrics.jsonl" 2>/dev/null || echo 0)" -ge "$2" ]; }
is_state() { [ "$(state_of "$1")" = "$2" ]; }
has_ended() { case $(state_of "$1") in COMPLETED | FAILED | CANCELLED | TIMEOUT) true ;; *) false ;; esac; }
same_weights() {
  python - "$1" "$2" <<'PY'
import sys, torch
left, right = (torch.load(f"{run}/checkpoints/last.ckpt")["state_dict"] for run in sys.argv[1:])
sys.exit(not all(torch.equal(torch.as_tensor(left[name]), torch.as_tensor(right[name])) for name in left))
PY
}

python -c "import numpy; from matrix import draw_pictures; numpy.save('pictures.npy', draw_pictures())"
tiny=(--image-size 16 --patch-size 4 --model vit_nano --batch-size 8 --device cpu --precision 32-true
  --track none --sample-every 1000 --policy hard --ema 0.9 --seed 7 --no-checkup --save-minutes 0.02)

echo "== srun starts two processes"
srun --ntasks=2 maskwright pretrain pictures.npy --devices 2 --steps 400 "${tiny[@]}" --out whole >whole.log 2>&1
check "srun -n 2 maskwright pretrain: exit code 0" [ $? = 0 ]
check "the run is finished, 400 steps, 6,400 pictures" [ "$(field whole state) $(field whole step) $(field whole images)" = "finished 400 6400" ]

echo "== a job of higher priority takes its place"
job=$(sbatch --parsable --output=preempted.log "$root/bench/cluster/job.sh" preempted pictures.npy --steps 400 "${tiny[@]}")
check "it trains" wait_for 120 rows preempted 20
urgent=$(sbatch --parsable --partition=urgent --ntasks=2 --output=urgent.log --wrap "sleep 5")
check "the other job runs" wait_for 60 is_state "$urgent" RUNNING
check "the training goes back into the queue" wait_for 60 is_state "$job" PENDING
check "it was stopped in the middle" [ "$(field preempted state) $(($(field preempted step) < 400))" = "stopped 1" ]
echo "stopped at step $(field preempted step)"
check "it is started again and ends" wait_for 400 has_ended "$job"
cat preempted.log | grep "exit code"
check "it is finished" [ "$(field preempted state) $(field preempted images)" = "finished 6400" ]
check "with the weights of the run that nobody disturbed" same_weights whole preempted

echo "== the signal before the end of a job's time"
job=$(sbatch --parsable --output=signalled.log "$root/bench/cluster/job.sh" signalled pictures.npy --steps 400 "${tiny[@]}")
check "it trains" wait_for 120 rows signalled 20
scancel --signal=USR1 "$job"
check "the training goes back into the queue" wait_for 60 is_state "$job" PENDING
echo "stopped at step $(field signalled step)"
check "it is started again and ends" wait_for 400 has_ended "$job"
check "with the weights of the run that nobody disturbed" same_weights whole signalled

echo "== workers on the cluster run a study"
cat >plan.yaml <<'PLAN'
name: tiny
question: Is block better than random?
data: pictures.npy
base: {image_size: 16, patch_size: 4, model: vit_nano, batch_size: 8, val: "0.2", device: cpu}
arms:
  random: {}
  block: {policy: block(size=2)}
seeds: 1
budget: {steps: 4}
evaluate: {probes: [], masks: [random 0.75], pictures: 8, cross: false}
PLAN
maskwright study plan.yaml --out study --workers 1 --launcher "slurm(timeout_min=10)" >study.log 2>&1
check "maskwright study --launcher slurm: exit code 0" [ $? = 0 ]
tail -5 study.log
exit $failed
