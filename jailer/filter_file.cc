// The format, both ways.

#include "jailer/filter_file.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "jailer/file_bytes.h"

namespace mayfly {
namespace {

constexpr std::array<uint8_t, 8> kMagic = {'M', 'F', 'S', 'E', 'C', 'C', 'M', 'P'};
constexpr uint16_t kVersion = 1;
// ELF's EM_X86_64.
constexpr uint16_t kMachine = 62;
constexpr size_t kNameMaxBytes = 32;
constexpr size_t kInstructionBytes = 8;
constexpr std::array<const char*, 3> kThreads = {"api", "vcpu", "vmm"};

absl::Status Broken(absl::string_view what) { return absl::InvalidArgumentError(what); }

void Put(std::vector<uint8_t>& out, uint32_t value, size_t size_bytes) {
  for (size_t i = 0; i < size_bytes; ++i) {
    out.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
}

// Takes numbers off the front of foreign bytes.
class Cursor {
 public:
  explicit Cursor(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  absl::StatusOr<std::span<const uint8_t>> Take(size_t size_bytes) {
    if (bytes_.size() < size_bytes) {
      return Broken("it is cut off");
    }
    const std::span<const uint8_t> taken = bytes_.first(size_bytes);
    bytes_ = bytes_.subspan(size_bytes);
    return taken;
  }

  absl::StatusOr<uint32_t> Number(size_t size_bytes) {
    ASSIGN_OR_RETURN(const auto bytes, Take(size_bytes));
    uint32_t value = 0;
    for (size_t i = 0; i < size_bytes; ++i) {
      value |= uint32_t{bytes[i]} << (8 * i);
    }
    return value;
  }

  bool IsAtEnd() const { return bytes_.empty(); }

 private:
  std::span<const uint8_t> bytes_;
};

absl::StatusOr<std::string> TakeName(Cursor& cursor) {
  ASSIGN_OR_RETURN(const uint32_t size_bytes, cursor.Number(1));
  ASSIGN_OR_RETURN(const auto bytes, cursor.Take(size_bytes));
  std::string name(bytes.begin(), bytes.end());
  if (!IsThreadName(name)) {
    return Broken("a thread's name has 1 to 32 small letters or '_'");
  }
  return name;
}

absl::StatusOr<std::vector<sock_filter>> TakeProgram(Cursor& cursor) {
  ASSIGN_OR_RETURN(const uint32_t count, cursor.Number(2));
  if (count == 0 || count > BPF_MAXINSNS) {
    return Broken("a filter has 1 to 4096 instructions");
  }
  ASSIGN_OR_RETURN(const auto bytes, cursor.Take(count * kInstructionBytes));
  Cursor instructions(bytes);
  std::vector<sock_filter> program(count);
  for (sock_filter& instruction : program) {
    ASSIGN_OR_RETURN(const uint32_t code, instructions.Number(2));
    ASSIGN_OR_RETURN(const uint32_t if_true, instructions.Number(1));
    ASSIGN_OR_RETURN(const uint32_t if_false, instructions.Number(1));
    ASSIGN_OR_RETURN(const uint32_t value, instructions.Number(4));
    instruction = {.code = static_cast<__u16>(code),
                   .jt = static_cast<__u8>(if_true),
                   .jf = static_cast<__u8>(if_false),
                   .k = value};
  }
  return program;
}

absl::Status CheckHeader(Cursor& cursor) {
  ASSIGN_OR_RETURN(const auto magic, cursor.Take(kMagic.size()));
  if (!std::equal(magic.begin(), magic.end(), kMagic.begin())) {
    return Broken("it is not a file of the seccompiler's");
  }
  ASSIGN_OR_RETURN(const uint32_t version, cursor.Number(2));
  if (version != kVersion) {
    return Broken(absl::StrCat("its version is ", version, ", not ", kVersion));
  }
  ASSIGN_OR_RETURN(const uint32_t machine, cursor.Number(2));
  if (machine != kMachine) {
    return Broken("it is not for x86-64");
  }
  return absl::OkStatus();
}

}  // namespace

bool IsThreadName(absl::string_view name) {
  return !name.empty() && name.size() <= kNameMaxBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_islower(static_cast<unsigned char>(c)) || c == '_';
         });
}

std::vector<uint8_t> EncodeFilterFile(const FilterSet& filters) {
  std::vector<uint8_t> out(kMagic.begin(), kMagic.end());
  Put(out, kVersion, 2);
  Put(out, kMachine, 2);
  Put(out, static_cast<uint32_t>(filters.size()), 2);
  for (const auto& [name, program] : filters) {
    Put(out, static_cast<uint32_t>(name.size()), 1);
    out.insert(out.end(), name.begin(), name.end());
    Put(out, static_cast<uint32_t>(program.size()), 2);
    for (const sock_filter& instruction : program) {
      Put(out, instruction.code, 2);
      Put(out, instruction.jt, 1);
      Put(out, instruction.jf, 1);
      Put(out, instruction.k, 4);
    }
  }
  return out;
}

absl::StatusOr<FilterSet> DecodeFilterFile(std::span<const uint8_t> bytes) {
  if (bytes.size() > kFilterFileMaxBytes) {
    return Broken(absl::StrCat("it has more than ", kFilterFileMaxBytes, " bytes"));
  }
  Cursor cursor(bytes);
  RETURN_IF_ERROR(CheckHeader(cursor));
  ASSIGN_OR_RETURN(const uint32_t count, cursor.Number(2));
  FilterSet filters;
  for (uint32_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(std::string name, TakeName(cursor));
    ASSIGN_OR_RETURN(std::vector<sock_filter> program, TakeProgram(cursor));
    if (!filters.emplace(std::move(name), std::move(program)).second) {
      return Broken("it names a thread twice");
    }
  }
  if (!cursor.IsAtEnd()) {
    return Broken("bytes follow its end");
  }
  return filters;
}

absl::StatusOr<FilterSet> ReadFilterFile(const std::string& path) {
  constexpr char kFailed[] = "Filter deserialization failed";
  auto bytes = ReadFileBytes(path, kFilterFileMaxBytes);
  if (!bytes.ok()) {
    return Annotate(bytes.status(), kFailed);
  }
  auto filters = DecodeFilterFile(*bytes);
  if (!filters.ok()) {
    return Annotate(filters.status(), absl::StrCat(kFailed, ": ", path));
  }
  for (const auto& [name, program] : *filters) {
    if (std::find(kThreads.begin(), kThreads.end(), name) == kThreads.end()) {
      return Broken(absl::StrCat("Invalid thread categories: ", name, " (there are ",
                                 absl::StrJoin(kThreads, ", "), ")"));
    }
  }
  for (const char* thread : kThreads) {
    if (filters->count(thread) == 0) {
      return Broken(absl::StrCat("Missing thread category: ", thread));
    }
  }
  return filters;
}

}  // namespace mayfly
