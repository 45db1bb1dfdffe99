# shellcheck shell=bash
# Databases that have the addons installed, kept for the next run: a copy of one takes a second.

# Copies of this machine's checkouts share them, as their names tell what was installed.
KEEP_INSTALLED=12

# installed_name FINGERPRINT: over all that an installation depends on.
installed_name() {
    printf '%s\n' "$TEMPLATE" "$OUR_ADDONS" "${OTHERS_ADDONS:-}" "$1" "$(declare -f make_database odoo_install)" |
        sha256sum | cut -c1-12
}

# Sixteen locks for all, as a file that is locked must not be removed.
installed_lock() { printf '%s' "$CACHE/locks/installed-${1:16:1}"; }

addons_shape() { "$PYTHON" "$LIB/addon_shape.py" "$CHECKOUT"; }

# installed_database DATABASE FINGERPRINT [fresh]: make DATABASE, a copy of one with the addons installed; the log of
# their installation, then or now, in INSTALL_LOG. FINGERPRINT: of the addons' files (addons_fingerprint, addons_shape).
installed_database() {
    local database=$1 cached folder=$CACHE/installed
    cached=exact_installed_$(installed_name "$2")
    INSTALL_LOG=$folder/$cached.log
    mkdir -p "$folder"
    lock 7 "$(installed_lock "$cached")" "Another copy installs the same addons: waiting for it …"
    [[ -z ${3:-} ]] || drop_database "$cached"
    if [[ ! -f $INSTALL_LOG ]] || ! database_exists "$cached"; then
        rm -f "$INSTALL_LOG"
        step "Installing the addons in a test database" "If it is the addon that fails, its log tells where." \
            make_database "$cached"
        sql -d postgres -c "ALTER DATABASE \"$cached\" ALLOW_CONNECTIONS false"
        mv "$STEP_LOG" "$INSTALL_LOG"
    fi
    touch "$INSTALL_LOG"
    drop_database "$database"
    clone_database "$cached" "$database"
    flock -u 7
    forget_installed
}

# Those that nobody used for longest, and what a killed run left; what somebody is making or copying stays.
forget_installed() {
    local name kept
    kept=" $(ls -t "$CACHE/installed" | head -n "$KEEP_INSTALLED" | tr '\n' ' ')"
    for name in $(sql -d postgres -c "SELECT datname FROM pg_database WHERE datname ~ '^exact_installed_[0-9a-f]{12}(_new)?\$'"); do
        [[ $kept != *" $name.log "* ]] || continue
        (
            exec 7>> "$(installed_lock "${name%_new}")"
            flock -n 7 || exit 0
            drop_database "$name"
            rm -f "$CACHE/installed/${name%_new}.log"
        )
    done
}
