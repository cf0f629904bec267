// SPDX-License-Identifier: Apache-2.0
// How credentials change (credentials(7), capabilities(7), setresuid(2) and its kin): pure rules. Each function gives
// the new credentials, or EPERM.
#pragma once

#include <cstdint>
#include <optional>

#include "base/ref.h"
#include "base/result.h"
#include "base/types.h"
#include "vfs/credentials.h"

namespace sentry {

using NewCredentials = base::Result<base::RefPtr<vfs::Credentials>>;

// securebits (capabilities(7)); each has its lock bit above it.
inline constexpr uint32_t kSecureNoRoot = 1 << 0;
inline constexpr uint32_t kSecureNoSetuidFixup = 1 << 2;
inline constexpr uint32_t kSecureKeepCaps = 1 << 4;
inline constexpr uint32_t kSecureNoAmbientRaise = 1 << 6;
inline constexpr uint32_t kSecureAllBits = 0x55;
inline constexpr uint32_t kSecureAllLocks = 0xaa;

inline constexpr int kLastCapability = 40;
inline constexpr vfs::CapabilitySet kAllCapabilities = (vfs::CapabilitySet{1} << (kLastCapability + 1)) - 1;

NewCredentials SetUid(const vfs::Credentials& old, base::KUid uid);
// An empty id stays as it is.
NewCredentials SetReuid(const vfs::Credentials& old, std::optional<base::KUid> real,
                        std::optional<base::KUid> effective);
NewCredentials SetResuid(const vfs::Credentials& old, std::optional<base::KUid> real,
                         std::optional<base::KUid> effective, std::optional<base::KUid> saved);
NewCredentials SetFsuid(const vfs::Credentials& old, base::KUid uid);

NewCredentials SetGid(const vfs::Credentials& old, base::KGid gid);
NewCredentials SetRegid(const vfs::Credentials& old, std::optional<base::KGid> real,
                        std::optional<base::KGid> effective);
NewCredentials SetResgid(const vfs::Credentials& old, std::optional<base::KGid> real,
                         std::optional<base::KGid> effective, std::optional<base::KGid> saved);
NewCredentials SetFsgid(const vfs::Credentials& old, base::KGid gid);

// capset(2).
NewCredentials SetCapabilities(const vfs::Credentials& old, vfs::CapabilitySet effective, vfs::CapabilitySet permitted,
                               vfs::CapabilitySet inheritable);
// prctl(2): PR_SET_SECUREBITS, PR_SET_KEEPCAPS, PR_CAPBSET_DROP, PR_CAP_AMBIENT_RAISE and _LOWER.
NewCredentials SetSecurebits(const vfs::Credentials& old, uint64_t bits);
NewCredentials SetKeepCaps(const vfs::Credentials& old, bool keep);
NewCredentials DropBounding(const vfs::Credentials& old, int capability);
NewCredentials ChangeAmbient(const vfs::Credentials& old, int capability, bool raise);

// Whether a process that goes from `old` to `now` is no longer to be dumped or traced, and loses its parent-death
// signal (Linux: commit_creds).
bool LosesDumpable(const vfs::Credentials& old, const vfs::Credentials& now);

}  // namespace sentry
