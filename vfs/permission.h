// SPDX-License-Identifier: Apache-2.0
// Linux's discretionary access rules (path_resolution(7), capabilities(7)), on attributes: nothing here asks a
// filesystem, but what takes an Inode.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "vfs/attributes.h"
#include "vfs/context.h"
#include "vfs/credentials.h"
#include "vfs/inode.h"

namespace vfs {

// Kinds of access; the bits of a mode's rwx triple.
inline constexpr unsigned kMayExecute = 1;
inline constexpr unsigned kMayWrite = 2;
inline constexpr unsigned kMayRead = 4;

// Capabilities the rules know (linux/capability.h).
inline constexpr int kCapChown = 0;
inline constexpr int kCapDacOverride = 1;
inline constexpr int kCapDacReadSearch = 2;
inline constexpr int kCapFowner = 3;
inline constexpr int kCapFsetid = 4;
inline constexpr int kCapLinuxImmutable = 9;
inline constexpr int kCapSysAdmin = 21;
inline constexpr int kCapSysResource = 24;
inline constexpr int kCapMknod = 27;
inline constexpr int kCapSetfcap = 31;

// Whether `credentials` hold `capability` over a file owned so.
bool HasCapabilityOver(const Credentials& credentials, const Ownership& file, int capability);

// EACCES unless the mode bits or a capability grant `access`.
base::Result<void> CheckAccess(const Credentials& credentials, const Ownership& file, unsigned access);
// CheckAccess by the inode's own rule; EROFS for writing a file, directory or link of a read-only filesystem.
base::Result<void> CheckPermission(Context& context, Inode& inode, unsigned access);

// Owner or CAP_FOWNER.
bool IsOwnerOrCapable(const Credentials& credentials, const Ownership& file);
// Whether a sticky directory keeps these credentials from removing or renaming `file`.
bool StickyForbids(const Credentials& credentials, const Ownership& directory, const Ownership& file);

// Owner and mode of a file created in `directory` (set-group-id directories pass their group on; mkdir(2)).
// `options.mode` is given; uid, gid are filled in.
void InheritOwnership(const Credentials& credentials, const Ownership& directory, struct CreateOptions& options);

// The mode left after a write by someone without CAP_FSETID (file_remove_privs): set-user-id, and set-group-id of
// group-executable files, go.
uint32_t ModeAfterWrite(const Credentials& credentials, const Ownership& file);
// The mode left after chown(2) of a non-directory.
uint32_t ModeAfterChown(const Credentials& credentials, const Ownership& file);

}  // namespace vfs
