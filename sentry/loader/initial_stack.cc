// SPDX-License-Identifier: Apache-2.0
#include "sentry/loader/initial_stack.h"

#include <sys/random.h>

#include <array>
#include <cstring>

#include "base/log.h"

namespace sentry {
namespace {

using base::GuestAddr;

constexpr std::string_view kPlatform("x86_64\0", 7);
constexpr uint64_t kWord = sizeof(uint64_t);
constexpr uint64_t kStackAlignment = 16;

// Appends the addresses of `count` strings that lie at `address`, and a null.
void AppendPointers(std::vector<uint64_t>& words, const ArgumentBlock& block, uint64_t address) {
  const char* text = block.bytes().data();
  uint64_t offset = 0;
  for (uint32_t i = 0; i < block.count(); ++i) {
    words.push_back(address + offset);
    offset += strlen(text + offset) + 1;
  }
  words.push_back(0);
}

}  // namespace

StackImage BuildStack(GuestAddr top, const StackContents& contents) {
  StackImage image;
  // From the top: a null word, the file name, environment, arguments, a gap, the platform's name, random bytes.
  const uint64_t filename = top.value() - kWord - (contents.filename.size() + 1);
  const uint64_t environment = filename - contents.environment.bytes().size();
  const uint64_t arguments = environment - contents.arguments.bytes().size();
  uint64_t below = (arguments - contents.random_gap) & ~(kStackAlignment - 1);
  const uint64_t platform = below - kPlatform.size();
  std::array<std::byte, 16> random_bytes;
  const uint64_t random = platform - random_bytes.size();
  CHECK_INVARIANT(getrandom(random_bytes.data(), random_bytes.size(), 0) == static_cast<ssize_t>(random_bytes.size()));

  std::vector<uint64_t>& auxiliary = image.auxiliary_vector;
  for (const base::abi::AuxiliaryEntry& entry : contents.auxiliary)
    auxiliary.insert(auxiliary.end(), {entry.type, entry.value});
  auxiliary.insert(auxiliary.end(), {base::abi::kAtRandom, random, base::abi::kAtExecfn, filename,
                                     base::abi::kAtPlatform, platform, base::abi::kAtNull, 0});

  std::vector<uint64_t> words;
  words.push_back(contents.arguments.count());
  AppendPointers(words, contents.arguments, arguments);
  AppendPointers(words, contents.environment, environment);
  words.insert(words.end(), auxiliary.begin(), auxiliary.end());

  const uint64_t pointer = (random - words.size() * kWord) & ~(kStackAlignment - 1);
  image.pointer = GuestAddr(pointer);
  image.arguments = {GuestAddr(arguments), GuestAddr(environment)};
  image.environment = {GuestAddr(environment), GuestAddr(filename)};
  image.bytes.resize(top.value() - pointer);
  auto put = [&](uint64_t address, const void* data, size_t size) {
    if (size != 0) memcpy(image.bytes.data() + (address - pointer), data, size);
  };
  put(pointer, words.data(), words.size() * kWord);
  put(random, random_bytes.data(), random_bytes.size());
  put(platform, kPlatform.data(), kPlatform.size());
  put(arguments, contents.arguments.bytes().data(), contents.arguments.bytes().size());
  put(environment, contents.environment.bytes().data(), contents.environment.bytes().size());
  put(filename, contents.filename.data(), contents.filename.size());
  return image;
}

}  // namespace sentry
