# SPDX-License-Identifier: Apache-2.0
#
# Compiler and linker flags of every target of ours. Guest programs (cmake/guest.cmake) do not use them.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# -fPIE everywhere: the objects end in a (static) position-independent executable.
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(runsc_flags INTERFACE)
target_include_directories(runsc_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(runsc_flags INTERFACE -fPIE -fno-omit-frame-pointer -fno-strict-aliasing
  $<$<COMPILE_LANGUAGE:C,CXX>:-Wall -Wextra -Werror>
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Woverloaded-virtual -Wno-missing-field-initializers>)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # GCC 12 warns of overlapping copies in std::string's own code (GCC bug 105651).
  target_compile_options(runsc_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
  # A designated initialiser that leaves members out is the idiom for flags structures.
  target_compile_options(runsc_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-missing-designated-field-initializers>)
endif()
target_compile_definitions(runsc_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64)

if(RUNSC_STATIC)
  target_link_options(runsc_flags INTERFACE -static-pie)
else()
  target_link_options(runsc_flags INTERFACE -pie)
  find_program(LLD_PROGRAM ld.lld)
  if(LLD_PROGRAM)
    target_link_options(runsc_flags INTERFACE -fuse-ld=lld)
  endif()
endif()
target_link_options(runsc_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)

if(RUNSC_HARDENED)
  # No -fcf-protection: Linux has no indirect-branch tracking for user code, and shadow stacks do not survive fiber switches.
  target_compile_options(runsc_flags INTERFACE $<$<COMPILE_LANGUAGE:C,CXX>:
    -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero>)
  target_compile_definitions(runsc_flags INTERFACE
    $<$<COMPILE_LANGUAGE:C,CXX>:_FORTIFY_SOURCE=2> $<$<COMPILE_LANGUAGE:CXX>:_GLIBCXX_ASSERTIONS>)
endif()

if(RUNSC_SANITIZE)
  target_compile_options(runsc_flags INTERFACE -fsanitize=${RUNSC_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(runsc_flags INTERFACE -fsanitize=${RUNSC_SANITIZE})
endif()

if(RUNSC_THREAD_SAFETY)
  target_compile_options(runsc_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-Wthread-safety -Wthread-safety-beta -Wno-error=thread-safety-beta>)
endif()

# Kernel code: no exceptions, no RTTI. Only runsc/ (the command line) is built without these two flags.
add_library(runsc_kernel_flags INTERFACE)
target_compile_options(runsc_kernel_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti>)

# runsc/ has RTTI, but links against code that has none: what a check of dynamic types would look for is not there.
add_library(runsc_command_flags INTERFACE)
if(RUNSC_SANITIZE MATCHES undefined)
  target_compile_options(runsc_command_flags INTERFACE -fno-sanitize=vptr)
endif()

# Code that runs on fibers: their stacks are small. Instrumentation widens frames, and so do the fibers' stacks then.
add_library(runsc_fiber_flags INTERFACE)
if(RUNSC_SANITIZE)
  target_compile_options(runsc_fiber_flags INTERFACE $<$<COMPILE_LANGUAGE:C,CXX>:-Wframe-larger-than=65536>)
else()
  target_compile_options(runsc_fiber_flags INTERFACE $<$<COMPILE_LANGUAGE:C,CXX>:-Wframe-larger-than=16384>)
endif()
