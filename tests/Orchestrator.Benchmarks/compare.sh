#!/bin/sh
# Whole DPO steps of the peer (PyTorch, dpo_step.py) and of this program, one after the other, then ratios of medians. Both start from the
# same weights and take the same pairs; no time counts unless the losses of the first steps agree.
#   compare.sh PEERS [model,...] [dtype,...] [rounds]
# PEERS: folder with the peer's dpo_step.py and bench/ (or set ORCHESTRATOR_PEERS).
# ORCHESTRATOR_PEER_KINDS among: recipe (as TRL has it, tuned environment), plain (the same in a plain environment: for memory),
#   full (grouped by length, response logits, precomputed reference). Default: recipe.
# ORCHESTRATOR_REFERENCES among: live precompute. ORCHESTRATOR_STEPS, _WARMUP, _WORKERS, _THREADS: 5, 3, 1, 1.
# ORCHESTRATOR_BENCH_OPTIONS: further options of `orchestrator bench step`. ORCHESTRATOR_LINES: keeps all lines in this file. PYTHON: /usr/bin/python3.
set -eu
peers=${1:-${ORCHESTRATOR_PEERS:?give the folder of the peers as first argument or in ORCHESTRATOR_PEERS}}
models=${2:-llama-15m,llama-vocab128k,gpt2-mini}; dtypes=${3:-fp32,bf16}; rounds=${4:-3}
kinds=${ORCHESTRATOR_PEER_KINDS:-recipe}; references=${ORCHESTRATOR_REFERENCES:-live precompute}
steps=${ORCHESTRATOR_STEPS:-5}; warmup=${ORCHESTRATOR_WARMUP:-3}; workers=${ORCHESTRATOR_WORKERS:-1}; threads=${ORCHESTRATOR_THREADS:-1}
python=${PYTHON:-/usr/bin/python3}
here=$(cd "$(dirname "$0")" && pwd); root=$(cd "$here/../.." && pwd)
dotnet build -c Release -v quiet "$here" >/dev/null; dotnet build -c Release -v quiet "$root/src/Orchestrator.Host" >/dev/null
ours="$root/src/Orchestrator.Host/bin/Release/net10.0/linux-x64/orchestrator"
ratios="dotnet $here/bin/Release/net10.0/linux-x64/Orchestrator.Benchmarks.dll step-ratios"
scratch=$(mktemp -d); lines=$scratch/lines; trap 'rm -rf "$scratch"' EXIT

peer() { # further options
  "$python" "$peers/dpo_step.py" --model "$peers/bench/$model" --data "$data" --pairs-per-step "$pairs" --pairs-per-microbatch "$leaf" \
    --workers "$workers" --threads "$threads" --steps "$steps" --warmup-steps "$warmup" --dtype "$dtype" --init "$init" "$@" >>"$lines"
}

for model in $(echo "$models" | tr , ' '); do
  data=$peers/bench/pairs_512.jsonl; pairs=8; leaf=4; init=$scratch/$model.safetensors
  case $model in
    llama-15m) data=$peers/bench/pairs_512_mod32000.jsonl; pairs=16; leaf=8 ;;
    llama-vocab128k) pairs=4; leaf=2 ;;
  esac
  "$python" "$peers/dpo_step.py" --model "$peers/bench/$model" --data "$data" --pairs-per-step 1 --pairs-per-microbatch 1 --workers 1 --threads 1 \
    --steps 1 --warmup-steps 0 --export-init "$init" >/dev/null
  for round in $(seq "$rounds"); do
    for dtype in $(echo "$dtypes" | tr , ' '); do
      echo "$model $dtype, round $round of $rounds, load $(cut -d' ' -f1-3 /proc/loadavg)" >&2
      for kind in $kinds; do
        case $kind in
          recipe) peer ;;
          plain) peer --env plain ;;
          full) peer --group-by-length --logits response --reference precomputed ;;
        esac
      done
      for reference in $references; do
        # shellcheck disable=SC2086
        "$ours" bench step --config "$peers/bench/$model" --init "$init" --data "$data" --pairs-per-step "$pairs" --pairs-per-leaf "$leaf" \
          --workers "$workers" --threads "$threads" --steps "$steps" --warmup-steps "$warmup" --dtype "$dtype" --reference "$reference" --json \
          ${ORCHESTRATOR_BENCH_OPTIONS:-} 2>"$scratch/stderr" >>"$lines" || { cat "$scratch/stderr" >&2; exit 1; }
      done
    done
  done
  [ -z "${ORCHESTRATOR_LINES:-}" ] || cp "$lines" "$ORCHESTRATOR_LINES"
done
$ratios "$lines"
