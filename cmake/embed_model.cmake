# SPDX-License-Identifier: Apache-2.0
# wick_add_command(NAME [MODEL]): the command as program NAME, with the packed model in file MODEL (`wick pack`) inside. All programs share the objects of wick_cli; only the
# one file that holds the model is compiled for each.
function(wick_add_command name)
  add_executable(${name} ${PROJECT_SOURCE_DIR}/src/cli/embedded_model.c)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${name} PRIVATE wick_cli $<TARGET_NAME_IF_EXISTS:wick_server> wick_static wick_flags)
  if(ARGN)
    get_filename_component(model ${ARGV1} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
    # A source's own properties, so that a changed model is assembled anew; a copy of the source, since it may be compiled for several programs.
    set(source ${CMAKE_CURRENT_BINARY_DIR}/embedded/${name}_model.c)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"cli/embedded_model.c\"\n")
    set_property(SOURCE ${source} PROPERTY OBJECT_DEPENDS ${model})
    set_property(TARGET ${name} PROPERTY SOURCES ${source})
    target_compile_definitions(${name} PRIVATE "WICK_EMBED_PATH=\"${model}\"")
    if(NOT APPLE)
      target_link_options(${name} PRIVATE $<$<CONFIG:Release>:-s>) # symbols take 0.1 MB
    endif()
  endif()
endfunction()
