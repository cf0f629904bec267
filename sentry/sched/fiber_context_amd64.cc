// SPDX-License-Identifier: Apache-2.0
#include "sentry/sched/fiber_context_amd64.h"

#include <pthread.h>
#include <sys/mman.h>

#include <utility>

#include "base/log.h"

namespace sentry {
namespace {

constexpr size_t kGuard = 4096;

struct Start {
  ExecutionContext* self;
  ExecutionContext* previous;
};

void AfterSwitch(ExecutionContext& self, const boost::context::detail::transfer_t& transfer) {
  auto* previous = static_cast<ExecutionContext*>(transfer.data);
  previous->context = transfer.fctx;
#ifdef RUNSC_ASAN_FIBERS
  __sanitizer_finish_switch_fiber(self.fake_stack, nullptr, nullptr);
#else
  (void)self;
#endif
}

// What a fresh context runs first. The entry function and its argument lie at the top of its stack.
struct EntryRecord {
  ExecutionContext* self;
  void (*entry)(void*);
  void* argument;
};

[[noreturn]] void Trampoline(boost::context::detail::transfer_t transfer) {
  // The record's address travels in `data` of the first switch together with the previous context; see SwitchContext.
  auto* start = static_cast<Start*>(transfer.data);
  ExecutionContext& self = *start->self;
  auto* record =
      reinterpret_cast<EntryRecord*>(const_cast<char*>(static_cast<const char*>(self.stack_bottom)) + self.stack_size);
  transfer.data = start->previous;
  AfterSwitch(self, transfer);
  record->entry(record->argument);
  CHECK_INVARIANT(!"a fiber's entry function returned");
  __builtin_unreachable();
}

}  // namespace

FiberStack::FiberStack(FiberStack&& other) noexcept : bottom_(std::exchange(other.bottom_, nullptr)) {}

FiberStack& FiberStack::operator=(FiberStack&& other) noexcept {
  std::swap(bottom_, other.bottom_);
  return *this;
}

FiberStack::~FiberStack() {
  if (bottom_ != nullptr) munmap(bottom_ - kGuard, kSize + kGuard);
}

FiberStack FiberStack::Allocate() {
  FiberStack stack;
  void* memory =
      mmap(nullptr, kSize + kGuard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) return stack;
  if (mprotect(static_cast<char*>(memory) + kGuard, kSize, PROT_READ | PROT_WRITE) != 0) {
    munmap(memory, kSize + kGuard);
    return stack;
  }
  stack.bottom_ = static_cast<char*>(memory) + kGuard;
  return stack;
}

void ExecutionContext::AdoptThread() {
#ifdef RUNSC_ASAN_FIBERS
  pthread_attr_t attributes;
  void* bottom = nullptr;
  size_t size = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
    pthread_attr_getstack(&attributes, &bottom, &size);
    pthread_attr_destroy(&attributes);
  }
  stack_bottom = bottom;
  stack_size = size;
#endif
#ifdef RUNSC_TSAN_FIBERS
  tsan_fiber = __tsan_get_current_fiber();
#endif
}

void ExecutionContext::Prepare(const FiberStack& stack, void (*entry)(void*), void* argument) {
  constexpr size_t kRecord = 64;
  static_assert(sizeof(EntryRecord) <= kRecord);
  stack_bottom = stack.bottom();
  stack_size = FiberStack::kSize - kRecord;
  auto* record = reinterpret_cast<EntryRecord*>(stack.top() - kRecord);
  *record = {this, entry, argument};
  context = boost::context::detail::make_fcontext(record, stack_size, Trampoline);
#ifdef RUNSC_ASAN_FIBERS
  fake_stack = nullptr;
#endif
#ifdef RUNSC_TSAN_FIBERS
  tsan_fiber = __tsan_create_fiber(0);
#endif
  fresh = true;
}

void ExecutionContext::Release() {
#ifdef RUNSC_TSAN_FIBERS
  if (tsan_fiber != nullptr) __tsan_destroy_fiber(tsan_fiber);
  tsan_fiber = nullptr;
#endif
}

void SwitchContext(ExecutionContext& from, ExecutionContext& to, bool final) {
#ifdef RUNSC_ASAN_FIBERS
  __sanitizer_start_switch_fiber(final ? nullptr : &from.fake_stack, to.stack_bottom, to.stack_size);
#else
  (void) final;
#endif
#ifdef RUNSC_TSAN_FIBERS
  __tsan_switch_to_fiber(to.tsan_fiber, 0);
#endif
  boost::context::detail::transfer_t transfer;
  if (std::exchange(to.fresh, false)) {
    Start start{&to, &from};
    transfer = boost::context::detail::jump_fcontext(to.context, &start);
  } else {
    transfer = boost::context::detail::jump_fcontext(to.context, &from);
  }
  AfterSwitch(from, transfer);
}

}  // namespace sentry
