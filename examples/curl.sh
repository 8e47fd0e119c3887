#!/usr/bin/env bash
# Submits grid.json, waits for its runs, prints each gap and downloads the last checkpoint of the first run.
#   CONVEXWEB_TOKEN  an API token, made on the account page
#   CONVEXWEB_URL    the server's address, default http://127.0.0.1:5080
# Needs curl and jq.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
url=${CONVEXWEB_URL:-http://127.0.0.1:5080}/api/v1
token=${CONVEXWEB_TOKEN:?set CONVEXWEB_TOKEN to an API token from the account page}

# The token is passed in a file descriptor: arguments are visible to other users of the host.
# Errors are ProblemDetails in JSON, shown as they are.
api() { curl -sS --fail-with-body -K <(printf 'header = "Authorization: Bearer %s"\n' "$token") "$@"; }

# 1. Submit. All runs of the study are stored, or none.
study=$(api "$url/runs" -H 'Content-Type: application/json' --data-binary @grid.json)
mapfile -t runs < <(jq -r '.runIds[]' <<<"$study")
echo "study $(jq .studyId <<<"$study"): runs ${runs[*]}"

# 2. Poll until every run has ended.
query=$(printf 'ids=%s&' "${runs[@]}")
while rows=$(api "$url/runs?${query}limit=${#runs[@]}"); do
  waiting=$(jq '[.items[] | select(.state | IN("Succeeded", "Failed", "Cancelled") | not)] | length' <<<"$rows")
  [ "$waiting" -gt 0 ] || break
  echo "$waiting of ${#runs[@]} runs have not ended"
  sleep 2
done
jq -r '.items | sort_by(.id)[] | "run \(.id)  \(.convexity)  \(.labels) labels  seed \(.seed)  \(.state)  gap \(.gap)"' <<<"$rows"

# 3. Read the points of a run, in columns. `seq` of one answer is `after` of the next while `more` is true.
after=0
more=true
while [ "$more" = true ]; do
  batch=$(api "$url/runs/${runs[0]}/points?metrics=gap&metrics=train/accuracy&after=$after")
  jq -r '.series[] | .metric as $m | [.steps, .values] | transpose[] | "\($m)  step \(.[0])  \(.[1])"' <<<"$batch"
  after=$(jq .seq <<<"$batch")
  more=$(jq .more <<<"$batch")
done

# 4. Download a checkpoint. An interrupted download continues with curl's -C -.
checkpoint=$(api "$url/runs/${runs[0]}" | jq -r 'first(.checkpoints[] | select(.kind == "last")) | .id')
api "$url/checkpoints/$checkpoint" -o "run${runs[0]}-last.safetensors"
echo "run${runs[0]}-last.safetensors"
