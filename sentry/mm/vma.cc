// SPDX-License-Identifier: Apache-2.0
#include "sentry/mm/vma.h"

namespace sentry {

Vma Vma::Slice(base::GuestRange part) const {
  Vma slice = *this;
  slice.range = part;
  if (mappable) slice.offset = offset + (part.begin - range.begin);
  return slice;
}

bool Vma::MergesWith(const Vma& next) const {
  if (range.end != next.range.begin || kind != next.kind || kind == VmaKind::kSpecial) return false;
  if (protection != next.protection || max_protection != next.max_protection || shared != next.shared ||
      flags != next.flags || file != next.file || mappable != next.mappable) {
    return false;
  }
  return !mappable || offset + range.length() == next.offset;
}

}  // namespace sentry
