// SPDX-License-Identifier: Apache-2.0
#include "runsc/boot/filter/filter.h"

#include <seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>

#include "base/unique_fd.h"

namespace runsc {
namespace {

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

// The rule that is looked at first: a guest's system call passes through two of these.
constexpr int kHotCall = SYS_ioctl;
constexpr uint8_t kHotPriority = 255;

uint32_t ActionFor(Violation violation) {
  switch (violation) {
    case Violation::kKill:
      return SCMP_ACT_KILL_PROCESS;
    case Violation::kReport:
      return SCMP_ACT_TRAP;
    case Violation::kLog:
      return SCMP_ACT_LOG;
  }
  return SCMP_ACT_KILL_PROCESS;
}

StatusOr<Context> Build(std::span<const FilterTable* const> tables, Violation violation) {
  Context context(seccomp_init(ActionFor(violation)));
  if (!context) return Failed("seccomp_init");
  // no_new_privs was set long ago. Other architectures, x32 among them: never.
  if (seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_NNP, 0) != 0 ||
      seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_TSYNC, 1) != 0 ||
      seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0 ||
      seccomp_syscall_priority(context.get(), kHotCall, kHotPriority) != 0) {
    return Failed("seccomp_attr_set");
  }
  for (const FilterTable* table : tables) {
    for (const FilterRule& rule : *table) {
      std::vector<struct scmp_arg_cmp> comparisons;
      for (const ArgumentCheck& check : rule.checks) {
        comparisons.push_back({check.index, SCMP_CMP_MASKED_EQ, check.mask, check.value});
      }
      uint32_t action = rule.error != 0 ? SCMP_ACT_ERRNO(static_cast<uint32_t>(rule.error)) : SCMP_ACT_ALLOW;
      int error = seccomp_rule_add_exact_array(context.get(), action, rule.number,
                                               static_cast<unsigned>(comparisons.size()), comparisons.data());
      if (error == -EEXIST) continue;  // Another table has the same rule.
      if (error != 0) return SystemError("the filter's rule for system call " + std::to_string(rule.number), -error);
    }
  }
  return context;
}

}  // namespace

Status InstallFilter(std::span<const FilterTable* const> tables, Violation violation) {
  Context context = TRY_STATUS(Build(tables, violation));
  if (violation == Violation::kReport) RETURN_IF_ERROR(HandleViolations());
  int error = seccomp_load(context.get());
  if (error != 0) return SystemError("installing the system call filter", -error);
  return absl::OkStatus();
}

StatusOr<std::vector<sock_filter>> CompileFilter(std::span<const FilterTable* const> tables) {
  Context context = TRY_STATUS(Build(tables, Violation::kKill));
  base::UniqueFd fd(memfd_create("runsc-filter", MFD_CLOEXEC));
  if (!fd || seccomp_export_bpf(context.get(), fd.get()) != 0) return SystemError("exporting the filter");
  off_t size = lseek(fd.get(), 0, SEEK_END);
  std::vector<sock_filter> program(static_cast<size_t>(size) / sizeof(sock_filter));
  if (pread(fd.get(), program.data(), program.size() * sizeof(sock_filter), 0) != size) return SystemError("memfd");
  return program;
}

}  // namespace runsc
