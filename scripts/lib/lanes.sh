# shellcheck shell=bash
# Stages of a test run side by side, so that no processor waits: as many at a time as there are lanes.

# run_stage NAME FUNCTION: in a process of its own, whose end ends what it started. FUNCTION is called with NAME, leaves a
# line in $RUN/NAME.line and sets STAGE_STATUS if anything failed.
run_stage() {
    STAGE_STATUS=0 CHILDREN=() AT_EXIT=() LOG_DIR=$RUN/$1-logs
    mkdir -p "$LOG_DIR"
    trap cleanup EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    {
        trap - EXIT HUP INT TERM ERR
        while kill -0 $$ 2> /dev/null; do sleep 1; done
        kill -TERM 0
    } &
    "$2" "$1"
    exit "$STAGE_STATUS"
}

# start_lane OUTPUT NAME FUNCTION: in the background; its pid in LANE.
start_lane() {
    local output=$1
    shift
    set -m
    (run_stage "$@") >> "$output" 2>&1 < /dev/null 6>&- 7>&- 8>&- &
    LANE=$!
    set +m
    CHILDREN+=("$LANE")
}

# How far a lane is: pytest's last percentage, else its last line; while pytest has not yet filled one, that it is there.
progress() {
    local said
    said=$(grep -o '\[ *[0-9]*%\]$' "$RUN/$1.out" | tail -n 1 | tr -d '[] ') || true
    [[ -n $said ]] || said=$(grep . "$RUN/$1.out" | tail -n 1 | cut -c1-60) || true
    [[ $said =~ [^.,sxFEu]|^$ ]] || said="first tests"
    printf '%s %s' "$1" "$said"
}

# end_lane NAME STATUS WATCHED: says what came of it; all of it if anything failed that nobody saw.
end_lane() {
    local name=$1 status=$2 line=$RUN/$1.line
    [[ -s $line ]] ||
        printf '%-8s 0 passed, 0 failed, 1 errors, 0 skipped (it ended with status %d before its end)\n' "$name" "$status" > "$line"
    ((!status)) || failed=1
    if [[ -z $3 ]]; then
        if ((status)); then
            printf '\n--- all that %s said:\n' "$name"
            cat "$RUN/$name.out"
            printf -- '--- end of %s\n\n' "$name"
        fi
        tail -n 1 "$line"
    fi
    results+=("$(tail -n 1 "$line")")
}

# run_lanes LANES NAME:FUNCTION...: in this order; all of them run, whatever becomes of the others.
run_lanes() {
    local lanes=$1 pid status said=$SECONDS stage text watched=''
    shift
    local -A running=()
    # A single one is watched as it goes
    (($# > 1)) || watched=1
    while (($# || ${#running[@]})); do
        while (($# && ${#running[@]} < lanes)); do
            stage=${1%%:*}
            if [[ -n $watched ]]; then
                start_lane /dev/stdout "$stage" "${1#*:}"
            else
                start_lane "$RUN/$stage.out" "$stage" "${1#*:}"
            fi
            running[$LANE]=$stage
            shift
        done
        sleep 0.3 || true
        for pid in "${!running[@]}"; do
            kill -0 "$pid" 2> /dev/null && continue
            status=0
            wait "$pid" || status=$?
            kill -TERM -- "-$pid" 2> /dev/null || true    # what only watched over it
            forget_child "$pid"
            end_lane "${running[$pid]}" "$status" "$watched"
            unset "running[$pid]"
        done
        if [[ -z $watched ]] && ((SECONDS >= said + 20 && ${#running[@]})); then
            said=$SECONDS text=''
            for stage in "${running[@]}"; do
                text+="${text:+; }$(progress "$stage")"
            done
            printf '… %d s: %s\n' "$SECONDS" "$text"
        fi
    done
}
