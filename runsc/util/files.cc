// SPDX-License-Identifier: Apache-2.0
#include "runsc/util/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace runsc {
namespace {

constexpr size_t kReadStep = 16384;

}  // namespace

StatusOr<std::string> ReadAll(int fd, size_t limit, std::string_view what) {
  std::string text;
  size_t used = 0;
  for (;;) {
    text.resize(used + kReadStep);
    ssize_t got = read(fd, text.data() + used, kReadStep);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError("reading " + std::string(what));
    used += static_cast<size_t>(got);
    if (used > limit) return InvalidInput(std::string(what) + ": is larger than " + std::to_string(limit) + " bytes");
    if (got == 0) break;
  }
  text.resize(used);
  return text;
}

StatusOr<std::string> ReadFile(const std::string& path, size_t limit) {
  base::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return SystemError(path);
  return ReadAll(fd.get(), limit, path);
}

Status WriteExistingFile(const std::string& path, std::string_view text) {
  base::UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return SystemError(path);
  ssize_t written = write(fd.get(), text.data(), text.size());
  if (written < 0) return SystemError("writing \"" + std::string(text) + "\" to " + path);
  if (static_cast<size_t>(written) != text.size()) return Failed("short write to " + path);
  return absl::OkStatus();
}

Status WriteAll(int fd, std::string_view text, std::string_view what) {
  while (!text.empty()) {
    ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError("writing " + std::string(what));
    text.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

Status ReplaceFile(const std::string& directory, const std::string& name, std::string_view text, int mode) {
  std::string path = directory + "/" + name;
  std::string temporary = path + "." + std::to_string(getpid()) + ".tmp";
  base::UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) return SystemError(temporary);
  Status status = WriteAll(fd.get(), text, temporary);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) status = SystemError(path);
  if (!status.ok()) unlink(temporary.c_str());
  return status;
}

namespace {

StatusOr<base::UniqueFd> NewSealable(const char* name) {
  base::UniqueFd fd(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return SystemError("memfd_create");
  return fd;
}

Status Seal(int fd) {
  if (lseek(fd, 0, SEEK_SET) != 0 ||
      fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
    return SystemError("sealing a memory file");
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<base::UniqueFd> SealedFile(const char* name, std::string_view contents) {
  base::UniqueFd fd = TRY_STATUS(NewSealable(name));
  RETURN_IF_ERROR(WriteAll(fd.get(), contents, name));
  RETURN_IF_ERROR(Seal(fd.get()));
  return fd;
}

StatusOr<base::UniqueFd> SealedCopy(const char* name, int source) {
  base::UniqueFd fd = TRY_STATUS(NewSealable(name));
  struct stat status;
  if (fstat(source, &status) != 0) return SystemError(name);
  off_t offset = 0;
  while (offset < status.st_size) {
    ssize_t copied = sendfile(fd.get(), source, &offset, static_cast<size_t>(status.st_size - offset));
    if (copied <= 0) return SystemError(std::string("copying ") + name);
  }
  RETURN_IF_ERROR(Seal(fd.get()));
  return fd;
}

StatusOr<base::UniqueFd> OpenNull() {
  base::UniqueFd fd(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!fd) return SystemError("/dev/null");
  return fd;
}

StatusOr<base::UniqueFd> Duplicate(int fd) {
  base::UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) return SystemError("duplicating descriptor " + std::to_string(fd));
  return copy;
}

}  // namespace runsc
