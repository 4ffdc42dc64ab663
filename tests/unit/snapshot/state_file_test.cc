// State files: whatever is wrong with one is noticed before its payload is looked at.

#include "snapshot/state_file.h"

#include <sys/stat.h>

#include <cstring>
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_folder.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace mayfly {
namespace {

using testing::HasSubstr;

constexpr size_t kPayloadBytes = 40;

std::vector<uint8_t> Payload() {
  std::vector<uint8_t> payload(kPayloadBytes);
  for (size_t i = 0; i < payload.size(); ++i) {
    payload[i] = static_cast<uint8_t>(i * 5 + 1);
  }
  return payload;
}

// With a checksum that is right again after a change.
std::vector<uint8_t> Seal(std::vector<uint8_t> file) {
  const size_t hashed_bytes = file.size() - kStateChecksumBytes;
  const uint64_t checksum = XXH3_64bits(file.data(), hashed_bytes);
  std::memcpy(file.data() + hashed_bytes, &checksum, sizeof(checksum));
  return file;
}

template <typename T>
std::vector<uint8_t> WithField(size_t offset_bytes, T value) {
  std::vector<uint8_t> file = FrameState(Payload());
  std::memcpy(file.data() + offset_bytes, &value, sizeof(value));
  return Seal(std::move(file));
}

TEST(StateFileTest, FramesAndUnframes) {
  const std::vector<uint8_t> file = FrameState(Payload());
  EXPECT_EQ(file.size(), kStateHeaderBytes + kPayloadBytes + kStateChecksumBytes);
  EXPECT_EQ(std::string(file.begin(), file.begin() + 8), "MAYFLYST");
  const auto payload = UnframeState(file);
  ASSERT_TRUE(payload.ok()) << payload.status();
  EXPECT_EQ(std::vector<uint8_t>(payload->begin(), payload->end()), Payload());
  EXPECT_EQ(payload->data(), file.data() + kStateHeaderBytes) << "it is not copied";
  const auto version = ReadStateVersion(file);
  ASSERT_TRUE(version.ok()) << version.status();
  EXPECT_EQ(version->Text(), "1.0.0");
}

TEST(StateFileTest, AnEmptyPayloadIsOne) {
  const std::vector<uint8_t> file = FrameState({});
  const auto payload = UnframeState(file);
  ASSERT_TRUE(payload.ok()) << payload.status();
  EXPECT_TRUE(payload->empty());
}

TEST(StateFileTest, RefusesAFileCutAtAnyLength) {
  const std::vector<uint8_t> file = FrameState(Payload());
  for (size_t size = 0; size < file.size(); ++size) {
    // Of exactly this size, so that the sanitizer sees a read behind it.
    const std::vector<uint8_t> cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
    const absl::Status status = UnframeState(cut).status();
    const bool is_short = size < kStateHeaderBytes + kStateChecksumBytes;
    EXPECT_EQ(status.code(), is_short ? absl::StatusCode::kOutOfRange : absl::StatusCode::kDataLoss)
        << size << ": " << status;
    EXPECT_EQ(ReadStateVersion(cut).ok(), !is_short) << size;
  }
  EXPECT_THAT(UnframeState({}).status().message(), HasSubstr("File too short"));
}

TEST(StateFileTest, RefusesAFileWithAnyBitFlipped) {
  const std::vector<uint8_t> file = FrameState(Payload());
  for (size_t bit = 0; bit < file.size() * 8; ++bit) {
    std::vector<uint8_t> damaged = file;
    damaged[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    const absl::Status status = UnframeState(damaged).status();
    EXPECT_FALSE(status.ok()) << "bit " << bit;
    EXPECT_FALSE(status.message().empty()) << "bit " << bit;
  }
}

TEST(StateFileTest, RefusesATrailingByte) {
  std::vector<uint8_t> file = FrameState(Payload());
  file.push_back(0);
  EXPECT_EQ(UnframeState(file).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(UnframeState(Seal(file)).status().message(),
              HasSubstr("has 41 bytes of state where it says 40"));
}

TEST(StateFileTest, RefusesWhatIsNoStateFile) {
  const absl::Status status = UnframeState(std::vector<uint8_t>(100)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("not a snapshot state file"));
}

TEST(StateFileTest, RefusesOtherVersionsAndTellsThem) {
  for (const uint16_t major : {uint16_t{0}, uint16_t{2}, uint16_t{0xffff}}) {
    const auto file = WithField<uint16_t>(8, major);
    const absl::Status status = UnframeState(file).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
    EXPECT_THAT(status.message(), HasSubstr("Invalid data version: " + std::to_string(major)));
    EXPECT_EQ(ReadStateVersion(file)->major, major);
  }
  const auto newer = WithField(10, uint16_t{kStateMinorVersion + 1});
  EXPECT_EQ(UnframeState(newer).status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(UnframeState(newer).status().message(), HasSubstr("1.1.0 (this program reads"));
  EXPECT_EQ(ReadStateVersion(newer)->Text(), "1.1.0");
}

TEST(StateFileTest, ReadsEveryOlderMinorVersion) {
  for (int minor = 0; minor <= kStateMinorVersion; ++minor) {
    EXPECT_TRUE(UnframeState(WithField<uint16_t>(10, static_cast<uint16_t>(minor))).ok()) << minor;
  }
}

TEST(StateFileTest, RefusesAnotherMachine) {
  const absl::Status status = UnframeState(WithField<uint32_t>(12, 183)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(status.message(), HasSubstr("machine 183"));
}

TEST(StateFileTest, RefusesAWrongSize) {
  for (const uint64_t size : {uint64_t{0}, uint64_t{39}, uint64_t{41}, UINT64_MAX}) {
    EXPECT_EQ(UnframeState(WithField<uint64_t>(16, size)).status().code(),
              absl::StatusCode::kDataLoss);
  }
}

TEST(StateFileTest, RefusesAFileThatIsTooLong) {
  const std::vector<uint8_t> file =
      FrameState(std::vector<uint8_t>(kStateMaxBytes - kStateHeaderBytes - kStateChecksumBytes));
  EXPECT_TRUE(UnframeState(file).ok());
  const std::vector<uint8_t> longer = FrameState(std::vector<uint8_t>(kStateMaxBytes));
  EXPECT_EQ(UnframeState(longer).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ReadStateVersion(longer).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(ReadStateFileTest, ReadsAFileOfAnySize) {
  const TemporaryFolder folder;
  for (const std::vector<uint8_t>& bytes : {std::vector<uint8_t>(), FrameState(Payload())}) {
    WriteWholeFile(folder.PathOf("state"), bytes);
    const auto read = ReadStateFile(folder.PathOf("state"));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, bytes);
  }
}

TEST(ReadStateFileTest, NamesAFileThatIsMissing) {
  const absl::Status status = ReadStateFile("/nowhere/state").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("open /nowhere/state: No such file or directory"));
}

TEST(ReadStateFileTest, RefusesWhatIsNoRegularFileAndDoesNotWait) {
  const TemporaryFolder folder;
  ASSERT_EQ(mkfifo(folder.PathOf("fifo").c_str(), 0600), 0);
  for (const std::string& path : {folder.PathOf("fifo"), folder.path(), std::string("/dev/zero")}) {
    const absl::Status status = ReadStateFile(path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), path + " is not a regular file");
  }
}

TEST(ReadStateFileTest, RefusesAFileThatIsTooLongWithoutReadingIt) {
  const TemporaryFolder folder;
  WriteWholeFile(folder.PathOf("state"), {1});
  std::filesystem::resize_file(folder.PathOf("state"), uint64_t{1} << 40);
  EXPECT_EQ(ReadStateFile(folder.PathOf("state")).status().code(), absl::StatusCode::kOutOfRange);
  std::filesystem::resize_file(folder.PathOf("state"), kStateMaxBytes);
  EXPECT_TRUE(ReadStateFile(folder.PathOf("state")).ok());
}

}  // namespace
}  // namespace mayfly
