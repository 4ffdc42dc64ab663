// ElfBuilder: makes small x86-64 ELF kernels for tests and seeds.

#ifndef MAYFLY_TESTS_FAKES_ELF_BUILDER_H_
#define MAYFLY_TESTS_FAKES_ELF_BUILDER_H_

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace mayfly {

// The file holds the ELF header, the program headers (segments in the order of the calls, then one
// PT_NOTE if there is a note), the segments' bytes and the notes, without gaps.
//
//   std::vector<uint8_t> file =
//       ElfBuilder(0x100000).Segment(0x100000, {0xf4}).Note("Xen", 18, {0, 0, 0x10, 0}).Build();
class ElfBuilder {
 public:
  explicit ElfBuilder(uint64_t entry) : entry_(entry) {}

  // `memory_bytes` 0: as many as `bytes`.
  ElfBuilder& Segment(uint64_t address, std::vector<uint8_t> bytes, uint64_t memory_bytes = 0) {
    segments_.push_back({address, std::move(bytes), memory_bytes});
    return *this;
  }

  ElfBuilder& Note(absl::string_view name, uint32_t type, const std::vector<uint8_t>& value) {
    const Elf64_Nhdr header = {.n_namesz = static_cast<uint32_t>(name.size() + 1),
                               .n_descsz = static_cast<uint32_t>(value.size()),
                               .n_type = type};
    AppendObject(header, notes_);
    notes_.insert(notes_.end(), name.begin(), name.end());
    notes_.push_back(0);
    notes_.resize((notes_.size() + 3) / 4 * 4);
    notes_.insert(notes_.end(), value.begin(), value.end());
    notes_.resize((notes_.size() + 3) / 4 * 4);
    return *this;
  }

  std::vector<uint8_t> Build() const {
    const size_t header_count = segments_.size() + (notes_.empty() ? 0 : 1);
    std::vector<uint8_t> file;
    AppendObject(Header(header_count), file);
    uint64_t offset = sizeof(Elf64_Ehdr) + header_count * sizeof(Elf64_Phdr);
    for (const Part& part : segments_) {
      const uint64_t size_bytes = part.bytes.size();
      AppendObject(Elf64_Phdr{.p_type = PT_LOAD,
                              .p_offset = offset,
                              .p_paddr = part.address,
                              .p_filesz = size_bytes,
                              .p_memsz = part.memory_bytes == 0 ? size_bytes : part.memory_bytes,
                              .p_align = 1},
                   file);
      offset += size_bytes;
    }
    if (!notes_.empty()) {
      AppendObject(Elf64_Phdr{.p_type = PT_NOTE,
                              .p_offset = offset,
                              .p_filesz = notes_.size(),
                              .p_memsz = notes_.size(),
                              .p_align = 4},
                   file);
    }
    for (const Part& part : segments_) {
      file.insert(file.end(), part.bytes.begin(), part.bytes.end());
    }
    file.insert(file.end(), notes_.begin(), notes_.end());
    return file;
  }

 private:
  struct Part {
    uint64_t address;
    std::vector<uint8_t> bytes;
    uint64_t memory_bytes;
  };

  template <typename T>
  static void AppendObject(const T& object, std::vector<uint8_t>& bytes) {
    const size_t start = bytes.size();
    bytes.resize(start + sizeof(object));
    std::memcpy(bytes.data() + start, &object, sizeof(object));
  }

  Elf64_Ehdr Header(size_t header_count) const {
    Elf64_Ehdr header = {.e_type = ET_EXEC,
                         .e_machine = EM_X86_64,
                         .e_version = EV_CURRENT,
                         .e_entry = entry_,
                         .e_phoff = sizeof(Elf64_Ehdr),
                         .e_ehsize = sizeof(Elf64_Ehdr),
                         .e_phentsize = sizeof(Elf64_Phdr),
                         .e_phnum = static_cast<uint16_t>(header_count)};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    return header;
  }

  const uint64_t entry_;
  std::vector<Part> segments_;
  std::vector<uint8_t> notes_;
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_ELF_BUILDER_H_
