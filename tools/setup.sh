#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what the named levels need and is missing: setup.sh LEVEL... Quick and silent where everything is there. Debian and its relatives
# (apt) and macOS (Homebrew); elsewhere it lists what to install. Called by the Makefile and get-model.sh.
# Levels: build, test, download, python, asan..debootstrap (see the case below).
set -eu
cd "$(dirname "$0")/.."

case $(uname -s) in Darwin) os=macos ;; *) os=linux ;; esac
packages="" # what to install, by the package manager's name
reasons=""  # one line each, for the user
venv=no
page=no

# need PROBE APT BREW WHY: notes the package unless the probe finds what it is for. PROBE: a command, pc:MODULE (pkg-config), cc:FLAGS (links).
# APT or BREW "-": not from there.
need() {
    case $1 in
    pc:*) command -v pkg-config >/dev/null 2>&1 && pkg-config --exists "${1#pc:}" && return ;;
    cc:*) echo 'int LLVMFuzzerTestOneInput(const char *d, long n){return !d && n;}' |
        clang ${1#cc:} -x c - -o /dev/null 2>/dev/null && return ;;
    venv) python3 -c 'import venv, ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return ;;
    cmake) # Debian 11 has one that is too old; apt cannot mend that, so the message has to
        case $(cmake --version 2>/dev/null | sed -n '1s/[^0-9]*//p') in 3.2[5-9]* | 3.[3-9]* | [4-9].*) return ;; esac ;;
    /*) [ -e "$1" ] && return ;;
    *) command -v "$1" >/dev/null 2>&1 && return ;;
    esac
    if [ $os = macos ]; then package=$3; else package=$2; fi
    [ "$package" = - ] && return
    case " $packages " in *" $package "*) return ;; esac
    packages="$packages $package"
    reasons="$reasons
  $package: $4"
}

for level in "$@"; do
    case $level in
    build)
        if [ $os = macos ] && ! xcode-select -p >/dev/null 2>&1; then
            echo "setup: no compiler; run: xcode-select --install" >&2
            exit 1
        fi
        need cc gcc - "compiles C"
        need c++ g++ - "compiles the two C++ files"
        need make make - "runs the Makefile"
        need cmake cmake cmake "configures the build (3.25 or newer)"
        need ninja ninja-build ninja "runs the build"
        need pkg-config pkg-config pkg-config "finds the libraries"
        need pc:jansson libjansson-dev jansson "reads JSON"
        need pc:tomlplusplus libtomlplusplus-dev tomlplusplus "reads TOML"
        need pc:libevent_core libevent-dev libevent "runs the server's event loop"
        if [ $os = macos ]; then # linked into no folder that pkg-config looks at
            need "${HOMEBREW_PREFIX:-/opt/homebrew}/opt/openssl@3/include/openssl/evp.h" - openssl@3 "checks what is downloaded"
            need "${HOMEBREW_PREFIX:-/opt/homebrew}/opt/curl/include/curl/curl.h" - curl "downloads models"
        else
            need pc:libcrypto libssl-dev - "checks what is downloaded"
            need pc:libcurl libcurl4-openssl-dev - "downloads models"
        fi
        ;;
    test)
        need pc:cmocka libcmocka-dev cmocka "runs the C tests"
        need nm binutils - "lists the symbols that the library exports"
        need venv "python3 python3-venv" python "runs the Python tests"
        venv=yes
        ;;
    python) need venv "python3 python3-venv" python "makes virtual environments" ;;
    download)
        [ $os = macos ] || need /etc/ssl/certs/ca-certificates.crt ca-certificates - "checks the servers' certificates"
        ;;
    fuzz)
        need clang clang llvm "compiles for the fuzzer"
        need cc:-fsanitize=fuzzer,address libclang-rt-14-dev llvm "the fuzzer and the sanitizers of clang 14"
        ;;
    coverage) need gcovr gcovr gcovr "sums up line coverage" ;;
    valgrind) need valgrind valgrind - "finds leaks and wild reads" ;;
    load) need wrk wrk wrk "drives the server under load" ;;
    page) # on macOS a Chrome that is there; Selenium finds its driver
        need chromium chromium - "runs the page's tests"
        need chromedriver chromium-driver - "drives chromium"
        page=yes
        ;;
    lint)
        need clang-format clang-format clang-format "checks the layout of the sources"
        ;;
    arm64)
        need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu - "compiles C for arm64"
        need aarch64-linux-gnu-g++ g++-aarch64-linux-gnu - "compiles C++ for arm64"
        need qemu-aarch64 qemu-user - "runs arm64 programs"
        ;;
    debootstrap) need debootstrap debootstrap - "makes a bare Debian" ;;
    *)
        echo "setup: unknown level: $level" >&2
        exit 2
        ;;
    esac
done

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        echo "setup: needs root for: $*" >&2
        echo "setup: run it as root, or install sudo, then try again" >&2
        exit 1
    fi
}

if [ -n "$packages" ]; then
    echo "setup: installing what is missing:$reasons"
    # Word splitting of $packages is meant.
    # shellcheck disable=SC2086
    if [ $os = macos ]; then
        command -v brew >/dev/null 2>&1 || {
            echo "setup: Homebrew is missing; see https://brew.sh, then try again" >&2
            exit 1
        }
        brew install --quiet $packages </dev/null
    elif command -v apt-get >/dev/null 2>&1; then
        # A list that cannot be fetched matters only if the packages then cannot be installed, which says so itself.
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update </dev/null || true
        log=$(mktemp)
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends \
            $packages </dev/null >"$log" 2>&1 || {
            cat "$log" >&2
            rm -f "$log"
            echo "setup: apt could not install:$packages" >&2
            exit 1
        }
        rm -f "$log"
    else
        echo "setup: neither apt nor Homebrew here; install by hand what is listed above, then try again" >&2
        exit 1
    fi
    echo "setup: done"
fi

# The stamp is a copy of the requirements, written last: a set-up that was broken off starts over.
if [ $venv = yes ] && ! cmp -s tools/requirements-test.txt .venv/requirements-test.txt; then
    echo "setup: making .venv with $(grep -v '^#' tools/requirements-test.txt | tr '\n' ' ')"
    rm -rf .venv
    python3 -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r tools/requirements-test.txt </dev/null
    cp tools/requirements-test.txt .venv/requirements-test.txt
fi
if [ $page = yes ] && ! cmp -s tools/requirements-page.txt .venv/requirements-page.txt; then
    echo "setup: adding $(grep -v '^#' tools/requirements-page.txt | tr '\n' ' ')to .venv"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r tools/requirements-page.txt </dev/null
    cp tools/requirements-page.txt .venv/requirements-page.txt
fi
