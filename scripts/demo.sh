#!/usr/bin/env bash
# A cluster under load on this machine, hosts that fail and come back, and the verdict on everything that the clients
# have seen. Installs what is missing and builds first. The exit code is the verdict; all files are below build/demo/,
# and nothing is left running.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."

host_count=5
code=rs:5,3
process_count=3
clients_per_process=4
key_count=100
value_kib=16
window_s=3

demo=build/demo
bin=build/release/bin

# ---------------------------------------------------------------- what it looks like

bold='' dim='' red='' green='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
fi

clock_ms() {
    local now=${EPOCHREALTIME/./}
    echo $((now / 1000))
}

elapsed() {
    local ms=$(($(clock_ms) - started_ms))
    printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
}

# event TEXT: begins the line of an event; note TEXT or measure ends it.
event() {
    printf '%8s  %s%-36s%s' "$(elapsed)" "$bold" "$1" "$plain"
}

note() {
    printf '  %s%s%s\n' "$dim" "$1" "$plain"
}

heading() {
    printf '%s%8s  %-36s  %7s %6s %7s  %8s %6s %7s  %7s  %6s%s\n' "$dim" \
        '' '' reads/s p50 p99 writes/s p50 p99 longest failed "$plain"
}

# Microseconds as milliseconds.
milliseconds() {
    printf '%d.%d' $(($1 / 1000)) $(($1 % 1000 / 100))
}

# A sleep that a signal ends at once.
nap() {
    sleep "$1" &
    napping=$!
    wait "$napping"
    napping=
}

# Let the load go on for a while, and print what its operations came to in that time; latencies in milliseconds.
measure() {
    nap "$window_s"
    local op ops failed unknown p50 p99 max
    local failed_count=0 longest=0 cells=()
    while IFS=, read -r _ op ops _ _ failed unknown p50 p99 max; do
        case $op in read | write) ;; *) continue ;; esac
        cells+=("$((ops / window_s))" "$(milliseconds "$p50")" "$(milliseconds "$p99")")
        failed_count=$((failed_count + failed + unknown))
        longest=$((max > longest ? max : longest))
    done < <("$bin/areg-lab" summary --csv --last "${window_s}s" "$demo"/load-*.jsonl)
    local colour=$green
    ((failed_count == 0)) || colour=$red
    printf '  %7s %6s %7s  %8s %6s %7s  %7s  %s%6s%s\n' \
        "${cells[@]}" "$(milliseconds "$longest")" "$colour" "$failed_count" "$plain"
}

# ---------------------------------------------------------------- beginning and end

loads=()
napping=

leave() {
    local exit_code=$?
    trap - EXIT INT TERM HUP
    for pid in "${loads[@]}" $napping; do
        { kill -KILL "$pid" && wait "$pid"; } 2>/dev/null || true
    done
    if [[ -e $demo/cluster/state.jsonl ]]; then
        "$bin/areg-lab" down -q --dir "$demo/cluster" || true
    fi
    if ((exit_code != 0)); then
        printf '\n%sdemo: failed (%d)%s; what is left of it: %s\n' "$red" "$exit_code" "$plain" "$demo" >&2
    fi
    exit "$exit_code"
}

scripts/setup.sh
scripts/build.sh release areg aregd areg-lab

trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# An earlier demo that was killed may have left its cluster behind.
if [[ -e $demo/cluster/state.jsonl ]]; then
    "$bin/areg-lab" down -q --dir "$demo/cluster"
fi
rm -rf "$demo"
mkdir -p "$demo"

export AREG_LAB_DIR=$demo/cluster
areg() { "$bin/areg" "$@"; }
host() { "$bin/areg-lab" host "$@"; }

# ---------------------------------------------------------------- the story

started_ms=$(clock_ms)
echo
cat <<EOT
${bold}areg${plain}: atomic registers on $host_count hosts, erasure coded $code: any 3 of 5 fragments give a value back,
and one host may be down at any time. Every process below is real; this is what the clients see (latencies in ms).
EOT
echo
heading

event "$host_count hosts start"
AREG_SEEDS=$("$bin/areg-lab" up -q -n "$host_count" --code "$code")
export AREG_SEEDS
note "on 127.0.0.1, data synced to disk"

event "8 MiB are written, and read back"
head -c 8M /dev/urandom >"$demo/large"
tag=$(areg put large "@$demo/large")
areg get large -o "$demo/large.back"
cmp "$demo/large" "$demo/large.back"
note "version $tag"

event "load begins"
for ((i = 0; i < process_count; i++)); do
    "$bin/areg-lab" bench --mix a --clients "$clients_per_process" --keys "$key_count" --value "${value_kib}KiB" \
        --run 10m --first-client $((i * clients_per_process)) \
        --history "$demo/load-$i.jsonl" --json >"$demo/load-$i.json" &
    loads+=($!)
done
until [[ $("$bin/areg-lab" summary --csv "$demo"/load-*.jsonl 2>/dev/null | grep -c '^[^,]*,read,[1-9]') == 1 ]]; do
    (($(clock_ms) - started_ms < 30000)) || { echo "the load does not begin" >&2 && exit 1; }
    sleep 0.1
done
note "$process_count processes x $clients_per_process clients read and write $key_count registers of $value_kib KiB"

event "all hosts are up"
measure

event "s2 is killed (kill -9)"
host s2 kill
measure

event "the 8 MiB are read without s2"
areg get large -o "$demo/large.back"
cmp "$demo/large" "$demo/large.back"
note "the same bytes"

event "s2 is started again"
host s2 start
measure

event "s5 is killed (kill -9)"
host s5 kill
measure

event "s5 is started again"
host s5 start
measure

event "s3 is frozen (SIGSTOP)"
host s3 pause
measure

event "s3 goes on"
host s3 resume
measure

event "s2 and s4 are killed, one too many"
host s2,s4 kill
nap 1
note "nothing can be read or written: operations wait"

event "both are started again"
host s2,s4 start
measure

event "s1 is restarted in good order"
host s1 stop
host s1 start
measure

event "load ends"
for pid in "${loads[@]}"; do
    kill -TERM "$pid"
done
for pid in "${loads[@]}"; do
    wait "$pid"
done
loads=()
note "$(cat "$demo"/load-*.jsonl | wc -l) operations recorded"

event "at rest"
nap 1
stored=$(areg ping --json | grep -o '"fragment_bytes":[0-9]*' | awk -F: '{ sum += $2 } END { print sum }')
live=$((key_count * value_kib * 1024 + (8 << 20)))
ratio=$(awk -v stored="$stored" -v live="$live" 'BEGIN { printf "%.2f", stored / live }')
note "the hosts hold $ratio bytes for each byte of the values"

event "the hosts are ended"
"$bin/areg-lab" down -q
note "all of them"

echo
echo "${bold}verdict${plain} on what all clients together have seen:"
if "$bin/areg-lab" check --expect-no-failures "$demo"/load-*.jsonl >"$demo/verdict"; then
    sed "s/^/    /; s/linearizable/${green}linearizable${plain}/" "$demo/verdict"
else
    sed "s/^/    /" "$demo/verdict"
    exit 1
fi
