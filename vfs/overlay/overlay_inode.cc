// SPDX-License-Identifier: Apache-2.0
#include "vfs/overlay/overlay_inode.h"

#include <cerrno>
#include <utility>

#include "vfs/overlay/layer_context.h"

namespace vfs {

OverlayInode::OverlayInode(base::RefPtr<OverlayFilesystem> filesystem, base::RefPtr<OverlayRecord> record)
    : Inode(std::move(filesystem), record->real().type()), record_(std::move(record)) {}

OverlayInode::~OverlayInode() = default;

void OverlayInode::LastReferenceGone() {
  overlay().Leave(*this);
  delete this;
}

base::Result<Attributes> OverlayInode::Stat(Context& context) {
  Attributes attributes = TRY(record_->real().Stat(context));
  attributes.inode = OverlayFilesystem::PublicNumber(record_->key());
  attributes.device_major = attributes.device_minor = 0;  // The overlay's, by the core.
  FillLinks(attributes);
  return attributes;
}

base::Result<Ownership> OverlayInode::GetOwnership(Context& context) { return record_->real().GetOwnership(context); }

base::Result<void> OverlayInode::SetAttributes(Context& context, const AttributeChange& change) {
  TRY(EnsureUpper(context, change.size.value_or(kAllData)));
  return record_->upper()->SetAttributes(context, change);
}

base::Result<std::string> OverlayInode::GetXattr(Context& context, std::string_view name) {
  return record_->real().GetXattr(context, name);
}

base::Result<void> OverlayInode::SetXattr(Context& context, std::string_view name, std::string_view value, int flags) {
  TRY(EnsureUpper(context, kAllData));
  return record_->upper()->SetXattr(context, name, value, flags);
}

base::Result<std::vector<std::string>> OverlayInode::ListXattr(Context& context) {
  return record_->real().ListXattr(context);
}

base::Result<void> OverlayInode::RemoveXattr(Context& context, std::string_view name) {
  // Nothing to remove is no reason to copy.
  if (record_->upper() == nullptr) TRY(record_->real().GetXattr(context, name));
  TRY(EnsureUpper(context, kAllData));
  return record_->upper()->RemoveXattr(context, name);
}

base::Result<void> OverlayInode::CopyMetadata(Context& context, Inode& from, Inode& to, const Attributes& attributes) {
  base::Result<std::vector<std::string>> names = from.ListXattr(context);
  if (!names.ok() && names.error().code() != EOPNOTSUPP) return names.error();
  if (names.ok()) {
    for (const std::string& name : *names) {
      std::string value = TRY(from.GetXattr(context, name));
      base::Result<void> set = to.SetXattr(context, name, value, 0);
      // What the upper layer has no place for (ACLs, labels of the host's security modules) stays behind.
      if (!set.ok() && set.error().code() != EOPNOTSUPP) return set.error();
    }
  }
  AttributeChange times;
  times.access_time = attributes.access_time;
  times.modify_time = attributes.modify_time;
  return to.SetAttributes(context, times);
}

}  // namespace vfs
