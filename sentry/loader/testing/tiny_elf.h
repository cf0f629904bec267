// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/abi/elf.h"

namespace sentry {

// Builds small ELF files, right or wrong ones.
struct TinyElf {
  base::abi::ElfHeader header{};
  std::vector<base::abi::ElfProgramHeader> segments;
  std::string body;  // Follows the headers' page: at file offset 4096.

  explicit TinyElf(uint16_t type, uint64_t entry = 0) {
    memcpy(header.ident, base::abi::kElfMagic, 4);
    header.ident[base::abi::kElfIdentClass] = base::abi::kElfClass64;
    header.ident[5] = 1;
    header.ident[6] = 1;
    header.type = type;
    header.machine = base::abi::kElfMachineX86_64;
    header.version = 1;
    header.entry = entry;
    header.phoff = sizeof header;
    header.ehsize = sizeof header;
    header.phentsize = sizeof(base::abi::ElfProgramHeader);
  }

  TinyElf& Segment(uint32_t type, uint32_t flags, uint64_t offset, uint64_t vaddr, uint64_t filesz, uint64_t memsz,
                   uint64_t align = 4096) {
    segments.push_back({type, flags, offset, vaddr, vaddr, filesz, memsz, align});
    header.phnum = static_cast<uint16_t>(segments.size());
    return *this;
  }
  TinyElf& Load(uint32_t flags, uint64_t offset, uint64_t vaddr, uint64_t filesz, uint64_t memsz,
                uint64_t align = 4096) {
    return Segment(base::abi::kElfSegmentLoad, flags, offset, vaddr, filesz, memsz, align);
  }
  // A PT_INTERP whose path lies in the headers' page.
  TinyElf& Interpreter(std::string_view path) {
    interpreter = std::string(path) + '\0';
    return Segment(base::abi::kElfSegmentInterpreter, base::abi::kElfSegmentRead, kInterpreterOffset, 0,
                   interpreter.size(), interpreter.size(), 1);
  }

  std::string Bytes() const {
    std::string bytes(4096, '\0');
    memcpy(bytes.data(), &header, sizeof header);
    memcpy(bytes.data() + sizeof header, segments.data(), segments.size() * sizeof segments[0]);
    memcpy(bytes.data() + kInterpreterOffset, interpreter.data(), interpreter.size());
    return bytes + body;
  }

  static constexpr uint64_t kInterpreterOffset = 2048;
  std::string interpreter;
};

}  // namespace sentry
