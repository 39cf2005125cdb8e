# SPDX-License-Identifier: Apache-2.0
# One libFuzzer target per src/*/fuzz_NAME.c, with its seeds in tests/fuzz/NAME/. The fuzz preset builds with clang.
file(GLOB WICK_FUZZERS CONFIGURE_DEPENDS src/*/fuzz_*.c)
if(NOT WICK_CANDLE)
  list(FILTER WICK_FUZZERS EXCLUDE REGEX "/(text|model|cpu)/fuzz_[^/]*$")
endif()
foreach(file IN LISTS WICK_FUZZERS)
  get_filename_component(name ${file} NAME_WE)
  add_executable(${name} ${file})
  target_include_directories(${name} PRIVATE src)
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(${name} PRIVATE wick_static wick_flags PkgConfig::JANSSON m)
endforeach()
