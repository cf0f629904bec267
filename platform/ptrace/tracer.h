// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <unordered_map>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"

namespace platform::ptrace {

// A host thread that is traced. Its methods are called on the tracer's thread, with no lock held.
class Tracee : public base::RefCounted {
 public:
  // It is the host thread `tid`, alive as far as is known. Called first, once, unless it died before it was adopted.
  virtual void OnBorn(int tid) = 0;
  // It stopped: the signal in the low byte (with bit 7: at a system call), the ptrace event above.
  virtual void OnStop(int status) = 0;
  // It is a zombie; its id becomes free when this returns.
  virtual void BeforeReap() {}
  // It is gone.
  virtual void OnExit() = 0;
  // Ends the process it belongs to.
  virtual void KillProcess() = 0;
};

// Something to be done on the tracer's thread. Lives in the frame of the fiber that waits for it, or on the heap; may
// be gone when `perform` returns.
class Request {
 public:
  using Perform = void (*)(Request&);

  Request() = default;
  Request(Perform perform, void* context) : perform(perform), context(context) {}
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  Perform perform = nullptr;
  void* context = nullptr;
  Request* next = nullptr;
};

// The thread that traces all stubs of one container: ptrace(2) obeys the tracing thread alone. It sleeps in waitid(2)
// until a tracee stops or dies, or somebody posts a request.
class Tracer {
 public:
  Tracer() = default;
  ~Tracer() { Stop(); }
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  // Starts the thread. Errors: EAGAIN, or what the host refused.
  base::Result<void> Start();
  // Kills every tracee, waits for their ends and for the thread's.
  void Stop();

  // Any thread. Requests are performed in the order they are posted. REQUIRES: started, not stopped.
  void Post(Request& request);

  // ---- On the tracer's thread.
  // The tracee is the host thread `tid`, which was made by a traced thread and has stopped, or will.
  void Adopt(int tid, base::RefPtr<Tracee> tracee);
  // Between these two a child may show itself before anybody knows its id.
  void OnCloneBegins() { clones_++; }
  void OnCloneEnds();
  void KillAll();
  // Waits for that tracee's next stop: its status, or -1 when it is dying instead.
  int WaitForStop(int tid);

 private:
  enum class Newborn { kStopped, kDead };

  static void* Main(void* self);
  void Loop();
  void RunRequests();
  // Returns false when there is no tracee.
  bool WaitForEvent();
  void Dispatch(int tid, bool exited);
  void OnExit(int tid);

  static base::LockClass kLock;
  pthread_t thread_{};
  bool started_ = false;
  int pid_ = 0;
  int tid_ = 0;
  std::atomic<bool> waiting_{false};  // In a wait, or about to be.
  std::atomic<uint32_t> bell_{0};     // Not 0: there are requests.

  base::Mutex mutex_{kLock};
  Request* head_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Request* tail_ ABSL_GUARDED_BY(mutex_) = nullptr;

  // The tracer's thread alone.
  std::unordered_map<int, base::RefPtr<Tracee>> tracees_;
  std::unordered_map<int, Newborn> newborns_;
  int clones_ = 0;
  bool closing_ = false;
  bool stopping_ = false;
};

}  // namespace platform::ptrace
