#!/usr/bin/env bash
# Build wheel and sdist, install each into an empty environment, and run what a newcomer runs there.
#
#   bench/release_smoke.sh          uv installs, with the versions of requirements.lock, from its cache (about a minute)
#   bench/release_smoke.sh full     pip alone installs, as a user does (gigabytes, minutes), and mypy reads a program
#
# PYTHON names the interpreter (default: that of .venv); OUT keeps the built files (default build/release).
set -euo pipefail
cd "$(dirname "$0")/.."
mode=${1:-quick}
tools=$(realpath -s .venv/bin)
python=${PYTHON:-$("$tools/python" -c 'import sys; print(sys._base_executable)')}
out=${OUT:-build/release}
locked=$(realpath requirements.lock)
sample=$(realpath tests/typed/sample.py)
# What is tested is the installed package, never this folder.
unset PYTHONPATH
export OMP_NUM_THREADS=1

rm -rf "$out" && mkdir -p "$out"
"$tools/python" -m build --outdir "$out" . >"$out/build.log" 2>&1 || { tail -20 "$out/build.log"; exit 1; }
"$tools/python" -m twine check --strict "$out"/*.whl "$out"/*.tar.gz
# Reports of studies and the site's pages can be made again, and are larger than everything else.
if tar tzf "$out"/*.tar.gz | grep -E 'docs/(studies/.*\.html|generated/)'; then
  echo "The sdist holds what can be made again." && exit 1
fi
wc -c "$out"/*.whl "$out"/*.tar.gz

timed() {
  local began=$SECONDS what=$1
  shift
  "$@"
  echo "[$what: $((SECONDS - began)) s]"
}

install() {
  local place=$1 file=$2
  if [ "$mode" = full ]; then
    "$python" -m venv "$place/venv"
    "$place/venv/bin/pip" install -q --disable-pip-version-check "$file"
  else
    # An empty environment too: uv links the files of its cache into it.
    "$tools/uv" venv -q --python "$python" "$place/venv"
    "$tools/uv" pip install -q -p "$place/venv/bin/python" -c "$locked" "$file"
  fi
}

what_is_installed() {
  "$1/python" - <<'CHECK'
import importlib.metadata, sys
from pathlib import Path

import maskwright

here = Path(maskwright.__file__).parent
assert here.is_relative_to(sys.prefix), f"{here} is not what was installed"
assert maskwright.__version__ == importlib.metadata.version("maskwright")
assert (here / "py.typed").exists() and (here / "__init__.pyi").exists()
assert list((here / "zoo").glob("*.safetensors")) and list((here / "recipes").glob("*.yaml"))
print("maskwright", maskwright.__version__, "on Python", sys.version.split()[0])
CHECK
}

# What a newcomer runs; rendered pictures, so nothing but the package is needed.
first_hour() {
  local bin=$1
  timed "first figure" "$bin/maskwright" masks "dead-leaves:n=8,size=32" --policy "random; block(size=2)" --draws 100
  test -s masks.png
  timed "fill in" "$bin/maskwright" reconstruct zoo:dead-leaves-32 "dead-leaves:n=8,size=32" --out filled.png
  timed "train" "$bin/maskwright" pretrain "dead-leaves:n=64,size=32" --steps 4 --batch-size 16 --out RUN
  "$bin/maskwright" inspect RUN
}

# A mistake of the user's: a sentence and exit code 2, no traceback.
mistake() {
  local code=0
  "$1/maskwright" masks NOWHERE 2>answer.txt || code=$?
  cat answer.txt
  [ "$code" = 2 ] && ! grep -q Traceback answer.txt
}

smoke() {
  local file=$1 place
  place=$(mktemp -d)
  local bin=$place/venv/bin
  echo "== $(basename "$file")"
  timed "install" install "$place" "$file"
  du -sh "$place/venv" | cut -f1
  (
    cd "$place"
    export MASKWRIGHT_CACHE=$place/cache
    what_is_installed "$bin"
    "$bin/maskwright" list policies | sed -n 1,3p
    mistake "$bin"
    # Both hold the same files, so one of them runs everything.
    case $file in *.whl) first_hour "$bin" ;; esac
    if [ "$mode" = full ]; then
      cp "$sample" program.py
      timed "mypy" "$tools/mypy" --strict --python-executable "$bin/python" --cache-dir "$place/mypy" program.py
    fi
  )
  rm -rf "$place"
}

for file in "$out"/*.whl "$out"/*.tar.gz; do
  smoke "$(realpath "$file")"
done
echo "release: both install and run ($mode)"
