// SPDX-License-Identifier: Apache-2.0
// Descriptors, mappings and attributes of regular files; gofer_file_io.cc has the data.
#include "vfs/gofer_client/gofer_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "gofer/protocol/gofer.pb.h"
#include "vfs/gofer_client/gofer_attributes.h"

namespace vfs {
namespace {

namespace wire = gofer::wire;

constinit base::LockClass kAppendLock{"GoferFile::append_mutex_"};

}  // namespace

constinit base::LockClass GoferFile::kDescriptorsLock{"GoferFile::descriptors_mutex_"};

// What guests map. Keeps the descriptor, and through the file the node; known to the file while it lives.
class GoferFile::Mapping : public Mappable {
 public:
  Mapping(base::RefPtr<GoferFile> file, base::RefPtr<HostFile> host) : file_(std::move(file)), host_(std::move(host)) {}
  int host_fd() const override { return host_->fd(); }
  bool writable() const override { return host_->writable(); }

 protected:
  void LastReferenceGone() override {
    {
      base::MutexLock lock(file_->descriptors_mutex_);
      Mapping*& place = writable() ? file_->write_mapping_ : file_->read_mapping_;
      if (place == this) place = nullptr;
    }
    // What was written through it may have changed times and blocks since they were last asked for.
    if (writable()) file_->CountChange();
    delete this;
  }

 private:
  const base::RefPtr<GoferFile> file_;
  const base::RefPtr<HostFile> host_;
};

GoferFile::GoferFile(base::RefPtr<GoferFilesystem> filesystem, HostIdentity identity, uint64_t node,
                     const Attributes& attributes)
    : GoferInode(std::move(filesystem), identity, node, attributes),
      append_mutex_(kAppendLock),
      descriptors_mutex_(kDescriptorsLock) {}

GoferFile::~GoferFile() = default;

void GoferFile::LastReferenceGone() {
  client().descriptor_cache().Remove(*this);
  GoferInode::LastReferenceGone();
}

base::RefPtr<HostFile> GoferFile::KnownDescriptor(Use use) {
  base::MutexLock lock(descriptors_mutex_);
  if (use == Use::kWrite) return write_file_;
  if (use == Use::kRead && write_file_ != nullptr) return write_file_;
  return read_file_;
}

base::RefPtr<HostFile> GoferFile::Keep(base::RefPtr<HostFile> file) {
  {
    base::MutexLock lock(descriptors_mutex_);
    base::RefPtr<HostFile>& place = file->writable() ? write_file_ : read_file_;
    if (place == nullptr) {
      place = std::move(file);
      file = place;
    } else {
      file = place;  // Somebody was quicker. Ours closes with the last reference, behind the lock or not.
    }
  }
  used_.store(true, std::memory_order_relaxed);
  client().descriptor_cache().Add(*this);
  return file;
}

base::Result<base::RefPtr<HostFile>> GoferFile::Descriptor(Use use) {
  base::RefPtr<HostFile> known = KnownDescriptor(use);
  if (known != nullptr) {
    if (!used_.load(std::memory_order_relaxed)) used_.store(true, std::memory_order_relaxed);
    return known;
  }
  base::UniqueFd fd;
  {
    GoferClient::Exchange exchange(client());
    wire::Open& open = *exchange.Add().mutable_open();
    open.set_node(node());
    open.set_write(use == Use::kWrite);
    TRY(exchange.Run());
    fd = TRY(exchange.TakeDescriptor(0));
  }
  // A lying gofer must not hand us a pipe to sleep on, or a device.
  struct stat status;
  if (fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return base::Errno(EIO);
  return Keep(base::MakeRef<HostFile>(std::move(fd), use == Use::kWrite));
}

void GoferFile::SetWriteDescriptor(base::UniqueFd fd) {
  struct stat status;
  if (fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  Keep(base::MakeRef<HostFile>(std::move(fd), true));
}

void GoferFile::DropDescriptors() {
  base::RefPtr<HostFile> read, write;
  base::MutexLock lock(descriptors_mutex_);
  std::swap(read, read_file_);
  std::swap(write, write_file_);
}

base::Result<GoferInode::Fetched> GoferFile::FetchAttributes(bool owner) {
  base::RefPtr<HostFile> known = owner ? nullptr : KnownDescriptor(Use::kRead);
  read_.store(false, std::memory_order_relaxed);
  if (known == nullptr) return GoferInode::FetchAttributes(owner);
  return Fetched{TRY(ReadHostAttributes(known->fd())), false};
}

base::Result<Attributes> GoferFile::Stat(Context& context) {
  bool written_behind_us = false;
  {
    base::MutexLock lock(descriptors_mutex_);
    written_behind_us = write_mapping_ != nullptr;
  }
  if (written_behind_us) CountChange();
  return GoferInode::Stat(context);
}

base::Result<void> GoferFile::SetAttributes(Context& context, const AttributeChange& change) {
  bool only_size = change.size.has_value() && !change.permissions.has_value() && !change.uid.has_value() &&
                   !change.gid.has_value() && !change.access_time.has_value() && !change.modify_time.has_value();
  base::RefPtr<HostFile> file = only_size ? KnownDescriptor(Use::kWrite) : nullptr;
  if (file == nullptr) return GoferInode::SetAttributes(context, change);
  int result = ftruncate(file->fd(), static_cast<off_t>(*change.size));
  int error = errno;
  CountChange();
  ForgetCapabilities();
  if (result != 0) return base::Errno(error);
  return {};
}

base::Result<base::RefPtr<Mappable>> GoferFile::Map(bool writable) {
  base::RefPtr<HostFile> host = TRY(Descriptor(writable ? Use::kWrite : Use::kReadOnly));
  if (writable) CountChange();
  base::MutexLock lock(descriptors_mutex_);
  Mapping*& place = writable ? write_mapping_ : read_mapping_;
  if (place != nullptr && place->TryRef()) return base::RefPtr<Mappable>(base::RefPtr<Mapping>::Adopt(place));
  base::RefPtr<Mapping> made = base::MakeRef<Mapping>(base::RefPtr<GoferFile>(this), std::move(host));
  place = made.get();
  return base::RefPtr<Mappable>(std::move(made));
}

}  // namespace vfs
