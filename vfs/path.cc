// SPDX-License-Identifier: Apache-2.0
#include "vfs/path.h"

#include <utility>

#include "vfs/dentry.h"
#include "vfs/mount.h"

namespace vfs {

Path::Path() = default;
Path::Path(base::RefPtr<Mount> mount, base::RefPtr<Dentry> dentry)
    : mount(std::move(mount)), dentry(std::move(dentry)) {}
Path::Path(const Path&) = default;
Path::Path(Path&&) noexcept = default;
Path& Path::operator=(const Path&) = default;
Path& Path::operator=(Path&&) noexcept = default;
Path::~Path() = default;

}  // namespace vfs
