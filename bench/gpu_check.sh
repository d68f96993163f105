#!/usr/bin/env bash
# Everything that is to be known of a card, in at most eight minutes and without network.
#
#   bench/gpu_check.sh              on an NVIDIA card: build/gpu_check/gpu_check_cuda.json
#   bench/gpu_check.sh mps          on an Apple machine, shorter, in float32; names operations that fall back
#   bench/gpu_check.sh cpu          the same programs with tiny sizes, about two minutes: does the check itself work?
#   bench/gpu_check.sh wheels 3.12  fetch what a machine without network may lack into .wheels, for that Python
#
# More words go to bench/gpu/check.py: --out FOLDER, --only PART ..., --data PICTURES (labeled, for the last part).
# PYTHON names the interpreter (default .venv/bin/python where it is, else python3). Pictures are made by code.
# The machine needs torch, torchvision, transformers and pytest; wheels in .wheels are unpacked beside them.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
kind=${1:-cuda}
[ $# -gt 0 ] && shift

# What maskwright needs and images with torch often lack; everything else has to be there.
small=(msgspec wcmatch bracex shtab filelock)
if [ "$kind" = wheels ]; then
  for name in "${small[@]}"; do
    version=$("$python" -c "from importlib.metadata import version; print(version('$name'))")
    "$python" -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: -d .wheels \
      --python-version "${1:-3.12}" --implementation cp --platform manylinux_2_28_x86_64 \
      --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 "$name==$version"
  done
  ls -l .wheels
  exit
fi

more=
if ls .wheels/*.whl >/dev/null 2>&1; then
  # Unpacked into a folder of its own: nothing of the machine is changed.
  more=$(mktemp -d)
  "$python" -m pip install -q --disable-pip-version-check --no-index --no-deps --target "$more" .wheels/*.whl
fi
export PYTHONPATH="$PWD/src:$PWD:$PWD/bench:$PWD/bench/gpu${more:+:$more}${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" bench/gpu/check.py "$kind" "$@"
