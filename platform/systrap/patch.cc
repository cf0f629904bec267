// SPDX-License-Identifier: Apache-2.0
// Rewriting call sites, so that they jump to an entry and from there to the stub's hot code. The syscall instruction
// itself always stays where it is: a thread that stands on it, returns behind it or jumps to it makes the plain call.
//
// Three forms are known:
//   mov $number, %eax; syscall     the five bytes of the mov become `jmp entry`;
//   xor %eax, %eax; syscall        (read(2) in the C library): two bytes are too few. When the code goes on with the C
//                                  library's test of the result and a ret, the padding behind that ret is reached by
//                                  nobody: it becomes `jmp entry`, and the xor a short jump there.
//   mov 8(%rsp), %r9; syscall; cmp (the C library's syscall(2), of any number): the five bytes of the mov become
//                                  `jmp entry`, the entry does the mov. The cmp is the proof that the flags are dead.
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "platform/syscall_unsafe.h"
#include "platform/systrap/address_space.h"
#include "platform/systrap/machine.h"
#include "platform/systrap/stub.h"
#include "platform/systrap/stub_image.h"
#include "platform/systrap/stub_layout.h"
#include "platform/systrap/stub_thread.h"

namespace platform::systrap {

namespace {

constexpr uint64_t kSyscallSize = 2;
constexpr uint64_t kMovSize = 5;
constexpr uint64_t kXorSize = 2;
constexpr uint64_t kJumpSize = 5;
constexpr uint8_t kJump = 0xe9;
constexpr uint8_t kShortJump = 0xeb;
static_assert(AddressSpace::kCallEntrySize == HOT_ENTRY_SIZE);

// The bytes around a site: kBefore of them before the end of its syscall instruction, kBehind behind.
constexpr uint64_t kBefore = kMovSize + kSyscallSize + 1;
constexpr uint64_t kBehind = 24;
struct Site {
  uint64_t end;
  uint8_t bytes[kBefore + kBehind];

  // Bytes from `offset` relative to the end on.
  const uint8_t* At(int64_t offset) const { return bytes + (static_cast<int64_t>(kBefore) + offset); }
};

// Where the jump to the entry goes, relative to the site's end; 0: nowhere.
constexpr int64_t kNowhere = 0;
constexpr int64_t kAtMov = -static_cast<int64_t>(kMovSize + kSyscallSize);
constexpr int64_t kAtXor = -static_cast<int64_t>(kXorSize + kSyscallSize);

// cmp $-4096, %rax; ja ...; ret
constexpr uint8_t kTest[] = {0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff, 0x77};
constexpr int64_t kPadding = sizeof(kTest) + 2;
constexpr uint8_t kRet = 0xc3;

// mov 8(%rsp), %r9: as long as the mov of a number.
constexpr uint8_t kLoadSixth[kMovSize] = {0x4c, 0x8b, 0x4c, 0x24, 0x08};
// cmp $-4095, %rax
constexpr uint8_t kCompare[] = {0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff};

bool IsMov(const Site& site, uint32_t number) {
  const uint8_t* at = site.At(kAtMov);
  // A prefix before it would make it another instruction.
  bool prefixed = (at[-1] & 0xf0) == 0x40 || at[-1] == 0x66;
  return !prefixed && at[0] == 0xb8 && memcmp(at + 1, &number, sizeof(number)) == 0;
}

// Whether the number is in rax already, and the flags are set anew behind the site.
bool TakesAnyNumber(const Site& site) {
  return memcmp(site.At(kAtMov), kLoadSixth, sizeof(kLoadSixth)) == 0 &&
         memcmp(site.At(0), kCompare, sizeof(kCompare)) == 0;
}

// Whether the C library's way to go on stands behind the site, with a ret before the place of the padding.
bool EndsInRet(const Site& site) {
  return memcmp(site.At(0), kTest, sizeof(kTest)) == 0 && site.At(kPadding - 1)[0] == kRet;
}

// Whether the padding the assembler puts before an aligned part of the code begins here: one of its long no-operations,
// not beyond the next multiple of 16.
bool IsPadding(const Site& site) {
  static constexpr uint8_t kTen[] = {0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0};
  static constexpr uint8_t kEight[] = {0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0};
  static constexpr uint8_t kSeven[] = {0x0f, 0x1f, 0x80, 0, 0, 0, 0};
  static constexpr uint8_t kSix[] = {0x66, 0x0f, 0x1f, 0x44, 0, 0};
  static constexpr uint8_t kFive[] = {0x0f, 0x1f, 0x44, 0, 0};
  uint64_t to_boundary = -(site.end + kPadding) % 16;
  auto is = [&](std::span<const uint8_t> pad) {
    return to_boundary >= pad.size() && std::equal(pad.begin(), pad.end(), site.At(kPadding));
  };
  return is(kTen) || is(kEight) || is(kSeven) || is(kSix) || is(kFive);
}

// Whether the xor is a short jump to the padding.
bool IsShortJump(const Site& site) {
  const uint8_t* at = site.At(kAtXor);
  return at[0] == kShortJump && at[1] == static_cast<uint8_t>(kPadding + static_cast<int64_t>(kSyscallSize));
}

int64_t PlaceOfJump(const Site& site, uint32_t number) {
  if (site.At(-2)[0] != 0x0f || site.At(-1)[0] != 0x05) return kNowhere;
  if (IsMov(site, number) || TakesAnyNumber(site)) return kAtMov;
  const uint8_t* at = site.At(kAtXor);
  bool xors = number == 0 && at[0] == 0x31 && at[1] == 0xc0;
  return xors && EndsInRet(site) && IsPadding(site) ? kPadding : kNowhere;
}

base::Result<void> Read(int memory, uint64_t address, void* bytes, size_t size) {
  long got = RawSyscall(SYS_pread64, memory, bytes, size, address);
  if (got != static_cast<long>(size)) return base::Errno(EFAULT);
  return {};
}

base::Result<void> Write(int memory, uint64_t address, const void* bytes, size_t size) {
  long written = RawSyscall(SYS_pwrite64, memory, bytes, size, address);
  if (written != static_cast<long>(size)) return base::Errno(EFAULT);
  return {};
}

// Whether the site jumps to an entry that leads back to it. What the guest could forge here concerns itself alone.
base::Result<bool> IsPatched(int memory, const Site& site) {
  int64_t place = site.At(kAtMov)[0] == kJump ? kAtMov : EndsInRet(site) && IsShortJump(site) ? kPadding : kNowhere;
  if (place == kNowhere || site.At(place)[0] != kJump) return false;
  int32_t distance = 0;
  memcpy(&distance, site.At(place + 1), sizeof(distance));
  uint64_t entry = site.end + static_cast<uint64_t>(place) + kJumpSize + static_cast<uint64_t>(int64_t{distance});
  uint64_t back = 0;
  TRY(Read(memory, entry + HOT_ENTRY_DATA + HOT_ENTRY_RETURN, &back, sizeof(back)));
  return back == site.end;
}

// The code of an entry: to the stub's hot code with the entry's data in r11.
class EntryCode {
 public:
  void Append(std::span<const uint8_t> instruction) {
    std::copy(instruction.begin(), instruction.end(), bytes_ + size_);
    size_ += instruction.size();
  }
  // An instruction that ends in its distance to `offset` of the entry's data.
  void AppendReaching(uint64_t offset, std::span<const uint8_t> instruction) {
    Append(instruction);
    auto distance = static_cast<uint32_t>(HOT_ENTRY_DATA + offset - size_ - sizeof(uint32_t));
    memcpy(bytes_ + size_, &distance, sizeof(distance));
    size_ += sizeof(distance);
  }
  std::span<uint8_t, HOT_ENTRY_SIZE> bytes() { return bytes_; }

 private:
  uint8_t bytes_[HOT_ENTRY_SIZE] = {};
  size_t size_ = 0;
};

base::Result<void> WriteEntry(int memory, uint64_t entry, const Site& site, uint32_t number) {
  static constexpr uint8_t kLeaR11[] = {0x4c, 0x8d, 0x1d};
  static constexpr uint8_t kJumpIndirect[] = {0xff, 0x25};
  bool any = TakesAnyNumber(site);
  EntryCode code;
  if (any) code.Append(kLoadSixth);
  code.AppendReaching(0, kLeaR11);
  code.AppendReaching(HOT_ENTRY_CODE, kJumpIndirect);
  uint64_t data[4] = {};
  data[HOT_ENTRY_RETURN / 8] = site.end;
  data[HOT_ENTRY_NUMBER / 8] = any ? 0 : number;
  data[HOT_ENTRY_CODE / 8] = any ? HotCode().any : HotCode().begin;
  data[HOT_ENTRY_BRING / 8] = any ? 0 : BroughtBy(number);
  memcpy(code.bytes().data() + HOT_ENTRY_DATA, data, sizeof(data));
  return Write(memory, entry, code.bytes().data(), code.bytes().size());
}

// What other threads may fetch is written while none of them runs guest code. One that returns into it later comes from
// the host's kernel, and fetches it anew. A single instruction is replaced: nobody can stand inside it.
base::Result<void> Rewrite(Stub& stub, int memory, const Site& site, int64_t place, uint32_t number, uint64_t entry) {
  uint64_t jump_at = site.end + static_cast<uint64_t>(place);
  auto distance = static_cast<int64_t>(entry - (jump_at + kJumpSize));
  auto offset = static_cast<int32_t>(distance);
  if (distance != offset) return base::Errno(EINVAL);
  Stub::Standstill standstill(stub);
  if (!standstill.holds()) return base::Errno(EBUSY);
  TRY(WriteEntry(memory, entry, site, number));
  uint8_t jump[kJumpSize] = {kJump};
  memcpy(jump + 1, &offset, sizeof(offset));
  TRY(Write(memory, jump_at, jump, sizeof(jump)));
  if (place != kPadding) return {};
  constexpr uint8_t kToPadding[] = {kShortJump, static_cast<uint8_t>(kPadding + static_cast<int64_t>(kSyscallSize))};
  return Write(memory, site.end + static_cast<uint64_t>(kAtXor), kToPadding, sizeof(kToPadding));
}

}  // namespace

base::Result<void> StubAddressSpace::PatchCallSite(GuestThread& caller, base::GuestAddr ip, uint32_t number,
                                                   base::GuestAddr entry) {
  Site site{ip.value(), {}};
  if (&caller.address_space() != this || !MayBeHot(number) || site.end >= STUB_GUEST_END - kBehind ||
      site.end < kBefore || entry.value() >= STUB_GUEST_END) {
    return base::Errno(EINVAL);
  }
  StubThread& thread = static_cast<StubGuestThread&>(caller).thread();
  int memory = stub_->MemoryFile();
  if (memory < 0) return base::Errno(EFAULT);
  TRY(Read(memory, site.end - kBefore, site.bytes, sizeof(site.bytes)));
  if (TRY(IsPatched(memory, site))) {
    thread.MarkPatched(site.end);
    return base::Errno(EEXIST);
  }
  int64_t place = PlaceOfJump(site, number);
  if (place == kNowhere) return base::Errno(EINVAL);
  TRY(Rewrite(*stub_, memory, site, place, number, entry.value()));
  thread.MarkPatched(site.end);
  Counters::Add(stub_->machine().counters.patched_sites);
  return {};
}

}  // namespace platform::systrap
