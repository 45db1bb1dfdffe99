# shellcheck shell=bash
# Databases with Odoo in them, and the servers on top: used by run, test, bench and i18n.

# The apps of the demo: those that the addon and its glue addons meet.
ACCOUNTING_APPS=account,account_payment,l10n_nl
MORE_APPS=hr_expense,purchase_stock,sale_stock

# addons_path: the addon under its technical name whatever the checkout is called, then the glue addons, and the addons of
# others where those were set up (setup_others_addons).
make_addons_path() {
    local manifest
    mkdir -p "$COPY_DIR/addons"
    ln -sfn "$CHECKOUT" "$COPY_DIR/addons/account_exact"
    ADDONS_PATH=$COPY_DIR/addons
    GLUE=()
    [[ -z ${OTHERS_ADDONS:-} ]] || ADDONS_PATH+=,$OTHERS_ADDONS
    if compgen -G "$CHECKOUT/addons/*/__manifest__.py" > /dev/null; then
        # Through the link: Odoo and pytest then see one path for each file.
        ADDONS_PATH+=,$COPY_DIR/addons/account_exact/addons
        for manifest in "$CHECKOUT"/addons/*/__manifest__.py; do
            manifest=${manifest%/__manifest__.py}
            if "$PYTHON" "$LIB/glue.py" "$manifest" "$ODOO_ADDONS" "$ODOO/odoo/addons" "$COPY_DIR/addons" "$CHECKOUT/addons" \
                ${OTHERS_ADDONS:+"$OTHERS_ADDONS"}; then
                GLUE+=("${manifest##*/}")
            fi
        done
    fi
    [[ $ODOO_ADDONS == "$ODOO/odoo/addons" ]] || ADDONS_PATH=$ODOO_ADDONS,$ADDONS_PATH
    local IFS=,
    OUR_ADDONS=account_exact${GLUE[*]+,${GLUE[*]}}
}

# write_config FILE DATABASE: what every Odoo process of ours has in common.
write_config() {
    mkdir -p "$COPY_DIR/data"
    cat > "$1" <<END
[options]
addons_path = $ADDONS_PATH
data_dir = $COPY_DIR/data
db_name = $2
dbfilter = ^$2\$
list_db = False
http_interface = 127.0.0.1
workers = 0
max_cron_threads = 0
limit_time_real = 3600
limit_time_real_cron = 3600
limit_memory_soft = 4294967296
limit_memory_hard = 6442450944
END
}

odoo() { env PYTHONPATH="$ODOO" ODOO_RC="$ODOO_CONFIG" "$PYTHON" -m odoo "$@"; }

# odoo_install DATABASE ARGUMENTS...
odoo_install() {
    local database=$1
    shift
    odoo --config="$ODOO_CONFIG" --database="$database" --no-http --stop-after-init "$@" 2>&1
}

odoo_shell() {
    env PYTHONPATH="$ODOO" ODOO_RC="$ODOO_CONFIG" "$PYTHON" -m odoo shell --config="$ODOO_CONFIG" --database="$1" --no-http --log-level=warn < "$2"
}

# --- The template ------------------------------------------------------------------------------
# Odoo with the demo data and a Dutch company, without our addon: made once per version of Odoo and
# of the two scripts that shape it; every other database is a copy of it.

template_name() {
    local commit=
    [[ ! -e $ODOO/.git ]] || commit=$(git -C "$ODOO" rev-parse HEAD 2> /dev/null || true)
    {
        printf '%s\n' "$ODOO" "$commit" "$ACCOUNTING_APPS" "$MORE_APPS"
        cat "$ODOO/odoo/release.py" "$LIB"/demo_*.py
    } | sha256sum | cut -c1-8
}

make_template() {
    local new=${TEMPLATE}_new
    drop_database "$new"
    odoo_install "$new" --init=base --with-demo
    odoo_shell "$new" "$LIB/demo_company.py"
    odoo_install "$new" --init="$ACCOUNTING_APPS" --with-demo
    odoo_shell "$new" "$LIB/demo_chart.py"
    odoo_install "$new" --init="$MORE_APPS" --with-demo
    odoo_shell "$new" "$LIB/demo_finish.py"
    sql -d postgres -c "ALTER DATABASE \"$new\" ALLOW_CONNECTIONS false" -c "ALTER DATABASE \"$new\" RENAME TO \"$TEMPLATE\""
    # Of older ones, some may still serve other checkouts.
    local old
    for old in $(sql -d postgres -c "SELECT datname FROM pg_database WHERE datname ~ '^exact_template_[0-9a-f]{8}(_new)?\$' ORDER BY oid DESC OFFSET 3"); do
        drop_database "$old"
    done
}

setup_template() {
    TEMPLATE=exact_template_$(template_name)
    database_exists "$TEMPLATE" && return
    lock 7 "$CACHE/locks/$TEMPLATE" "Another copy makes the template database: waiting for it …"
    if ! database_exists "$TEMPLATE"; then
        ODOO_CONFIG=$COPY_DIR/template.conf
        write_config "$ODOO_CONFIG" "${TEMPLATE}_new"
        step "Making the demo company (some 3 minutes)" \
            "If Odoo was interrupted, start again; if it complains about its own files, remove $CACHE/odoo." make_template
    fi
    flock -u 7
}

# make_database DATABASE: a copy of the template with our addons freshly installed.
make_database() {
    drop_database "$1"
    drop_database "$1_new"
    clone_database "$TEMPLATE" "$1_new"
    odoo_install "$1_new" --init="$OUR_ADDONS" --without-demo
    rename_database "$1_new" "$1"
}

# One number over everything an upgrade of the addons could be needed for.
addons_fingerprint() {
    (
        cd "$CHECKOUT"
        find . \( -name .git -o -name __pycache__ -o -name tests -o -path ./scripts -o -path ./simulator -o -path ./static/description \) -prune -o \
            -type f ! -name '*.pyc' ! -name '*.rst' ! -name '*.md' ! -name '.*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    ) | sha256sum | cut -c1-16
}

# set_parameters DATABASE KEY VALUE...: Odoo's system parameters, without the seconds that starting Odoo takes.
set_parameters() {
    local database=$1
    shift
    while (($#)); do
        sql -d "$database" -v key="$1" -v value="$2" <<'END'
INSERT INTO ir_config_parameter (key, value, create_uid, write_uid, create_date, write_date)
VALUES (:'key', :'value', 1, 1, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')
ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value;
END
        shift 2
    done
}

# --- Servers -----------------------------------------------------------------------------------

# A port that was free a moment ago can be somebody else's now: then the next one is tried.

# start_simulator FOLDER FIRST_PORT: its books lie in FOLDER; its address in SIMULATOR_URL.
start_simulator() {
    local attempt tries log=$1/simulator.log
    PORT=$(($2 - 1))
    for attempt in 1 2 3; do
        free_port $((PORT + 1))
        rm -f "$1/simulator.port"
        start_child "$log" env --chdir="$CHECKOUT" "$PYTHON" -m simulator --host 127.0.0.1 --port "$PORT" \
            --database "$1/simulator.sqlite" --port-file "$1/simulator.port"
        SIMULATOR_PID=$CHILD
        for ((tries = 0; tries < 300; tries++)); do
            if [[ -s $1/simulator.port ]]; then
                SIMULATOR_PORT=$PORT
                SIMULATOR_URL=http://127.0.0.1:$PORT
                return
            fi
            kill -0 "$SIMULATOR_PID" 2> /dev/null || break
            sleep 0.1
        done
        end_child "$SIMULATOR_PID"
        grep -q 'in use' "$log" || break
    done
    tail -n 20 "$log" >&2
    die "The simulator did not start." "Its log: $log"
}

# start_odoo DATABASE FIRST_PORT LOG CRON_THREADS: returns when pages are served; its address in ODOO_URL.
start_odoo() {
    local attempt tries log=$3 out=${3%.log}.out
    PORT=$(($2 - 1))
    for attempt in 1 2 3; do
        free_port $((PORT + 1))
        set_parameters "$1" web.base.url "http://127.0.0.1:$PORT" web.base.url.freeze True report.url "http://127.0.0.1:$PORT" \
            account_exact.exact_online_base_url "$SIMULATOR_URL"
        : > "$log"
        start_child "$out" env PYTHONPATH="$ODOO" ODOO_RC="$ODOO_CONFIG" "$PYTHON" -m odoo --config="$ODOO_CONFIG" \
            --database="$1" --http-port="$PORT" --max-cron-threads="$4" --logfile="$log"
        ODOO_PID=$CHILD
        for ((tries = 0; tries < 1200; tries++)); do
            kill -0 "$ODOO_PID" 2> /dev/null || break
            # Its own word that it has the port, before somebody else's Odoo answers there.
            if grep -q 'HTTP service (werkzeug) running' "$log" && [[ $(http_status "$PORT" /web/health) == 200 ]]; then
                ODOO_PORT=$PORT
                ODOO_URL=http://127.0.0.1:$PORT
                return
            fi
            sleep 0.1
        done
        end_child "$ODOO_PID"
        grep -q 'in use' "$log" "$out" || break
    done
    tail -n 20 "$out" "$log" >&2
    die "Odoo did not start." "Its log: $log"
}

# --- Rehearsals --------------------------------------------------------------------------------

# rehearse DATABASE FOLDER ARGUMENTS...: runs on copies of DATABASE, which has the addons and nothing else.
rehearse() {
    local database=$1 folder=$2
    shift 2
    # Hashes of texts order sets: a run that is to be repeated needs the same ones.
    run_child env PYTHONHASHSEED=0 PYTHONPATH="$ODOO:$LIB" ODOO_RC="$ODOO_CONFIG" "$PYTHON" -m rehearse \
        --database "$database" --folder "$folder" "$@"
}

# drop_rehearsal DATABASE: with all that was made of it.
drop_rehearsal() {
    local name
    for name in $(sql -d postgres -c "SELECT datname FROM pg_database WHERE datname LIKE '${1//_/\\_}%'"); do
        drop_database "$name"
    done
}
