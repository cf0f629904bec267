// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/ref.h"
#include "base/result.h"
#include "base/types.h"
#include "platform/platform.h"
#include "sentry/loader/arguments.h"
#include "sentry/mm/memory_manager.h"
#include "vfs/context.h"
#include "vfs/file_description.h"

namespace sentry {

// What the new program may know of its credentials (auxiliary vector), as the task's user namespace numbers them.
struct ProgramIdentity {
  uint32_t uid = 0, euid = 0, gid = 0, egid = 0;
  bool secure = false;  // AT_SECURE
};

// What loading needs of the exec'ing task.
class ProgramHost {
 public:
  virtual ~ProgramHost() = default;
  // Opens a file for execution, from the task's root and working directory. Errors of path walk; EACCES: not a regular
  // file, no x permission, mount noexec.
  virtual base::Result<base::RefPtr<vfs::FileDescription>> OpenProgram(std::string_view path) = 0;
  // Called once, with the file whose set-id bits and file capabilities count (never a script).
  virtual base::Result<ProgramIdentity> Identify(vfs::FileDescription& program) = 0;
};

// Something the platform has already mapped in a pristine address space.
struct SpecialMapping {
  base::GuestRange range;
  int protection = 0;
  const char* name = "";  // "[vdso]"; static.
};

struct LoadArguments {
  vfs::Context& context;
  ProgramHost& host;
  platform::Platform& platform;
  MemoryManager::Environment environment;
  // Opened by OpenProgram's rules. Load gives back, now or when the last memory that runs it goes, the place that keeps
  // writers out (OpenOptions::for_exec), whatever comes of it.
  base::RefPtr<vfs::FileDescription> file;
  std::string filename;                // As given to execve; AT_EXECFN.
  bool filename_inaccessible = false;  // A close-on-exec descriptor's path: ENOENT for a script.
  ArgumentBlock arguments;             // With an empty argv a single "" is passed, as Linux >= 5.18 does.
  ArgumentBlock environment_variables;
  MemoryLimits limits;
  bool randomize = true;  // Not personality(ADDR_NO_RANDOMIZE).
  std::span<const SpecialMapping> special_mappings;
  base::GuestAddr vdso;  // AT_SYSINFO_EHDR; null: none.
};

struct LoadedImage {
  base::RefPtr<MemoryManager> memory;
  platform::Registers registers;                  // Of the first thread.
  base::RefPtr<vfs::FileDescription> executable;  // /proc/PID/exe: the interpreter of a script, not the script.
};

// Builds a process image (execve(2)) in a new address space: ELF-64 programs, static, position independent or with an
// interpreter, and `#!` scripts. The caller's own memory is not touched; nothing is left behind on failure. Parks.
// Errors: ENOEXEC not a program; EACCES, ENOENT of the interpreter; ELIBBAD a bad ELF interpreter; ELOOP scripts
// nested too deep; E2BIG; ENOMEM; EINVAL segments that do not fit; EIO a file shorter than its headers say.
base::Result<LoadedImage> Load(LoadArguments& arguments);

}  // namespace sentry
