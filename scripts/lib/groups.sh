# shellcheck shell=bash
# Groups of tests: what each counted, how long it took and how much processor time; and lanes, in which groups run side by side.
# A lane is a process of its own, so what is counted is kept in files. scripts/test reads this file, and knows `say`.

# One line a group: lane, title, passed, failed, seconds, seconds of processor time, with tabs between.
results=$(mktemp --directory --tmpdir noreturn-test.XXXXXX)
readonly results
lane=build
lanes=()
: >"$results/groups"

# check TITLE COMMAND...: a group of which only success counts.
check() {
    local title=$1 failed=0
    shift
    measure "$title" "$@" || failed=1
    count "$title" 0 "$failed"
}

# tests TITLE COMMAND...: a group whose output holds totals, which are added to ours.
tests() {
    local title=$1 output status=0 passed failed
    shift
    output=$(mktemp --tmpdir="$results" output.XXXXXX)
    measure "$title" "$@" | tee "$output" || status=$?
    passed=$(total passed "$output")
    failed=$(total failed "$output")
    if ((failed == 0 && (status != 0 || passed == 0))); then
        # It did not build, or crashed, or there was nothing to run.
        failed=1
    fi
    count "$title" "$passed" "$failed"
}

# not_run WHAT: says at the end that it was not run.
not_run() {
    printf '%s\n' "$1" >>"$results/not_run"
}

# measure TITLE COMMAND...: says what happens, does it, and keeps how long it took in $results/time.LANE. Commands are run as
# conditions here, in which bash ignores `set -e`, so a function that does several things joins them with `&&`.
measure() {
    local title=$1 status=0 TIMEFORMAT='%R %U %S'
    shift
    say "==> $title"
    { time "$@" 2>&3; } 3>&2 2>"$results/time.$lane" || status=$?
    return "$status"
}

# count TITLE PASSED FAILED: writes down what the group that was measured last counted.
count() {
    local wall user system
    read -r wall user system <"$results/time.$lane"
    awk -v OFS='\t' -v lane="$lane" -v title="$1" -v passed="$2" -v failed="$3" -v wall="$wall" -v processor="$user $system" \
        'BEGIN { split(processor, p, " "); print lane, title, passed, failed, wall, p[1] + p[2] }' >>"$results/groups"
    say "    $1: ${wall%.*} s"
    (($3 == 0)) || say "    $1: FAILED"
}

# total WORD FILE: the sum of the counts of WORD in FILE, which are cargo's, or lines of only "N passed, N failed".
total() {
    sed -n "s/^\(test result: .* \|\([0-9]\+ passed, \)\?\)\([0-9]\+\) $1\([;,].*\)\?$/\3/p" "$2" |
        awk '{ sum += $1 } END { print sum + 0 }'
}

# start_lane NAME FUNCTION: runs a function of groups beside what follows; NAME stands in front of each line that it says. The lane is
# a group of processes, which stop_lanes ends.
start_lane() {
    set -m
    (
        lane=$1
        set +m
        "$2" && touch "$results/complete.$1"
    ) > >(sed --unbuffered "s/^/$1: /" >&2) 2>&1 &
    set +m
    lanes+=("$1:$!")
}

# Waits for all lanes. One that did not come to its end counts as a failure.
wait_for_lanes() {
    local entry
    for entry in "${lanes[@]}"; do
        wait "${entry#*:}" || true
        [[ -e $results/complete.${entry%:*} ]] ||
            printf '%s\t%s\t0\t1\t0\t0\n' "${entry%:*}" "the lane ended early" >>"$results/groups"
    done
    lanes=()
}

stop_lanes() {
    local entry
    for entry in "${lanes[@]}"; do
        kill -TERM -- "-${entry#*:}" 2>/dev/null || true
    done
}

# The table of minutes, what failed, what was not run, and the line of totals; false if anything failed.
report() {
    local status=0
    say "Minutes, and minutes of processor time, of each group:"
    awk -F '\t' '{ printf "%6.1f %6.1f  %s: %s\n", $5 / 60, $6 / 60, $1, $2; processor += $6 }
        END { printf "%6.1f %6.1f  all\n", all / 60, processor / 60 }' all="$SECONDS" "$results/groups" >&2
    awk -F '\t' '$4 > 0 { print "FAILED: " $2 }' "$results/groups" >&2
    [[ ! -e $results/not_run ]] || sed 's/^/NOT RUN: /' "$results/not_run" >&2
    awk -F '\t' '{ passed += $3; failed += $4 } END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 }' \
        "$results/groups" || status=$?
    rm -rf -- "$results"
    return "$status"
}
