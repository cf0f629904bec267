// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "vfs/inode.h"
#include "vfs/path.h"

namespace vfs {

// A file without a name anywhere in the tree: pipes, eventfds, sockets, inherited host files. Lives on an internal
// mount that no namespace has. Its path is shown as `name` ("pipe:[7]", "anon_inode:[eventfd]"). `mode`: type bits and
// permissions that fstat(2) shows; owner is the context's.
Path MakeAnonymousPath(Context& context, uint32_t mode, std::string name);
// "<kind>:[<inode number>]", as for pipes and sockets.
Path MakeNumberedAnonymousPath(Context& context, uint32_t mode, std::string kind);
// Whether the path is of one of these.
bool IsAnonymousPath(const Path& path);

}  // namespace vfs
