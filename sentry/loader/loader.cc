// SPDX-License-Identifier: Apache-2.0
#include "sentry/loader/loader.h"

#include <sys/auxv.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "sentry/loader/elf_file.h"
#include "sentry/loader/initial_stack.h"
#include "sentry/loader/script.h"
#include "sentry/loader/segments.h"
#include "sentry/mm/mapping_batch.h"
#include "vfs/inode.h"

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

namespace sentry {
namespace {

using base::Errno;
using base::GuestAddr;
using base::GuestRange;
using base::abi::AuxiliaryEntry;

// Scripts whose interpreter is a script... (Linux: exec_binprm).
constexpr int kMaxScripts = 5;
constexpr uint64_t kStackRandomBytes = 8192;
constexpr uint64_t kUserCode = 0x33, kUserStack = 0x2b;
constexpr uint64_t kInitialFlags = 0x202;  // Interrupts enabled; bit 1 always reads as one.
// A program could not know that its GS base does not outlive a call on the platform's hot path.
constexpr uint64_t kHwcap2Fsgsbase = 1 << 1;

// Gives back what opening for execution took: writers may open the file again.
class WritersHold final : public base::RefCounted {
 public:
  explicit WritersHold(base::RefPtr<vfs::FileDescription> file) : file_(std::move(file)) {}
  ~WritersHold() override {
    if (file_->path()) file_->inode().AllowWriters();
  }

 private:
  const base::RefPtr<vfs::FileDescription> file_;
};

// A program opened for execution, and the beginning of it.
struct Program {
  base::RefPtr<WritersHold> hold;
  ProgramHead head;

  static base::Result<Program> Read(vfs::Context& context, base::RefPtr<vfs::FileDescription> file) {
    Program program;
    program.hold = base::MakeRef<WritersHold>(file);
    program.head = TRY(ProgramHead::Read(context, std::move(file)));
    return program;
  }
};

// Replaces a script by its interpreter, as often as needed.
base::Result<Program> FindProgram(LoadArguments& arguments) {
  Program program = TRY(Program::Read(arguments.context, arguments.file));
  std::string name = arguments.filename;
  for (int scripts = 0; IsScript(program.head.bytes()); ++scripts) {
    ScriptLine line = TRY(ParseScript(program.head.bytes()));
    if (arguments.filename_inaccessible) return Errno(ENOENT);
    ArgumentBlock front;
    front.Append(line.interpreter);
    if (line.argument) front.Append(*line.argument);
    front.Append(name);
    arguments.arguments.ReplaceFirst(front);
    name = line.interpreter;
    if (name.empty()) return Errno(EACCES);  // Linux takes it for the working directory.
    base::RefPtr<vfs::FileDescription> file = TRY(arguments.host.OpenProgram(name));
    program = TRY(Program::Read(arguments.context, std::move(file)));
    if (scripts == kMaxScripts) return Errno(ELOOP);
  }
  return program;
}

base::Result<void> CheckSpace(const LoadArguments& arguments, uint64_t pointers) {
  uint64_t used = arguments.arguments.bytes().size() + arguments.environment_variables.bytes().size() +
                  arguments.filename.size() + 1 + pointers * sizeof(uint64_t);
  if (used > ArgumentSpace(arguments.limits.stack)) return Errno(E2BIG);
  return {};
}

// The program, its interpreter if it has one, and where they go.
struct Pieces {
  Program program;
  ElfFile elf;
  std::optional<Program> interpreter;
  ElfFile interpreter_elf;
  uint64_t bias = 0;
  uint64_t interpreter_bias = 0;
};

base::Result<Pieces> ReadPieces(LoadArguments& arguments) {
  Pieces pieces{.program = TRY(FindProgram(arguments))};
  pieces.elf = TRY(ElfFile::Parse(arguments.context, pieces.program.head, ENOEXEC));
  std::string path = TRY(pieces.elf.Interpreter(arguments.context, pieces.program.head));
  if (!path.empty()) {
    base::RefPtr<vfs::FileDescription> file = TRY(arguments.host.OpenProgram(path));
    pieces.interpreter = TRY(Program::Read(arguments.context, std::move(file)));
    if (pieces.interpreter->head.bytes().size() < sizeof(base::abi::ElfHeader)) return Errno(EIO);
    pieces.interpreter_elf = TRY(ElfFile::Parse(arguments.context, pieces.interpreter->head, ELIBBAD));
  }
  return pieces;
}

base::Result<uint64_t> PlaceInMmapArea(MappingBatch& batch, const ElfFile& elf) {
  uint64_t length = base::PageRoundUp(elf.end - elf.begin).value_or(0);
  GuestAddr begin = TRY(batch.FindFree(length, elf.alignment));
  return begin.value() - elf.begin;
}

// Where Linux puts a program: load_elf_binary.
base::Result<void> Place(Pieces& pieces, const MemoryLayout& layout, MappingBatch& batch) {
  if (pieces.elf.position_independent()) {
    if (pieces.interpreter) {
      uint64_t base = layout.pie_base.value() & ~(pieces.elf.alignment - 1);
      pieces.bias = base - pieces.elf.begin;
    } else {
      pieces.bias = TRY(PlaceInMmapArea(batch, pieces.elf));
    }
  }
  return {};
}

base::Result<void> MapPieces(const LoadArguments& arguments, Pieces& pieces, const MemoryLayout& layout,
                             MappingBatch& batch, SegmentMapper& mapper) {
  TRY(Place(pieces, layout, batch));
  GuestRange image{GuestAddr(pieces.elf.begin + pieces.bias), GuestAddr(pieces.elf.end + pieces.bias)};
  if (image.begin > image.end || !batch.IsFree(image)) return Errno(ENOMEM);
  TRY(mapper.Map(pieces.elf, pieces.program.head.file(), pieces.bias));
  if (pieces.interpreter) {
    const ElfFile& elf = pieces.interpreter_elf;
    if (elf.position_independent()) pieces.interpreter_bias = TRY(PlaceInMmapArea(batch, elf));
    TRY(mapper.Map(elf, pieces.interpreter->head.file(), pieces.interpreter_bias));
  }
  // A static PIE lies among the mappings: its heap is put where there is room to grow.
  bool among_mappings = pieces.elf.position_independent() && !pieces.interpreter;
  uint64_t data_end = among_mappings ? kPieBase : base::PageRoundDown(image.end.value() + base::kPageMask);
  uint64_t gap = arguments.randomize ? layout.brk_gap : 0;
  if (data_end + gap >= layout.max_address.value()) gap = 0;
  batch.SetBrk(GuestAddr(data_end + gap));
  return {};
}

std::vector<AuxiliaryEntry> Auxiliary(const LoadArguments& arguments, const Pieces& pieces,
                                      const ProgramIdentity& identity) {
  namespace abi = base::abi;
  const ElfFile& elf = pieces.elf;
  uint64_t headers = elf.HeadersAddress();
  std::vector<AuxiliaryEntry> entries;
  if (!arguments.vdso.is_null()) entries.push_back({abi::kAtSysinfoEhdr, arguments.vdso.value()});
  if (uint64_t size = getauxval(AT_MINSIGSTKSZ); size != 0) entries.push_back({abi::kAtMinsigstksz, size});
  entries.insert(entries.end(), {{abi::kAtHwcap, getauxval(AT_HWCAP)},
                                 {abi::kAtPagesz, base::kPageSize},
                                 {abi::kAtClktck, 100},
                                 {abi::kAtPhdr, headers == 0 ? 0 : headers + pieces.bias},
                                 {abi::kAtPhent, sizeof(abi::ElfProgramHeader)},
                                 {abi::kAtPhnum, elf.header.phnum},
                                 {abi::kAtBase, pieces.interpreter ? pieces.interpreter_bias : 0},
                                 {abi::kAtFlags, 0},
                                 {abi::kAtEntry, elf.header.entry + pieces.bias},
                                 {abi::kAtUid, identity.uid},
                                 {abi::kAtEuid, identity.euid},
                                 {abi::kAtGid, identity.gid},
                                 {abi::kAtEgid, identity.egid},
                                 {abi::kAtSecure, identity.secure ? 1u : 0u},
                                 {abi::kAtHwcap2, getauxval(AT_HWCAP2) & ~kHwcap2Fsgsbase}});
  return entries;
}

// /proc/PID/stat's code and data, as Linux computes them.
void DescribeImage(const ElfFile& elf, uint64_t bias, ImageInfo& info) {
  uint64_t code_begin = UINT64_MAX, code_end = 0, data_begin = 0, data_end = 0;
  for (const base::abi::ElfProgramHeader& segment : elf.segments) {
    if (segment.type != base::abi::kElfSegmentLoad) continue;
    uint64_t begin = segment.vaddr + bias, end = begin + segment.filesz;
    if ((segment.flags & base::abi::kElfSegmentExecute) != 0) {
      code_begin = std::min(code_begin, begin);
      code_end = std::max(code_end, end);
    }
    data_begin = std::max(data_begin, begin);
    data_end = std::max(data_end, end);
  }
  info.code = {GuestAddr(std::min(code_begin, code_end)), GuestAddr(code_end)};
  info.data = {GuestAddr(data_begin), GuestAddr(data_end)};
}

}  // namespace

base::Result<LoadedImage> Load(LoadArguments& arguments) {
  const uint64_t pointers =
      std::max<uint64_t>(arguments.arguments.count(), 1) + arguments.environment_variables.count();
  if (arguments.arguments.count() == 0) arguments.arguments.Append("");
  Pieces pieces = TRY(ReadPieces(arguments));
  TRY(CheckSpace(arguments, pointers));
  ProgramIdentity identity = TRY(arguments.host.Identify(pieces.program.head.file()));

  LayoutRandom random = arguments.randomize ? LayoutRandom() : LayoutRandom::Disabled();
  const MemoryLayout layout = MemoryLayout::Create(arguments.platform.min_address(), arguments.platform.max_address(),
                                                   arguments.limits.stack, random);
  auto memory =
      MemoryManager::Create(arguments.environment, TRY(arguments.environment.container->NewAddressSpace()), layout);
  MappingBatch batch(*memory, arguments.limits);
  SegmentMapper mapper(arguments.context, batch);
  for (const SpecialMapping& special : arguments.special_mappings)
    batch.AddSpecial(special.range, special.protection, special.name);
  const GuestAddr stack_low(layout.stack_top.value() - layout.stack_size);
  const int stack_protection = PROT_READ | PROT_WRITE | (pieces.elf.executable_stack ? PROT_EXEC : 0);
  TRY(batch.MapAnonymous({stack_low, layout.stack_top}, stack_protection, kVmaStack | kVmaGrowsDown | kVmaNoReserve));
  TRY(MapPieces(arguments, pieces, layout, batch, mapper));

  StackContents contents{.arguments = arguments.arguments,
                         .environment = arguments.environment_variables,
                         .filename = arguments.filename,
                         .auxiliary = Auxiliary(arguments, pieces, identity),
                         .random_gap = random.Next() % kStackRandomBytes};
  StackImage stack = BuildStack(layout.stack_top, contents);
  if (stack.bytes.size() + base::kPageSize > layout.stack_size) return Errno(E2BIG);
  TRY(batch.Commit());
  TRY(memory->memory().CopyOut(stack.pointer, stack.bytes));
  TRY(mapper.ClearTails(memory->memory()));
  // Linux's first stack mapping reaches 128 KiB below what exec put there.
  memory->NoteStackPointer(std::max(stack_low, GuestAddr(stack.pointer.value() - kMinArgumentSpace)));

  ImageInfo info;
  DescribeImage(pieces.elf, pieces.bias, info);
  info.arguments = stack.arguments;
  info.environment = stack.environment;
  info.start_stack = stack.pointer;
  info.auxiliary_vector = std::move(stack.auxiliary_vector);
  info.executable = pieces.program.head.file_ref();
  info.executable_hold = pieces.program.hold;
  memory->set_image(std::move(info));

  const ElfFile& first = pieces.interpreter ? pieces.interpreter_elf : pieces.elf;
  LoadedImage image{.memory = std::move(memory), .registers = {}, .executable = pieces.program.head.file_ref()};
  image.registers.rip = first.header.entry + (pieces.interpreter ? pieces.interpreter_bias : pieces.bias);
  image.registers.rsp = stack.pointer.value();
  image.registers.rflags = kInitialFlags;
  image.registers.cs = kUserCode;
  image.registers.ss = kUserStack;
  image.registers.orig_rax = UINT64_MAX;
  if (image.registers.rip >= layout.max_address.value()) return Errno(EINVAL);
  return image;
}

}  // namespace sentry
