// SPDX-License-Identifier: Apache-2.0
// Guest pointers. A type says what lies behind the pointer and which way it is copied; every copy is made once, whole,
// and checked by the caller afterwards. EFAULT whenever a byte is inaccessible.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

#include "base/abi/iovec.h"
#include "base/abi/time.h"
#include "base/result.h"
#include "base/types.h"
#include "platform/platform.h"
#include "vfs/context.h"

namespace sentry {

// Guest memory of one address space. Thread-safe; lives as long as its MemoryManager.
class GuestMemory : public vfs::UserMemory {
 public:
  GuestMemory(platform::AddressSpace& space, base::GuestAddr max_address) : space_(space), max_address_(max_address) {}

  // All or nothing, but for bytes already written when a later one is inaccessible.
  base::Result<void> CopyIn(base::GuestAddr from, std::span<std::byte> to) override;
  base::Result<void> CopyOut(base::GuestAddr to, std::span<const std::byte> from) override;
  // How many bytes were copied before the first inaccessible one; EFAULT when none were and some were asked.
  base::Result<size_t> CopyInSome(base::GuestAddr from, std::span<std::byte> to);
  base::Result<size_t> CopyOutSome(base::GuestAddr to, std::span<const std::byte> from);
  // The bytes before the terminating null. ENAMETOOLONG when there is none among the first `max_size` bytes (which
  // count it); EFAULT when memory ends before.
  base::Result<std::string> CopyInString(base::GuestAddr from, size_t max_size);
  base::Result<void> Clear(base::GuestAddr to, uint64_t length);

  platform::AddressSpace& space() { return space_; }
  base::GuestAddr max_address() const { return max_address_; }
  // The part of a buffer that lies in guest space; EFAULT when it begins outside.
  base::Result<uint64_t> Clip(base::GuestAddr address, uint64_t length) const;

 private:
  platform::AddressSpace& space_;
  const base::GuestAddr max_address_;
};

// What may be read from a guest: any bytes make a valid value.
template <typename T>
concept GuestReadable = std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T> && !std::is_pointer_v<T> &&
                        !std::same_as<T, bool> && !std::is_enum_v<T>;
// What may be written to a guest: no padding, so that no byte of ours leaks.
template <typename T>
concept GuestWritable = GuestReadable<T> && std::has_unique_object_representations_v<T>;
// Types with rules of their own: only their checked readers below copy them in.
template <typename T>
concept HasCheckedReader =
    std::same_as<T, base::abi::Timespec> || std::same_as<T, base::abi::Timeval> || std::same_as<T, base::abi::Iovec>;

// A pointer, or an array, of T in guest memory.
template <typename T>
class UserPointer {
 public:
  constexpr UserPointer() = default;
  constexpr explicit UserPointer(base::GuestAddr address) : address_(address) {}
  constexpr base::GuestAddr address() const { return address_; }
  constexpr bool is_null() const { return address_.is_null(); }

 protected:
  // The address of element `index`; wraps to an inaccessible address on overflow.
  constexpr base::GuestAddr At(uint64_t index) const {
    uint64_t offset = 0, sum = 0;
    if (__builtin_mul_overflow(index, sizeof(T), &offset) || __builtin_add_overflow(address_.value(), offset, &sum))
      return base::GuestAddr(UINT64_MAX);
    return base::GuestAddr(sum);
  }

 private:
  base::GuestAddr address_;
};

template <GuestReadable T>
class UserIn : public UserPointer<T> {
 public:
  using UserPointer<T>::UserPointer;
  base::Result<T> Read(vfs::UserMemory& memory, uint64_t index = 0) const requires(!HasCheckedReader<T>) {
    return ReadUnchecked(memory, index);
  }
  base::Result<void> ReadArray(vfs::UserMemory& memory, std::span<T> to) const requires(!HasCheckedReader<T>) {
    return memory.CopyIn(this->address(), std::as_writable_bytes(to));
  }
  // For the few callers that give values outside the usual rules a meaning of their own (utimensat(2)).
  base::Result<T> ReadUnchecked(vfs::UserMemory& memory, uint64_t index = 0) const {
    T value{};
    TRY(memory.CopyIn(this->At(index), std::as_writable_bytes(std::span(&value, 1))));
    return value;
  }
};

template <GuestWritable T>
class UserOut : public UserPointer<T> {
 public:
  using UserPointer<T>::UserPointer;
  base::Result<void> Write(vfs::UserMemory& memory, const T& value, uint64_t index = 0) const {
    return memory.CopyOut(this->At(index), std::as_bytes(std::span(&value, 1)));
  }
  base::Result<void> WriteArray(vfs::UserMemory& memory, std::span<const T> from) const {
    return memory.CopyOut(this->address(), std::as_bytes(from));
  }
};

template <GuestWritable T>
class UserInOut : public UserPointer<T> {
 public:
  using UserPointer<T>::UserPointer;
  base::Result<T> Read(vfs::UserMemory& memory, uint64_t index = 0) const {
    return UserIn<T>(this->address()).ReadUnchecked(memory, index);
  }
  base::Result<void> Write(vfs::UserMemory& memory, const T& value, uint64_t index = 0) const {
    return UserOut<T>(this->address()).Write(memory, value, index);
  }
};

// A null-terminated string.
class UserCString {
 public:
  constexpr UserCString() = default;
  constexpr explicit UserCString(base::GuestAddr address) : address_(address) {}
  constexpr base::GuestAddr address() const { return address_; }
  constexpr bool is_null() const { return address_.is_null(); }
  // See GuestMemory::CopyInString.
  base::Result<std::string> Read(GuestMemory& memory, size_t max_size) const {
    return memory.CopyInString(address_, max_size);
  }
  // A path: ENAMETOOLONG beyond PATH_MAX. An empty one is the caller's to judge.
  base::Result<std::string> ReadPath(GuestMemory& memory) const { return Read(memory, kPathMax); }

  static constexpr size_t kPathMax = 4096;

 private:
  base::GuestAddr address_;
};

// A buffer of bytes given by address and length.
struct UserSpan {
  base::GuestAddr address;
  uint64_t length = 0;
};

// A duration or a point in time in nanoseconds, cut to INT64_MAX (292 years). EINVAL when negative or with more than
// 999999999 ns (999999 us).
base::Result<int64_t> ReadTimespec(vfs::UserMemory& memory, UserIn<base::abi::Timespec> from);
base::Result<int64_t> ReadTimeval(vfs::UserMemory& memory, UserIn<base::abi::Timeval> from);
base::Result<int64_t> ToNanoseconds(const base::abi::Timespec& time);

}  // namespace sentry
