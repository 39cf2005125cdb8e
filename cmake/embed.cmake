# SPDX-License-Identifier: Apache-2.0
# wick_embed_file(TARGET FILE SYMBOL): gives the target a C array SYMBOL[] with the bytes of FILE, a 0 behind them, and size_t SYMBOL_bytes. JSON loses the blanks at the beginning of its
# lines, which no string of it can reach over.
function(wick_embed_file target file symbol)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/embedded/${symbol}.c)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} bytes HEX)
  if(file MATCHES "\\.json$")
    string(REGEX REPLACE "(..)" "\\1," bytes "${bytes}") # byte by byte, not from the middle of one
    string(REGEX REPLACE "0a,(20,)+" "0a," bytes "${bytes}")
    string(REPLACE "," "" bytes "${bytes}")
  endif()
  string(LENGTH "${bytes}" n)
  math(EXPR n "${n} / 2")
  string(REGEX REPLACE "(................................................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  get_filename_component(name ${file} NAME)
  file(CONFIGURE OUTPUT ${out} @ONLY CONTENT "/* Made of ${name} by cmake/embed.cmake. */
#include <stddef.h>
extern const unsigned char ${symbol}[];
extern const size_t ${symbol}_bytes;
const unsigned char ${symbol}[] = {
${bytes}0x00};
const size_t ${symbol}_bytes = ${n};
")
  target_sources(${target} PRIVATE ${out})
endfunction()
