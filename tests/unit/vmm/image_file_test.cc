// ImageFile: bytes get where they belong, mapped or read.

#include "vmm/image_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"
#include "tests/fakes/test_memory.h"

namespace mayfly {
namespace {

constexpr uint64_t kPage = 4096;

// Bytes that differ from page to page.
std::vector<uint8_t> Pattern(size_t size_bytes) {
  std::vector<uint8_t> bytes(size_bytes);
  for (size_t i = 0; i < size_bytes; ++i) {
    bytes[i] = static_cast<uint8_t>(i * 31 + i / kPage + 1);
  }
  return bytes;
}

struct PlaceCase {
  uint64_t file_offset;
  uint64_t size_bytes;
  uint64_t address;
};

class ImageFilePlaceTest : public testing::TestWithParam<PlaceCase> {};

TEST_P(ImageFilePlaceTest, PutsExactlyTheBytesAskedFor) {
  const std::vector<uint8_t> bytes = Pattern(5 * kPage + 100);
  const TemporaryFile file(bytes);
  const auto image = ImageFile::Open(file.path());
  ASSERT_TRUE(image.ok()) << image.status();
  const auto [file_offset, size_bytes, address] = GetParam();
  for (const Placement placement : {Placement::kMap, Placement::kRead}) {
    const GuestMemory memory = MakeTestMemory(16 * kPage);
    ASSERT_TRUE(
        image->Place(file_offset, size_bytes, GuestAddress(address), memory, placement).ok());
    std::vector<uint8_t> out(16 * kPage);
    ASSERT_TRUE(memory.Read(GuestAddress(0), out).ok());
    for (uint64_t i = 0; i < out.size(); ++i) {
      const bool inside = i >= address && i < address + size_bytes;
      ASSERT_EQ(out[i], inside ? bytes[file_offset + i - address] : 0) << "at " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Alignments, ImageFilePlaceTest,
    testing::Values(PlaceCase{0, 5 * kPage + 100, 2 * kPage},
                    PlaceCase{kPage, 2 * kPage, 3 * kPage}, PlaceCase{100, 3 * kPage, kPage + 100},
                    PlaceCase{100, 50, kPage + 100}, PlaceCase{100, kPage - 100, kPage + 100},
                    PlaceCase{512, 3 * kPage, 2 * kPage}, PlaceCase{0, 0, kPage},
                    PlaceCase{kPage - 1, 2, 2 * kPage - 1}));

TEST(ImageFileTest, GuestWritesStayOutOfTheFile) {
  const std::vector<uint8_t> bytes = Pattern(2 * kPage);
  const TemporaryFile file(bytes);
  const auto image = ImageFile::Open(file.path());
  ASSERT_TRUE(image.ok()) << image.status();
  const GuestMemory memory = MakeTestMemory(4 * kPage);
  ASSERT_TRUE(image->Place(0, 2 * kPage, GuestAddress(0), memory, Placement::kMap).ok());
  ASSERT_TRUE(memory.WriteObject<uint64_t>(GuestAddress(8), 0xffffffffffffffff).ok());
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), image->bytes().begin()));
}

TEST(ImageFileTest, RefusesDestinationsOutsideRamNamingTheFile) {
  const TemporaryFile file(Pattern(2 * kPage));
  const auto image = ImageFile::Open(file.path());
  ASSERT_TRUE(image.ok()) << image.status();
  const GuestMemory memory = MakeTestMemory(4 * kPage);
  const absl::Status status =
      image->Place(0, 2 * kPage, GuestAddress(3 * kPage), memory, Placement::kMap);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_NE(status.message().find(file.path()), std::string::npos);
}

TEST(ImageFileTest, ShortenedFileIsAnErrorWhenRead) {
  const TemporaryFile file(Pattern(4 * kPage));
  const auto image = ImageFile::Open(file.path());
  ASSERT_TRUE(image.ok()) << image.status();
  ASSERT_EQ(truncate(file.path().c_str(), kPage), 0);
  const GuestMemory memory = MakeTestMemory(8 * kPage);
  EXPECT_EQ(image->Place(0, 4 * kPage, GuestAddress(0), memory, Placement::kRead).code(),
            absl::StatusCode::kDataLoss);
}

TEST(ImageFileTest, RefusesWhatIsNoRegularFileOrEmpty) {
  const TemporaryFile empty({});
  EXPECT_EQ(ImageFile::Open(empty.path()).status().message(), empty.path() + ": the file is empty");
  EXPECT_EQ(ImageFile::Open("/tmp").status().message(), "/tmp: not a regular file");
  EXPECT_EQ(ImageFile::Open("/nonexistent/kernel").status().message(),
            "open /nonexistent/kernel: No such file or directory");
  const std::string fifo = empty.path() + ".fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(ImageFile::Open(fifo).status().message(), fifo + ": not a regular file");
  unlink(fifo.c_str());
}

}  // namespace
}  // namespace mayfly
