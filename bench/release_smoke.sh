#!/usr/bin/env bash
# Build wheel and sdist, install each into an empty environment, and run what a newcomer runs there.
#
#   bench/release_smoke.sh          borrows torch and the other dependencies from this environment (about a minute)
#   bench/release_smoke.sh full     installs everything with pip alone, as a user does (gigabytes, minutes)
#
# PYTHON names the interpreter (default .venv/bin/python); OUT keeps the built files (default build/release).
set -euo pipefail
cd "$(dirname "$0")/.."
mode=${1:-borrow}
python=$(realpath -s "${PYTHON:-.venv/bin/python}")
out=${OUT:-build/release}
# What is tested is the installed package, never this folder.
unset PYTHONPATH
export OMP_NUM_THREADS=1

rm -rf "$out" && mkdir -p "$out"
builder=$(realpath -s .venv/bin/python)
"$builder" -m build --outdir "$out" . >"$out/build.log" 2>&1 || { tail -20 "$out/build.log"; exit 1; }
"$builder" -m twine check --strict "$out"/*.whl "$out"/*.tar.gz
if tar tzf "$out"/*.tar.gz | grep -q 'docs/studies/.*\.html'; then
  echo "The sdist holds reports of studies." && exit 1
fi
wc -c "$out"/*.whl "$out"/*.tar.gz

smoke() {
  local file=$1 place
  place=$(mktemp -d)
  "$python" -m venv "$place/venv"
  local bin=$place/venv/bin began=$SECONDS
  if [ "$mode" = full ]; then
    "$bin/pip" install -q --disable-pip-version-check "$file"
    # An installed size says what a user waits for.
    du -sh "$place/venv" | cut -f1
  else
    # hatchling builds the sdist; all other packages are those of this environment.
    "$builder" -c 'import site; print(site.getsitepackages()[0])' >"$place/borrowed.pth"
    mv "$place/borrowed.pth" "$("$bin/python" -c 'import site; print(site.getsitepackages()[0])')/"
    "$bin/pip" install -q --disable-pip-version-check --no-deps --ignore-installed "$file"
  fi
  echo "installed $(basename "$file") in $((SECONDS - began)) s"
  (
    cd "$place"
    export MASKWRIGHT_CACHE=$place/cache
    "$bin/python" - <<'CHECK'
import importlib.metadata, sys
from pathlib import Path

import maskwright

here = Path(maskwright.__file__).parent
assert here.is_relative_to(sys.prefix), f"{here} is not what was installed"
assert maskwright.__version__ == importlib.metadata.version("maskwright")
assert (here / "py.typed").exists() and list((here / "zoo").glob("*.safetensors"))
print("maskwright", maskwright.__version__, "on Python", sys.version.split()[0])
CHECK
    "$bin/maskwright" list policies | sed -n 1,3p
    "$bin/maskwright" masks "dead-leaves:n=8,size=32" --policy "random; block(size=2)" --draws 100 | tail -1
    "$bin/maskwright" reconstruct zoo:dead-leaves-32 "dead-leaves:n=8,size=32" --out filled.png | tail -1
    "$bin/maskwright" pretrain "dead-leaves:n=64,size=32" --steps 4 --batch-size 16 --out RUN | tail -1
    "$bin/maskwright" inspect RUN | sed -n 1,2p
    # A mistake of the user's: a sentence and exit code 2, no traceback.
    code=0; "$bin/maskwright" masks NOWHERE 2>answer.txt || code=$?; [ "$code" = 2 ]
    if grep -q Traceback answer.txt; then exit 1; fi; cat answer.txt
  )
  rm -rf "$place"
}

for file in "$out"/*.whl "$out"/*.tar.gz; do
  smoke "$(realpath "$file")"
done
echo "release: both install and run ($mode)"
