// SPDX-License-Identifier: Apache-2.0
// ELF-64 as elf(5) and the System V x86-64 ABI describe it; only what the loader reads.
#pragma once

#include <cstdint>

namespace base::abi {

struct ElfHeader {
  uint8_t ident[16];
  uint16_t type;
  uint16_t machine;
  uint32_t version;
  uint64_t entry;
  uint64_t phoff;
  uint64_t shoff;
  uint32_t flags;
  uint16_t ehsize;
  uint16_t phentsize;
  uint16_t phnum;
  uint16_t shentsize;
  uint16_t shnum;
  uint16_t shstrndx;
};
static_assert(sizeof(ElfHeader) == 64);

struct ElfProgramHeader {
  uint32_t type;
  uint32_t flags;
  uint64_t offset;
  uint64_t vaddr;
  uint64_t paddr;
  uint64_t filesz;
  uint64_t memsz;
  uint64_t align;
};
static_assert(sizeof(ElfProgramHeader) == 56);

inline constexpr uint8_t kElfMagic[4] = {0x7f, 'E', 'L', 'F'};
inline constexpr int kElfIdentClass = 4;
inline constexpr uint8_t kElfClass64 = 2;
inline constexpr uint16_t kElfTypeExecutable = 2;  // ET_EXEC
inline constexpr uint16_t kElfTypeDynamic = 3;     // ET_DYN
inline constexpr uint16_t kElfMachineX86_64 = 62;

inline constexpr uint32_t kElfSegmentLoad = 1;
inline constexpr uint32_t kElfSegmentInterpreter = 3;
inline constexpr uint32_t kElfSegmentStack = 0x6474e551;  // PT_GNU_STACK

inline constexpr uint32_t kElfSegmentExecute = 1;
inline constexpr uint32_t kElfSegmentWrite = 2;
inline constexpr uint32_t kElfSegmentRead = 4;

// The auxiliary vector (getauxval(3)).
struct AuxiliaryEntry {
  uint64_t type;
  uint64_t value;
};
static_assert(sizeof(AuxiliaryEntry) == 16);

inline constexpr uint64_t kAtNull = 0;
inline constexpr uint64_t kAtPhdr = 3;
inline constexpr uint64_t kAtPhent = 4;
inline constexpr uint64_t kAtPhnum = 5;
inline constexpr uint64_t kAtPagesz = 6;
inline constexpr uint64_t kAtBase = 7;
inline constexpr uint64_t kAtFlags = 8;
inline constexpr uint64_t kAtEntry = 9;
inline constexpr uint64_t kAtUid = 11;
inline constexpr uint64_t kAtEuid = 12;
inline constexpr uint64_t kAtGid = 13;
inline constexpr uint64_t kAtEgid = 14;
inline constexpr uint64_t kAtPlatform = 15;
inline constexpr uint64_t kAtHwcap = 16;
inline constexpr uint64_t kAtClktck = 17;
inline constexpr uint64_t kAtSecure = 23;
inline constexpr uint64_t kAtRandom = 25;
inline constexpr uint64_t kAtHwcap2 = 26;
inline constexpr uint64_t kAtExecfn = 31;
inline constexpr uint64_t kAtSysinfoEhdr = 33;
inline constexpr uint64_t kAtMinsigstksz = 51;

}  // namespace base::abi
