# shellcheck shell=bash
# From a bare Debian to a machine that runs Odoo 19: packages, Odoo, Python packages, PostgreSQL.
# Each part is built under another name and renamed when complete, so an interrupted set-up is
# repaired by the next one.

PACKAGES=(
    ca-certificates chromium debian-archive-keyring fonts-dejavu-core fonts-font-awesome fonts-inconsolata fonts-ocr-b
    fonts-roboto-unhinted gettext git libjs-jquery libjs-jquery-form libjs-underscore libmagic1 postgresql python3
    python3-venv wkhtmltopdf
)

as_root() {
    if ((EUID == 0)); then
        "$@"
    else
        sudo -n -- "$@"
    fi
}

setup_packages() {
    local missing=() package
    command -v dpkg-query > /dev/null && command -v apt-get > /dev/null ||
        die "This is not a Debian machine." "The scripts were made for Debian 12; on another system install the addon on your own Odoo 19 (README.rst)."
    for package in "${PACKAGES[@]}"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    say "Debian packages to install: ${missing[*]}"
    if ((EUID != 0)); then
        command -v sudo > /dev/null || die "Debian packages are missing, and there is no sudo." \
            "As root, run: apt-get update && apt-get install --no-install-recommends ${missing[*]}" "Then start this script again."
        sudo -v || die "Debian packages are missing, and sudo refused." \
            "Ask an administrator to run: apt-get update && apt-get install --no-install-recommends ${missing[*]}"
    fi
    step "Reading Debian's package lists" "Check the network, /etc/apt/sources.list and the date of this machine." \
        as_root apt-get -q -o DPkg::Lock::Timeout=300 update
    step "Installing ${#missing[@]} Debian packages" "Try it by hand as root: apt-get install ${missing[*]}" \
        install_packages "${missing[@]}"
}

install_packages() {
    # An earlier installation may have been interrupted.
    as_root env DEBIAN_FRONTEND=noninteractive dpkg --configure -a
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        install --no-install-recommends "$@"
}

# --- Odoo --------------------------------------------------------------------------------------

# odoo_tree DIR: the folder that holds the package "odoo", for a git checkout, an installed or an unpacked Odoo.
odoo_tree() {
    local dir
    for dir in "$1" "$1/usr/lib/python3/dist-packages" "$1/src" "${1%/*}"; do
        if [[ -f $dir/odoo/release.py ]]; then
            (cd "$dir" && pwd -P)
            return
        fi
    done
    return 1
}

odoo_release() {
    sed -n 's/^version_info = (\([0-9]*\), *\([0-9]*\),.*/\1.\2/p' "$1/odoo/release.py"
}

debian_mirror() {
    local uri
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2> /dev/null | grep -E '/debian/?$' | head -n 1) || true
    printf '%s' "${uri:-http://deb.debian.org/debian}"
}

download_odoo() {
    local work=$CACHE/dl/new apt=()
    rm -rf "$work"
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    cat > "$work/odoo.sources" <<END
Types: deb
URIs: $(debian_mirror)
Suites: sid
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
    # Lists and sources of its own: the machine's suites stay as they are. The signature is checked; the date is not, as a
    # mirror may lag behind and any 19.0 will do.
    apt=(apt-get -q -o "Dir::Etc::sourcelist=$work/odoo.sources" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Get::List-Cleanup=0
        -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false)
    cd "$work"
    "${apt[@]}" update
    "${apt[@]}" download odoo-19
    mv "$work"/odoo-19_*.deb "$CACHE/dl/"
    rm -rf "$work"
}

unpack_odoo() {
    local new=$CACHE/odoo.new deb
    deb=$(ls -t "$CACHE"/dl/odoo-19_*.deb | head -n 1)
    rm -rf "$new"
    mkdir "$new"
    dpkg-deb -x "$deb" "$new" || { rm -f "$deb"; echo "The downloaded package is broken, it was removed."; return 1; }
    [[ $(odoo_release "$new/usr/lib/python3/dist-packages") == 19.0 ]] || { echo "The package is not Odoo 19.0: $deb"; return 1; }
    mkdir -p "$new/usr/share"
    mv "$new" "$CACHE/odoo"
}

clone_odoo() {
    local new=$CACHE/odoo.new
    rm -rf "$new"
    GIT_TERMINAL_PROMPT=0 git clone --depth 1 --single-branch --branch 19.0 https://github.com/odoo/odoo "$new"
    mv "$new" "$CACHE/odoo"
}

setup_odoo() {
    local folder
    if [[ -n ${ODOO_SOURCE:-} ]]; then
        ODOO=$(odoo_tree "${ODOO_SOURCE%/}") || die "ODOO_SOURCE=$ODOO_SOURCE holds no Odoo (no odoo/release.py in it)." \
            "Name the folder of a git checkout of Odoo's branch 19.0, or the folder that holds the installed package odoo."
        [[ $(odoo_release "$ODOO") == 19.0 ]] || die "ODOO_SOURCE=$ODOO_SOURCE is Odoo $(odoo_release "$ODOO"), this addon is for 19.0."
        [[ -d $ODOO/odoo/addons/account || -d $ODOO/addons/account ]] || die "ODOO_SOURCE=$ODOO_SOURCE has no addon 'account'."
    else
        if ! ODOO=$(odoo_tree "$CACHE/odoo"); then
            mkdir -p "$CACHE/dl"
            if ! compgen -G "$CACHE/dl/odoo-19_*.deb" > /dev/null; then
                try_step "Downloading Odoo 19 from Debian (120 MB)" download_odoo
                if ((STEP_STATUS)); then
                    say "That did not work: trying Odoo's own repository instead."
                    step "Downloading Odoo 19 from its git repository (500 MB)" \
                        "Check the network, or set ODOO_SOURCE=/path/to/odoo to an Odoo 19.0 you have." clone_odoo
                fi
            fi
            if [[ ! -d $CACHE/odoo ]]; then
                step "Unpacking Odoo 19 (1.2 GB)" "Check the free space below $CACHE; then start again." unpack_odoo
            fi
            ODOO=$(odoo_tree "$CACHE/odoo") || die "No Odoo in $CACHE/odoo." "Remove that folder and start again."
        fi
        [[ $(odoo_release "$ODOO") == 19.0 ]] || die "$CACHE/odoo is not Odoo 19.0." "Remove that folder and start again."
        # Debian's package refers to fonts and scripts of other packages by relative links.
        if [[ -d $CACHE/odoo/usr/share ]]; then
            for folder in fonts fonts-font-awesome javascript; do
                [[ -e $CACHE/odoo/usr/share/$folder ]] || ln -sfn "/usr/share/$folder" "$CACHE/odoo/usr/share/$folder"
            done
        fi
    fi
    ODOO_ADDONS=$ODOO/odoo/addons
    [[ ! -d $ODOO/addons/account || -d $ODOO/odoo/addons/account ]] || ODOO_ADDONS=$ODOO/addons
}

# --- Python ------------------------------------------------------------------------------------

find_python() {
    local candidate
    for candidate in ${ACCOUNT_EXACT_PYTHON:-/usr/bin/python3 python3 python3.13 python3.12 python3.11 python3.10}; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2> /dev/null; then
            "$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))'
            return
        fi
    done
    return 1
}

build_venv() {
    rm -rf "$VENV"
    "$1" -m venv "$VENV"
    # Every version is pinned: there is nothing to resolve.
    "$VENV/bin/python" -m pip install --disable-pip-version-check --no-input --prefer-binary --no-deps --no-compile \
        -r "$LIB/../requirements.txt"
    "$VENV/bin/python" -m pip check
    "$VENV/bin/python" -c 'import authlib, gevent, lxml.etree, playwright, psycopg2, pytest, reportlab'
    touch "$VENV/.complete"
}

setup_python() {
    local python
    python=$(find_python) || die "No Python 3.10 or later with the module venv." "Install python3-venv, or set ACCOUNT_EXACT_PYTHON=/path/to/python3."
    # The folder carries the pins in its name: two checkouts with other pins do not disturb each other.
    VENV=$CACHE/venv-$({ "$python" -VV; cat "$LIB/../requirements.txt"; } | sha256sum | cut -c1-8)
    if [[ ! -f $VENV/.complete ]]; then
        step "Installing the Python packages" "Check the network and pip's configuration (python3 -m pip config list)." build_venv "$python"
    fi
    # For people: always the newest under one name.
    if [[ -L $CACHE/venv || ! -e $CACHE/venv ]]; then
        [[ $(readlink "$CACHE/venv") == "${VENV##*/}" ]] || ln -sfn "${VENV##*/}" "$CACHE/venv"
    fi
    PYTHON=$VENV/bin/python
}

# --- Addons of others --------------------------------------------------------------------------
# Only for who asks: where queue_job is installed, all exports go through its jobs.

install_others_addons() {
    rm -rf "$1" "$1.new"
    "$PYTHON" -m pip install --disable-pip-version-check --no-input --no-deps --no-compile --target "$1.new" \
        -r "$LIB/../requirements-addons.txt"
    mv "$1.new" "$1"
}

setup_others_addons() {
    local folder
    lock 7 "$CACHE/locks/setup" "Another copy is setting this machine up: waiting for it …"
    folder=$CACHE/addons-$(sha256sum < "$LIB/../requirements-addons.txt" | cut -c1-8)
    if [[ ! -d $folder ]]; then
        step "Installing the addons of others" "Check the network and pip's configuration (python3 -m pip config list)." \
            install_others_addons "$folder"
    fi
    flock -u 7
    OTHERS_ADDONS=$folder/odoo/addons
}

# --- PostgreSQL --------------------------------------------------------------------------------
# One cluster for all copies that share the cache, on a unix socket only, as nobody but its own
# system user can reach it. It runs while at least one of our scripts uses it.

pg_as() {
    if ((EUID == 0)); then
        (cd / && runuser -u postgres -- env LC_ALL=C.UTF-8 "$@")
    else
        (cd / && "$@")
    fi
}

make_cluster() {
    local new=$PG_HOME/data.new
    ((EUID)) || chown postgres: "$PG_HOME"
    # Whoever can open the socket is trusted: nobody else reaches it.
    chmod 700 "$PG_HOME"
    pg_as rm -rf "$new"
    # The superuser is not called "postgres": Odoo refuses to work as that user.
    pg_as "$PG_BIN/initdb" --pgdata="$new" --username=account_exact --auth=trust --encoding=UTF8 --locale=C.UTF-8
    # A crash of the machine may cost the last half second of work, but never damages a database.
    pg_as tee -a "$new/postgresql.conf" > /dev/null <<END
listen_addresses = ''
unix_socket_permissions = 0700
synchronous_commit = off
shared_buffers = 256MB
max_connections = 200
max_wal_size = 2GB
checkpoint_timeout = 30min
logging_collector = off
END
    pg_as mv "$new" "$PG_DATA"
}

pg_running() { [[ -f $PG_DATA/postmaster.pid ]] && pg_as "$PG_BIN/pg_ctl" --pgdata="$PG_DATA" status > /dev/null 2>&1; }

start_cluster() {
    pg_as "$PG_BIN/pg_ctl" --pgdata="$PG_DATA" --log="$PG_HOME/postgresql.log" --wait --timeout=120 \
        --options="-k '$PGHOST'" start 6>&- 7>&- 8>&- 9>&-
}

setup_postgresql() {
    local initdb
    initdb=$(find /usr/lib/postgresql -path '*/bin/initdb' 2> /dev/null | sort -V | tail -n 1)
    [[ -n $initdb ]] || die "No PostgreSQL server below /usr/lib/postgresql." "Install Debian's package postgresql."
    PG_BIN=${initdb%/initdb}
    PG_HOME=$CACHE/postgresql
    if ((EUID == 0)) && ! (cd / && runuser -u postgres -- test -x "$CACHE"); then
        # PostgreSQL refuses to run as root, and its own user cannot reach a cache below /root.
        PG_HOME=/var/cache/account_exact/$(printf %s "$CACHE" | sha256sum | cut -c1-8)
        mkdir -p -m 755 "${PG_HOME%/*}"
    fi
    mkdir -p "$PG_HOME"
    PG_DATA=$PG_HOME/data-$(basename "$(dirname "$PG_BIN")")
    export PGHOST=$PG_HOME PGPORT=5432 PGUSER=account_exact
    if ((${#PGHOST} > 85)); then
        # The path of a socket cannot be longer than 107 characters.
        PGHOST=/tmp/account_exact-$EUID-$(printf %s "$PG_HOME" | sha256sum | cut -c1-8)
        pg_as mkdir -p -m 700 "$PGHOST"
        [[ $(stat -c %u "$PGHOST") == "$(pg_as id -u)" ]] || die "$PGHOST belongs to somebody else." "Set ACCOUNT_EXACT_CACHE to a shorter path."
    fi
    lock 8 "$CACHE/locks/postgresql" "Waiting for another copy that starts or stops PostgreSQL …"
    exec 9>> "$CACHE/locks/postgresql-users"
    flock -s 9
    AT_EXIT+=(release_postgresql)
    if [[ ! -f $PG_DATA/PG_VERSION ]]; then
        step "Creating the PostgreSQL cluster" "Check the free space below $PG_HOME." make_cluster
    fi
    if ! pg_running; then
        step "Starting PostgreSQL" "See $PG_HOME/postgresql.log; if the cluster is beyond repair, remove $PG_HOME." start_cluster
    fi
    flock -u 8
}

# The last one to leave stops it.
release_postgresql() {
    exec 8>> "$CACHE/locks/postgresql"
    flock 8
    flock -u 9
    exec 9>> "$CACHE/locks/postgresql-users"
    if flock -n 9 && pg_running; then
        pg_as "$PG_BIN/pg_ctl" --pgdata="$PG_DATA" --wait --timeout=60 --mode=fast stop > /dev/null 2>&1
    fi
    flock -u 8
}

sql() { "$PG_BIN/psql" --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"; }

database_exists() { [[ $(sql -d postgres -c "SELECT 1 FROM pg_database WHERE datname = '$1'") == 1 ]]; }

drop_database() { sql -d postgres -c "DROP DATABASE IF EXISTS \"$1\" WITH (FORCE)" 2> /dev/null; }

clone_database() { sql -d postgres -c "CREATE DATABASE \"$2\" TEMPLATE \"$1\""; }

rename_database() { sql -d postgres -c "ALTER DATABASE \"$1\" RENAME TO \"$2\""; }

# setup: all of it. Two copies do not set up at the same time.
setup() {
    lock 7 "$CACHE/locks/setup" "Another copy is setting this machine up: waiting for it …"
    setup_packages
    setup_odoo
    setup_python
    setup_postgresql
    flock -u 7
}
