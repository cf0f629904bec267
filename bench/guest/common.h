// SPDX-License-Identifier: Apache-2.0
//
// What the programs of the benchmarks share. A failed call ends the program with its name, so that a row is never the
// time of an error.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace bench {

// Directories that bench/runtimes.py makes in every root: the program's own, one on the root filesystem, one on a
// tmpfs.
inline constexpr char kFile[] = "/bench/file";         // 1 MiB
inline constexpr char kTrueProgram[] = "/bench/true";  // static, ends at once
inline constexpr char kRootDirectory[] = "/work";      // on the root filesystem
inline constexpr char kTmpfsDirectory[] = "/dev/shm";  // a tmpfs

[[noreturn]] inline void Die(const char* what) {
  std::perror(what);
  std::_Exit(1);
}

// The result of a call that must not fail.
template <typename T>
inline T Must(T result, const char* what) {
  if (result < 0) Die(what);
  return result;
}

}  // namespace bench
