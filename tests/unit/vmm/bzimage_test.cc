// BzImage: what is read from a good file, and one refusal per rule.

#include "vmm/bzimage.h"

#include <cstring>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/bzimage_builder.h"

namespace mayfly {
namespace {

using ::testing::HasSubstr;

constexpr size_t kKernelBytes = 0x400;

BzImageBuilder GoodKernel() { return BzImageBuilder(std::vector<uint8_t>(kKernelBytes, 0x90)); }

void ExpectRefused(const std::vector<uint8_t>& file, const std::string& reason) {
  const auto image = BzImage::Parse(file);
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(image.status().message()), HasSubstr(reason));
}

TEST(BzImageTest, GivesLayoutAndLimits) {
  const auto image = BzImage::Parse(GoodKernel().Build());
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->boot_protocol, 0x020f);
  EXPECT_EQ(image->kernel_file_offset, 1024u);
  EXPECT_EQ(image->kernel_file_bytes, kKernelBytes);
  EXPECT_EQ(image->preferred_address, GuestAddress(0x1000000));
  EXPECT_EQ(image->memory_bytes, 0x10000u);
  EXPECT_TRUE(image->is_relocatable);
  EXPECT_EQ(image->alignment_bytes, 0x200000u);
  EXPECT_EQ(image->command_line_max, 2047u);
  EXPECT_EQ(image->initrd_address_max, 0x7fffffffu);
}

TEST(BzImageTest, HandsOutTheSetupHeaderAsItIsInTheFile) {
  const BzImageBuilder builder = GoodKernel();
  const auto image = BzImage::Parse(builder.Build());
  ASSERT_TRUE(image.ok()) << image.status();
  // 0x202 + 0x6a - 0x1f1.
  ASSERT_EQ(image->setup_header.size(), 0x7bu);
  EXPECT_EQ(std::memcmp(image->setup_header.data(), &builder.setup_header, 0x7b), 0);
}

TEST(BzImageTest, ZeroSetupSectorsMeansFour) {
  BzImageBuilder builder = GoodKernel();
  builder.setup_header.setup_sects = 0;
  const auto image = BzImage::Parse(builder.Build());
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->kernel_file_offset, 5u * 512);
}

TEST(BzImageTest, NeedsAtLeastTheFilesBytesInMemory) {
  BzImageBuilder builder = GoodKernel();
  builder.setup_header.init_size = 16;
  const auto image = BzImage::Parse(builder.Build());
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->memory_bytes, kKernelBytes);
}

TEST(BzImageTest, IgnoresBytesAfterTheKernel) {
  auto file = GoodKernel().Build();
  file.resize(file.size() + 100);  // as of a signed kernel
  const auto image = BzImage::Parse(file);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->kernel_file_bytes, kKernelBytes);
}

TEST(BzImageTest, RefusesEveryTruncationAndReadsNoFurther) {
  const auto whole = GoodKernel().Build();
  for (size_t size = 0; size < whole.size(); ++size) {
    // A block of its own, so that AddressSanitizer sees a read past the end.
    const std::vector<uint8_t> part(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_FALSE(BzImage::Parse(part).ok()) << size;
  }
}

TEST(BzImageTest, RefusesEmptyFile) { ExpectRefused({}, "empty file"); }

TEST(BzImageTest, RefusesMissingMagic) {
  BzImageBuilder builder = GoodKernel();
  builder.setup_header.header = 0;
  ExpectRefused(builder.Build(), "not a bzImage");
  builder = GoodKernel();
  builder.setup_header.boot_flag = 0x55aa;
  ExpectRefused(builder.Build(), "not a bzImage");
  EXPECT_FALSE(BzImage::HasMagic(builder.Build()));
  EXPECT_TRUE(BzImage::HasMagic(GoodKernel().Build()));
}

// The text is part of the API.
TEST(BzImageTest, RefusesKernelsWithoutA64BitEntry) {
  BzImageBuilder builder = GoodKernel();
  builder.setup_header.version = 0x020b;
  auto image = BzImage::Parse(builder.Build());
  EXPECT_EQ(image.status().message(), "bzImage does not provide a 64-bit entry point");
  builder = GoodKernel();
  builder.setup_header.xloadflags = XLF_CAN_BE_LOADED_ABOVE_4G;
  image = BzImage::Parse(builder.Build());
  EXPECT_EQ(image.status().message(), "bzImage does not provide a 64-bit entry point");
}

TEST(BzImageTest, RefusesZImage) {
  BzImageBuilder builder = GoodKernel();
  builder.setup_header.loadflags = 0;
  ExpectRefused(builder.Build(), "zImage");
}

TEST(BzImageTest, RefusesSetupHeadersTooShortOrTooLong) {
  BzImageBuilder builder = GoodKernel();
  builder.setup_header.jump = 0x61eb;  // ends at 0x263, within init_size
  ExpectRefused(builder.Build(), "setup header ends at 0x263");
  builder.setup_header.jump = 0x8feb;  // ends at 0x291, behind its place in the zero page
  ExpectRefused(builder.Build(), "setup header ends at 0x291");
  builder.setup_header.jump = 0x8eeb;
  const auto image = BzImage::Parse(builder.Build());
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->setup_header.size(), 0x290u - 0x1f1u);
}

TEST(BzImageTest, RefusesKernelsThatAreNotWhollyInTheFile) {
  BzImageBuilder builder = GoodKernel();
  ++builder.setup_header.syssize;
  ExpectRefused(builder.Build(), "truncated");
  builder.setup_header.syssize = UINT32_MAX;
  ExpectRefused(builder.Build(), "truncated");
}

TEST(BzImageTest, RefusesKernelsTooSmallForTheirEntry) {
  BzImageBuilder builder = GoodKernel();
  builder.setup_header.syssize = 0x200 / 16;
  ExpectRefused(builder.Build(), "too small");
  builder.setup_header.syssize = 0;
  ExpectRefused(builder.Build(), "too small");
}

TEST(BzImageTest, RefusesImpossiblePlacement) {
  BzImageBuilder builder = GoodKernel();
  builder.setup_header.kernel_alignment = 0x300000;
  ExpectRefused(builder.Build(), "not a power of two");
  builder.setup_header.kernel_alignment = 0;
  ExpectRefused(builder.Build(), "not a power of two");
  builder = GoodKernel();
  builder.setup_header.pref_address = UINT64_MAX - 0xfff;
  ExpectRefused(builder.Build(), "past the end of the address space");
}

TEST(BzImageTest, KernelsThatDoNotRelocateNeedNoAlignment) {
  BzImageBuilder builder = GoodKernel();
  builder.setup_header.relocatable_kernel = 0;
  builder.setup_header.kernel_alignment = 0;
  const auto image = BzImage::Parse(builder.Build());
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_FALSE(image->is_relocatable);
}

}  // namespace
}  // namespace mayfly
