// SPDX-License-Identifier: Apache-2.0
#include "runsc/sandbox/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "runsc/util/files.h"

namespace runsc {
namespace {

constexpr int kLastCapability = 63;
constexpr rlim_t kWantedDescriptors = 1 << 20;

// Dies with runsc. The kernel forgets this when ids change, so it is said again then.
Status DieWithParent(const Handshake& runsc) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return SystemError("prctl(PR_SET_PDEATHSIG)");
  // It may have died before that.
  struct pollfd poll_fd = {runsc.fd(), 0, 0};
  if (poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & POLLHUP) != 0) return Failed("runsc is gone");
  return absl::OkStatus();
}

// Limits that a host's service manager may have put on runsc, and that would hit the sentry for what its guests do.
// The guests' own limits are kept by the sentry.
void RaiseLimits() {
  constexpr int kUnlimited[] = {RLIMIT_AS,    RLIMIT_CPU,   RLIMIT_DATA,       RLIMIT_FSIZE,
                                RLIMIT_NPROC, RLIMIT_LOCKS, RLIMIT_SIGPENDING, RLIMIT_MEMLOCK};
  for (int resource : kUnlimited) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) continue;
    struct rlimit wanted = {RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(resource, &wanted) == 0) continue;
    wanted = {limit.rlim_max, limit.rlim_max};
    setrlimit(resource, &wanted);
  }
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    struct rlimit wanted = {kWantedDescriptors, std::max(kWantedDescriptors, files.rlim_max)};
    if (setrlimit(RLIMIT_NOFILE, &wanted) != 0) {
      wanted = {files.rlim_max, files.rlim_max};
      setrlimit(RLIMIT_NOFILE, &wanted);
    }
  }
}

Status SetCapabilities(uint64_t mask) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (int i = 0; i < 2; ++i) data[i].effective = data[i].permitted = static_cast<uint32_t>(mask >> (32 * i));
  if (syscall(SYS_capset, &header, data) != 0) return SystemError("capset");
  return absl::OkStatus();
}

}  // namespace

Status HardenSelf(const char* name, const Handshake& runsc) {
  if (prctl(PR_SET_DUMPABLE, 0) != 0) return SystemError("prctl(PR_SET_DUMPABLE)");
  RETURN_IF_ERROR(DieWithParent(runsc));
  prctl(PR_SET_NAME, name);
  umask(0);
  signal(SIGPIPE, SIG_IGN);
  RaiseLimits();
  return absl::OkStatus();
}

Status ForbidNewPrivileges() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return SystemError("prctl(PR_SET_NO_NEW_PRIVS)");
  return absl::OkStatus();
}

void ProtectFromOom() {
  // Lowering the score takes CAP_SYS_RESOURCE of the host, which a runsc inside a container has not.
  WriteExistingFile("/proc/self/oom_score_adj", "-1000").IgnoreError();
}

Status EnterUserNamespace(int64_t uid, int64_t gid, Handshake& runsc) {
  if (setgroups(0, nullptr) != 0 && errno != EPERM) return SystemError("setgroups");
  // The capabilities are needed once more, for a host that reserves the making of user namespaces to CAP_SYS_ADMIN.
  if (prctl(PR_SET_KEEPCAPS, 1) != 0) return SystemError("prctl(PR_SET_KEEPCAPS)");
  if (gid >= 0 && setresgid(static_cast<gid_t>(gid), static_cast<gid_t>(gid), static_cast<gid_t>(gid)) != 0) {
    return SystemError("setresgid " + std::to_string(gid));
  }
  if (uid >= 0 && setresuid(static_cast<uid_t>(uid), static_cast<uid_t>(uid), static_cast<uid_t>(uid)) != 0) {
    return SystemError("setresuid " + std::to_string(uid));
  }
  RETURN_IF_ERROR(SetCapabilities(uint64_t{1} << CAP_SYS_ADMIN));
  RETURN_IF_ERROR(DieWithParent(runsc));
  if (unshare(CLONE_NEWUSER) != 0) return SystemError("making a user namespace");
  RETURN_IF_ERROR(runsc.Send(Handshake::Step::kMapIds));
  return runsc.Expect(Handshake::Step::kIdsMapped).status();
}

Status KeepCapabilities(uint64_t mask) {
  for (int capability = 0; capability <= kLastCapability; ++capability) {
    int present = prctl(PR_CAPBSET_READ, capability);
    if (present < 0) break;  // The kernel knows no more.
    if (present == 1 && prctl(PR_CAPBSET_DROP, capability) != 0) return SystemError("prctl(PR_CAPBSET_DROP)");
  }
  constexpr unsigned long kBits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                  SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                  SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  if (prctl(PR_SET_SECUREBITS, kBits) != 0) return SystemError("prctl(PR_SET_SECUREBITS)");
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  return SetCapabilities(mask);
}

}  // namespace runsc
