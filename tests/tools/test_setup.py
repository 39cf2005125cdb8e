# SPDX-License-Identifier: Apache-2.0
"""tools/setup.sh with package managers of our own in the PATH: what it installs, what it says, that it is quiet where everything is there."""
import os
import shutil
import subprocess
import time

import pytest

# What the script itself calls; everything else is "missing" unless a test adds it.
BASICS = ["sh", "dirname", "uname", "id", "grep", "tr", "cmp", "cp", "rm", "cat", "sed", "env", "mkdir", "mktemp"]


@pytest.fixture
def machine(root, tmp_path):
    return Machine(root, tmp_path)


class Machine:
    def __init__(self, root, folder):
        self.folder, self.bin = folder, folder / "bin"
        (folder / "tools").mkdir()
        self.bin.mkdir()
        for name in ("setup.sh", "requirements-test.txt"):
            shutil.copy(root / "tools" / name, folder / "tools")
        for name in BASICS:
            (self.bin / name).symlink_to(shutil.which(name))

    def add(self, name, script="exit 0"):
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!{shutil.which('sh')}\n{script}\n")
        path.chmod(0o755)

    def debian(self):
        """An apt-get that notes its calls."""
        self.add("apt-get", f'echo "$*" >>"{self.folder}/calls"')

    def complete(self):
        for name in ("cc", "c++", "make", "ninja"):
            self.add(name)
        self.add("cmake", "echo cmake version 3.25.1")
        self.add("pkg-config")

    def calls(self):
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def __call__(self, *levels, status=0):
        done = subprocess.run([self.bin / "sh", self.folder / "tools" / "setup.sh", *levels], env={"PATH": str(self.bin), "HOME": str(self.folder), "HOMEBREW_PREFIX": str(self.folder)},
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr


def test_quiet_and_quick_where_everything_is_there(machine):
    machine.complete()
    machine.debian()
    began = time.monotonic()
    assert machine("build") == ""
    assert time.monotonic() - began < 2
    assert machine.calls() == []


def test_installs_only_what_is_missing_and_says_why(machine):
    machine.complete()
    machine.debian()
    (machine.bin / "ninja").unlink()
    machine.add("id", "echo 0")
    out = machine("build")
    assert "ninja-build: runs the build" in out and "gcc" not in out
    assert [call for call in machine.calls() if "install" in call] == ["-qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends ninja-build"]


def test_a_bare_machine(machine):
    machine.debian()
    machine.add("id", "echo 0")
    machine("build")
    install = machine.calls()[-1].split()
    assert install[install.index("--no-install-recommends") + 1:] == [
        "gcc", "g++", "make", "cmake", "ninja-build", "pkg-config", "libjansson-dev", "libtomlplusplus-dev", "libevent-dev",
        "libssl-dev", "libcurl4-openssl-dev"]


def test_an_old_cmake_is_not_enough(machine):
    machine.complete()
    machine.debian()
    machine.add("id", "echo 0")
    for version, enough in (("3.18.4", False), ("3.24.9", False), ("3.25.1", True), ("3.31.6", True), ("4.1.0", True)):
        machine.add("cmake", f"echo cmake version {version}")
        assert ("cmake:" in machine("build")) != enough, version


def test_without_root_sudo_is_used(machine):
    machine.complete()
    machine.debian()
    (machine.bin / "make").unlink()
    machine.add("id", "echo 1000")
    machine.add("sudo", f'echo "sudo $*" >>"{machine.folder}/sudo"\nexec "$@"')
    machine("build")
    assert "apt-get -qq update" in (machine.folder / "sudo").read_text()


def test_without_root_and_sudo_it_says_so(machine):
    machine.complete()
    machine.debian()
    (machine.bin / "make").unlink()
    machine.add("id", "echo 1000")
    out = machine("build", status=1)
    assert "needs root" in out and "make" in out


def test_a_failing_apt_fails_with_its_words(machine):
    machine.complete()
    (machine.bin / "make").unlink()
    machine.add("id", "echo 0")
    machine.add("apt-get", 'case "$*" in *install*) echo "E: no space left" >&2; exit 100 ;; esac')
    out = machine("build", status=1)
    assert "E: no space left" in out and "could not install: make" in out


def test_macos_uses_homebrew(machine):
    machine.complete()
    machine.add("uname", "echo Darwin")
    machine.add("xcode-select")
    (machine.bin / "cmake").unlink()
    (machine.bin / "ninja").unlink()
    machine.add("brew", f'echo "$*" >>"{machine.folder}/calls"')
    machine("build")
    assert machine.calls() == ["install --quiet cmake ninja openssl@3 curl"]


def test_macos_without_a_compiler_says_what_to_do(machine):
    machine.add("uname", "echo Darwin")
    machine.add("xcode-select", "exit 2")
    assert "xcode-select --install" in machine("build", status=1)


def test_no_package_manager(machine):
    assert "install by hand" in machine("build", status=1)


def test_unknown_level(machine):
    assert "unknown level" in machine("nonsense", status=2)


def test_a_broken_off_venv_is_made_again(machine):
    machine.complete()
    machine.debian()
    machine.add("nm")
    python = (
        f'case "$*" in *"-m venv"*) mkdir -p "{machine.folder}/.venv/bin"; cp "{machine.bin}/python3" "{machine.folder}/.venv/bin/python" ;;\n'
        f'*"-m pip"*) echo pip >>"{machine.folder}/calls"; exit ${{PIP_STATUS:-0}} ;; esac'
    )
    machine.add("python3", "PIP_STATUS=1\n" + python)
    machine("test", status=1)
    assert not (machine.folder / ".venv" / "requirements-test.txt").exists()
    machine.add("python3", python)
    assert "making .venv" in machine("test")
    assert machine("test") == ""
    assert machine.calls() == ["pip", "pip"]
    with open(machine.folder / "tools" / "requirements-test.txt", "a", encoding="utf-8") as file:
        file.write("one-more==1\n")
    assert "one-more==1" in machine("test")


def test_this_machine_is_set_up_in_no_time(root):
    began = time.monotonic()
    done = subprocess.run(["sh", root / "tools" / "setup.sh", "build"], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout == "" and time.monotonic() - began < 3
