// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdlib>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/errno.h"
#include "base/sys_error.h"

namespace base {

template <typename E>
concept ErrorType = std::same_as<E, Errno> || std::same_as<E, Restart> || std::same_as<E, SysError>;

// A value or an error; no allocation. The error type is Errno, or SysError for calls that may be interrupted.
//
//   Result<int> Parse(...);
//   Result<void> Store(...) { int n = TRY(Parse(...)); ...; return {}; }
//
// Reading the value of a failed result (or the error of a good one) ends the process: check ok() or use TRY.
template <typename T, typename E = Errno>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  using error_type = E;

  template <typename U = T>
  requires(std::constructible_from<T, U&&> && !ErrorType<std::remove_cvref_t<U>> &&
           !std::same_as<std::remove_cvref_t<U>, Result>) Result(U&& value)
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}  // NOLINT

  template <ErrorType G>
  requires std::constructible_from<E, G> Result(G error) : state_(std::in_place_index<1>, error) {}  // NOLINT

  template <typename U, typename G>
  requires(std::constructible_from<T, U&&>&& std::constructible_from<E, G> &&
           !(std::same_as<T, U> && std::same_as<E, G>)) Result(Result<U, G>&& other)
      : state_(Convert(std::move(other))) {}  // NOLINT

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    if (!ok()) std::abort();
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    if (!ok()) std::abort();
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    if (!ok()) std::abort();
    return std::move(*std::get_if<0>(&state_));
  }
  E error() const {
    if (ok()) std::abort();
    return *std::get_if<1>(&state_);
  }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  template <typename U, typename G>
  static std::variant<T, E> Convert(Result<U, G>&& other) {
    if (other.ok()) return std::variant<T, E>(std::in_place_index<0>, std::move(other).value());
    return std::variant<T, E>(std::in_place_index<1>, other.error());
  }

  std::variant<T, E> state_;
};

template <typename E>
class [[nodiscard]] Result<void, E> {
 public:
  using value_type = void;
  using error_type = E;

  Result() : state_(std::in_place_index<0>) {}
  template <ErrorType G>
  requires std::constructible_from<E, G> Result(G error) : state_(std::in_place_index<1>, error) {}  // NOLINT
  template <typename G>
  requires(std::constructible_from<E, G> && !std::same_as<E, G>) Result(Result<void, G> other) {  // NOLINT
    if (!other.ok()) state_.template emplace<1>(other.error());
  }

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  void value() const {
    if (!ok()) std::abort();
  }
  E error() const {
    if (ok()) std::abort();
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<std::monostate, E> state_;
};

// The result of a handler that may sleep: an errno, or a restart code.
template <typename T>
using SysResult = Result<T, SysError>;

}  // namespace base

// Evaluates to the value of a Result expression, or returns its error from the enclosing function.
#define TRY(expression)                 \
  ({                                    \
    auto try_result_ = (expression);    \
    if (!try_result_.ok()) [[unlikely]] \
      return try_result_.error();       \
    std::move(try_result_).value();     \
  })

// Evaluates to the value of a Result that cannot fail here; ends the process if it does.
#define MUST(expression) ((expression).value())
