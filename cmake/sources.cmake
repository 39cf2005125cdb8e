# SPDX-License-Identifier: Apache-2.0
# WICK_SOURCES: every source of libwick, and the instruction set of each tier's kernels (one file per operation and tier, the
# tier in its name: gemm_f32_avx512.c).
file(GLOB WICK_SOURCES CONFIGURE_DEPENDS
  src/base/*.c src/base/*.cc src/text/*.c src/model/*.c src/hub/*.c src/provider/*.c src/cpu/*.c src/cpu/generic/*.c)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  file(GLOB WICK_KERNELS CONFIGURE_DEPENDS src/cpu/x86/*.c)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  file(GLOB WICK_KERNELS CONFIGURE_DEPENDS src/cpu/arm/*.c)
endif()
list(FILTER WICK_SOURCES EXCLUDE REGEX "/fuzz_[^/]*$")
foreach(file IN LISTS WICK_KERNELS)
  set(flags -O3)
  if(file MATCHES "_avx512\\.c$")
    list(APPEND flags -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma)
  elseif(file MATCHES "_avx2\\.c$")
    list(APPEND flags -mavx2 -mfma)
  endif()
  set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "${flags}")
endforeach()
list(APPEND WICK_SOURCES ${WICK_KERNELS})
