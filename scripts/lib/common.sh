# shellcheck shell=bash
# What every script needs: the root of the repository, words for people, and steps with their time.
# All of it goes to standard error, so that standard output stays a script's result.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
readonly root
# Servers and disk tools live here, where a plain user's PATH does not look.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# What unpacked.sh brings in place of a package that cannot be installed.
PATH=$PATH:$root/.tools/qemu/bin

# Exit codes of sysexits.h, so that a caller can tell whose turn it is.
readonly exit_usage=64
readonly exit_unavailable=69

say() {
    printf '%s\n' "$*" >&2
}

# fail CODE MESSAGE...: ends the script.
fail() {
    local code=$1
    shift
    say "${0##*/}: $*"
    exit "$code"
}

# step TITLE COMMAND...: says what happens, does it, says how long it took. The command must not run as a
# condition: in one, bash ignores `set -e` inside functions. So a failure ends the script, and the trap tells.
step() {
    step_title=$1
    step_start=$SECONDS
    shift
    say "==> $step_title"
    "$@"
    say "    $step_title: $((SECONDS - step_start)) s"
    step_title=
}

say_which_step_failed() {
    if [[ -n ${step_title:-} ]]; then
        say "${0##*/}: \"$step_title\" failed after $((SECONDS - step_start)) s; what went wrong is above"
    fi
}
trap say_which_step_failed EXIT
