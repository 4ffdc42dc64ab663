// ElfImage: what is read from good files, and one refusal per rule.

#include "vmm/elf_image.h"

#include <elf.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/elf_builder.h"

namespace mayfly {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kBase = 0x1000000;
constexpr uint32_t kPvhNote = 18;

// Header 0 of a file with three program headers, and where its bytes start.
constexpr size_t kFirstProgramHeader = sizeof(Elf64_Ehdr);

ElfBuilder GoodKernel() {
  ElfBuilder builder(kBase + 0x10);
  builder.Segment(kBase, std::vector<uint8_t>(0x40, 0x90))
      .Segment(kBase + 0x1000, {1, 2, 3, 4}, 0x2000);
  return builder;
}

template <typename T>
void Put(std::vector<uint8_t>& file, size_t offset, T value) {
  ASSERT_LE(offset + sizeof(value), file.size());
  std::memcpy(file.data() + offset, &value, sizeof(value));
}

#define PUT_HEADER(file, field, value) \
  Put(file, offsetof(Elf64_Ehdr, field), decltype(Elf64_Ehdr::field)(value))
#define PUT_PROGRAM_HEADER(file, index, field, value)                                         \
  Put(file, kFirstProgramHeader + (index) * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, field), \
      decltype(Elf64_Phdr::field)(value))

void ExpectRefused(const std::vector<uint8_t>& file, const std::string& reason) {
  const auto image = ElfImage::Parse(file);
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(image.status().message()), HasSubstr(reason));
}

TEST(ElfImageTest, GivesEntryAndSegments) {
  const auto image = ElfImage::Parse(GoodKernel().Build());
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->entry, GuestAddress(kBase + 0x10));
  EXPECT_FALSE(image->pvh_entry);
  const uint64_t bytes_start = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
  EXPECT_THAT(image->segments,
              ElementsAre(ElfSegment{bytes_start, 0x40, GuestAddress(kBase), 0x40},
                          ElfSegment{bytes_start + 0x40, 4, GuestAddress(kBase + 0x1000), 0x2000}));
}

TEST(ElfImageTest, SortsSegmentsAndSkipsOthers) {
  auto file = ElfBuilder(kBase)
                  .Segment(kBase + 0x2000, {1})
                  .Segment(kBase + 0x3000, {2})
                  .Segment(kBase, {3})
                  .Build();
  PUT_PROGRAM_HEADER(file, 1, p_type, PT_GNU_STACK);
  const auto image = ElfImage::Parse(file);
  ASSERT_TRUE(image.ok()) << image.status();
  ASSERT_EQ(image->segments.size(), 2u);
  EXPECT_EQ(image->segments[0].address, GuestAddress(kBase));
  EXPECT_EQ(image->segments[1].address, GuestAddress(kBase + 0x2000));
}

TEST(ElfImageTest, AcceptsSharedObjectsAndSegmentsWithoutFileBytes) {
  auto file = ElfBuilder(kBase).Segment(kBase, {1}).Segment(kBase + 1, {}, 0x5000).Build();
  PUT_HEADER(file, e_type, ET_DYN);
  const auto image = ElfImage::Parse(file);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->segments[1].file_bytes, 0u);
  EXPECT_EQ(image->segments[1].memory_bytes, 0x5000u);
}

TEST(ElfImageTest, FindsPvhEntryOfFourBytesBehindOtherNotes) {
  const auto image = ElfImage::Parse(GoodKernel()
                                         .Note("Linux", kPvhNote, {9, 9, 9, 9})
                                         .Note("Xen", 6, {'l', 'i', 'n', 'u', 'x'})
                                         .Note("Xen", kPvhNote, {0x20, 0, 0, 1})
                                         .Build());
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->pvh_entry, GuestAddress(kBase + 0x20));
}

TEST(ElfImageTest, FindsPvhEntryOfEightBytes) {
  const auto image =
      ElfImage::Parse(GoodKernel().Note("Xen", kPvhNote, {0x20, 0, 0, 1, 0, 0, 0, 0}).Build());
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->pvh_entry, GuestAddress(kBase + 0x20));
}

TEST(ElfImageTest, AcceptsVirtualEntryWhereThereIsAPvhEntry) {
  const auto file = ElfBuilder(0xffffffff81000000)
                        .Segment(kBase, std::vector<uint8_t>(0x40))
                        .Note("Xen", kPvhNote, {0x20, 0, 0, 1})
                        .Build();
  const auto image = ElfImage::Parse(file);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->entry, GuestAddress(0xffffffff81000000));
}

TEST(ElfImageTest, AcceptsALastNoteWithoutPadding) {
  auto file = GoodKernel().Note("GNU", 3, {1, 2, 3, 4, 5}).Build();
  file.resize(file.size() - 3);
  PUT_PROGRAM_HEADER(file, 2, p_filesz, 12 + 4 + 5);
  const auto image = ElfImage::Parse(file);
  EXPECT_TRUE(image.ok()) << image.status();
}

TEST(ElfImageTest, RefusesEveryTruncationAndReadsNoFurther) {
  const auto whole = GoodKernel().Note("Xen", kPvhNote, {0x20, 0, 0, 1}).Build();
  ASSERT_TRUE(ElfImage::Parse(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    // A block of its own, so that AddressSanitizer sees a read past the end.
    const std::vector<uint8_t> part(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_FALSE(ElfImage::Parse(part).ok()) << size;
  }
}

TEST(ElfImageTest, RefusesEmptyFile) { ExpectRefused({}, "empty file"); }

TEST(ElfImageTest, RefusesOtherFormats) {
  ExpectRefused({'M', 'Z', 0, 0, 0}, "not an ELF file");
  ExpectRefused({0x7f, 'E', 'L'}, "not an ELF file");
}

TEST(ElfImageTest, RefusesTruncatedHeader) {
  auto file = GoodKernel().Build();
  file.resize(sizeof(Elf64_Ehdr) - 1);
  ExpectRefused(file, "truncated ELF header");
}

TEST(ElfImageTest, Refuses32BitBigEndianAndUnknownIdentification) {
  auto file = GoodKernel().Build();
  file[EI_CLASS] = ELFCLASS32;
  ExpectRefused(file, "32-bit ELF file");
  file[EI_CLASS] = 7;
  ExpectRefused(file, "unknown ELF class");
  file = GoodKernel().Build();
  file[EI_DATA] = ELFDATA2MSB;
  ExpectRefused(file, "big-endian ELF file");
  file[EI_DATA] = 0;
  ExpectRefused(file, "unknown ELF data encoding");
  file = GoodKernel().Build();
  file[EI_VERSION] = 2;
  ExpectRefused(file, "unknown ELF version");
}

TEST(ElfImageTest, RefusesOtherMachinesAndTypes) {
  auto file = GoodKernel().Build();
  PUT_HEADER(file, e_machine, EM_AARCH64);
  ExpectRefused(file, "machine 183");
  file = GoodKernel().Build();
  PUT_HEADER(file, e_type, ET_REL);
  ExpectRefused(file, "not an executable");
}

TEST(ElfImageTest, RefusesBadProgramHeaderTable) {
  auto file = GoodKernel().Build();
  PUT_HEADER(file, e_phentsize, 32);
  ExpectRefused(file, "program headers of 32 bytes");
  file = GoodKernel().Build();
  PUT_HEADER(file, e_phnum, 65);
  ExpectRefused(file, "65 ELF program headers");
  file = GoodKernel().Build();
  PUT_HEADER(file, e_phoff, file.size() - 1);
  ExpectRefused(file, "truncated ELF program headers");
  PUT_HEADER(file, e_phoff, UINT64_MAX - 8);
  ExpectRefused(file, "truncated ELF program headers");
}

TEST(ElfImageTest, RefusesAFileWithNothingToLoad) {
  auto file = GoodKernel().Build();
  PUT_HEADER(file, e_phnum, 0);
  ExpectRefused(file, "no loadable ELF segment");
  file = GoodKernel().Build();
  PUT_PROGRAM_HEADER(file, 0, p_type, PT_NULL);
  PUT_PROGRAM_HEADER(file, 1, p_type, PT_NULL);
  ExpectRefused(file, "no loadable ELF segment");
}

TEST(ElfImageTest, RefusesSegmentsOutsideTheFile) {
  auto file = GoodKernel().Build();
  PUT_PROGRAM_HEADER(file, 0, p_offset, UINT64_MAX);
  ExpectRefused(file, "truncated");
  file = GoodKernel().Build();
  PUT_PROGRAM_HEADER(file, 1, p_filesz, 0x1000);
  ExpectRefused(file, "truncated");
}

TEST(ElfImageTest, RefusesSegmentsThatDoNotFitMemory) {
  auto file = GoodKernel().Build();
  PUT_PROGRAM_HEADER(file, 0, p_memsz, 0x3f);
  ExpectRefused(file, "larger in the file than in memory");
  file = GoodKernel().Build();
  PUT_PROGRAM_HEADER(file, 1, p_memsz, UINT64_MAX - 0x10);
  ExpectRefused(file, "past the end of the address space");
}

TEST(ElfImageTest, RefusesOverlapInAnyOrder) {
  ExpectRefused(ElfBuilder(kBase).Segment(kBase, {1, 2}).Segment(kBase + 1, {3}).Build(),
                "overlap");
  ExpectRefused(ElfBuilder(kBase).Segment(kBase + 1, {1}).Segment(kBase, {2}, 0x1000).Build(),
                "overlap");
  ExpectRefused(ElfBuilder(kBase).Segment(kBase, {1}).Segment(kBase, {1}).Build(), "overlap");
}

TEST(ElfImageTest, RefusesEntryOutsideTheSegments) {
  ExpectRefused(ElfBuilder(kBase + 2).Segment(kBase, {1, 2}).Build(), "entry 0x1000002");
  ExpectRefused(ElfBuilder(kBase - 1).Segment(kBase, {1, 2}).Build(), "entry 0xffffff");
  ExpectRefused(GoodKernel().Note("Xen", kPvhNote, {0x20, 0, 0, 2}).Build(), "PVH entry 0x2000020");
}

TEST(ElfImageTest, RefusesPvhNotesOfWrongSizeOrRange) {
  ExpectRefused(GoodKernel().Note("Xen", kPvhNote, {}).Build(), "value of 0 bytes");
  ExpectRefused(GoodKernel().Note("Xen", kPvhNote, {0, 0, 1}).Build(), "value of 3 bytes");
  ExpectRefused(GoodKernel().Note("Xen", kPvhNote, std::vector<uint8_t>(12)).Build(),
                "value of 12 bytes");
  ExpectRefused(GoodKernel().Note("Xen", kPvhNote, {0, 0, 0, 1, 1, 0, 0, 0}).Build(),
                "above 4 GiB");
}

TEST(ElfImageTest, RefusesNotesThatClaimMoreThanThereIs) {
  auto file = GoodKernel().Note("Xen", kPvhNote, {0x20, 0, 0, 1}).Build();
  const size_t note = file.size() - 20;
  Put(file, note, UINT32_MAX);  // n_namesz
  ExpectRefused(file, "truncated ELF notes");
  Put(file, note, uint32_t{4});
  Put(file, note + 4, UINT32_MAX);  // n_descsz
  ExpectRefused(file, "truncated ELF notes");
  Put(file, note + 4, uint32_t{4});
  PUT_PROGRAM_HEADER(file, 2, p_filesz, 8);
  ExpectRefused(file, "truncated ELF notes");
  PUT_PROGRAM_HEADER(file, 2, p_filesz, UINT64_MAX);
  ExpectRefused(file, "truncated ELF notes");
}

}  // namespace
}  // namespace mayfly
