#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check-bare-debian.sh [COMMAND]: clones HEAD into a fresh Debian 12 (debootstrap, minbase) and runs there, as a newcomer would with nothing but make
# and git installed, `make run && make test` (or COMMAND); says how long each took. Needs root. Called by `make chroot`.
# The chroot's HOME is new. From this machine it takes the network's settings alone: resolver, certificates, pip's and the proxies'.
# Environment: KEEP=1 leaves the chroot; DEBIAN_MIRROR (else the first archive in this machine's own
# apt sources).
set -euo pipefail
cd "$(dirname "$0")/.."
command=${1:-}
[ "$(id -u)" = 0 ] || { echo "check-bare-debian: needs root" >&2; exit 1; }
# "deb [options] URL suite ..." or "URIs: URL": the first URL that ends in /debian
mirror=${DEBIAN_MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -v '^ *#' | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 || true)}
mirror=${mirror%% *}
[ -n "$mirror" ] || { echo "check-bare-debian: set DEBIAN_MIRROR to a Debian archive" >&2; exit 2; }
root=$(mktemp -d "${TMPDIR:-/var/tmp}/wick-debian.XXXXXX")
chmod 755 "$root"
finish() {
    umount -l "$root/proc" "$root/dev/pts" "$root/dev/shm" 2>/dev/null || true
    if [ "${KEEP:-0}" = 1 ]; then echo "check-bare-debian: kept $root"; else rm -rf --one-file-system "$root"; fi
}
trap finish EXIT

echo "check-bare-debian: making a Debian 12 in $root"
debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1 || { tail -n 20 "$root.log"; exit 1; }
rm -f "$root.log"
mount -t proc proc "$root/proc"
mkdir -p "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,gid=5,mode=620 devpts "$root/dev/pts"
ln -sf pts/ptmx "$root/dev/ptmx" # the tests ask for terminals
cp -L /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
[ -f /etc/pip.conf ] && cp -L /etc/pip.conf "$root/etc/"
# A file of its own: installing ca-certificates in the chroot would write over the usual one.
certificates=${PIP_CERT:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}
[ -f "$certificates" ] && cp -L "$certificates" "$root/usr/local/share/host-certificates.crt"
printf 'deb %s bookworm main\ndeb %s bookworm-updates main\n' "$mirror" "$mirror" >"$root/etc/apt/sources.list"
# What a newcomer did before: cloned the repository, and has make.
chroot "$root" sh -c 'apt-get -qq update && apt-get -qq install -y --no-install-recommends make' >/dev/null 2>&1
mkdir -p "$root/home/newcomer"
git clone -q . "$root/home/newcomer/wick"

enter() { # every variable but the network's stays out
    local pass=() name
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL PIP_DEFAULT_TIMEOUT HF_ENDPOINT; do
        [ -n "${!name:-}" ] && pass+=("$name=${!name}")
    done
    for name in PIP_CERT SSL_CERT_FILE CURL_CA_BUNDLE; do
        [ -f "$root/usr/local/share/host-certificates.crt" ] && pass+=("$name=/usr/local/share/host-certificates.crt")
    done
    env -i HOME=/home/newcomer PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb "${pass[@]}" \
        chroot "$root" sh -c "cd /home/newcomer/wick && $1" </dev/null
}
if [ -n "$command" ]; then
    enter "$command"
    exit
fi
for target in run test run test; do
    began=$(date +%s)
    enter "make $target"
    echo "check-bare-debian: make $target took $(($(date +%s) - began)) s"
done
