#!/bin/sh
# Rounds of gloo and of this program's transports, one after the other, then ratios of medians.
#   compare-allreduce.sh PEERS [ranks] [bytes,bytes...] [rounds]
# PEERS: folder with the peers' run.sh (or set ORCHESTRATOR_PEERS); ORCHESTRATOR_PEER_KINDS adds to "gloo": "gloo tcp shm" runs OpenMPI too.
# ORCHESTRATOR_WAYS chooses among: shm grpc bf16 one.
set -eu
peers=${1:-${ORCHESTRATOR_PEERS:?give the folder of the peers as first argument or in ORCHESTRATOR_PEERS}}
ranks=${2:-2}; bytes=${3:-4096,26214400,104857600,524288000}; rounds=${4:-5}
kinds=${ORCHESTRATOR_PEER_KINDS:-gloo}; ways=${ORCHESTRATOR_WAYS:-shm grpc bf16 one}
here=$(cd "$(dirname "$0")" && pwd)
dotnet build -c Release -v quiet "$here" >/dev/null
ours="dotnet $here/bin/Release/net10.0/linux-x64/Orchestrator.Benchmarks.dll"
lines=$(mktemp); trap 'rm -f "$lines"' EXIT
for round in $(seq "$rounds"); do
  echo "round $round of $rounds, load $(cut -d' ' -f1-3 /proc/loadavg)" >&2
  for kind in $kinds; do "$peers/run.sh" "$kind" "$ranks" "$bytes" >>"$lines"; done
  for way in $ways; do
    case $way in
      shm) how="--transport shm" ;;
      grpc) how="--transport grpc" ;;
      bf16) how="--transport grpc --wire bf16" ;;
      one) how="--one-process" ;;
    esac
    $ours allreduce --ranks "$ranks" --bytes "$bytes" $how --rounds 1 --json >>"$lines"
  done
done
[ -z "${ORCHESTRATOR_LINES:-}" ] || cp "$lines" "$ORCHESTRATOR_LINES"
$ours ratios "$lines"
