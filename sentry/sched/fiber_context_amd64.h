// SPDX-License-Identifier: Apache-2.0
// The only place that names Boost.Context: a stack, a saved context, and the switch between two of them, told to the
// sanitizers.
#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define RUNSC_ASAN_FIBERS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RUNSC_ASAN_FIBERS 1
#endif
#if __has_feature(thread_sanitizer)
#define RUNSC_TSAN_FIBERS 1
#endif
#endif
#ifdef RUNSC_ASAN_FIBERS
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef RUNSC_TSAN_FIBERS
#include <sanitizer/tsan_interface.h>
#endif

namespace sentry {

// A fiber's stack: anonymous memory below which a guard page lies. Only touched pages cost memory.
class FiberStack {
 public:
#if defined(RUNSC_ASAN_FIBERS) || defined(RUNSC_TSAN_FIBERS)
  static constexpr size_t kSize = 1024 * 1024;
#else
  static constexpr size_t kSize = 128 * 1024;
#endif

  FiberStack() = default;
  FiberStack(FiberStack&& other) noexcept;
  FiberStack& operator=(FiberStack&& other) noexcept;
  ~FiberStack();
  // Empty when the host has no memory or no mapping left.
  static FiberStack Allocate();

  explicit operator bool() const { return bottom_ != nullptr; }
  char* bottom() const { return bottom_; }
  char* top() const { return bottom_ + kSize; }

 private:
  char* bottom_ = nullptr;
};

// One side of a switch: a fiber, or the loop of a worker thread.
struct ExecutionContext {
  boost::context::detail::fcontext_t context = nullptr;
  const void* stack_bottom = nullptr;
  size_t stack_size = 0;
  bool fresh = false;  // Prepared, never run.
#ifdef RUNSC_ASAN_FIBERS
  void* fake_stack = nullptr;
#endif
#ifdef RUNSC_TSAN_FIBERS
  void* tsan_fiber = nullptr;
#endif

  // Describes the calling host thread, so that fibers can switch back to it.
  void AdoptThread();
  // Prepares a context that runs `entry(argument)` on `stack` at the first switch. `entry` must never return.
  void Prepare(const FiberStack& stack, void (*entry)(void*), void* argument);
  void Release();
};

// Saves the calling context in `from` and continues `to`. Returns when somebody switches to `from`.
// `final`: `from` will never be continued.
void SwitchContext(ExecutionContext& from, ExecutionContext& to, bool final = false);

}  // namespace sentry
