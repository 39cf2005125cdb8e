# SPDX-License-Identifier: Apache-2.0
# wick_flags: what every target of ours is compiled with. The ABI's floor, never -march=native; only kernels get more (sources.cmake).
add_library(wick_flags INTERFACE)
target_compile_definitions(wick_flags INTERFACE _GNU_SOURCE $<$<PLATFORM_ID:Darwin>:_DARWIN_C_SOURCE>)
target_compile_options(wick_flags INTERFACE -Wall -Wextra -Wshadow -Wpointer-arith -Wvla -Wno-unused-parameter
  -Wno-missing-field-initializers
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>
  # A product and a sum are fused only where a kernel says so: the same bits on every compiler.
  -ffp-contract=off -fno-math-errno)
# Tables for unwinding take 0.1 MB; C needs none, for no exception leaves the C++ files.
if(WICK_EMBED_MODEL AND NOT APPLE)
  target_compile_options(wick_flags INTERFACE $<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:C>>:-fno-asynchronous-unwind-tables>)
endif()
if(WICK_WERROR)
  target_compile_options(wick_flags INTERFACE -Werror)
endif()
if(WICK_SANITIZE)
  target_compile_options(wick_flags INTERFACE -fsanitize=${WICK_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(wick_flags INTERFACE -fsanitize=${WICK_SANITIZE})
endif()
