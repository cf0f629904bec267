// SPDX-License-Identifier: Apache-2.0
#include "runsc/boot/process_setup.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "sentry/kernel_context.h"
#include "vfs/file_description.h"
#include "vfs/mount.h"
#include "vfs/operations.h"

namespace runsc {
namespace {

// More of /etc/passwd is not looked at.
constexpr size_t kMaxPasswd = 1 << 20;

constexpr uint32_t kDefaultUmask = 022;

base::RefPtr<vfs::Credentials> MakeCredentials(const spec::Process& process) {
  auto credentials = base::MakeRef<vfs::Credentials>();
  credentials->ruid = credentials->euid = credentials->suid = credentials->fsuid = base::KUid(process.user.uid);
  credentials->rgid = credentials->egid = credentials->sgid = credentials->fsgid = base::KGid(process.user.gid);
  for (uint32_t gid : process.user.additional_gids) credentials->groups.emplace_back(gid);
  std::sort(credentials->groups.begin(), credentials->groups.end());
  if (process.capabilities) {
    credentials->bounding = process.capabilities->bounding;
    credentials->effective = process.capabilities->effective;
    credentials->permitted = process.capabilities->permitted;
    credentials->inheritable = process.capabilities->inheritable;
    credentials->ambient = process.capabilities->ambient;
  }
  credentials->no_new_privileges = process.no_new_privileges;
  return credentials;
}

// What Linux gives to init, unless the specification says otherwise (runc passes its own limits on; ours must not
// depend on the caller's shell).
sentry::Limits::Values MakeLimits(const spec::Process& process) {
  sentry::Limits::Values limits;
  limits[RLIMIT_STACK] = {8 << 20, RLIM_INFINITY};
  limits[RLIMIT_CORE] = {0, RLIM_INFINITY};
  limits[RLIMIT_NPROC] = {1 << 20, 1 << 20};
  limits[RLIMIT_NOFILE] = {1 << 20, 1 << 20};
  limits[RLIMIT_MEMLOCK] = {8 << 20, 8 << 20};
  limits[RLIMIT_SIGPENDING] = {1 << 16, 1 << 16};
  limits[RLIMIT_MSGQUEUE] = {819200, 819200};
  limits[RLIMIT_NICE] = {0, 0};
  limits[RLIMIT_RTPRIO] = {0, 0};
  for (const spec::Rlimit& limit : process.rlimits) limits[limit.resource] = {limit.soft, limit.hard};
  return limits;
}

std::string ReadFile(sentry::Container& container, std::string_view path) {
  sentry::KernelContext context;
  vfs::Path root = container.mounts->root();
  auto file = vfs::Open(context, {root, root}, path, {.flags = O_RDONLY});
  if (!file.ok()) return {};
  std::string text;
  std::byte buffer[4096];
  while (text.size() < kMaxPasswd) {
    vfs::BufferSequence sequence(buffer);
    auto count = (*file)->TryRead(context, sequence);
    if (!count.ok() || *count == 0) break;
    text.append(static_cast<const char*>(static_cast<const void*>(buffer)), *count);
  }
  return text;
}

// The sixth field of the user's line in /etc/passwd (passwd(5)); "/" without one.
std::string HomeOf(sentry::Container& container, uint32_t uid) {
  std::string text = ReadFile(container, "/etc/passwd");
  size_t begin = 0;
  while (begin < text.size()) {
    size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line(text.data() + begin, end - begin);
    begin = end + 1;
    std::vector<std::string_view> fields;
    while (true) {
      size_t colon = line.find(':');
      fields.push_back(line.substr(0, colon));
      if (colon == std::string_view::npos) break;
      line.remove_prefix(colon + 1);
    }
    uint32_t id = 0;
    if (fields.size() < 6) continue;
    auto parsed = std::from_chars(fields[2].data(), fields[2].data() + fields[2].size(), id);
    if (parsed.ec == std::errc() && id == uid && !fields[5].empty()) return std::string(fields[5]);
  }
  return "/";
}

}  // namespace

StatusOr<sentry::Kernel::ProcessArguments> MakeProcess(const spec::Process& process, sentry::Container& container) {
  sentry::Kernel::ProcessArguments arguments;
  arguments.container = &container;
  arguments.argv = process.args;
  arguments.envp = process.env;
  arguments.cwd = process.cwd;
  arguments.credentials = MakeCredentials(process);
  arguments.limits = MakeLimits(process);
  arguments.umask = process.user.umask.value_or(kDefaultUmask);
  sentry::KernelContext context(arguments.credentials);
  vfs::Path root = container.mounts->root();
  auto cwd = vfs::EnterDirectory(context, {root, root}, process.cwd);
  if (!cwd.ok()) return Failed("process.cwd: " + process.cwd + ": " + strerror(cwd.error().code()));
  bool has_home = std::any_of(process.env.begin(), process.env.end(),
                              [](const std::string& variable) { return variable.starts_with("HOME="); });
  if (!has_home) arguments.envp.push_back("HOME=" + HomeOf(container, process.user.uid));
  return arguments;
}

void MakeWorkingDirectory(const spec::Process& process, sentry::Container& container) {
  auto credentials = base::MakeRef<vfs::Credentials>();
  credentials->permitted = credentials->effective = credentials->bounding = ~vfs::CapabilitySet{0};
  sentry::KernelContext context(credentials);
  vfs::Path root = container.mounts->root();
  // What cannot be made is told when it is entered.
  for (size_t slash = process.cwd.find('/', 1); slash != std::string::npos; slash = process.cwd.find('/', slash + 1)) {
    static_cast<void>(vfs::MakeDirectory(context, {root, root}, process.cwd.substr(0, slash), 0755));
  }
  static_cast<void>(vfs::MakeDirectory(context, {root, root}, process.cwd, 0755));
}

}  // namespace runsc
