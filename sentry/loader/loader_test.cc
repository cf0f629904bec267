// SPDX-License-Identifier: Apache-2.0
#include "sentry/loader/loader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "sentry/loader/testing/tiny_elf.h"
#include "sentry/mm/testing/fake_file.h"
#include "sentry/mm/testing/fake_platform.h"

namespace sentry {
namespace {

using base::GuestAddr;
using base::kPageSize;
using base::abi::kElfSegmentExecute;
using base::abi::kElfSegmentRead;
using base::abi::kElfSegmentWrite;
using base::abi::kElfTypeDynamic;
using base::abi::kElfTypeExecutable;

constexpr uint32_t kText = kElfSegmentRead | kElfSegmentExecute;
constexpr uint32_t kData = kElfSegmentRead | kElfSegmentWrite;

class LoaderTest : public testing::Test, public ProgramHost {
 protected:
  base::Result<base::RefPtr<vfs::FileDescription>> OpenProgram(std::string_view path) override {
    opened_.emplace_back(path);
    auto it = files_.find(std::string(path));
    if (it == files_.end()) return base::Errno(ENOENT);
    return base::RefPtr<vfs::FileDescription>(it->second);
  }
  base::Result<ProgramIdentity> Identify(vfs::FileDescription& program) override {
    identified_ = &program;
    return ProgramIdentity{.uid = 1, .euid = 2, .gid = 3, .egid = 4, .secure = true};
  }

  void Put(const std::string& path, const std::string& bytes) { files_[path] = FakeFile::Create(bytes, O_RDONLY); }

  base::Result<LoadedImage> LoadFile(base::RefPtr<vfs::FileDescription> file, std::vector<std::string> argv = {"prog"},
                                     std::vector<std::string> envp = {"A=1"}) {
    LoadArguments arguments{.context = context_,
                            .host = *this,
                            .platform = platform_,
                            .environment = {.container = &container_, .make_lock = MakePlainMemoryLock},
                            .file = std::move(file),
                            .filename = "/prog",
                            .filename_inaccessible = inaccessible_,
                            .arguments = {},
                            .environment_variables = {},
                            .limits = limits_,
                            .randomize = randomize_,
                            .special_mappings = {},
                            .vdso = GuestAddr(0x7ffff0001000)};
    for (const std::string& text : argv) arguments.arguments.Append(text);
    for (const std::string& text : envp) arguments.environment_variables.Append(text);
    return Load(arguments);
  }
  base::Result<LoadedImage> LoadBytes(const std::string& bytes) { return LoadFile(FakeFile::Create(bytes, O_RDONLY)); }

  // A dynamic-looking program: text, data with bss.
  static TinyElf Program(uint16_t type, uint64_t base) {
    TinyElf elf(type, base + 0x1010);
    elf.Load(kText, 0, base, 0x1800, 0x1800);
    elf.Load(kData, 0x1800, base + 0x2800, 0x300, 0x4000);
    elf.body = std::string(0x800, 'T') + std::string(0x800, 'D');
    return elf;
  }

  static std::string ReadString(MemoryManager& memory, uint64_t address) {
    return MUST(memory.memory().CopyInString(GuestAddr(address), 4096));
  }
  static uint64_t ReadWord(MemoryManager& memory, uint64_t address) {
    return MUST(UserIn<uint64_t>(GuestAddr(address)).Read(memory.memory()));
  }
  static std::map<uint64_t, uint64_t> AuxiliaryOf(MemoryManager& memory, uint64_t stack_pointer) {
    uint64_t at = stack_pointer + 8 * (ReadWord(memory, stack_pointer) + 2);
    while (ReadWord(memory, at) != 0) at += 8;
    std::map<uint64_t, uint64_t> entries;
    for (at += 8; ReadWord(memory, at) != 0; at += 16) entries[ReadWord(memory, at)] = ReadWord(memory, at + 8);
    return entries;
  }

  FakePlatform platform_;
  FakeContainer container_;
  FakeContext context_;
  MemoryLimits limits_{.stack = 8 << 20};
  bool randomize_ = true;
  bool inaccessible_ = false;
  std::map<std::string, base::RefPtr<FakeFile>> files_;
  std::vector<std::string> opened_;
  vfs::FileDescription* identified_ = nullptr;
};

TEST_F(LoaderTest, StaticProgramKeepsItsAddresses) {
  auto file = FakeFile::Create(Program(kElfTypeExecutable, 0x400000).Bytes(), O_RDONLY);
  LoadedImage image = MUST(LoadFile(file));
  EXPECT_EQ(image.registers.rip, 0x401010u);
  EXPECT_EQ(image.registers.rsp % 16, 0u);
  EXPECT_EQ(image.registers.cs, 0x33u);
  EXPECT_EQ(image.executable.get(), file.get());
  EXPECT_EQ(identified_, file.get());
  MemoryManager& memory = *image.memory;
  EXPECT_EQ(memory.Find(GuestAddr(0x400000))->protection, PROT_READ | PROT_EXEC);
  EXPECT_EQ(memory.Find(GuestAddr(0x402000))->protection, PROT_READ | PROT_WRITE);
  EXPECT_EQ(memory.Find(GuestAddr(0x402000))->kind, VmaKind::kFile);
  EXPECT_EQ(memory.Find(GuestAddr(0x403000))->kind, VmaKind::kAnonymous);
  EXPECT_TRUE(memory.Find(GuestAddr(0x406000)));
  EXPECT_FALSE(memory.Find(GuestAddr(0x407000)));
  // File bytes, then zeroes to the end of the page and beyond.
  std::array<char, 0x301> data{};
  MUST(memory.memory().CopyIn(GuestAddr(0x402800), std::as_writable_bytes(std::span(data))));
  EXPECT_EQ(std::string(data.data(), 0x300), std::string(0x300, 'D'));
  EXPECT_EQ(data[0x300], 0);
  EXPECT_EQ(ReadWord(memory, 0x406000), 0u);
  // The heap begins behind the data, within a gigabyte.
  GuestAddr heap = memory.HeapRange().begin;
  EXPECT_GE(heap.value(), 0x407000u);
  EXPECT_LT(heap.value(), 0x407000u + (1u << 30));
  auto& space = static_cast<FakeAddressSpace&>(memory.address_space());
  EXPECT_EQ(space.round_trips, 1);
}

TEST_F(LoaderTest, StackIsLinuxs) {
  LoadedImage image = MUST(LoadFile(FakeFile::Create(Program(kElfTypeExecutable, 0x400000).Bytes(), O_RDONLY),
                                    {"prog", "", "two"}, {"HOME=/", "X=y"}));
  MemoryManager& memory = *image.memory;
  uint64_t sp = image.registers.rsp;
  ASSERT_EQ(ReadWord(memory, sp), 3u);
  EXPECT_EQ(ReadString(memory, ReadWord(memory, sp + 8)), "prog");
  EXPECT_EQ(ReadString(memory, ReadWord(memory, sp + 16)), "");
  EXPECT_EQ(ReadString(memory, ReadWord(memory, sp + 24)), "two");
  EXPECT_EQ(ReadWord(memory, sp + 32), 0u);
  EXPECT_EQ(ReadString(memory, ReadWord(memory, sp + 40)), "HOME=/");
  EXPECT_EQ(ReadString(memory, ReadWord(memory, sp + 48)), "X=y");
  EXPECT_EQ(ReadWord(memory, sp + 56), 0u);
  std::map<uint64_t, uint64_t> auxiliary = AuxiliaryOf(memory, sp);
  EXPECT_EQ(auxiliary[AT_SYSINFO_EHDR], 0x7ffff0001000u);
  EXPECT_EQ(auxiliary[AT_PAGESZ], 4096u);
  EXPECT_EQ(auxiliary[AT_PHDR], 0x400040u);
  EXPECT_EQ(auxiliary[AT_PHENT], 56u);
  EXPECT_EQ(auxiliary[AT_PHNUM], 2u);
  EXPECT_EQ(auxiliary[AT_BASE], 0u);
  EXPECT_EQ(auxiliary[AT_ENTRY], 0x401010u);
  EXPECT_EQ(auxiliary[AT_UID], 1u);
  EXPECT_EQ(auxiliary[AT_EUID], 2u);
  EXPECT_EQ(auxiliary[AT_GID], 3u);
  EXPECT_EQ(auxiliary[AT_EGID], 4u);
  EXPECT_EQ(auxiliary[AT_SECURE], 1u);
  EXPECT_EQ(auxiliary[AT_HWCAP], getauxval(AT_HWCAP));
  EXPECT_EQ(auxiliary[AT_CLKTCK], 100u);
  EXPECT_EQ(ReadString(memory, auxiliary[AT_EXECFN]), "/prog");
  EXPECT_EQ(ReadString(memory, auxiliary[AT_PLATFORM]), "x86_64");
  EXPECT_NE(ReadWord(memory, auxiliary[AT_RANDOM]), 0u);
  ImageInfo info = memory.image();
  EXPECT_EQ(info.arguments.length(), 5u + 1 + 4);
  EXPECT_EQ(info.environment.length(), 7u + 4);
  EXPECT_EQ(info.start_stack.value(), sp);
  // The file name ends one word below the stack's end.
  EXPECT_EQ(auxiliary[AT_EXECFN] + 6 + 8, memory.layout().stack_top.value());
  // A stack of the limit's size, of which /proc shows the touched part.
  std::optional<Vma> stack = memory.Find(GuestAddr(sp));
  EXPECT_EQ(stack->range.length(), 8u << 20);
  EXPECT_EQ(stack->protection, PROT_READ | PROT_WRITE);
  std::vector<MapEntry> entries = memory.Entries(GuestAddr(sp), 1);
  EXPECT_STREQ(entries[0].name, "[stack]");
  EXPECT_LT(entries[0].range.length(), 200u << 10);
}

TEST_F(LoaderTest, EmptyArgvBecomesOneEmptyString) {
  LoadedImage image = MUST(LoadFile(FakeFile::Create(Program(kElfTypeExecutable, 0x400000).Bytes(), O_RDONLY), {}, {}));
  uint64_t sp = image.registers.rsp;
  EXPECT_EQ(ReadWord(*image.memory, sp), 1u);
  EXPECT_EQ(ReadString(*image.memory, ReadWord(*image.memory, sp + 8)), "");
}

TEST_F(LoaderTest, DynamicProgramStartsInItsInterpreter) {
  TinyElf elf = Program(kElfTypeDynamic, 0);
  elf.Interpreter("/lib/ld.so");
  Put("/lib/ld.so", Program(kElfTypeDynamic, 0).Bytes());
  LoadedImage image = MUST(LoadBytes(elf.Bytes()));
  MemoryManager& memory = *image.memory;
  std::map<uint64_t, uint64_t> auxiliary = AuxiliaryOf(memory, image.registers.rsp);
  EXPECT_EQ(auxiliary[AT_ENTRY], memory.layout().pie_base.value() + 0x1010);
  EXPECT_EQ(auxiliary[AT_PHDR], memory.layout().pie_base.value() + 64);
  EXPECT_EQ(image.registers.rip, auxiliary[AT_BASE] + 0x1010);
  EXPECT_EQ(auxiliary[AT_BASE] + 0x7000, memory.layout().mmap_base.value());
  EXPECT_EQ(static_cast<FakeAddressSpace&>(memory.address_space()).round_trips, 1);
  EXPECT_GE(memory.HeapRange().begin.value(), memory.layout().pie_base.value() + 0x7000);
  // The interpreter's set-id bits do not count.
  EXPECT_EQ(identified_, memory.image().executable.get());
}

TEST_F(LoaderTest, StaticPieLiesAmongTheMappings) {
  LoadedImage image = MUST(LoadBytes(Program(kElfTypeDynamic, 0).Bytes()));
  MemoryManager& memory = *image.memory;
  EXPECT_EQ(image.registers.rip, memory.layout().mmap_base.value() - 0x7000 + 0x1010);
  EXPECT_EQ(AuxiliaryOf(memory, image.registers.rsp)[AT_BASE], 0u);
  EXPECT_GE(memory.HeapRange().begin.value(), 0x555555554000u);
  EXPECT_LT(memory.HeapRange().begin.value(), 0x555555554000u + (1u << 30));
}

TEST_F(LoaderTest, SegmentAlignmentIsKept) {
  TinyElf elf(kElfTypeDynamic, 0x10);
  elf.Load(kText, 0, 0, 0x1000, 0x1000, 0x200000);
  elf.Load(kData, 0x1000, 0x201000, 0x100, 0x100, 0x200000);
  elf.body = std::string(0x1000, 'D');
  LoadedImage image = MUST(LoadBytes(elf.Bytes()));
  EXPECT_EQ((image.registers.rip - 0x10) % 0x200000, 0u);
}

TEST_F(LoaderTest, WithoutRandomnessEveryAddressIsFixed) {
  randomize_ = false;
  TinyElf elf = Program(kElfTypeDynamic, 0);
  elf.Interpreter("/lib/ld.so");
  Put("/lib/ld.so", Program(kElfTypeDynamic, 0).Bytes());
  LoadedImage one = MUST(LoadBytes(elf.Bytes()));
  LoadedImage two = MUST(LoadBytes(elf.Bytes()));
  EXPECT_EQ(one.registers.rip, two.registers.rip);
  EXPECT_EQ(one.registers.rsp, two.registers.rsp);
  EXPECT_EQ(AuxiliaryOf(*one.memory, one.registers.rsp)[AT_ENTRY], 0x555555554000u + 0x1010);
  EXPECT_EQ(one.memory->HeapRange().begin.value(), 0x55555555b000u);
}

TEST_F(LoaderTest, ExecutableStackWhenAskedFor) {
  TinyElf elf = Program(kElfTypeExecutable, 0x400000);
  elf.Segment(base::abi::kElfSegmentStack, kData | kElfSegmentExecute, 0, 0, 0, 0, 16);
  LoadedImage image = MUST(LoadBytes(elf.Bytes()));
  EXPECT_EQ(image.memory->Find(GuestAddr(image.registers.rsp))->protection, PROT_READ | PROT_WRITE | PROT_EXEC);
}

TEST_F(LoaderTest, OverlappingSegmentsLaterWins) {
  TinyElf elf(kElfTypeExecutable, 0x400000);
  elf.Load(kData, 0x1000, 0x400000, 0x800, 0x1800);  // Wants 0x400800...0x401800 cleared.
  elf.Load(kData, 0x1000, 0x400000, 0x1000, 0x1000);
  elf.body = std::string(0x1000, 'D');
  LoadedImage image = MUST(LoadBytes(elf.Bytes()));
  EXPECT_EQ(ReadWord(*image.memory, 0x400ff8), 0x4444444444444444u);
  EXPECT_EQ(ReadWord(*image.memory, 0x401000), 0u);
}

TEST_F(LoaderTest, ScriptRunsItsInterpreter) {
  Put("/bin/interp", Program(kElfTypeExecutable, 0x400000).Bytes());
  LoadedImage image = MUST(LoadFile(FakeFile::Create("#! /bin/interp -x y\nbody", O_RDONLY), {"zero", "one"}));
  MemoryManager& memory = *image.memory;
  uint64_t sp = image.registers.rsp;
  ASSERT_EQ(ReadWord(memory, sp), 4u);
  EXPECT_EQ(ReadString(memory, ReadWord(memory, sp + 8)), "/bin/interp");
  EXPECT_EQ(ReadString(memory, ReadWord(memory, sp + 16)), "-x y");
  EXPECT_EQ(ReadString(memory, ReadWord(memory, sp + 24)), "/prog");
  EXPECT_EQ(ReadString(memory, ReadWord(memory, sp + 32)), "one");
  EXPECT_EQ(ReadString(memory, AuxiliaryOf(memory, sp)[AT_EXECFN]), "/prog");
  EXPECT_EQ(image.executable.get(), files_["/bin/interp"].get());
  EXPECT_EQ(identified_, files_["/bin/interp"].get());
}

TEST_F(LoaderTest, ScriptBehindAClosingDescriptorIsNotFound) {
  Put("/bin/interp", Program(kElfTypeExecutable, 0x400000).Bytes());
  inaccessible_ = true;
  EXPECT_EQ(LoadBytes("#!/bin/interp\n").error().code(), ENOENT);
}

TEST_F(LoaderTest, ScriptsNestFiveDeep) {
  Put("/0", Program(kElfTypeExecutable, 0x400000).Bytes());
  for (int i = 1; i <= 6; ++i) Put("/" + std::to_string(i), "#!/" + std::to_string(i - 1) + "\n");
  EXPECT_TRUE(LoadFile(files_["/5"]).ok());
  EXPECT_EQ(LoadFile(files_["/6"]).error().code(), ELOOP);
}

TEST_F(LoaderTest, MissingInterpreters) {
  EXPECT_EQ(LoadBytes("#!/nowhere\n").error().code(), ENOENT);
  EXPECT_EQ(LoadBytes("#!").error().code(), EACCES);  // The empty path: a directory.
  EXPECT_EQ(LoadBytes(Program(kElfTypeDynamic, 0).Interpreter("/nowhere").Bytes()).error().code(), ENOENT);
}

TEST_F(LoaderTest, TooManyArguments) {
  std::string bytes = Program(kElfTypeExecutable, 0x400000).Bytes();
  auto load = [&](size_t length) {
    base::Result<LoadedImage> image = LoadFile(FakeFile::Create(bytes, O_RDONLY), {"p"}, {std::string(length, 'x')});
    return image.ok() ? 0 : image.error().code();
  };
  // A quarter of the stack's limit, but 128 KiB at least and 6 MiB at most.
  limits_.stack = 1 << 20;
  EXPECT_EQ(load((256 << 10) - 100), 0);
  EXPECT_EQ(load(256 << 10), E2BIG);
  limits_.stack = 16 << 10;
  EXPECT_EQ(load((128 << 10) - 100), 0);
  EXPECT_EQ(load(128 << 10), E2BIG);
  limits_.stack = UINT64_MAX;
  EXPECT_EQ(load((6 << 20) - 100), 0);
  EXPECT_EQ(load(6 << 20), E2BIG);
}

TEST_F(LoaderTest, AddressSpaceLimitHolds) {
  limits_.address_space = 64 << 10;
  EXPECT_EQ(LoadBytes(Program(kElfTypeExecutable, 0x400000).Bytes()).error().code(), ENOMEM);
  limits_.address_space = 1 << 20;
  limits_.stack = UINT64_MAX;
  EXPECT_TRUE(LoadBytes(Program(kElfTypeExecutable, 0x400000).Bytes()).ok());
}

// Malformed files: what Load says, and what the kernel this test runs on says where it can be asked.
struct BadFile {
  const char* name;
  std::string bytes;
  int error;
  bool native = true;  // False: Linux notices too late to return from execve, and kills.
};

std::vector<BadFile> BadFiles() {
  std::vector<BadFile> files;
  auto good = [] {
    TinyElf elf(kElfTypeExecutable, 0x400000);
    elf.Load(kText, 0, 0x400000, 0x1000, 0x1000);
    return elf;
  };
  auto add = [&](const char* name, int error, auto change, bool native = true) {
    TinyElf elf = good();
    change(elf);
    files.push_back({name, elf.Bytes(), error, native});
  };
  files.push_back({"empty", "", ENOEXEC});
  files.push_back({"text", "hello world\n", ENOEXEC});
  files.push_back({"magic only",
                   "\x7f"
                   "ELF",
                   ENOEXEC});
  files.push_back({"header cut", good().Bytes().substr(0, 60), ENOEXEC});
  files.push_back({"segments cut", good().Bytes().substr(0, 100), ENOEXEC});
  add("relocatable", ENOEXEC, [](TinyElf& e) { e.header.type = 1; });
  add("other machine", ENOEXEC, [](TinyElf& e) { e.header.machine = 183; });
  add("segment size", ENOEXEC, [](TinyElf& e) { e.header.phentsize = 32; });
  add("no segments", ENOEXEC, [](TinyElf& e) { e.header.phnum = 0; });
  add("too many segments", ENOEXEC, [](TinyElf& e) { e.header.phnum = 2000; });
  add("headers nowhere", ENOEXEC, [](TinyElf& e) { e.header.phoff = uint64_t{1} << 62; });
  add("headers negative", ENOEXEC, [](TinyElf& e) { e.header.phoff = UINT64_MAX - 10; });
  add("interpreter too long", ENOEXEC, [](TinyElf& e) { e.Interpreter("/x").segments.back().filesz = 5000; });
  add("interpreter too short", ENOEXEC, [](TinyElf& e) { e.Interpreter("/x").segments.back().filesz = 1; });
  add("interpreter unterminated", ENOEXEC, [](TinyElf& e) { e.Interpreter("/x").segments.back().filesz = 2; });
  add("interpreter behind the end", EIO, [](TinyElf& e) { e.Interpreter("/x").segments.back().offset = 1 << 20; });
  add("interpreter missing", ENOENT, [](TinyElf& e) { e.Interpreter("/no/such/file"); });
  add(
      "filesz > memsz", EINVAL, [](TinyElf& e) { e.segments[0].memsz = 16; }, false);
  add(
      "wraps", EINVAL, [](TinyElf& e) { e.segments[0].vaddr = UINT64_MAX - 4095; }, false);
  add(
      "beyond user space", EINVAL, [](TinyElf& e) { e.segments[0].memsz = uint64_t{1} << 47; }, false);
  add(
      "offset and address differ", EINVAL, [](TinyElf& e) { e.segments[0].vaddr += 8; }, false);
  add(
      "below the lowest address", ENOMEM, [](TinyElf& e) { e.segments[0].vaddr = 0; }, false);
  add(
      "nothing to load", EINVAL, [](TinyElf& e) { e.segments[0].type = 0; }, false);
  return files;
}

TEST_F(LoaderTest, BadFilesAreRefused) {
  for (const BadFile& file : BadFiles()) {
    base::Result<LoadedImage> image = LoadBytes(file.bytes);
    ASSERT_FALSE(image.ok()) << file.name;
    EXPECT_EQ(image.error().code(), file.error) << file.name;
  }
}

TEST_F(LoaderTest, BadInterpretersAreRefused) {
  TinyElf elf = Program(kElfTypeDynamic, 0);
  elf.Interpreter("/ld.so");
  Put("/ld.so", std::string(100, 'x'));
  EXPECT_EQ(LoadBytes(elf.Bytes()).error().code(), ELIBBAD);
  Put("/ld.so", "#!/bin/sh\n" + std::string(100, ' '));
  EXPECT_EQ(LoadBytes(elf.Bytes()).error().code(), ELIBBAD);
  Put("/ld.so", "short");
  EXPECT_EQ(LoadBytes(elf.Bytes()).error().code(), EIO);
}

TEST_F(LoaderTest, UnmappableProgramIsRefused) {
  auto file = FakeFile::Create(Program(kElfTypeExecutable, 0x400000).Bytes(), O_RDONLY);
  file->mappable = false;
  EXPECT_EQ(LoadFile(file).error().code(), ENODEV);
}

// Executes the bytes as a program of the host's; the errno of execve, or 0 when it did not return.
int ExecuteNatively(const std::string& bytes) {
  base::UniqueFd fd(memfd_create("program", 0));
  if (write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) return -1;
  std::string path = "/proc/self/fd/" + std::to_string(fd.get());
  base::UniqueFd readable(open(path.c_str(), O_RDONLY));
  fd.Reset();
  path = "/proc/self/fd/" + std::to_string(readable.get());
  pid_t child = fork();
  if (child == 0) {
    char* argv[] = {path.data(), nullptr};
    execve(path.c_str(), argv, argv + 1);
    _exit(errno);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

TEST(LoaderNativeTest, KernelAgreesOnBadFiles) {
  for (const BadFile& file : BadFiles())
    EXPECT_EQ(ExecuteNatively(file.bytes), file.native ? file.error : 0) << file.name;
}

// Programs of this machine. Their headers are what toolchains make of them.
class RealProgramTest : public LoaderTest, public testing::WithParamInterface<const char*> {};

TEST_P(RealProgramTest, Loads) {
  base::RefPtr<FakeFile> file = FakeFile::Open(GetParam());
  if (!file) GTEST_SKIP() << "not installed";
  constexpr const char* kInterpreter = "/lib64/ld-linux-x86-64.so.2";
  files_[kInterpreter] = FakeFile::Open(kInterpreter);
  LoadedImage image = MUST(LoadFile(file));
  MemoryManager& memory = *image.memory;
  std::optional<Vma> entry = memory.Find(GuestAddr(image.registers.rip));
  ASSERT_TRUE(entry);
  EXPECT_NE(entry->protection & PROT_EXEC, 0);
  EXPECT_EQ(entry->file.get(), opened_.empty() ? file.get() : files_[kInterpreter].get());
  std::map<uint64_t, uint64_t> auxiliary = AuxiliaryOf(memory, image.registers.rsp);
  EXPECT_TRUE(memory.Find(GuestAddr(auxiliary[AT_PHDR])));
  EXPECT_TRUE(memory.Find(GuestAddr(auxiliary[AT_ENTRY])));
  // The program headers are where they are said to be.
  auto header = UserIn<base::abi::ElfProgramHeader>(GuestAddr(auxiliary[AT_PHDR])).Read(memory.memory());
  ASSERT_TRUE(header.ok());
  EXPECT_LT(memory.image().code.begin, memory.image().code.end);
}

INSTANTIATE_TEST_SUITE_P(Programs, RealProgramTest,
                         testing::Values("/bin/true", "/bin/bash", "/bin/busybox", "/usr/bin/python3",
                                         "/sbin/ldconfig"),
                         [](const testing::TestParamInfo<const char*>& info) {
                           std::string name(info.param);
                           return name.substr(name.rfind('/') + 1);
                         });

}  // namespace
}  // namespace sentry
