// WorkingSetFile: the way there and back, and everything that can be wrong with a file.

#include "snapshot/working_set_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "gtest/gtest.h"
#include "tests/fakes/temporary_folder.h"
#include "tests/unit/snapshot/snapshot_memory.h"

namespace mayfly {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint64_t kPageCount = 1000;
constexpr uint64_t kId = 0x1122334455667788;
constexpr size_t kHeaderBytes = 40;
constexpr size_t kRunBytes = 16;

WorkingSet SomeSet() {
  return {SetOf(kPageCount, {0, 1, 2, 10, 999}), SetOf(kPageCount, {3, 4, 11, 500})};
}

Bytes SomeBytes() { return *WorkingSetFile::Serialize(SomeSet(), kId); }

// With the checksum that belongs to the rest.
Bytes Sealed(Bytes bytes) {
  const uint64_t hash = XXH3_64bits(bytes.data(), bytes.size() - sizeof(hash));
  std::memcpy(bytes.data() + bytes.size() - sizeof(hash), &hash, sizeof(hash));
  return bytes;
}

template <typename T>
Bytes WithField(Bytes bytes, size_t offset_bytes, T value) {
  std::memcpy(bytes.data() + offset_bytes, &value, sizeof(value));
  return Sealed(std::move(bytes));
}

absl::StatusCode CodeOf(const Bytes& bytes) {
  return WorkingSetFile::Parse(bytes, kId, kPageCount).status().code();
}

TEST(WorkingSetFileTest, ComesBackAsItWas) {
  EXPECT_EQ(*WorkingSetFile::Parse(SomeBytes(), kId, kPageCount), SomeSet());
  const WorkingSet empty{PageSet(kPageCount), PageSet(kPageCount)};
  EXPECT_EQ(*WorkingSetFile::Parse(*WorkingSetFile::Serialize(empty, kId), kId, kPageCount), empty);
  WorkingSet all = empty;
  all.written.AddRun({0, kPageCount});
  EXPECT_EQ(*WorkingSetFile::Parse(*WorkingSetFile::Serialize(all, kId), kId, kPageCount), all);
}

// Whoever changes the format changes its version.
TEST(WorkingSetFileTest, TheFormatIsAsItIsWrittenDown) {
  const Bytes bytes = SomeBytes();
  ASSERT_EQ(bytes.size(), kHeaderBytes + 6 * kRunBytes + 8);
  EXPECT_EQ(std::string(bytes.begin(), bytes.begin() + 8), "MFLYWSET");
  const Bytes rest_of_header{1,    0,    0,    0,    0,    0,    0, 0, 0x88, 0x77, 0x66,
                             0x55, 0x44, 0x33, 0x22, 0x11, 0xe8, 3, 0, 0,    0,    0,
                             0,    0,    6,    0,    0,    0,    0, 0, 0,    0};
  EXPECT_TRUE(std::equal(rest_of_header.begin(), rest_of_header.end(), bytes.begin() + 8));
  const Bytes second_run{3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0};
  EXPECT_TRUE(
      std::equal(second_run.begin(), second_run.end(), bytes.begin() + kHeaderBytes + kRunBytes));
  EXPECT_EQ(Sealed(bytes), bytes);
}

TEST(WorkingSetFileTest, EveryCutAndEveryChangedByteIsFound) {
  const Bytes bytes = SomeBytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NE(CodeOf(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size))),
              absl::StatusCode::kOk)
        << size;
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    Bytes changed = bytes;
    changed[i] ^= 0x40;
    EXPECT_NE(CodeOf(changed), absl::StatusCode::kOk) << i;
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_EQ(CodeOf(longer), absl::StatusCode::kDataLoss);
}

TEST(WorkingSetFileTest, HeadersThatDoNotFitAreRefused) {
  EXPECT_EQ(CodeOf(WithField(SomeBytes(), 8, uint32_t{2})), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(WithField(SomeBytes(), 12, uint32_t{1})), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(WithField(SomeBytes(), 32, uint64_t{5})), absl::StatusCode::kDataLoss);
  EXPECT_EQ(CodeOf(WithField(SomeBytes(), 32, UINT64_MAX)), absl::StatusCode::kDataLoss);
  // Times 16 it is the right size, modulo 2^64.
  EXPECT_EQ(CodeOf(WithField(SomeBytes(), 32, (uint64_t{1} << 60) + 6)),
            absl::StatusCode::kDataLoss);
}

TEST(WorkingSetFileTest, RunsThatAreWrongAreRefused) {
  constexpr size_t kRun = kHeaderBytes + kRunBytes;
  EXPECT_EQ(CodeOf(WithField(SomeBytes(), kRun, uint64_t{2})), absl::StatusCode::kDataLoss);
  EXPECT_EQ(CodeOf(WithField(SomeBytes(), kRun, uint64_t{998})), absl::StatusCode::kDataLoss);
  EXPECT_EQ(CodeOf(WithField(SomeBytes(), kRun, UINT64_MAX)), absl::StatusCode::kDataLoss);
  EXPECT_EQ(CodeOf(WithField(SomeBytes(), kRun + 8, uint32_t{0})), absl::StatusCode::kDataLoss);
  EXPECT_EQ(CodeOf(WithField(SomeBytes(), kRun + 8, UINT32_MAX)), absl::StatusCode::kDataLoss);
  EXPECT_EQ(CodeOf(WithField(SomeBytes(), kRun + 12, uint32_t{2})), absl::StatusCode::kDataLoss);
  EXPECT_EQ(CodeOf(WithField(SomeBytes(), kRun + 12, uint32_t{0})), absl::StatusCode::kOk);
}

TEST(WorkingSetFileTest, OtherSnapshotsSetsAreRefused) {
  const Bytes bytes = SomeBytes();
  EXPECT_EQ(WorkingSetFile::Parse(bytes, kId + 1, kPageCount).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(WorkingSetFile::Parse(bytes, kId, kPageCount + 1).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(WorkingSetFileTest, SetsInTooManyPiecesAreNotKept) {
  const uint64_t page_count = 2 * WorkingSetFile::kMaxRuns + 2;
  WorkingSet set{PageSet(page_count), PageSet(page_count)};
  for (uint64_t page = 0; page < page_count; page += 2) {
    set.read.Add(page);
  }
  EXPECT_EQ(WorkingSetFile::Serialize(set, kId).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(WorkingSetFileTest, StandsBesideTheMemoryFile) {
  const TemporaryFolder folder;
  const std::string path = WorkingSetFile::PathOf(folder.PathOf("memory"));
  EXPECT_EQ(path, folder.PathOf("memory.working_set"));
  ASSERT_TRUE(WorkingSetFile::Write(path, SomeSet(), kId).ok());
  const auto set = WorkingSetFile::Read(path, kId, kPageCount);
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_EQ(*set, SomeSet());
}

TEST(WorkingSetFileTest, ErrorsNameTheFile) {
  const TemporaryFolder folder;
  const std::string path = folder.PathOf("set");
  EXPECT_EQ(WorkingSetFile::Read(path, kId, kPageCount).status().message(),
            path + ": open: No such file or directory");
  WriteWholeFile(path, {1, 2, 3});
  EXPECT_EQ(WorkingSetFile::Read(path, kId, kPageCount).status().message(),
            path + ": is no working set");
  WriteWholeFile(path, Bytes(WorkingSetFile::kMaxBytes + 1));
  EXPECT_EQ(WorkingSetFile::Read(path, kId, kPageCount).status().code(),
            absl::StatusCode::kDataLoss);
  ASSERT_EQ(mkfifo(folder.PathOf("pipe").c_str(), 0600), 0);
  EXPECT_FALSE(WorkingSetFile::Read(folder.PathOf("pipe"), kId, kPageCount).ok());
}

}  // namespace
}  // namespace mayfly
