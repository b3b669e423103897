#!/usr/bin/env bash
# A cluster on this machine whose code, hosts and size change while clients read and write; hosts that fail; and the
# verdict on everything that the clients have seen. Installs what is missing and builds first. The exit code is the
# verdict; all files are below build/demo/, and nothing is left running.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."

process_count=3
clients_per_process=4
key_count=1000
value_kib=16
window_ms=3000
# A change must not make the slowest hundredth of the operations slower than so many times what it was before.
rise_max=5

case "${1:-}" in
'') ;;
--quick) # the same story in a hurry, in which latencies say nothing
    window_ms=300
    rise_max=1000
    ;;
*)
    echo "usage: scripts/demo.sh [--quick]" >&2
    exit 2
    ;;
esac

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

# Milliseconds as seconds, microseconds as milliseconds, tenths as a number.
tenths() {
    printf '%d.%d' $(($1 / 10)) $(($1 % 10))
}

# event TEXT: begins the line of an event, and its window of time; note TEXT or measure ends the line.
event() {
    event_name=$1
    event_ms=$(clock_ms)
    printf '%6s s  %s%-33s%s' "$(tenths $(((event_ms - started_ms) / 100)))" "$bold" "$1" "$plain"
}

note() {
    printf '  %s%s%s\n' "$dim" "$1" "$plain"
}

# A line below that of an event.
remark() {
    printf '%10s%s%s%s\n' '' "$dim" "$1" "$plain"
}

heading() {
    printf '%s%8s  %-33s  %7s %6s %7s  %8s %6s %7s  %7s  %6s  %s%s\n' "$dim" \
        '' '' reads/s p50 p99 writes/s p50 p99 longest failed 'p99 to before' "$plain"
}

# A sleep that a signal ends at once.
nap_ms() {
    sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))" &
    napping=$!
    wait "$napping"
    napping=
}

max() {
    echo $(($1 > $2 ? $1 : $2))
}

# ---------------------------------------------------------------- what clients see

p99_read=0 p99_write=0 # of the last window, in microseconds
problems=()
unsettled=() # the change whose next window is awaited: its name and p99s, and those of the window before
changes=()   # of each: how many times, in tenths, its p99 is that of its neighbours; a colon; its name
noise=10     # the same between thirds of a window in which nothing happens

# How many times, in tenths, the p99s $1 (reads) and $2 (writes) are $3 and $4.
rise() {
    max $(($1 * 10 / ($3 > 0 ? $3 : 1))) $(($2 * 10 / ($4 > 0 ? $4 : 1)))
}

# A change is compared with the window before it. But more hosts on the same cores are slower for ever, and a machine
# may become slow just then for reasons of its own; then the next window, in which nothing changes, is as slow.
# So what counts is what stands out from both.
settle_change() {
    ((${#unsettled[@]})) || return 0
    local before after
    before=$(rise "${unsettled[@]:1:4}")
    after=$(rise "${unsettled[@]:1:2}" "$p99_read" "$p99_write")
    changes+=("$((before < after ? before : after)):${unsettled[0]}")
    unsettled=()
}

# The rows of reads and of writes of the last $1 milliseconds.
summarize() {
    "$bin/areg-lab" summary --csv --last "$1ms" "$demo"/load-*.jsonl | grep -E '^[^,]*,(read|write),' | cut -d, -f1-10
}

# Let the load go on for a third of a window, three times, and see how much its p99 differs by itself.
measure_noise() {
    local part_ms=$((window_ms / 3)) before=() p99s
    for _ in 1 2 3; do
        nap_ms "$part_ms"
        mapfile -t p99s < <(summarize "$part_ms" | cut -d, -f9)
        if ((${#before[@]})); then
            noise=$(max "$noise" "$(rise "${p99s[@]}" "${before[@]}")")
            noise=$(max "$noise" "$(rise "${before[@]}" "${p99s[@]}")")
        fi
        before=("${p99s[@]}")
    done
}

# measure quiet|event|change: let the load go on until the event's window is over, and print what its operations came
# to in it; latencies in milliseconds.
measure() {
    [[ $1 != quiet ]] || measure_noise
    local left_ms=$((event_ms + window_ms - $(clock_ms)))
    ((left_ms <= 0)) || nap_ms "$left_ms"
    local elapsed_ms=$(($(clock_ms) - event_ms))
    local ops failed unknown p50 p99 longest
    local failed_count=0 longest_us=0 cells=() p99s=()
    while IFS=, read -r _ _ ops _ _ failed unknown p50 p99 longest; do
        cells+=("$((ops * 1000 / elapsed_ms))" "$(tenths $((p50 / 100)))" "$(tenths $((p99 / 100)))")
        p99s+=("$p99")
        failed_count=$((failed_count + failed + unknown))
        longest_us=$(max "$longest" "$longest_us")
    done < <(summarize "$elapsed_ms")
    local colour=$green ratio=
    ((failed_count == 0)) || colour=$red
    ((p99_read == 0)) || ratio=x$(tenths "$(rise "${p99s[@]}" "$p99_read" "$p99_write")")
    printf '  %7s %6s %7s  %8s %6s %7s  %7s  %s%6s%s  %s\n' \
        "${cells[@]}" "$(tenths $((longest_us / 100)))" "$colour" "$failed_count" "$plain" "$ratio"
    local before=("$p99_read" "$p99_write")
    p99_read=${p99s[0]} p99_write=${p99s[1]}
    settle_change
    [[ $1 != change ]] || unsettled=("$event_name" "${p99s[@]}" "${before[@]}")
}

# A machine whose p99 differs by so much while nothing happens can not tell less of a change.
judge_changes() {
    local limit change rise worst=0
    limit=$(max $((10 * rise_max)) "$noise")
    for change in "${changes[@]}"; do
        rise=${change%%:*}
        worst=$(max "$worst" "$rise")
        ((rise <= limit)) || problems+=("${change#*:}: the 99th percentile rose to x$(tenths "$rise"), and fell again")
    done
    if ((worst <= 10 * rise_max)); then
        echo "    no change has made the 99th percentile stand out by more than x$(tenths "$worst"), of x$rise_max"
    elif ((worst <= limit)); then
        echo "    a change has made the 99th percentile stand out by x$(tenths "$worst"); on this machine it differs"
        echo "    by x$(tenths "$noise") while nothing happens, so that says little: other programs keep it busy"
    fi
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
scripts/build.sh release areg aregd areg-lab areg-reconfig

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
reconfig() { "$bin/areg-reconfig" "$@" --plans "$demo/plans"; }

# Carry a change out, and keep what areg-reconfig says of it.
apply() {
    local begun_ms
    begun_ms=$(clock_ms)
    if ! reconfig apply "$@" >"$demo/apply" 2>&1; then
        printf '\n'
        cat "$demo/apply" >&2
        exit 1
    fi
    applied="$(sed -n 's/^finalized: [^:]*: //p' "$demo/apply"), after $(tenths $((($(clock_ms) - begun_ms) / 100))) s"
    applied+=$(sed -n 's/^may be discarded: /; may be discarded: /p' "$demo/apply")
    cat "$demo/apply" >>"$demo/reconfig.log"
}

# ---------------------------------------------------------------- the story

started_ms=$(clock_ms)
echo
cat <<EOT
${bold}areg${plain}: atomic registers, whose code and hosts change while clients go on reading and writing. It begins
with five whole copies of each value, any two of which may be lost. Every process below is real; this is what the
clients see: operations, latencies in ms, failures, and the 99th percentile as a multiple of that of the line before.
EOT
echo
heading

event "5 hosts start: repl:5"
AREG_SEEDS=$("$bin/areg-lab" up -q -n 5 --code repl:5)
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
# No process reads anything before it has written all registers once.
has_read() {
    "$bin/areg-lab" summary --csv "$1" 2>/dev/null | grep -q '^[^,]*,read,[1-9]'
}
for ((i = 0; i < process_count; i++)); do
    until has_read "$demo/load-$i.jsonl"; do
        (($(clock_ms) - started_ms < 30000)) || { echo "the load does not begin" >&2 && exit 1; }
        sleep 0.1
    done
done
note "$process_count processes x $clients_per_process clients read and write $key_count registers of $value_kib KiB"

event "nothing else happens"
measure quiet

event "recode: repl:5 -> rs:5,3"
apply recode rs:5,3 -m "a third of the disks"
measure change
remark "$applied"

event "nothing else happens"
measure quiet

event "s3 is killed (kill -9)"
host s3 kill
measure event

event "nothing else happens"
measure quiet

event "replace s3 by s6, which is new"
apply replace s3 "$(host s6 add)" -m "s3 is gone"
measure change
remark "$applied"

event "nothing else happens"
measure quiet

event "add s7 s8 s9 s10: rs:9,5"
mapfile -t comes < <(host s7,s8,s9,s10 add)
apply recode rs:9,5 add "${comes[0]}" add "${comes[1]}" add "${comes[2]}" add "${comes[3]}" -m "to survive any two"
measure change
remark "$applied"

event "nothing else happens"
measure quiet

event "s4 is frozen (SIGSTOP)"
host s4 pause
measure event

event "the 8 MiB are read without s4"
areg get large -o "$demo/large.back"
cmp "$demo/large" "$demo/large.back"
note "the same bytes"

event "s4 goes on"
host s4 resume
measure event

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
nap_ms 1000
stored=$(reconfig status --json | grep -o '"fragment_bytes":[0-9]*' | awk -F: '{ sum += $2 } END { print sum }')
live=$((key_count * value_kib * 1024 + (8 << 20)))
ratio=$(awk -v stored="$stored" -v live="$live" 'BEGIN { printf "%.2f", stored / live }')
note "the hosts hold $ratio bytes for each byte of the values"

event "the hosts are ended"
"$bin/areg-lab" down -q
note "all of them"

echo
echo "${bold}verdict${plain} on what all clients together have seen:"
if ! "$bin/areg-lab" check --expect-no-failures "$demo"/load-*.jsonl >"$demo/verdict"; then
    problems+=("the history")
fi
sed "s/^/    /; s/^    linearizable/    ${green}linearizable${plain}/" "$demo/verdict"
judge_changes
if ((${#problems[@]})); then
    printf "    ${red}%s${plain}\n" "${problems[@]}"
    exit 1
fi
