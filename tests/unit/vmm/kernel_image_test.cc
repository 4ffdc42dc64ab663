// KernelImage: formats are told apart by content, and refused ones named.

#include "vmm/kernel_image.h"

#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/bzimage_builder.h"
#include "tests/fakes/elf_builder.h"

namespace mayfly {
namespace {

using ::testing::HasSubstr;

std::vector<uint8_t> Bytes(absl::string_view text) { return {text.begin(), text.end()}; }

std::string RefusalOf(const std::vector<uint8_t>& file) {
  const auto image = ParseKernelImage(file);
  EXPECT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(image.status().message());
}

TEST(KernelImageTest, ParsesElf) {
  const auto file = ElfBuilder(0x100000).Segment(0x100000, {0xf4}).Build();
  EXPECT_EQ(*DetectKernelFormat(file), KernelFormat::kElf);
  const auto image = ParseKernelImage(file);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(std::get<ElfImage>(*image).entry, GuestAddress(0x100000));
}

TEST(KernelImageTest, ParsesBzImageAlsoWithAnEfiStub) {
  auto file = BzImageBuilder(std::vector<uint8_t>(0x400)).Build();
  file[0] = 'M';
  file[1] = 'Z';
  EXPECT_EQ(*DetectKernelFormat(file), KernelFormat::kBzImage);
  const auto image = ParseKernelImage(file);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(std::get<BzImage>(*image).kernel_file_bytes, 0x400u);
}

TEST(KernelImageTest, PassesOnWhatTheParserSays) {
  auto elf = ElfBuilder(0).Segment(0x100000, {0xf4}).Build();
  EXPECT_THAT(RefusalOf(elf), HasSubstr("outside all ELF segments"));
  BzImageBuilder builder(std::vector<uint8_t>(0x400));
  builder.setup_header.version = 0x0200;
  EXPECT_EQ(RefusalOf(builder.Build()), "bzImage does not provide a 64-bit entry point");
}

TEST(KernelImageTest, NamesWhatItRefuses) {
  EXPECT_EQ(RefusalOf({}), "empty file");
  EXPECT_EQ(RefusalOf({0}), "neither an ELF file nor a bzImage");
  EXPECT_EQ(RefusalOf(std::vector<uint8_t>(4096, 0x55)), "neither an ELF file nor a bzImage");
  EXPECT_THAT(RefusalOf({0x1f, 0x8b, 8, 0}), HasSubstr("a gzip-compressed file"));
  EXPECT_THAT(RefusalOf({0x28, 0xb5, 0x2f, 0xfd, 4}), HasSubstr("zstd-compressed"));
  EXPECT_THAT(RefusalOf({0xfd, '7', 'z', 'X', 'Z', 0, 0}), HasSubstr("xz-compressed"));
  EXPECT_THAT(RefusalOf({0x02, 0x21, 0x4c, 0x18}), HasSubstr("lz4-compressed"));
  EXPECT_THAT(RefusalOf({0x04, 0x22, 0x4d, 0x18}), HasSubstr("lz4-compressed"));
  EXPECT_THAT(RefusalOf({0x89, 'L', 'Z', 'O'}), HasSubstr("lzop-compressed"));
  EXPECT_THAT(RefusalOf(Bytes("BZh91AY")), HasSubstr("bzip2-compressed"));
  EXPECT_THAT(RefusalOf(Bytes("MZ\x90")), HasSubstr("an EFI program"));
  EXPECT_THAT(RefusalOf(Bytes("070701000")), HasSubstr("cpio archive"));
  EXPECT_THAT(RefusalOf(Bytes("!<arch>\n")), HasSubstr("an ar archive"));
}

}  // namespace
}  // namespace mayfly
