// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "base/ref.h"
#include "base/result.h"
#include "platform/systrap/command.h"
#include "platform/systrap/stub.h"

namespace platform::systrap {

// The making of a stub by another stub's helper: the parent's clone and the child's first list, which end in any order.
class ForkOperation {
 public:
  using Finish = void (*)(ForkOperation&);

  ForkOperation(base::RefPtr<Stub> parent, base::RefPtr<Stub> child);
  ForkOperation(const ForkOperation&) = delete;
  ForkOperation& operator=(const ForkOperation&) = delete;

  // What the child does first, after its setup. Filled by the caller.
  Command& initial() { return initial_; }
  const base::RefPtr<Stub>& child() const { return child_; }

  // Starts; `finish` is called when both parts have ended, once, on any thread. The operation may be gone when it
  // returns.
  void Start(Finish finish, void* context);
  void* context() const { return context_; }
  // After the end. EAGAIN, ENOMEM; a child that was made and failed is killed.
  base::Result<void> Outcome();

  // Starts, waits for the end. Parks.
  base::Result<void> Execute();

 private:
  static void OnClone(Command& command);
  static void OnInitial(Command& command);
  void Arrive(int parts);

  const base::RefPtr<Stub> parent_;
  const base::RefPtr<Stub> child_;
  Command clone_;
  Command initial_;
  bool made_ = false;
  std::atomic<int> parts_{2};
  Finish finish_ = nullptr;
  void* context_ = nullptr;
};

}  // namespace platform::systrap
