# shellcheck shell=bash
# What every script here needs: where things lie, progress lines, locks, child processes and a clean end.

set -Eeuo pipefail

HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}
CHECKOUT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
LIB=$CHECKOUT/scripts/lib
CACHE=${ACCOUNT_EXACT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/account_exact}
mkdir -p "$CACHE" || { echo "Cannot create the cache folder $CACHE: set ACCOUNT_EXACT_CACHE to a folder of yours." >&2; exit 1; }
CACHE=$(cd "$CACHE" && pwd -P)

# Two checkouts never share a database or a folder: both are named after the checkout's path.
CHECKOUT_ID=$(printf %s "$CHECKOUT" | sha256sum | cut -c1-8)
COPY_DIR=$CACHE/copies/$CHECKOUT_ID
LOG_DIR=$COPY_DIR/logs
mkdir -p "$LOG_DIR" "$CACHE/locks"
printf '%s\n' "$CHECKOUT" > "$COPY_DIR/checkout"

# Compiled Python lies in the cache: neither the checkout nor somebody's Odoo is littered.
export PYTHONPYCACHEPREFIX=$CACHE/pycache PYTHONUNBUFFERED=1 LC_ALL=C.UTF-8
unset PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE ODOO_RC OPENERP_SERVER PGSERVICE PGOPTIONS PGPASSWORD PGSSLMODE

# --- Telling -----------------------------------------------------------------------------------

say() { printf '%s\n' "$*"; }

# die WHAT FAILED [WHAT TO DO...]
die() {
    printf '\n%s\n' "FAILED: $1" >&2
    shift
    (($# == 0)) || printf '  %s\n' "$@" >&2
    exit 1
}

# step TEXT HINT COMMAND...: run COMMAND with its output in a log; show the seconds of a long one.
# HINT is what a person can do when it fails.
step() {
    local text=$1 hint=$2
    shift 2
    try_step "$text" "$@"
    ((!STEP_STATUS)) || die "$text (exit status $STEP_STATUS)" "$hint" "The whole log: $STEP_LOG" \
        "What was finished before is kept: the same command goes on from there."
}

# try_step TEXT COMMAND...: the same, but goes on after a failure, its exit status in STEP_STATUS.
# Not to be called as a condition: bash would switch errexit off inside COMMAND.
try_step() {
    local text=$1 start=$SECONDS pid seconds shown=0 said=0
    shift
    STEP_STATUS=0
    STEP_LOG=$LOG_DIR/$(printf %s "$text" | tr -cs '[:alnum:]' '-' | tr '[:upper:]' '[:lower:]' | cut -c1-60).log
    set -m
    (
        # If this script is killed, its step ends too, instead of holding the locks.
        {
            while kill -0 $$ 2> /dev/null; do sleep 1; done
            kill -TERM 0
        } &
        "$@"
    ) > "$STEP_LOG" 2>&1 < /dev/null &
    pid=$!
    set +m
    CHILDREN+=("$pid")
    while kill -0 "$pid" 2> /dev/null; do
        sleep 0.1 || true
        seconds=$((SECONDS - start))
        if [[ -t 1 ]]; then
            ((seconds < 1)) || printf '\r%s … %d s ' "$text" "$seconds"
        elif ((seconds >= 1 && !shown)); then
            printf '%s …\n' "$text"
        elif ((seconds >= said + 20)); then
            printf '%s … %d s\n' "$text" "$seconds"
            said=$seconds
        fi
        ((seconds < 1)) || shown=1
    done
    wait "$pid" || STEP_STATUS=$?
    kill -TERM -- "-$pid" 2> /dev/null || true    # what only watched over it
    forget_child "$pid"
    if ((STEP_STATUS)); then
        [[ ! -t 1 ]] || printf '\n'
        printf '%s\n' "--- the last lines of $STEP_LOG:" >&2
        tail -n 25 "$STEP_LOG" >&2
    elif ((shown)); then
        [[ ! -t 1 ]] || printf '\r'
        printf '%s: done in %d s\n' "$text" $((SECONDS - start))
    fi
}

# --- Child processes ---------------------------------------------------------------------------
# Each child leads a process group of its own, so that ending it ends what it started, and gets a
# TERM from the kernel if this script dies without a chance to clean up.

CHILDREN=()
AT_EXIT=()

forget_child() {
    local kept=() pid
    for pid in "${CHILDREN[@]}"; do
        [[ $pid == "$1" ]] || kept+=("$pid")
    done
    CHILDREN=("${kept[@]+"${kept[@]}"}")
}

# start_child LOG COMMAND...: in the background; its pid in CHILD.
start_child() {
    local log=$1
    shift
    set -m
    setpriv --pdeathsig TERM -- "$@" > "$log" 2>&1 < /dev/null 7>&- 8>&- &
    CHILD=$!
    set +m
    CHILDREN+=("$CHILD")
}

# run_child COMMAND...: in the foreground of this terminal's output; its exit status is returned.
run_child() {
    local rc=0 pid
    set -m
    setpriv --pdeathsig TERM -- "$@" < /dev/null 7>&- 8>&- &
    pid=$!
    set +m
    CHILDREN+=("$pid")
    wait "$pid" || rc=$?
    forget_child "$pid"
    return "$rc"
}

end_child() {
    local pid=$1 tries
    kill -TERM -- "-$pid" 2> /dev/null || { forget_child "$pid"; return 0; }
    for ((tries = 0; tries < 75; tries++)); do
        kill -0 -- "-$pid" 2> /dev/null || break
        sleep 0.2
    done
    kill -KILL -- "-$pid" 2> /dev/null || true
    wait "$pid" 2> /dev/null || true
    forget_child "$pid"
}

cleanup() {
    local rc=$? i
    trap '' INT TERM HUP
    trap - EXIT ERR
    set +e
    for ((i = ${#CHILDREN[@]} - 1; i >= 0; i--)); do
        end_child "${CHILDREN[i]}"
    done
    for ((i = ${#AT_EXIT[@]} - 1; i >= 0; i--)); do
        ${AT_EXIT[i]}
    done
    exit "$rc"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'echo "Unexpected error in ${BASH_SOURCE[0]##*/}, line $LINENO: $BASH_COMMAND" >&2' ERR

# --- Locks and ports ---------------------------------------------------------------------------
# Fixed descriptors: 6 this copy's demo, 7 the set-up, 8 starting and stopping PostgreSQL,
# 9 "I use PostgreSQL" (shared). The kernel releases them when a process dies, however it dies.

# lock FD FILE TEXT: wait for it, saying so when it takes long.
lock() {
    local fd=$1 file=$2 text=$3
    eval "exec $fd>>\"\$file\""
    flock -n "$fd" && return
    say "$text"
    flock "$fd"
}

port_in_use() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# free_port FIRST: the first free port from there on, in PORT; kept from other copies until we end.
free_port() {
    local port=$1 fd
    for ((; port < 65000; port++)); do
        exec {fd}>> "$CACHE/locks/port-$port"
        if flock -n "$fd" && ! port_in_use "$port"; then
            PORT=$port
            return
        fi
        exec {fd}>&-
    done
    die "No free port from $1 on."
}

# http_status PORT PATH: the status line's number, or nothing.
http_status() {
    local line=
    {
        exec 3<> "/dev/tcp/127.0.0.1/$1" || return 0
        printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1:%s\r\n\r\n' "$2" "$1" >&3
        read -r -t 20 line <&3 || true
        exec 3>&-
    } 2> /dev/null
    line=${line#* }
    printf '%s' "${line%% *}"
}
