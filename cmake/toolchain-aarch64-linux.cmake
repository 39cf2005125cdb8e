# SPDX-License-Identifier: Apache-2.0
# Cross building for Linux arm64 with Debian's gcc-aarch64-linux-gnu; programs run under qemu-user. The arm64 libraries lie in
# build-arm64/sysroot, where tools/check-arm64.sh unpacks them: nothing is installed for it into the system.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

get_filename_component(WICK_SYSROOT "${CMAKE_CURRENT_LIST_DIR}/../build-arm64/sysroot" ABSOLUTE)
set(CMAKE_FIND_ROOT_PATH "${WICK_SYSROOT}" /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} "${WICK_SYSROOT}")
set(ENV{PKG_CONFIG_LIBDIR} "${WICK_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${WICK_SYSROOT}/usr/share/pkgconfig")

# The C library is the cross compiler's own; jansson and cmocka are found through LD_LIBRARY_PATH inside qemu.
set(CMAKE_CROSSCOMPILING_EMULATOR
  qemu-aarch64 -L /usr/aarch64-linux-gnu -E "LD_LIBRARY_PATH=${WICK_SYSROOT}/usr/lib/aarch64-linux-gnu")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "-Wl,-rpath-link,${WICK_SYSROOT}/usr/lib/aarch64-linux-gnu")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,-rpath-link,${WICK_SYSROOT}/usr/lib/aarch64-linux-gnu")
