// LoadKernel and LoadInitrd: where things go, and what is refused.

#include "vmm/kernel_loader.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/bzimage_builder.h"
#include "tests/fakes/elf_builder.h"
#include "tests/fakes/temporary_file.h"
#include "tests/fakes/test_memory.h"

namespace mayfly {
namespace {

constexpr uint64_t kMib = uint64_t{1} << 20;
constexpr uint32_t kPvhEntryNote = 18;

using testing::HasSubstr;

absl::StatusOr<LoadedKernel> Load(const std::vector<uint8_t>& file, const GuestMemory& memory) {
  const TemporaryFile kernel(file);
  const auto image = ImageFile::Open(kernel.path());
  EXPECT_TRUE(image.ok()) << image.status();
  return LoadKernel(*image, memory, Placement::kMap);
}

TEST(KernelLoaderTest, ElfWithoutNoteIsEnteredInLongMode) {
  const GuestMemory memory = MakeTestMemory(4 * kMib);
  const auto kernel =
      Load(ElfBuilder(kMib + 2).Segment(kMib, {1, 2, 3, 4}).Segment(2 * kMib, {5}, 0x3000).Build(),
           memory);
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(kernel->protocol, BootProtocol::kLinux64);
  EXPECT_EQ(kernel->entry, GuestAddress(kMib + 2));
  EXPECT_EQ(kernel->end, GuestAddress(2 * kMib + 0x3000));
  EXPECT_EQ(*memory.ReadObject<uint32_t>(GuestAddress(kMib)), 0x04030201u);
  EXPECT_EQ(*memory.ReadObject<uint32_t>(GuestAddress(2 * kMib)), 5u);
}

TEST(KernelLoaderTest, ElfWithPvhNoteIsEnteredThere) {
  const GuestMemory memory = MakeTestMemory(4 * kMib);
  const auto kernel = Load(ElfBuilder(kMib)
                               .Segment(kMib, {1, 2, 3, 4})
                               .Note("Xen", kPvhEntryNote, {3, 0, 0x10, 0})
                               .Build(),
                           memory);
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(kernel->protocol, BootProtocol::kPvh);
  EXPECT_EQ(kernel->entry, GuestAddress(kMib + 3));
}

TEST(KernelLoaderTest, BzImageLiesWhereItPrefersToBe) {
  const GuestMemory memory = MakeTestMemory(32 * kMib);
  const auto kernel = Load(BzImageBuilder(std::vector<uint8_t>(0x400, 0x66)).Build(), memory);
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(kernel->protocol, BootProtocol::kLinux64);
  EXPECT_EQ(kernel->entry, GuestAddress(0x1000200));
  EXPECT_EQ(kernel->end, GuestAddress(0x1010000));
  EXPECT_EQ(kernel->initrd_address_max, 0x7fffffffu);
  EXPECT_FALSE(kernel->setup_header.empty());
  EXPECT_EQ(*memory.ReadObject<uint8_t>(GuestAddress(0x10003ff)), 0x66);
  EXPECT_EQ(*memory.ReadObject<uint8_t>(GuestAddress(0x1000400)), 0);
}

TEST(KernelLoaderTest, BzImageNeedsTheMemoryItsHeaderAsksFor) {
  const GuestMemory memory = MakeTestMemory(16 * kMib);
  EXPECT_THAT(Load(BzImageBuilder(std::vector<uint8_t>(0x400)).Build(), memory).status().message(),
              HasSubstr("outside guest RAM"));
}

TEST(KernelLoaderTest, RefusesSegmentsOutsideRam) {
  const GuestMemory memory = MakeTestMemory(4 * kMib);
  EXPECT_THAT(Load(ElfBuilder(8 * kMib).Segment(8 * kMib, {1}).Build(), memory).status().message(),
              HasSubstr("outside guest RAM"));
  EXPECT_THAT(
      Load(ElfBuilder(kMib).Segment(kMib, {1}, 3 * kMib + 1).Build(), memory).status().message(),
      HasSubstr("outside guest RAM"));
  EXPECT_THAT(Load(ElfBuilder(0x9000).Segment(0x9000, {1}).Build(), memory).status().message(),
              HasSubstr("below 1 MiB"));
}

TEST(KernelLoaderTest, ErrorsNameTheFile) {
  const GuestMemory memory = MakeTestMemory(4 * kMib);
  const TemporaryFile kernel(std::vector<uint8_t>(100, 0x20));
  const auto image = ImageFile::Open(kernel.path());
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_THAT(LoadKernel(*image, memory, Placement::kMap).status().message(),
              HasSubstr(kernel.path()));
}

class LoadInitrdTest : public testing::Test {
 protected:
  LoadInitrdTest() : file_(std::vector<uint8_t>(5000, 0x5a)) {}

  absl::StatusOr<GuestRange> Load(const LoadedKernel& kernel, const GuestMemory& memory) {
    const auto image = ImageFile::Open(file_.path());
    EXPECT_TRUE(image.ok()) << image.status();
    return LoadInitrd(*image, kernel, memory, Placement::kMap);
  }

  const TemporaryFile file_;
};

TEST_F(LoadInitrdTest, LiesPageAlignedAtTheEndOfTheFirstRegion) {
  const GuestMemory memory =
      MakeTestMemory({{GuestAddress(0), 4 * kMib}, {GuestAddress(16 * kMib), 4 * kMib}});
  const auto range = Load({.end = GuestAddress(2 * kMib)}, memory);
  ASSERT_TRUE(range.ok()) << range.status();
  EXPECT_EQ(range->start, GuestAddress(4 * kMib - 0x2000));
  EXPECT_EQ(range->size_bytes, 5000u);
  EXPECT_EQ(*memory.ReadObject<uint8_t>(GuestAddress(range->start.value() + 4999)), 0x5a);
}

TEST_F(LoadInitrdTest, ObeysTheKernelsLimit) {
  const GuestMemory memory = MakeTestMemory(4 * kMib);
  const auto range = Load({.end = GuestAddress(kMib), .initrd_address_max = 2 * kMib - 1}, memory);
  ASSERT_TRUE(range.ok()) << range.status();
  EXPECT_EQ(range->start, GuestAddress(2 * kMib - 0x2000));
}

TEST_F(LoadInitrdTest, RefusesWhatDoesNotFitAboveTheKernel) {
  const GuestMemory memory = MakeTestMemory(4 * kMib);
  const auto tight = Load({.end = GuestAddress(4 * kMib - 0x1000)}, memory);
  EXPECT_THAT(tight.status().message(), HasSubstr("does not fit"));
  EXPECT_THAT(tight.status().message(), HasSubstr(file_.path()));
  EXPECT_FALSE(Load({.end = GuestAddress(0), .initrd_address_max = 100}, memory).ok());
}

}  // namespace
}  // namespace mayfly
