# shellcheck shell=bash
# Databases that have the addons installed, kept for the next run: a copy of one takes a second.

# Copies of this machine's checkouts share them, as their names tell what was installed.
KEEP_INSTALLED=12

# installed_name FINGERPRINT: over all that an installation depends on.
installed_name() {
    printf '%s\n' "$TEMPLATE" "$OUR_ADDONS" "${OTHERS_ADDONS:-}" "$1" "$(declare -f make_database odoo_install)" |
        sha256sum | cut -c1-12
}

# Sixteen locks for each kind, as a file that is locked must not be removed.
kept_lock() {
    local number=${1##*_} kind=${1%_*}
    printf '%s' "$CACHE/locks/${kind#exact_}-${number:0:1}"
}

addons_shape() { "$PYTHON" "$LIB/addon_shape.py" "$CHECKOUT"; }

# installed_database DATABASE FINGERPRINT [fresh]: make DATABASE, a copy of one with the addons installed; the log of
# their installation, then or now, in INSTALL_LOG, a file of this run's folder RUN. FINGERPRINT: of the addons' files
# (addons_fingerprint, addons_shape).
installed_database() {
    local database=$1 cached log
    cached=exact_installed_$(installed_name "$2")
    log=$CACHE/installed/$cached.log
    INSTALLED=$cached
    mkdir -p "$CACHE/installed"
    lock 7 "$(kept_lock "$cached")" "Another copy installs the same addons: waiting for it …"
    [[ -z ${3:-} ]] || drop_database "$cached"
    if [[ ! -f $log ]] || ! database_exists "$cached"; then
        rm -f "$log"
        step "Installing the addons in a test database" "If it is the addon that fails, its log tells where." \
            make_database "$cached"
        sql -d postgres -c "ALTER DATABASE \"$cached\" ALLOW_CONNECTIONS false"
        mv "$STEP_LOG" "$log"
    fi
    touch "$log"
    INSTALL_LOG=$RUN/$database-install.log
    cp "$log" "$INSTALL_LOG"
    drop_database "$database"
    clone_database "$cached" "$database"
    flock -u 7
    forget_installed
}

# synced_name: over all that the start of most tests depends on (tests/synced.py); seeds and periods go by the day.
synced_name() {
    {
        printf '%s\n' "$INSTALLED" "$(addons_fingerprint)" "$(date -u +%F)"
        find "$CHECKOUT/simulator" "$CHECKOUT"/tests/{common,export_common,synced}.py -type f ! -name '*.pyc' -print0 | LC_ALL=C sort -z |
            xargs -0 cat
    } | sha256sum | cut -c1-12
}

# Those that nobody used for longest, and what a killed run left; what somebody is making or copying stays.
forget_installed() {
    forget_kept exact_installed log
    forget_kept exact_synced pickle
}

# forget_kept KIND SUFFIX: databases KIND_<number>, each with a file of its name and SUFFIX beside it, touched when used.
forget_kept() {
    local name kept
    kept=" $(cd "$CACHE/installed" && find . -name "$1_*.$2" -printf '%T@ %f\n' | sort -rn | head -n "$KEEP_INSTALLED" | cut -d' ' -f2 | tr '\n' ' ')"
    for name in $(sql -d postgres -c "SELECT datname FROM pg_database WHERE datname ~ '^$1_[0-9a-f]{12}(_new)?\$'"); do
        [[ $kept != *" ${name%_new}.$2 "* ]] || continue
        (
            exec 7>> "$(kept_lock "${name%_new}")"
            flock -n 7 || exit 0
            drop_database "$name"
            rm -f "$CACHE/installed/${name%_new}".*
        )
    done
}
