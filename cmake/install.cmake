# SPDX-License-Identifier: Apache-2.0
# `make install`: the command, wick.h, both libraries, wick.pc for pkg-config, and a CMake package with wick::shared and wick::static.
# Whatever folder it is moved to later, both files still find it: they hold no absolute path.
include(CMakePackageConfigHelpers)

# Internal functions are hidden already; this keeps the C++ library's templates inside too.
if(APPLE)
  target_link_options(wick_shared PRIVATE "LINKER:-exported_symbol,_wick_*")
else()
  target_link_options(wick_shared PRIVATE "LINKER:--version-script=${CMAKE_CURRENT_LIST_DIR}/exports.map")
  set_property(TARGET wick_shared APPEND PROPERTY LINK_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/exports.map)
endif()

set(WICK_CXX_RUNTIME stdc++)
if(APPLE)
  set(WICK_CXX_RUNTIME c++)
endif()

if(TARGET wick)
  install(TARGETS wick RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES include/wick.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS wick_static wick_shared EXPORT wick
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})

set(WICK_CMAKE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/wick)
install(EXPORT wick NAMESPACE wick:: FILE wickTargets.cmake DESTINATION ${WICK_CMAKE_FOLDER})
configure_package_config_file(cmake/wickConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/wickConfig.cmake
  INSTALL_DESTINATION ${WICK_CMAKE_FOLDER} NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/wickConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/wickConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/wickConfigVersion.cmake
  DESTINATION ${WICK_CMAKE_FOLDER})

# From <libdir>/pkgconfig back to the prefix, for relocation.
file(RELATIVE_PATH WICK_PREFIX_FROM_PC "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" WICK_PREFIX_FROM_PC "${WICK_PREFIX_FROM_PC}")
configure_file(cmake/wick.pc.in ${CMAKE_CURRENT_BINARY_DIR}/wick.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/wick.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
