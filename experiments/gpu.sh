#!/bin/sh
# On a machine with a GPU and no network: checks that GPU and CPU compute the same loss, times stage 1 on both, then runs
# what is missing of experiments/orders/gpu.yaml with several processes on the card until the time is up.
#   experiments/gpu.sh PACKED RESULTS [SECONDS] [JOBS]
# PACKED is the file of experiments/pack.sh, made from the same commit; RESULTS the archive that it leaves, to be unpacked
# in the checkout that the tables are made in. $PYTHON is Python with PyTorch, Lightning and scikit-learn;
# $ACCELERATOR=cpu tries the script on a machine without a GPU.
set -eu
packed=$1 archive=$2 seconds=${3:-600} jobs=${4:-8}
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m tarfile -e "$packed" "$work"
sha256sum --check --quiet "$work/code.sha256" || { echo "gpu.sh: this is not commit $(cat "$work/commit"), which was packed. Check it out, or pack again." >&2; exit 1; }
"$python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --target "$work/site" "$work"/wheels/*.whl
export PYTHONPATH="$PWD/src:$PWD/experiments:$work/site" COSMO_PL_DATA="$work/data" COSMO_PL_CACHE="$work/cache"
export COSMO_PL_COMMIT="$(cat "$work/commit")" COSMO_PL_BUSY=1 PYTHONUNBUFFERED=1
mkdir -p experiments/results
"$python" experiments/gpu.py --accelerator "${ACCELERATOR:-gpu}"
touch "$work/start"
timeout --kill-after=30 "$((seconds + 60))" "$python" -X faulthandler -m cosmo_pl \
  study evidence --here=true --order=experiments/orders/gpu.yaml --time_limit="${seconds}s" --jobs="$jobs" --runs="$work/runs" \
  || echo "gpu.sh: some runs failed, see above" >&2
find experiments/results -name '*.json' -newer "$work/start" -print0 | tar -czf "$archive" --null -T -
echo "$(tar -tzf "$archive" | wc -l) results in $archive"
