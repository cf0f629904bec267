// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "platform/memory_calls.h"
#include "platform/platform.h"
#include "platform/systrap/stub.h"
#include "platform/systrap/stub_thread.h"

namespace platform::systrap {

// The AddressSpace the sentry holds: when the last reference goes, the stub is killed.
class StubAddressSpace final : public AddressSpace {
 public:
  explicit StubAddressSpace(base::RefPtr<Stub> stub) : stub_(std::move(stub)) {}

  Stub& stub() const { return *stub_; }

  base::Result<void> MapAnonymous(base::GuestRange range, Protection protection, bool shared, bool no_reserve,
                                  GuestThread* caller) override;
  base::Result<void> MapFile(base::GuestRange range, Protection protection, bool shared, DonatedFile& file,
                             uint64_t offset) override;
  base::Result<void> Unmap(base::GuestRange range, GuestThread* caller) override;
  base::Result<void> Protect(base::GuestRange range, Protection protection, GuestThread* caller) override;
  base::Result<void> Remap(base::GuestRange from, base::GuestRange to) override;
  base::Result<void> Advise(base::GuestRange range, int advice, GuestThread* caller) override;
  base::Result<void> Sync(base::GuestRange range, int flags) override;
  base::Result<void> Apply(std::span<const Operation> operations) override;

  base::Result<size_t> CopyIn(base::GuestAddr from, std::span<std::byte> to, bool ignore_protection) override;
  base::Result<size_t> CopyInString(base::GuestAddr from, std::span<char> to) override;
  base::Result<size_t> CopyOut(base::GuestAddr to, std::span<const std::byte> from, bool ignore_protection) override;
  base::Result<uint32_t> LoadWord(base::GuestAddr address) override;
  base::Result<uint32_t> CompareExchangeWord(base::GuestAddr address, uint32_t expected, uint32_t desired) override;

  base::Result<void> PatchCallSite(GuestThread& caller, base::GuestAddr ip, uint32_t number,
                                   base::GuestAddr entry) override;

  base::Result<std::unique_ptr<GuestThread>> NewThread(const Registers& registers, const ExtendedState& state) override;
  base::Result<Forked> Fork(const Registers& registers, const ExtendedState& state) override;

  void SetName(std::string_view comm) override;
  uint64_t resident_bytes() const override;
  int host_pid() const override;
  void Kill() override;

 private:
  ~StubAddressSpace() override;

  // Puts what a hot call has written to this range, and was not delivered, into the guest's memory.
  void Settle(base::GuestAddr address, size_t size);
  // Runs the command, keeping clear of quarantined ranges that overlap `range`.
  base::Result<int64_t> ExecuteOn(base::GuestRange range, Command& command);
  base::Result<void> ExecuteCall(base::GuestRange range, const HostCall& call);
  // Whether `caller` was told to make the call itself. Its arguments whose bit in `mask` is clear may be anything.
  bool LetCaller(GuestThread* caller, base::GuestRange range, const HostCall& call, unsigned mask);

  const base::RefPtr<Stub> stub_;
};

// The GuestThread the sentry holds.
class StubGuestThread final : public GuestThread {
 public:
  StubGuestThread(base::RefPtr<StubAddressSpace> space, base::RefPtr<StubThread> thread)
      : space_(std::move(space)), thread_(std::move(thread)) {}
  ~StubGuestThread() override { thread_->Retire(); }

  Event Run() override { return thread_->Run(); }
  void set_syscall(SyscallAction action, uint64_t value) override { thread_->SetSyscall(action, value); }
  base::Result<Registers*> registers() override { return thread_->GetRegisters(); }
  base::Result<ExtendedState*> extended_state() override { return thread_->GetExtendedState(); }
  base::Result<void> SetFsBase(uint64_t value) override { return thread_->SetFsBase(value); }
  void Interrupt() override { thread_->Interrupt(); }
  int host_tid() const override { return space_->stub().dead() ? 0 : thread_->tid(); }
  AddressSpace& address_space() override { return *space_; }

  StubThread& thread() { return *thread_; }

 private:
  const base::RefPtr<StubAddressSpace> space_;
  const base::RefPtr<StubThread> thread_;
};

}  // namespace platform::systrap
