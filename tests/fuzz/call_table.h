// SPDX-License-Identifier: Apache-2.0
// The system calls that the fuzzer makes, and what shape their arguments have.
#pragma once

#include <cstddef>

namespace fuzz {

// `shape` has a letter for each argument:
//   ~ anything          0 zero              i small number      x flags             s size of memory
//   f descriptor        D directory or AT_FDCWD                 o offset in a file  j pointer to an offset
//   b memory            P path              X attribute's name  = argv or envp      v, n iovecs, their count
//   A page's address    N length of pages   r protection        M flags of mmap     V advice
//   O flags of open     @ AT_ flags         m mode              q whence            I request of ioctl     c command of
//   fcntl p process           u user              g signal            S, z signal set, its size                  B
//   sigaction t time              C clock             # timer             R resource limit    K option of prctl w
//   options of wait   T kind of id        k flags of clone    W, Q futex, its operation F, U pollfds, fd_set e, E
//   epoll's operation, its event d, y, h, H domain, type, level, option of a socket          a, l, L address, its
//   length, pointer to that G message header
struct CallShape {
  int number;
  const char* name;
  const char* shape;
  // Made once in so many times that it is drawn: what ends the process, or makes another, or is dull.
  int rarity = 1;
};

const CallShape* Calls();
size_t CallCount();

}  // namespace fuzz
