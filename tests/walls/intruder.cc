// SPDX-License-Identifier: Apache-2.0
//
// A guest program that jumps to the system call instructions of its stub's helper, one child for each, to make a memory
// call that nobody vetted. It prints how many it tried; what came of it is seen from outside (native_calls.py).
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>

namespace {

// platform/systrap/stub_layout.h: STUB_CODE, STUB_ZONE_SIZE.
constexpr uintptr_t kZone = 0x7fff00000000;
constexpr size_t kZoneSize = 0x300;

}  // namespace

int main() {
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return 1;
  int tried = 0;
  for (size_t offset = 0; offset + 1 < kZoneSize; ++offset) {
    const auto* code = reinterpret_cast<const volatile unsigned char*>(kZone + offset);
    if (code[0] != 0x0f || code[1] != 0x05) continue;
    const pid_t pid = fork();
    if (pid < 0) return 1;
    if (pid == 0) {
      asm volatile("jmp *%[to]" ::"a"(SYS_munmap), "D"(page), "S"(4096L), [to] "r"(code) : "memory");
      __builtin_unreachable();
    }
    waitpid(pid, nullptr, 0);
    ++tried;
  }
  printf("tried %d\n", tried);
  return tried == 0;
}
