// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/ref.h"
#include "vfs/inode.h"

namespace vfs {

// Which file an inode of an overlay is, whatever becomes of it: the layer it began in (0: upper) and its number there.
struct OverlayKey {
  uint32_t layer = 0;
  uint64_t number = 0;
  friend bool operator==(const OverlayKey&, const OverlayKey&) = default;
};

// A file or directory in one lower layer.
struct OverlayLower {
  base::RefPtr<Inode> inode;
  uint32_t layer = 0;  // From 1, topmost first.
};

// What an overlay knows of one file: where its contents are. Belongs to the inode, and, once there is more to know than
// the lower layers tell, to the filesystem for as long as the file has a name.
//
// The names of such a file in the upper layer lead to its upper file, or, while it is not copied up, to its token: an
// empty file whose number stands for the record.
class OverlayRecord : public base::RefCounted {
 public:
  // `links`: of the lower layer's file.
  OverlayRecord(OverlayKey key, base::RefPtr<Inode> upper, std::vector<OverlayLower> lowers, uint64_t links)
      : key_(key),
        lowers_(std::move(lowers)),
        lower_links_(static_cast<int64_t>(links)),
        upper_owner_(std::move(upper)),
        upper_(upper_owner_.get()) {}

  const OverlayKey& key() const { return key_; }
  // Topmost first; more than one only of directories. Empty: it was made in the upper layer.
  const std::vector<OverlayLower>& lowers() const { return lowers_; }

  // Null until it is copied up, then for ever the same.
  Inode* upper() const { return upper_.load(std::memory_order_acquire); }
  // Once; whoever calls it holds the lock that keeps others from it.
  void SetUpper(base::RefPtr<Inode> upper) {
    CHECK_INVARIANT(this->upper() == nullptr);
    upper_owner_ = std::move(upper);
    upper_.store(upper_owner_.get(), std::memory_order_release);
  }
  // Where its contents and attributes are now.
  Inode& real() const {
    Inode* upper = this->upper();
    return upper != nullptr ? *upper : *lowers_[0].inode;
  }

  // How many names it has. Not for directories, and what began in the upper layer.
  int64_t links() const { return lower_links_ + link_delta_.load(std::memory_order_relaxed); }
  void ChangeLinks(int by) { link_delta_.fetch_add(by, std::memory_order_relaxed); }
  // Guarded by the file's copy_mutex_.
  base::RefPtr<Inode>& token() { return token_; }
  // Guarded by the filesystem's tables: the upper files the record is found by.
  std::vector<uint64_t>& upper_numbers() { return upper_numbers_; }

 private:
  const OverlayKey key_;
  const std::vector<OverlayLower> lowers_;
  const int64_t lower_links_;
  base::RefPtr<Inode> upper_owner_;
  std::atomic<Inode*> upper_;
  std::atomic<int64_t> link_delta_{0};
  base::RefPtr<Inode> token_;
  std::vector<uint64_t> upper_numbers_;
};

}  // namespace vfs
