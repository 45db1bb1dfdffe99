# shellcheck shell=bash
# The kinds of tests. Each stage_* runs one, called by its name (NAME), and leaves its line in $RUN/NAME.line.

# finish_stage NAME EXIT_STATUS SECONDS [LOG...]: reads the counts and the logs of the stage.
finish_stage() {
    local name=$1 status=$2 seconds=$3
    shift 3
    "$PYTHON" "$LIB/stage_result.py" "$name" "$status" "$seconds" "$RUN/$name.results" "${arguments[*]}" "$@" \
        > "$RUN/$name.line" || STAGE_STATUS=1
    cat "$RUN/$name.line"
}

# run_pytest NAME FOLDER COMMAND...: COMMAND may begin with variables.
run_pytest() {
    local name=$1 folder=$2
    shift 2
    run_child env --chdir="$folder" ACCOUNT_EXACT_RESULTS="$RUN/$name.results" "$@" -p pytest_results -p no:cacheprovider "${arguments[@]+"${arguments[@]}"}"
}

stage_plain() {
    local started=$SECONDS rc=0 targets=()
    [[ -z ${files[plain]} ]] || mapfile -t targets <<< "${files[plain]%$'\n'}"
    # From that folder: its parents are an Odoo addon, which needs Odoo to be imported.
    run_pytest "$1" "$CHECKOUT/tests/plain" PYTHONPATH="$LIB" \
        "$PYTHON" -m pytest -p no:odoo -p pytest_request_log "${targets[@]}" || rc=$?
    finish_stage "$1" "$rc" $((SECONDS - started))
}

# --- Inside Odoo -------------------------------------------------------------------------------

# stage_database NAME [fresh]: a copy of the installed addons for this stage; its name in STAGE_DATABASE.
stage_database() {
    STAGE_DATABASE=${DATABASE}_${1//-/_}
    ODOO_CONFIG=$RUN/$1.conf
    write_config "$ODOO_CONFIG" "$STAGE_DATABASE"
    installed_database "$STAGE_DATABASE" "$("$fingerprint")" "${2:-}"
}

run_pytest_odoo() {
    local name=$1 addon=$COPY_DIR/addons/account_exact
    shift
    # test-tags: without any, assert_json of Odoo's AccountTestInvoicingCommon fails under pytest.
    run_pytest "$name" "$addon" PYTHONPATH="$ODOO:$LIB" ODOO_RC="$ODOO_CONFIG" \
        ACCOUNT_EXACT_ODOO_LOG="$RUN/$name-tests.log" ACCOUNT_EXACT_INSTALLED="$INSTALLED" ACCOUNT_EXACT_SYNCED="$SYNCED" \
        "$PYTHON" -m pytest -c "$addon/pyproject.toml" --rootdir="$addon" \
        -p pytest_odoo_start --odoo-database="$STAGE_DATABASE" --odoo-http --odoo-log-level=warn --odoo-extra test-tags=pytest \
        --ignore="$addon/tests/plain" --ignore="$addon/tests/browser" "$@"
}

# In shares odoo-1, odoo-2 of what was not named: two databases, two processes.
stage_odoo() {
    local started=$SECONDS rc=0 targets=() left_out=() folder SYNCED=''
    stage_database "$1"
    [[ -n $fresh ]] || SYNCED=$CACHE/installed/exact_synced_$(synced_name)
    if [[ -n ${files[odoo]} ]]; then
        mapfile -t targets <<< "${files[odoo]%$'\n'}"
    else
        for folder in "$CHECKOUT"/addons/*/; do
            folder=$(basename "$folder")
            [[ " ${GLUE[*]+${GLUE[*]}} " == *" $folder "* ]] || left_out+=("$folder")
        done
        mapfile -t targets < <("$PYTHON" "$LIB/shares.py" "$CHECKOUT" "${1#odoo-}" "$ODOO_SHARES" "${left_out[@]+"${left_out[@]}"}")
        targets=("${targets[@]/#/$COPY_DIR/addons/account_exact/}")
    fi
    run_pytest_odoo "$1" "${targets[@]}" || rc=$?
    finish_stage "$1" "$rc" $((SECONDS - started)) "$INSTALL_LOG" "$RUN/$1-tests.log"
}

# Where queue_job is installed, all exports go through its jobs: its glue addon is tested in a database of its own.
stage_jobs() {
    local started=$SECONDS rc=0 targets=("$COPY_DIR/addons/account_exact/$JOBS/tests")
    [[ -z ${files[jobs]} ]] || mapfile -t targets <<< "${files[jobs]%$'\n'}"
    setup_others_addons
    make_addons_path
    stage_database "$1" "$fresh"
    SYNCED=    # for one class alone it is no gain
    run_pytest_odoo "$1" "${targets[@]}" || rc=$?
    finish_stage "$1" "$rc" $((SECONDS - started)) "$INSTALL_LOG" "$RUN/$1-tests.log"
}

# --- From outside ------------------------------------------------------------------------------

# The small version of what scripts/kill_test does for half an hour.
stage_kills() {
    local started=$SECONDS rc=0
    run_child "$CHECKOUT/scripts/kill_test" --kills "$KILLS" --documents 60 --booked || rc=1
    printf '%-8s %d passed, %d failed, 0 errors, 0 skipped in %d s\n' "$1" $((1 - rc)) "$rc" $((SECONDS - started)) | tee "$RUN/$1.line"
    STAGE_STATUS=$rc
}

# Left out where the clone does not go back to the release before.
stage_upgrade() {
    local started=$SECONDS rc=0 passed=0 failed=0 skipped=0
    run_child "$CHECKOUT/scripts/upgrade_test" || rc=$?
    case $rc in
        0) passed=1 ;;
        77) skipped=1 ;;
        *) failed=1 ;;
    esac
    printf '%-8s %d passed, %d failed, 0 errors, %d skipped in %d s\n' "$1" "$passed" "$failed" "$skipped" $((SECONDS - started)) |
        tee "$RUN/$1.line"
    STAGE_STATUS=$failed
}

# Each seed is a test. More of them, and what each did: scripts/rehearse.
stage_rehearse() {
    stage_database "$1"
    mkdir -p "$RUN/rehearse"
    # One at a time: the other processor has another lane
    rehearse "$STAGE_DATABASE" "$RUN/rehearse" --seeds "$SEEDS" --jobs 1 --documents "$SEED_DOCUMENTS" --line "$RUN/$1.line" || STAGE_STATUS=1
}

stage_browser() {
    local started=$SECONDS rc=0 targets=()
    [[ -z ${files[browser]} ]] || mapfile -t targets <<< "${files[browser]%$'\n'}"
    stage_database "$1"
    start_simulator "$RUN" 18169
    start_odoo "$STAGE_DATABASE" 18069 "$RUN/odoo-server.log" 1
    export ACCOUNT_EXACT_SCREENSHOTS=${ACCOUNT_EXACT_SCREENSHOTS:-$COPY_DIR/screenshots}
    mkdir -p "$ACCOUNT_EXACT_SCREENSHOTS"
    run_pytest "$1" "$CHECKOUT/tests/browser" PYTHONPATH="$LIB" ACCOUNT_EXACT_URL="$ODOO_URL" \
        ACCOUNT_EXACT_SIMULATOR_URL="$SIMULATOR_URL" ACCOUNT_EXACT_DATABASE="$STAGE_DATABASE" ACCOUNT_EXACT_CHROMIUM=/usr/bin/chromium \
        "$PYTHON" -m pytest -c "$LIB/pytest_browser.ini" --rootdir="$CHECKOUT/tests/browser" --confcutdir="$CHECKOUT/tests/browser" \
        -p no:odoo "${targets[@]}" || rc=$?
    end_child "$ODOO_PID"
    end_child "$SIMULATOR_PID"
    say "Screenshots: $ACCOUNT_EXACT_SCREENSHOTS"
    finish_stage "$1" "$rc" $((SECONDS - started)) "$INSTALL_LOG" "$RUN/odoo-server.log"
}
