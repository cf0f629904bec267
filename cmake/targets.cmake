# SPDX-License-Identifier: Apache-2.0
#
# One directory, one library: sources are found, not listed, so a new file needs no edit here.

# Groups, so that a lane of ./dev builds what it runs and no more.
add_custom_target(unit_tests)
add_custom_target(guest_programs)
add_custom_target(bench_programs)
add_custom_target(generated_sources)

# runsc_library(NAME [DEPS lib...] [FIBER] [EXCEPTIONS] [TARGET name] [EXCLUDE file...])
#
# The library NAME of all *.cc and *.S below this directory, except
#   *_test.cc     one GoogleTest executable NAME_test, registered with ctest under the label "unit";
#   testing/*.cc  the library NAME_testing (helpers for tests of this and higher directories; never linked into runsc);
#   EXCLUDE       files (relative) that belong to no library.
# FIBER: the code runs on fibers, so stack frames are limited. EXCEPTIONS: built with exceptions and RTTI.
# TARGET: name of the library when it is not NAME. A directory without sources becomes an INTERFACE library.
function(runsc_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "FIBER;EXCEPTIONS" "TARGET" "DEPS;EXCLUDE")
  set(target ${name})
  if(arg_TARGET)
    set(target ${arg_TARGET})
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} *.cc *.S)
  if(arg_EXCLUDE)
    list(REMOVE_ITEM sources ${arg_EXCLUDE})
  endif()
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  set(testing ${sources})
  list(FILTER testing INCLUDE REGEX "(^|/)testing/")
  list(FILTER sources EXCLUDE REGEX "(^|/)testing/")

  set(flags runsc_flags)
  if(NOT arg_EXCEPTIONS)
    list(APPEND flags runsc_kernel_flags)
  else()
    list(APPEND flags runsc_command_flags)
  endif()
  set(frame_flags)
  if(arg_FIBER)
    set(frame_flags runsc_fiber_flags)
  endif()

  if(sources)
    add_library(${target} STATIC ${sources})
    target_link_libraries(${target} PRIVATE ${flags} ${frame_flags} PUBLIC ${arg_DEPS})
  else()
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE ${arg_DEPS})
  endif()

  set(test_libs ${target} ${flags} GTest::gmock GTest::gtest)
  if(testing)
    add_library(${name}_testing STATIC ${testing})
    target_link_libraries(${name}_testing PRIVATE ${flags} PUBLIC ${target} GTest::gmock GTest::gtest)
    list(PREPEND test_libs ${name}_testing)
  else()
    add_library(${name}_testing INTERFACE)
    target_link_libraries(${name}_testing INTERFACE ${target} GTest::gmock GTest::gtest)
  endif()
  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${test_libs} GTest::gmock_main)
    add_dependencies(unit_tests ${name}_test)
    add_test(NAME unit/${name} COMMAND ${name}_test)
    set_tests_properties(unit/${name} PROPERTIES LABELS unit TIMEOUT 600)
  endif()
endfunction()

# runsc_proto_library(NAME [DEPS lib...])
#
# The library NAME_proto of the *.proto files of this directory and below (optimize_for = LITE_RUNTIME). Include as "dir/file.pb.h".
function(runsc_proto_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPS")
  file(GLOB_RECURSE protos CONFIGURE_DEPENDS *.proto)
  set(generated_root ${PROJECT_BINARY_DIR}/generated)
  set(outputs)
  foreach(proto IN LISTS protos)
    file(RELATIVE_PATH relative ${PROJECT_SOURCE_DIR} ${proto})
    string(REGEX REPLACE "\\.proto$" "" stem ${relative})
    add_custom_command(
      OUTPUT ${generated_root}/${stem}.pb.cc ${generated_root}/${stem}.pb.h
      COMMAND ${CMAKE_COMMAND} -E make_directory ${generated_root}
      COMMAND protobuf::protoc -I${PROJECT_SOURCE_DIR} --cpp_out=lite:${generated_root} ${relative}
      WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
      DEPENDS ${proto}
      COMMENT "protoc ${relative}"
      VERBATIM)
    list(APPEND outputs ${generated_root}/${stem}.pb.cc ${generated_root}/${stem}.pb.h)
  endforeach()
  if(NOT outputs)
    add_library(${name}_proto INTERFACE)
    target_link_libraries(${name}_proto INTERFACE runsc::protobuf_lite ${arg_DEPS})
    return()
  endif()
  add_library(${name}_proto STATIC ${outputs})
  target_link_libraries(${name}_proto PRIVATE runsc_flags runsc_kernel_flags PUBLIC runsc::protobuf_lite ${arg_DEPS})
  add_dependencies(generated_sources ${name}_proto)
  target_compile_options(${name}_proto PRIVATE -w)
  target_include_directories(${name}_proto SYSTEM PUBLIC ${generated_root})
endfunction()
