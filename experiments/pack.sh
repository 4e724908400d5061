#!/bin/sh
# Packs what experiments/gpu.sh needs beside a checkout into one file: the samples of UTD-MHAD and USC-HAD as the readers
# give them, the pure Python packages that a machine with PyTorch may lack, and hashes of the committed code.
#   experiments/pack.sh [FILE]     build/gpu.tar.xz by default; $BIN has cosmo-pl and pip, .venv/bin by default
set -eu
file=${1:-build/gpu.tar.xz}
bin=${BIN:-.venv/bin}
code="src configs experiments/*.yaml experiments/orders experiments/presets experiments/sweeps"
test -z "$(git status --porcelain -- $code)" || { echo "pack.sh: the code has changes. Commit them." >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git rev-parse --short=12 HEAD > "$work/commit"
git ls-files -z -- $code | xargs -0 sha256sum > "$work/code.sha256"
for config in utd usc; do "$bin/cosmo-pl" data pack "configs/${config}_stage1.yaml" --out "$work/data"; done
"$bin/cosmo-pl" data pack configs/utd_stage1.yaml --modalities '[inertial]' --out "$work/data"  # of CPC
mkdir -p "$(dirname "$file")" "$work/wheels"
"$bin/pip" download --quiet --no-deps --only-binary=:all: --platform any -d "$work/wheels" -c constraints.txt \
  jsonargparse docstring_parser typeshed_client
XZ_OPT=-1 tar -cJf "$file.part" -C "$work" commit code.sha256 data wheels
mv "$file.part" "$file"
du -h "$file"
