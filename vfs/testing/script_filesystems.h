// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ref.h"
#include "vfs/context.h"
#include "vfs/dentry.h"

namespace vfs {

// An empty filesystem for a test: its root is root's, mode 755. Outlives what was made of it.
class ScriptFilesystem {
 public:
  virtual ~ScriptFilesystem() = default;
  virtual std::string name() const = 0;
  virtual base::RefPtr<Dentry> MakeRoot(Context& context) = 0;
};

// One of every kind that is written to like any filesystem: all must behave as Linux does.
std::vector<std::unique_ptr<ScriptFilesystem>> MakeScriptFilesystems();

}  // namespace vfs
