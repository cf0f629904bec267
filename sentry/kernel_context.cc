// SPDX-License-Identifier: Apache-2.0
#include "sentry/kernel_context.h"

namespace sentry {

KernelContext::KernelContext() : credentials_(base::MakeRef<vfs::Credentials>()) {
  credentials_->permitted = credentials_->effective = credentials_->bounding = ~vfs::CapabilitySet{0};
}

}  // namespace sentry
