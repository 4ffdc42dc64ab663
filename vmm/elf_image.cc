// Parses the headers, load segments and Xen notes of an ELF kernel.

#include "vmm/elf_image.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "vmm/image_bytes.h"

namespace mayfly {
namespace {

using Bytes = std::span<const uint8_t>;

// A kernel has about five; the limit bounds the work a hostile file can ask for.
constexpr uint16_t kMaxProgramHeaders = 64;
// Xen's public/elfnote.h.
constexpr uint32_t kXenPhys32Entry = 18;
constexpr std::array<uint8_t, 4> kXenNoteName = {'X', 'e', 'n', 0};

// Every note field is padded to 4 bytes. The ELF specification wants 8 in ELF-64 and some linkers
// put 8 in p_align, but kernels and toolchains lay out their notes by 4, and a GNU property note,
// padded to 8, reads the same by 4.
constexpr uint64_t kNoteAlignmentBytes = 4;

absl::Status Invalid(absl::string_view reason) { return absl::InvalidArgumentError(reason); }

absl::Status CheckIdentification(Bytes file) {
  if (file.empty()) {
    return Invalid("empty file");
  }
  if (file.size() < SELFMAG || std::memcmp(file.data(), ELFMAG, SELFMAG) != 0) {
    return Invalid("not an ELF file");
  }
  if (file.size() < EI_NIDENT) {
    return Invalid("truncated ELF header");
  }
  if (file[EI_CLASS] != ELFCLASS64) {
    return Invalid(file[EI_CLASS] == ELFCLASS32 ? "32-bit ELF file; the kernel must be 64-bit"
                                                : "unknown ELF class");
  }
  if (file[EI_DATA] != ELFDATA2LSB) {
    return Invalid(file[EI_DATA] == ELFDATA2MSB ? "big-endian ELF file; the kernel must be x86-64"
                                                : "unknown ELF data encoding");
  }
  if (file[EI_VERSION] != EV_CURRENT) {
    return Invalid("unknown ELF version");
  }
  return absl::OkStatus();
}

absl::StatusOr<Elf64_Ehdr> ReadHeader(Bytes file) {
  RETURN_IF_ERROR(CheckIdentification(file));
  const auto header = ReadImageObject<Elf64_Ehdr>(file, 0);
  if (!header) {
    return Invalid("truncated ELF header");
  }
  if (header->e_machine != EM_X86_64) {
    return Invalid(absl::StrFormat("ELF file for machine %u; the kernel must be x86-64 (%u)",
                                   header->e_machine, EM_X86_64));
  }
  if (header->e_type != ET_EXEC && header->e_type != ET_DYN) {
    return Invalid(absl::StrFormat("ELF type %u is not an executable", header->e_type));
  }
  if (header->e_phnum == 0) {
    return Invalid("no loadable ELF segment");
  }
  if (header->e_phentsize != sizeof(Elf64_Phdr)) {
    return Invalid(absl::StrFormat("ELF program headers of %u bytes; must be %u",
                                   header->e_phentsize, sizeof(Elf64_Phdr)));
  }
  if (header->e_phnum > kMaxProgramHeaders) {
    return Invalid(absl::StrFormat("%u ELF program headers; at most %u are accepted",
                                   header->e_phnum, kMaxProgramHeaders));
  }
  return *header;
}

absl::StatusOr<std::vector<Elf64_Phdr>> ReadProgramHeaders(Bytes file, const Elf64_Ehdr& header) {
  std::vector<Elf64_Phdr> program_headers;
  program_headers.reserve(header.e_phnum);
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    const auto offset = CheckedAdd(uint64_t{header.e_phoff}, i * sizeof(Elf64_Phdr));
    const auto read = offset ? ReadImageObject<Elf64_Phdr>(file, *offset) : std::nullopt;
    if (!read) {
      return Invalid("truncated ELF program headers");
    }
    program_headers.push_back(*read);
  }
  return program_headers;
}

absl::StatusOr<ElfSegment> ToSegment(Bytes file, const Elf64_Phdr& header) {
  if (!ImageContains(file, header.p_offset, header.p_filesz)) {
    return Invalid("truncated: an ELF segment ends past the end of the file");
  }
  if (header.p_filesz > header.p_memsz) {
    return Invalid("an ELF segment is larger in the file than in memory");
  }
  if (!CheckedAdd(uint64_t{header.p_paddr}, uint64_t{header.p_memsz})) {
    return Invalid("an ELF segment ends past the end of the address space");
  }
  return ElfSegment{.file_offset = header.p_offset,
                    .file_bytes = header.p_filesz,
                    .address = GuestAddress(header.p_paddr),
                    .memory_bytes = header.p_memsz};
}

absl::StatusOr<std::vector<ElfSegment>> ReadSegments(Bytes file,
                                                     std::span<const Elf64_Phdr> headers) {
  std::vector<ElfSegment> segments;
  for (const Elf64_Phdr& header : headers) {
    if (header.p_type == PT_LOAD && header.p_memsz > 0) {
      ASSIGN_OR_RETURN(ElfSegment segment, ToSegment(file, header));
      segments.push_back(segment);
    }
  }
  if (segments.empty()) {
    return Invalid("no loadable ELF segment");
  }
  std::sort(segments.begin(), segments.end(),
            [](const ElfSegment& a, const ElfSegment& b) { return a.address < b.address; });
  for (size_t i = 1; i < segments.size(); ++i) {
    const ElfSegment& previous = segments[i - 1];
    if (segments[i].address.value() - previous.address.value() < previous.memory_bytes) {
      return Invalid(absl::StrFormat("ELF segments at %#x and %#x overlap",
                                     previous.address.value(), segments[i].address.value()));
    }
  }
  return segments;
}

// The padded size of a note's name or descriptor. Their sizes are 32-bit, so 64 bits hold it.
uint64_t PaddedSize(uint32_t size_bytes) {
  return (uint64_t{size_bytes} + kNoteAlignmentBytes - 1) & ~(kNoteAlignmentBytes - 1);
}

absl::StatusOr<GuestAddress> DecodePvhNote(Bytes descriptor) {
  const auto entry32 = ReadImageObject<uint32_t>(descriptor, 0);
  if (entry32 && descriptor.size() == sizeof(uint32_t)) {
    return GuestAddress(*entry32);
  }
  const auto entry64 = ReadImageObject<uint64_t>(descriptor, 0);
  if (!entry64 || descriptor.size() != sizeof(uint64_t)) {
    return Invalid(
        absl::StrFormat("ELF note Xen PHYS32_ENTRY (PVH) has a value of %u bytes; must be 4 or 8",
                        descriptor.size()));
  }
  if (*entry64 > UINT32_MAX) {
    return Invalid("ELF note Xen PHYS32_ENTRY (PVH) has an address above 4 GiB");
  }
  return GuestAddress(*entry64);
}

absl::StatusOr<std::optional<GuestAddress>> FindPvhEntry(Bytes notes) {
  while (notes.size() >= kNoteAlignmentBytes) {
    const auto note = ReadImageObject<Elf64_Nhdr>(notes, 0);
    if (!note) {
      return Invalid("truncated ELF notes");
    }
    const uint64_t descriptor_offset = sizeof(Elf64_Nhdr) + PaddedSize(note->n_namesz);
    if (!ImageContains(notes, descriptor_offset, note->n_descsz)) {
      return Invalid("truncated ELF notes");
    }
    const Bytes name = notes.subspan(sizeof(Elf64_Nhdr), note->n_namesz);
    if (note->n_type == kXenPhys32Entry && std::ranges::equal(name, kXenNoteName)) {
      return DecodePvhNote(notes.subspan(descriptor_offset, note->n_descsz));
    }
    // The last descriptor may come without its padding.
    const uint64_t size_bytes = descriptor_offset + PaddedSize(note->n_descsz);
    notes = notes.subspan(std::min<uint64_t>(size_bytes, notes.size()));
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<GuestAddress>> ReadPvhEntry(Bytes file,
                                                         std::span<const Elf64_Phdr> headers) {
  for (const Elf64_Phdr& header : headers) {
    if (header.p_type != PT_NOTE) {
      continue;
    }
    if (!ImageContains(file, header.p_offset, header.p_filesz)) {
      return Invalid("truncated ELF notes");
    }
    ASSIGN_OR_RETURN(std::optional<GuestAddress> entry,
                     FindPvhEntry(file.subspan(header.p_offset, header.p_filesz)));
    if (entry) {
      return entry;
    }
  }
  return std::nullopt;
}

absl::Status CheckEntry(absl::string_view which, GuestAddress entry,
                        std::span<const ElfSegment> segments) {
  for (const ElfSegment& segment : segments) {
    if (entry >= segment.address &&
        entry.value() - segment.address.value() < segment.memory_bytes) {
      return absl::OkStatus();
    }
  }
  return Invalid(absl::StrFormat("%s %#x is outside all ELF segments", which, entry.value()));
}

}  // namespace

absl::StatusOr<ElfImage> ElfImage::Parse(std::span<const uint8_t> file) {
  ASSIGN_OR_RETURN(const Elf64_Ehdr header, ReadHeader(file));
  ASSIGN_OR_RETURN(const std::vector<Elf64_Phdr> headers, ReadProgramHeaders(file, header));
  ElfImage image;
  ASSIGN_OR_RETURN(image.segments, ReadSegments(file, headers));
  ASSIGN_OR_RETURN(image.pvh_entry, ReadPvhEntry(file, headers));
  image.entry = GuestAddress(header.e_entry);
  if (image.pvh_entry) {
    RETURN_IF_ERROR(CheckEntry("PVH entry", *image.pvh_entry, image.segments));
  } else {
    RETURN_IF_ERROR(CheckEntry("entry", image.entry, image.segments));
  }
  return image;
}

}  // namespace mayfly
