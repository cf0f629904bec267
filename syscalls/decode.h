// SPDX-License-Identifier: Apache-2.0
// From registers to a handler's declared parameters, and from its result to rax. A handler is an ordinary function:
//
//   base::SysResult<size_t> SysRead(Task& task, base::Fd fd, base::GuestAddr buffer, uint64_t count);
//
// Each register is narrowed to the width of the declared type before the handler sees it: this is the only place where
// that happens. Types with a constructor from GuestAddr (UserIn<T>, UserOut<T>, UserCString...) are made from the
// register.
#pragma once

#include <concepts>
#include <cstdio>
#include <tuple>
#include <type_traits>
#include <utility>

#include "base/result.h"
#include "base/types.h"
#include "sentry/task/syscall_table.h"

namespace syscalls {

using sentry::SyscallArguments;
using sentry::Task;

template <typename T>
struct FromRegister;

template <std::integral T>
struct FromRegister<T> {
  static T Convert(uint64_t value) { return static_cast<T>(value); }
  static int Format(uint64_t value, char* buffer, int size) {
    if constexpr (std::is_signed_v<T>) return snprintf(buffer, size, "%lld", static_cast<long long>(Convert(value)));
    return snprintf(buffer, size, "0x%llx", static_cast<unsigned long long>(Convert(value)));
  }
};

template <typename Tag, typename Int>
struct FromRegister<base::StrongInt<Tag, Int>> {
  static base::StrongInt<Tag, Int> Convert(uint64_t value) {
    return base::StrongInt<Tag, Int>(static_cast<Int>(value));
  }
  static int Format(uint64_t value, char* buffer, int size) {
    return snprintf(buffer, size, "%lld", static_cast<long long>(static_cast<Int>(value)));
  }
};

template <typename T>
requires(std::constructible_from<T, base::GuestAddr> && !std::integral<T>) struct FromRegister<T> {
  static T Convert(uint64_t value) { return T(base::GuestAddr(value)); }
  static int Format(uint64_t value, char* buffer, int size) {
    if (value == 0) return snprintf(buffer, size, "NULL");
    return snprintf(buffer, size, "0x%llx", static_cast<unsigned long long>(value));
  }
};

template <typename T>
uint64_t ToRegister(const T& value) {
  if constexpr (std::integral<T>) {
    return static_cast<uint64_t>(static_cast<int64_t>(value));
  } else {
    return static_cast<uint64_t>(static_cast<int64_t>(value.value()));
  }
}

template <typename E>
base::SysResult<uint64_t> ToSysResult(base::Result<void, E> result) {
  if (!result.ok()) return result.error();
  return uint64_t{0};
}

template <typename T, typename E>
base::SysResult<uint64_t> ToSysResult(base::Result<T, E> result) {
  if (!result.ok()) return result.error();
  return ToRegister(result.value());
}

template <auto Handler>
struct Adapter;

template <typename R, typename... Parameters, R (*Handler)(Task&, Parameters...)>
struct Adapter<Handler> {
  static_assert(sizeof...(Parameters) <= 6);

  static base::SysResult<uint64_t> Call(Task& task, const SyscallArguments& arguments) {
    return Invoke(task, arguments, std::index_sequence_for<Parameters...>());
  }

  static int Format(Task&, const SyscallArguments& arguments, char* buffer, int size) {
    return FormatAll(arguments, buffer, size, std::index_sequence_for<Parameters...>());
  }

 private:
  template <size_t... I>
  static base::SysResult<uint64_t> Invoke(Task& task, const SyscallArguments& arguments, std::index_sequence<I...>) {
    return ToSysResult(Handler(task, FromRegister<std::remove_cvref_t<Parameters>>::Convert(arguments[I])...));
  }

  template <size_t... I>
  static int FormatAll([[maybe_unused]] const SyscallArguments& arguments, char* buffer, int size,
                       std::index_sequence<I...>) {
    int used = 0;
    [[maybe_unused]] auto append = [&](auto&& format, uint64_t value, bool first) {
      if (used >= size) return;
      if (!first) used += snprintf(buffer + used, size - used, ", ");
      if (used < size) used += format(value, buffer + used, size - used);
    };
    (append(FromRegister<std::remove_cvref_t<Parameters>>::Format, arguments[I], I == 0), ...);
    if (used >= size) used = size - 1;
    if (size > 0) buffer[used] = '\0';
    return used;
  }
};

}  // namespace syscalls
