// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "tests/util/raw_syscall.h"

namespace tests {

// Owns a mapping and unmaps it. Move only.
//   PASS: Mapping page = Mapping::Anonymous(kPageSize); page.bytes()[0] = 1;
//   FAIL: Mapping page = Mapping::Anonymous(kPageSize, PROT_READ); page.bytes()[0] = 1;   // SIGSEGV
class Mapping {
 public:
  // Fresh zeroed memory; reports a test failure when mmap refuses.
  static Mapping Anonymous(size_t size, int protection = PROT_READ | PROT_WRITE, int flags = MAP_PRIVATE) {
    return Create(nullptr, size, protection, flags | MAP_ANONYMOUS, -1, 0);
  }

  static Mapping Create(void* hint, size_t size, int protection, int flags, int fd, off_t offset) {
    void* address = mmap(hint, size, protection, flags, fd, offset);
    EXPECT_NE(address, MAP_FAILED) << "mmap: " << strerror(errno);
    return address == MAP_FAILED ? Mapping(nullptr, 0) : Mapping(address, size);
  }

  // One writable page followed by one that cannot be touched: for structures that straddle the end of what is mapped.
  static Mapping WithGuard() {
    Mapping pages = Anonymous(2 * kPageSize);
    EXPECT_EQ(mprotect(pages.bytes() + kPageSize, kPageSize, PROT_NONE), 0);
    return pages;
  }

  Mapping(void* address, size_t size) : address_(address), size_(size) {}
  Mapping(Mapping&& other) noexcept : address_(std::exchange(other.address_, nullptr)), size_(other.size_) {}
  Mapping& operator=(Mapping&&) = delete;
  ~Mapping() {
    if (address_) munmap(address_, size_);
  }

  void* get() const { return address_; }
  char* bytes() const { return static_cast<char*>(address_); }
  template <typename T>
  T* as() const {
    return static_cast<T*>(address_);
  }
  size_t size() const { return size_; }
  void* release() { return std::exchange(address_, nullptr); }

 private:
  void* address_;
  size_t size_;
};

}  // namespace tests
