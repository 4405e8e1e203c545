#!/usr/bin/env bash
# Checks Cargo.lock against the RustSec advisories (a git repository). First it verifies with an invented advisory against a
# dependency that a match is found. Called by tests/tools/stages.sh.
#
# ADVISORY_DB names a clone of https://github.com/RustSec/advisory-db to use if that cannot be reached.
# Exit code 77 with a line "skipped: REASON" means that no database is available.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
: "${TESTS_TARGET:=$PWD/target}" "${CARGO_DENY:=cargo-deny}"
FETCH_SECONDS_MAX=60
OFFICIAL=https://github.com/RustSec/advisory-db
work="$TESTS_TARGET/test-tools/advisories"
mkdir -p "$work"

# Compares with the database at $1; its copy is stored under the name $2. git is redirected from the official URL.
check() {
    local config="$work/$2.toml"
    sed "s|^db-path = .*|db-path = \"$work/$2\"|" deny.toml >"$config"
    GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="url.$1.insteadOf" GIT_CONFIG_VALUE_0=$OFFICIAL \
        "$CARGO_DENY" --locked --all-features --config "$config" check --hide-inclusion-graph advisories
}

# Creates a database with one advisory against every version of crate $1.
invent() {
    local folder="$work/invented" crate=$1
    rm -rf "$folder" "$work/own" && mkdir -p "$folder/crates/$crate"
    cat >"$folder/crates/$crate/RUSTSEC-2099-0001.md" <<EOF
\`\`\`toml
[advisory]
id = "RUSTSEC-2099-0001"
package = "$crate"
date = "2099-01-01"
[versions]
patched = []
\`\`\`

# An invented advisory to verify that it is found

This crate has no vulnerability.
EOF
    git -C "$folder" init --quiet --initial-branch=main
    git -C "$folder" add .
    git -C "$folder" -c user.name=test -c user.email=test@example.org commit --quiet --message=advisory
}

invent anyhow
if check "file://$work/invented" own >"$work/own.log" 2>&1 || ! grep -q RUSTSEC-2099-0001 "$work/own.log"; then
    cat "$work/own.log"
    echo "an advisory against a dependency was not found"
    exit 1
fi
invent no-crate-of-ours
if ! check "file://$work/invented" own >"$work/own.log" 2>&1; then
    cat "$work/own.log"
    echo "an advisory against a crate that is not a dependency was reported"
    exit 1
fi

url=$OFFICIAL
[ -z "${ADVISORY_DB:-}" ] || url="file://$(realpath -m -- "$ADVISORY_DB")"
export GIT_TERMINAL_PROMPT=0
if ! timeout "$FETCH_SECONDS_MAX" git ls-remote --quiet "$url" HEAD >/dev/null 2>&1; then
    [ -z "${ADVISORY_DB:-}" ] || { echo "ADVISORY_DB: there is no git repository in $ADVISORY_DB"; exit 1; }
    echo "skipped: the advisory database can't be fetched from $OFFICIAL; ADVISORY_DB may name a clone of it"
    exit 77
fi
check "$url" db
