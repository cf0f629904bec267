// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "sentry/task/credential_changes.h"
#include "sentry/task/task.h"

namespace syscalls {

// Makes the outcome of a rule the task's credentials, with what follows from it (Linux: commit_creds).
base::Result<void> Publish(sentry::Task& task, sentry::NewCredentials changed);

}  // namespace syscalls
