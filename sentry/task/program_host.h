// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sentry/loader/loader.h"
#include "vfs/context.h"
#include "vfs/walk.h"

namespace sentry {

// Opens programs for the loader, and works out the credentials the new program gets (capabilities(7), "Transformation
// of capabilities during execve()"; set-user-ID bits in execve(2)). Lives for one exec.
class ExecCredentials : public ProgramHost {
 public:
  ExecCredentials(vfs::Context& context, vfs::StartPoint start);

  base::Result<base::RefPtr<vfs::FileDescription>> OpenProgram(std::string_view path) override;
  base::Result<ProgramIdentity> Identify(vfs::FileDescription& program) override;

  // The new credentials. REQUIRES: Identify was called.
  base::RefPtr<vfs::Credentials> TakeCredentials() { return std::move(credentials_); }
  // Whether the program gained ids or capabilities its caller lacked.
  bool privileged() const { return privileged_; }

 private:
  vfs::Context& context_;
  const vfs::StartPoint start_;
  base::RefPtr<vfs::Credentials> credentials_;
  bool privileged_ = false;
};

}  // namespace sentry
