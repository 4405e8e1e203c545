#!/usr/bin/env bash
# Looks whether a dependency has a known fault: Cargo.lock against the advisories of RustSec, a git repository. First it proves,
# with an advisory of its own making against a crate of ours, that such a fault would be found. Called by tests/tools/stages.sh.
#
# ADVISORY_DB names a clone of https://github.com/RustSec/advisory-db to use instead, where that cannot be reached.
# Exit code 77 with a line "skipped: REASON" means that there is no database to compare with.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
: "${TESTS_TARGET:=$PWD/target}" "${CARGO_DENY:=cargo-deny}"
FETCH_SECONDS_MAX=60
OFFICIAL=https://github.com/RustSec/advisory-db
work="$TESTS_TARGET/test-tools/advisories"
mkdir -p "$work"

# Compares with the database at $1; its copy is kept under the name $2. git is told to find the official one there.
check() {
    local config="$work/$2.toml"
    sed "s|^db-path = .*|db-path = \"$work/$2\"|" deny.toml >"$config"
    GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="url.$1.insteadOf" GIT_CONFIG_VALUE_0=$OFFICIAL \
        "$CARGO_DENY" --locked --all-features --config "$config" check --hide-inclusion-graph advisories
}

# Makes a database with one advisory against every version of crate $1, or with one that is about none of ours.
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

# An advisory made up to see that it is found

There is nothing wrong with it.
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
    echo "an advisory against a crate that is no dependency was taken for one"
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
