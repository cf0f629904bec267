// SPDX-License-Identifier: Apache-2.0
#include "sentry/task/credential_changes.h"

#include <cerrno>

namespace sentry {
namespace {

using base::KGid;
using base::KUid;
using vfs::CapabilitySet;
using vfs::Credentials;

constexpr int kCapSetgid = 6;
constexpr int kCapSetuid = 7;
constexpr int kCapSetpcap = 8;
constexpr KUid kRoot(0);

constexpr CapabilitySet Bit(int capability) { return CapabilitySet{1} << capability; }

// The capabilities fsuid 0 stands for (CAP_FS_SET): CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID LINUX_IMMUTABLE
// MKNOD MAC_OVERRIDE.
constexpr CapabilitySet kFilesystemCapabilities =
    Bit(0) | Bit(1) | Bit(2) | Bit(3) | Bit(4) | Bit(9) | Bit(27) | Bit(32);

bool IsSubset(CapabilitySet subset, CapabilitySet of) { return (subset & ~of) == 0; }

// What leaving or becoming root does to the capability sets.
void FixCapabilities(const Credentials& old, Credentials* now) {
  if ((old.securebits & kSecureNoSetuidFixup) != 0) return;
  bool was_root = old.ruid == kRoot || old.euid == kRoot || old.suid == kRoot;
  bool is_root = now->ruid == kRoot || now->euid == kRoot || now->suid == kRoot;
  if (was_root && !is_root) {
    if ((old.securebits & kSecureKeepCaps) == 0) {
      now->permitted = 0;
      now->effective = 0;
    }
    now->ambient = 0;
  }
  if (old.euid == kRoot && now->euid != kRoot) now->effective = 0;
  if (old.euid != kRoot && now->euid == kRoot) now->effective = now->permitted;
}

// One of the three user ids of old, or anything with the capability.
bool MayBecome(const Credentials& old, std::optional<KUid> uid) {
  return !uid || *uid == old.ruid || *uid == old.euid || *uid == old.suid || old.HasCapability(kCapSetuid);
}

bool MayBecome(const Credentials& old, std::optional<KGid> gid) {
  return !gid || *gid == old.rgid || *gid == old.egid || *gid == old.sgid || old.HasCapability(kCapSetgid);
}

}  // namespace

NewCredentials SetUid(const Credentials& old, KUid uid) {
  auto now = old.Copy();
  if (old.HasCapability(kCapSetuid)) {
    now->ruid = now->suid = uid;
  } else if (uid != old.ruid && uid != old.suid) {
    return base::Errno(EPERM);
  }
  now->euid = now->fsuid = uid;
  FixCapabilities(old, now.get());
  return now;
}

NewCredentials SetReuid(const Credentials& old, std::optional<KUid> real, std::optional<KUid> effective) {
  // Unlike the effective id, the real one cannot become the saved one.
  if (real && *real != old.ruid && *real != old.euid && !old.HasCapability(kCapSetuid)) return base::Errno(EPERM);
  if (!MayBecome(old, effective)) return base::Errno(EPERM);
  auto now = old.Copy();
  if (real) now->ruid = *real;
  if (effective) now->euid = *effective;
  if (real || (effective && *effective != old.ruid)) now->suid = now->euid;
  now->fsuid = now->euid;
  FixCapabilities(old, now.get());
  return now;
}

NewCredentials SetResuid(const Credentials& old, std::optional<KUid> real, std::optional<KUid> effective,
                         std::optional<KUid> saved) {
  if (!MayBecome(old, real) || !MayBecome(old, effective) || !MayBecome(old, saved)) return base::Errno(EPERM);
  auto now = old.Copy();
  if (real) now->ruid = *real;
  if (effective) now->euid = *effective;
  if (saved) now->suid = *saved;
  now->fsuid = now->euid;
  FixCapabilities(old, now.get());
  return now;
}

NewCredentials SetFsuid(const Credentials& old, KUid uid) {
  if (uid != old.fsuid && !MayBecome(old, std::optional(uid))) return base::Errno(EPERM);
  auto now = old.Copy();
  now->fsuid = uid;
  if ((old.securebits & kSecureNoSetuidFixup) != 0) return now;
  if (old.fsuid == kRoot && uid != kRoot) now->effective &= ~kFilesystemCapabilities;
  if (old.fsuid != kRoot && uid == kRoot) now->effective |= now->permitted & kFilesystemCapabilities;
  return now;
}

NewCredentials SetGid(const Credentials& old, KGid gid) {
  auto now = old.Copy();
  if (old.HasCapability(kCapSetgid)) {
    now->rgid = now->sgid = gid;
  } else if (gid != old.rgid && gid != old.sgid) {
    return base::Errno(EPERM);
  }
  now->egid = now->fsgid = gid;
  return now;
}

NewCredentials SetRegid(const Credentials& old, std::optional<KGid> real, std::optional<KGid> effective) {
  if (real && *real != old.rgid && *real != old.egid && !old.HasCapability(kCapSetgid)) return base::Errno(EPERM);
  if (!MayBecome(old, effective)) return base::Errno(EPERM);
  auto now = old.Copy();
  if (real) now->rgid = *real;
  if (effective) now->egid = *effective;
  if (real || (effective && *effective != old.rgid)) now->sgid = now->egid;
  now->fsgid = now->egid;
  return now;
}

NewCredentials SetResgid(const Credentials& old, std::optional<KGid> real, std::optional<KGid> effective,
                         std::optional<KGid> saved) {
  if (!MayBecome(old, real) || !MayBecome(old, effective) || !MayBecome(old, saved)) return base::Errno(EPERM);
  auto now = old.Copy();
  if (real) now->rgid = *real;
  if (effective) now->egid = *effective;
  if (saved) now->sgid = *saved;
  now->fsgid = now->egid;
  return now;
}

NewCredentials SetFsgid(const Credentials& old, KGid gid) {
  if (gid != old.fsgid && !MayBecome(old, std::optional(gid))) return base::Errno(EPERM);
  auto now = old.Copy();
  now->fsgid = gid;
  return now;
}

NewCredentials SetCapabilities(const Credentials& old, CapabilitySet effective, CapabilitySet permitted,
                               CapabilitySet inheritable) {
  if (!old.HasCapability(kCapSetpcap) && !IsSubset(inheritable, old.inheritable | old.permitted)) {
    return base::Errno(EPERM);
  }
  if (!IsSubset(inheritable, old.inheritable | old.bounding)) return base::Errno(EPERM);
  if (!IsSubset(permitted, old.permitted) || !IsSubset(effective, permitted)) return base::Errno(EPERM);
  auto now = old.Copy();
  now->effective = effective;
  now->permitted = permitted;
  now->inheritable = inheritable;
  now->ambient &= permitted & inheritable;
  return now;
}

NewCredentials SetSecurebits(const Credentials& old, uint64_t bits) {
  uint32_t locked = (old.securebits & kSecureAllLocks) >> 1;
  bool changes_locked = (locked & (old.securebits ^ bits)) != 0;
  bool unlocks = (old.securebits & kSecureAllLocks & ~bits) != 0;
  bool unknown = (bits & ~uint64_t{kSecureAllBits | kSecureAllLocks}) != 0;
  if (changes_locked || unlocks || unknown || !old.HasCapability(kCapSetpcap)) return base::Errno(EPERM);
  auto now = old.Copy();
  now->securebits = static_cast<uint32_t>(bits);
  return now;
}

NewCredentials SetKeepCaps(const Credentials& old, bool keep) {
  if ((old.securebits & (kSecureKeepCaps << 1)) != 0) return base::Errno(EPERM);
  auto now = old.Copy();
  now->securebits = keep ? old.securebits | kSecureKeepCaps : old.securebits & ~kSecureKeepCaps;
  return now;
}

NewCredentials DropBounding(const Credentials& old, int capability) {
  if (!old.HasCapability(kCapSetpcap)) return base::Errno(EPERM);
  auto now = old.Copy();
  now->bounding &= ~Bit(capability);
  return now;
}

NewCredentials ChangeAmbient(const Credentials& old, int capability, bool raise) {
  auto now = old.Copy();
  if (!raise) {
    now->ambient &= ~Bit(capability);
    return now;
  }
  if ((old.permitted & old.inheritable & Bit(capability)) == 0 || (old.securebits & kSecureNoAmbientRaise) != 0) {
    return base::Errno(EPERM);
  }
  now->ambient |= Bit(capability);
  return now;
}

bool LosesDumpable(const Credentials& old, const Credentials& now) {
  return old.euid != now.euid || old.egid != now.egid || old.fsuid != now.fsuid || old.fsgid != now.fsgid ||
         !IsSubset(now.permitted, old.permitted);
}

}  // namespace sentry
