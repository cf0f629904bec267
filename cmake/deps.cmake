# SPDX-License-Identifier: Apache-2.0
#
# Third-party libraries, all from Debian, all linked statically in every preset, each under one name:
#   runsc::absl  runsc::boost_context  runsc::protobuf_lite  runsc::seccomp      (any directory)
#   runsc::gflags  runsc::glog  runsc::cli11  runsc::json                        (runsc/ only; json also where a test needs it)
find_package(Threads REQUIRED)

# Debian's Abseil targets name the shared objects; the archives lie beside them.
find_package(absl REQUIRED)
get_property(imported DIRECTORY PROPERTY IMPORTED_TARGETS)
foreach(target IN LISTS imported)
  if(target MATCHES "^absl::")
    get_target_property(location ${target} IMPORTED_LOCATION_NONE)
    if(location MATCHES "^(.*)\\.so[.0-9]*$")
      set_target_properties(${target} PROPERTIES IMPORTED_LOCATION_NONE ${CMAKE_MATCH_1}.a IMPORTED_SONAME_NONE "")
    endif()
  endif()
endforeach()
add_library(runsc_absl INTERFACE)
target_link_libraries(runsc_absl INTERFACE absl::strings absl::str_format absl::status absl::statusor absl::flat_hash_map
  absl::flat_hash_set absl::node_hash_map absl::btree absl::inlined_vector absl::span absl::cleanup absl::function_ref
  absl::bits absl::core_headers)
add_library(runsc::absl ALIAS runsc_absl)

# Defines runsc::NAME as the archive lib ARCHIVE plus the libraries it needs.
function(runsc_archive name archive)
  find_library(RUNSC_ARCHIVE_${name} NAMES lib${archive}.a REQUIRED)
  add_library(runsc_${name} INTERFACE)
  target_link_libraries(runsc_${name} INTERFACE ${RUNSC_ARCHIVE_${name}} ${ARGN})
  add_library(runsc::${name} ALIAS runsc_${name})
endfunction()

runsc_archive(boost_context boost_context)
runsc_archive(seccomp seccomp)
runsc_archive(gflags gflags Threads::Threads)

set(Protobuf_USE_STATIC_LIBS ON)
find_package(Protobuf REQUIRED)
add_library(runsc::protobuf_lite ALIAS protobuf::libprotobuf-lite)

# libglog.a asks for libunwind.a, which cannot be part of a static-PIE: four functions of ours stand in for it.
add_library(runsc_unwind_stubs STATIC ${PROJECT_SOURCE_DIR}/runsc/unwind_stubs.c)
target_link_libraries(runsc_unwind_stubs PRIVATE runsc_flags)
runsc_archive(glog glog runsc::gflags runsc_unwind_stubs Threads::Threads)

find_path(RUNSC_CLI11_INCLUDE CLI/CLI.hpp REQUIRED)
find_path(RUNSC_JSON_INCLUDE nlohmann/json.hpp REQUIRED)
add_library(runsc_cli11 INTERFACE)
target_include_directories(runsc_cli11 SYSTEM INTERFACE ${RUNSC_CLI11_INCLUDE})
add_library(runsc::cli11 ALIAS runsc_cli11)
add_library(runsc_json INTERFACE)
target_include_directories(runsc_json SYSTEM INTERFACE ${RUNSC_JSON_INCLUDE})
add_library(runsc::json ALIAS runsc_json)

find_package(GTest REQUIRED)
