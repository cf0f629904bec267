# SPDX-License-Identifier: Apache-2.0
#
# Guest programs: plain static Linux programs that run natively, under runc and inside a sandbox. They are built with the
# system's g++ whatever the preset's compiler and sanitizer are, with exceptions, without any of our flags or libraries.
find_program(RUNSC_GUEST_CXX NAMES g++-12 g++ REQUIRED)
set(RUNSC_GUEST_FLAGS -std=c++20 -O1 -g1 -Wall -Wextra -Werror -D_GNU_SOURCE -I${PROJECT_SOURCE_DIR} -static -pthread)
set(RUNSC_GUEST_DIR ${PROJECT_BINARY_DIR}/guest)
file(MAKE_DIRECTORY ${RUNSC_GUEST_DIR})

# Compiles SOURCE (absolute) once; sets OUT_OBJECT in the caller's scope. Several programs may share an object.
function(runsc_guest_object source out_object)
  file(RELATIVE_PATH relative ${PROJECT_SOURCE_DIR} ${source})
  set(object ${RUNSC_GUEST_DIR}/objects/${relative}.o)
  get_property(known GLOBAL PROPERTY RUNSC_GUEST_OBJECTS)
  if(NOT object IN_LIST known)
    get_filename_component(directory ${object} DIRECTORY)
    file(MAKE_DIRECTORY ${directory})
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${CCACHE_PROGRAM} ${RUNSC_GUEST_CXX} ${RUNSC_GUEST_FLAGS} -MD -MF ${object}.d -c ${source} -o ${object}
      DEPENDS ${source}
      DEPFILE ${object}.d
      COMMENT "guest object ${relative}"
      COMMAND_EXPAND_LISTS
      VERBATIM)
    set_property(GLOBAL APPEND PROPERTY RUNSC_GUEST_OBJECTS ${object})
  endif()
  set(${out_object} ${object} PARENT_SCOPE)
endfunction()

# runsc_guest_program(NAME SOURCES file... [LIBS linker-flag...] [GROUP target])
#
# The static executable build/<preset>/guest/NAME, part of the target GROUP (default guest_programs). Sources are relative to the calling directory or absolute; the call must
# be in the directory (or below the one) where a shared object was first asked for, as ninja knows each object once.
function(runsc_guest_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "GROUP" "SOURCES;LIBS")
  if(NOT arg_GROUP)
    set(arg_GROUP guest_programs)
  endif()
  set(objects)
  foreach(source IN LISTS arg_SOURCES)
    get_filename_component(source ${source} ABSOLUTE)
    runsc_guest_object(${source} object)
    list(APPEND objects ${object})
  endforeach()
  add_custom_command(
    OUTPUT ${RUNSC_GUEST_DIR}/${name}
    COMMAND ${RUNSC_GUEST_CXX} -static -pthread -o ${RUNSC_GUEST_DIR}/${name} ${objects} ${arg_LIBS}
    DEPENDS ${objects}
    COMMENT "guest program ${name}"
    COMMAND_EXPAND_LISTS
    VERBATIM)
  add_custom_target(guest_${name} ALL DEPENDS ${RUNSC_GUEST_DIR}/${name})
  add_dependencies(${arg_GROUP} guest_${name})
endfunction()

# syscall_test(NAME [SOURCES file...] [LIBS linker-flag...])
#
# A GoogleTest guest program of NAME.cc and the given helper sources. tests/run_guest.py runs all of them, in containers:
# under runc (ctest label native) and in a sandbox. A case must pass natively before it counts in a sandbox.
function(syscall_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS")
  runsc_guest_program(${name} SOURCES ${name}.cc ${arg_SOURCES} LIBS ${arg_LIBS} -lgmock -lgtest -lgtest_main)
endfunction()
