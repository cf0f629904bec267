// SPDX-License-Identifier: Apache-2.0
// What a helper is told to do.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "platform/memory_calls.h"
#include "platform/systrap/stub_layout.h"

namespace platform::systrap {

// Descriptors every stub has.
inline constexpr int kCommandDescriptor = 1;  // The CommandFile: can only be mapped read-only.
inline constexpr int kSlotDescriptor = 2;     // The SlotFile.
// The first number for donated files.
inline constexpr int kFirstDonatedDescriptor = 8;

// One system call of a helper, as it lies in the command page.
struct Entry {
  uint64_t number;
  uint64_t arguments[6];
  uint64_t kind;  // KIND_*.
};
static_assert(sizeof(Entry) == COMMAND_ENTRY_SIZE && offsetof(Entry, kind) == ENTRY_KIND);

// The command page: written by the sentry while the helper waits, read by the helper alone.
struct CommandPage {
  uint64_t cookie;
  uint64_t count;
  std::atomic<uint32_t> word;  // Changes to wake a helper that sleeps.
  uint32_t padding[3];
  char name[16];
  uint64_t reserved[2];
  Entry entries[COMMAND_ENTRY_MAX];
};
static_assert(sizeof(CommandPage) == 4096 && offsetof(CommandPage, word) == COMMAND_WORD &&
              offsetof(CommandPage, name) == COMMAND_NAME && offsetof(CommandPage, entries) == COMMAND_ENTRIES);

// A batch of entries, run in order up to the first that fails. Lives in the frame of the fiber that waits for it, or on
// the heap when nobody waits. Queued by Stub::Submit, which owns the fields below `finish` until `finish` is called.
class Command {
 public:
  // Called once, on whatever thread saw the end, with no lock held. The command may be gone when it returns.
  using Finish = void (*)(Command&);

  Command() = default;
  explicit Command(Finish finish, void* context = nullptr) : finish(finish), context(context) {}
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  // REQUIRES: fewer than COMMAND_ENTRY_MAX entries.
  void Add(uint64_t number, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0, uint64_t d = 0, uint64_t e = 0,
           uint64_t f = 0, uint64_t kind = KIND_PLAIN) {
    entries[count++] = Entry{number, {a, b, c, d, e, f}, kind};
  }
  void Add(const HostCall& call) {
    const uint64_t* a = call.arguments;
    Add(call.number, a[0], a[1], a[2], a[3], a[4], a[5]);
  }
  bool full() const { return count == kMax; }

  // Enough for a batch of a loader; longer ones are split.
  static constexpr size_t kMax = 32;
  Entry entries[kMax];
  size_t count = 0;
  const char* name = nullptr;  // 16 bytes for the page's name field, or null.
  bool claim = false;          // Stub::Claim: no entries; ends with the helper claimed.

  Finish finish = nullptr;
  void* context = nullptr;  // For `finish`.
  uint64_t cookie = 0;
  int64_t result = 0;  // What the last entry that ran returned; -ESRCH when the stub died.
  uint64_t done = 0;   // How many entries ran, the failed one included.
  Command* next = nullptr;
};
static_assert(Command::kMax <= COMMAND_ENTRY_MAX);

}  // namespace platform::systrap
