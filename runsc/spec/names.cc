// SPDX-License-Identifier: Apache-2.0
#include "runsc/spec/names.h"

#include <sched.h>
#include <sys/resource.h>

#include <charconv>
#include <csignal>
#include <iterator>

namespace runsc::spec {
namespace {

constexpr std::string_view kCapabilities[] = {"CAP_CHOWN",
                                              "CAP_DAC_OVERRIDE",
                                              "CAP_DAC_READ_SEARCH",
                                              "CAP_FOWNER",
                                              "CAP_FSETID",
                                              "CAP_KILL",
                                              "CAP_SETGID",
                                              "CAP_SETUID",
                                              "CAP_SETPCAP",
                                              "CAP_LINUX_IMMUTABLE",
                                              "CAP_NET_BIND_SERVICE",
                                              "CAP_NET_BROADCAST",
                                              "CAP_NET_ADMIN",
                                              "CAP_NET_RAW",
                                              "CAP_IPC_LOCK",
                                              "CAP_IPC_OWNER",
                                              "CAP_SYS_MODULE",
                                              "CAP_SYS_RAWIO",
                                              "CAP_SYS_CHROOT",
                                              "CAP_SYS_PTRACE",
                                              "CAP_SYS_PACCT",
                                              "CAP_SYS_ADMIN",
                                              "CAP_SYS_BOOT",
                                              "CAP_SYS_NICE",
                                              "CAP_SYS_RESOURCE",
                                              "CAP_SYS_TIME",
                                              "CAP_SYS_TTY_CONFIG",
                                              "CAP_MKNOD",
                                              "CAP_LEASE",
                                              "CAP_AUDIT_WRITE",
                                              "CAP_AUDIT_CONTROL",
                                              "CAP_SETFCAP",
                                              "CAP_MAC_OVERRIDE",
                                              "CAP_MAC_ADMIN",
                                              "CAP_SYSLOG",
                                              "CAP_WAKE_ALARM",
                                              "CAP_BLOCK_SUSPEND",
                                              "CAP_AUDIT_READ",
                                              "CAP_PERFMON",
                                              "CAP_BPF",
                                              "CAP_CHECKPOINT_RESTORE"};

struct Named {
  std::string_view name;
  int number;
};

constexpr Named kRlimits[] = {{"RLIMIT_CPU", RLIMIT_CPU},           {"RLIMIT_FSIZE", RLIMIT_FSIZE},
                              {"RLIMIT_DATA", RLIMIT_DATA},         {"RLIMIT_STACK", RLIMIT_STACK},
                              {"RLIMIT_CORE", RLIMIT_CORE},         {"RLIMIT_RSS", RLIMIT_RSS},
                              {"RLIMIT_NPROC", RLIMIT_NPROC},       {"RLIMIT_NOFILE", RLIMIT_NOFILE},
                              {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},   {"RLIMIT_AS", RLIMIT_AS},
                              {"RLIMIT_LOCKS", RLIMIT_LOCKS},       {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
                              {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE}, {"RLIMIT_NICE", RLIMIT_NICE},
                              {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},     {"RLIMIT_RTTIME", RLIMIT_RTTIME}};

// The kernel's numbers on x86-64 and arm64; the C library's SIGRTMIN is 34, the kernel's 32.
constexpr int kSignalMax = 64;
constexpr int kSignalRtMin = 34;
constexpr Named kSignals[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT},     {"ILL", SIGILL},   {"TRAP", SIGTRAP},
    {"ABRT", SIGABRT}, {"IOT", SIGIOT},   {"BUS", SIGBUS},       {"FPE", SIGFPE},   {"KILL", SIGKILL},
    {"USR1", SIGUSR1}, {"SEGV", SIGSEGV}, {"USR2", SIGUSR2},     {"PIPE", SIGPIPE}, {"ALRM", SIGALRM},
    {"TERM", SIGTERM}, {"STKFLT", 16},    {"CHLD", SIGCHLD},     {"CLD", SIGCHLD},  {"CONT", SIGCONT},
    {"STOP", SIGSTOP}, {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN},     {"TTOU", SIGTTOU}, {"URG", SIGURG},
    {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ}, {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"WINCH", SIGWINCH},
    {"IO", SIGIO},     {"POLL", SIGIO},   {"PWR", SIGPWR},       {"SYS", SIGSYS}};

struct NamespaceName {
  NamespaceType type;
  std::string_view name;
  int flag;
};

constexpr NamespaceName kNamespaces[] = {
    {NamespaceType::kPid, "pid", CLONE_NEWPID},          {NamespaceType::kNetwork, "network", CLONE_NEWNET},
    {NamespaceType::kMount, "mount", CLONE_NEWNS},       {NamespaceType::kIpc, "ipc", CLONE_NEWIPC},
    {NamespaceType::kUts, "uts", CLONE_NEWUTS},          {NamespaceType::kUser, "user", CLONE_NEWUSER},
    {NamespaceType::kCgroup, "cgroup", CLONE_NEWCGROUP}, {NamespaceType::kTime, "time", 0x80}};

std::optional<int> ParseNumber(std::string_view text) {
  int value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int> InSignalRange(std::optional<int> number) {
  if (!number || *number < 1 || *number > kSignalMax) return std::nullopt;
  return number;
}

}  // namespace

std::optional<int> CapabilityNumber(std::string_view name) {
  for (size_t i = 0; i < std::size(kCapabilities); ++i) {
    if (kCapabilities[i] == name) return static_cast<int>(i);
  }
  return std::nullopt;
}

std::string_view CapabilityName(int number) {
  if (number < 0 || static_cast<size_t>(number) >= std::size(kCapabilities)) return {};
  return kCapabilities[number];
}

std::vector<std::string_view> CapabilityNames() { return {std::begin(kCapabilities), std::end(kCapabilities)}; }

std::optional<int> RlimitNumber(std::string_view name) {
  for (const Named& limit : kRlimits) {
    if (limit.name == name) return limit.number;
  }
  return std::nullopt;
}

std::string_view RlimitName(int resource) {
  for (const Named& limit : kRlimits) {
    if (limit.number == resource) return limit.name;
  }
  return {};
}

std::optional<int> SignalNumber(std::string_view name) {
  if (std::optional<int> number = ParseNumber(name)) return InSignalRange(number);
  std::string upper(name);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  std::string_view rest = upper;
  if (rest.starts_with("SIG")) rest.remove_prefix(3);
  for (const Named& signal : kSignals) {
    if (signal.name == rest) return signal.number;
  }
  if (rest == "RTMIN") return kSignalRtMin;
  if (rest == "RTMAX") return kSignalMax;
  if (rest.starts_with("RTMIN+")) {
    std::optional<int> offset = ParseNumber(rest.substr(6));
    if (offset && *offset >= 0 && *offset <= kSignalMax) return InSignalRange(kSignalRtMin + *offset);
  }
  if (rest.starts_with("RTMAX-")) {
    std::optional<int> offset = ParseNumber(rest.substr(6));
    if (offset && *offset >= 0 && *offset <= kSignalMax - kSignalRtMin) return kSignalMax - *offset;
  }
  return std::nullopt;
}

std::optional<NamespaceType> NamespaceTypeOf(std::string_view name) {
  for (const NamespaceName& entry : kNamespaces) {
    if (entry.name == name) return entry.type;
  }
  return std::nullopt;
}

std::string_view NamespaceTypeName(NamespaceType type) {
  for (const NamespaceName& entry : kNamespaces) {
    if (entry.type == type) return entry.name;
  }
  return {};
}

int NamespaceFlag(NamespaceType type) {
  for (const NamespaceName& entry : kNamespaces) {
    if (entry.type == type) return entry.flag;
  }
  return 0;
}

}  // namespace runsc::spec
