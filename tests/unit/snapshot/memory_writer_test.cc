// MemoryWriter: full files, diffs and merges, and that the old file survives whatever happens.

#include "snapshot/memory_writer.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/status.h"
#include "gtest/gtest.h"
#include "snapshot/data_extent.h"
#include "snapshot/page_source.h"
#include "tests/fakes/temporary_folder.h"
#include "tests/fakes/test_memory.h"
#include "tests/unit/snapshot/snapshot_memory.h"

namespace mayfly {
namespace {

using Bytes = std::vector<uint8_t>;
using Kind = MemoryWriter::Kind;

constexpr uint64_t kPageCount = 1024;

class MemoryWriterTest : public testing::Test {
 protected:
  // Steps and commits; returns how many bytes were written.
  absl::StatusOr<uint64_t> Save(const GuestMemory& memory, const PageSet& pages, Kind kind,
                                uint64_t step_bytes = MemoryWriter::kStepBytes) {
    auto writer = MemoryWriter::Create(&memory, pages, kind, path_);
    RETURN_IF_ERROR(writer);
    while (true) {
      auto done = (*writer)->Step(step_bytes);
      RETURN_IF_ERROR(done);
      if (*done) {
        break;
      }
    }
    RETURN_IF_ERROR((*writer)->Commit());
    return (*writer)->written_bytes();
  }

  // The pages that are no holes.
  std::vector<uint64_t> DataPages() {
    const OwnedFd file(open(path_.c_str(), O_RDONLY));
    PageSet pages(kPageCount);
    uint64_t from = 0;
    while (const auto extent = *NextDataExtent(file.get(), from, kPageCount * kPage)) {
      pages.AddRun({extent->offset_bytes / kPage, extent->size_bytes / kPage});
      from = extent->offset_bytes + extent->size_bytes;
    }
    return Members(pages);
  }

  // A guest of 1024 pages in two regions, some with data.
  GuestMemory MakeGuest() {
    GuestMemory memory = MakeSharedMemory(TwoRanges(1000, 24));
    for (const uint64_t page : {2u, 3u, 4u, 500u, 999u, 1000u, 1023u}) {
      FillPage(memory, page, static_cast<uint8_t>(page % 255 + 1));
    }
    FillPage(memory, 600, 0);
    return memory;
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.PathOf("memory");
};

TEST_F(MemoryWriterTest, AFullFileHasTheRegionsInOrderAndHolesForZeros) {
  const GuestMemory memory = MakeGuest();
  const auto written = Save(memory, *PopulatedPages(memory), Kind::kFull);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(*written, 7 * kPage);
  EXPECT_EQ(ReadWholeFile(path_), AllBytes(memory));
  EXPECT_EQ(DataPages(), (std::vector<uint64_t>{2, 3, 4, 500, 999, 1000, 1023}));
}

TEST_F(MemoryWriterTest, StepsOfAnySizeWriteTheSame) {
  const GuestMemory memory = MakeGuest();
  for (const uint64_t step_bytes : {uint64_t{1}, kPage, 3 * kPage, 1000 * kPage}) {
    PageSet all(kPageCount);
    all.AddRun({0, kPageCount});
    const auto written = Save(memory, all, Kind::kFull, step_bytes);
    ASSERT_TRUE(written.ok()) << written.status();
    EXPECT_EQ(*written, 7 * kPage);
    EXPECT_EQ(ReadWholeFile(path_), AllBytes(memory));
  }
}

TEST_F(MemoryWriterTest, AnEmptyGuestIsAFileOfItsSize) {
  const GuestMemory memory = MakeTestMemory(kPageCount * kPage);
  const auto written = Save(memory, *PopulatedPages(memory), Kind::kFull);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(*written, 0u);
  EXPECT_EQ(ReadWholeFile(path_), Bytes(kPageCount * kPage));
}

TEST_F(MemoryWriterTest, AFullFileReplacesALongerOne) {
  WriteWholeFile(path_, Bytes(kPageCount * kPage + 1, 0xff));
  const GuestMemory memory = MakeGuest();
  ASSERT_TRUE(Save(memory, *PopulatedPages(memory), Kind::kFull).ok());
  EXPECT_EQ(ReadWholeFile(path_), AllBytes(memory));
}

TEST_F(MemoryWriterTest, ADiffHasZeroPagesAsData) {
  const GuestMemory memory = MakeGuest();
  const auto written = Save(memory, SetOf(kPageCount, {3, 600, 999, 1000}), Kind::kDiff);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(*written, 4 * kPage);
  EXPECT_EQ(DataPages(), (std::vector<uint64_t>{3, 600, 999, 1000}));
  EXPECT_EQ(ReadWholeFile(path_).size(), kPageCount * kPage);
}

TEST_F(MemoryWriterTest, ADiffIsMergedOntoAFileOfItsSize) {
  const GuestMemory memory = MakeGuest();
  ASSERT_TRUE(Save(memory, *PopulatedPages(memory), Kind::kFull).ok());
  Bytes expected = AllBytes(memory);
  FillPage(memory, 3, 0);
  FillPage(memory, 700, 7);
  FillPage(memory, 1000, 8);
  // Not among the pages that are written.
  FillPage(memory, 800, 9);
  const auto written = Save(memory, SetOf(kPageCount, {3, 700, 1000}), Kind::kDiff, 2 * kPage);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(*written, 2 * kPage);
  std::fill_n(expected.begin() + 3 * kPage, kPage, 0);
  std::fill_n(expected.begin() + 700 * kPage, kPage, 7);
  std::fill_n(expected.begin() + 1000 * kPage, kPage, 8);
  EXPECT_EQ(ReadWholeFile(path_), expected);
  EXPECT_EQ(DataPages(), (std::vector<uint64_t>{2, 4, 500, 700, 999, 1000, 1023}));
}

TEST_F(MemoryWriterTest, ADiffReplacesAFileOfAnotherSize) {
  WriteWholeFile(path_, Bytes(17, 0xff));
  const GuestMemory memory = MakeGuest();
  ASSERT_TRUE(Save(memory, SetOf(kPageCount, {3}), Kind::kDiff).ok());
  EXPECT_EQ(DataPages(), std::vector<uint64_t>{3});
}

// The guest runs on the file that its snapshot is written to.
TEST_F(MemoryWriterTest, AGuestSurvivesBeingWrittenOverTheFileItMaps) {
  ASSERT_TRUE(Save(MakeGuest(), *PopulatedPages(MakeGuest()), Kind::kFull).ok());
  for (const Kind kind : {Kind::kFull, Kind::kDiff}) {
    const GuestMemory memory = MapTestFile(path_, TwoRanges(1000, 24));
    FillPage(memory, 2, 0);
    FillPage(memory, 100, 42);
    const Bytes expected = AllBytes(memory);
    const auto pages = kind == Kind::kFull ? PopulatedPages(memory) : WrittenSinceLoad(memory);
    ASSERT_TRUE(pages.ok()) << pages.status();
    ASSERT_TRUE(Save(memory, *pages, kind).ok());
    EXPECT_EQ(ReadWholeFile(path_), expected);
    EXPECT_EQ(AllBytes(memory), expected);
  }
}

TEST_F(MemoryWriterTest, DestroyingCancels) {
  WriteWholeFile(path_, Bytes(kPageCount * kPage, 5));
  const GuestMemory memory = MakeGuest();
  {
    auto writer = MemoryWriter::Create(&memory, SetOf(kPageCount, {3, 700}), Kind::kDiff, path_);
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE((*writer)->Step(kPage).ok());
  }
  EXPECT_EQ(ReadWholeFile(path_), Bytes(kPageCount * kPage, 5));
  EXPECT_EQ(folder_.Names(), std::vector<std::string>{"memory"});
}

TEST_F(MemoryWriterTest, AKilledWriterLeavesTheOldFile) {
  WriteWholeFile(path_, Bytes(kPageCount * kPage, 5));
  const GuestMemory memory = MakeGuest();
  for (int step_count = 1; step_count < 5; ++step_count) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto writer = MemoryWriter::Create(&memory, SetOf(kPageCount, {3, 700}), Kind::kDiff, path_);
      for (int i = 0; writer.ok() && i < step_count; ++i) {
        (void)(*writer)->Step(300 * kPage);
      }
      (void)raise(SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(ReadWholeFile(path_), Bytes(kPageCount * kPage, 5));
  }
}

TEST_F(MemoryWriterTest, AFileSizeLimitIsAnErrorThatNamesTheFile) {
  const GuestMemory memory = MakeGuest();
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  struct rlimit saved = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &saved), 0);
  const struct rlimit low = {.rlim_cur = 100 * kPage, .rlim_max = saved.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &low), 0);
  const auto written = Save(memory, *PopulatedPages(memory), Kind::kFull);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &saved), 0);
  (void)signal(SIGXFSZ, old_handler);
  EXPECT_EQ(written.status().message(), path_ + ": ftruncate: File too large");
  EXPECT_TRUE(folder_.Names().empty());
}

// A file system of 100 pages.
class MemoryWriterFullDiskTest : public MemoryWriterTest {
 protected:
  void SetUp() override {
    if (mount("test", folder_.path().c_str(), "tmpfs", 0, "size=409600") != 0) {
      GTEST_SKIP() << "a small file system cannot be mounted here (not root?)";
    }
    mounted_ = true;
  }
  void TearDown() override {
    if (mounted_) {
      (void)umount2(folder_.path().c_str(), MNT_DETACH);
    }
  }

  bool mounted_ = false;
};

TEST_F(MemoryWriterFullDiskTest, AFullDiskIsAnErrorThatLeavesTheOldFile) {
  const GuestMemory memory = MakeGuest();
  ASSERT_TRUE(Save(memory, *PopulatedPages(memory), Kind::kFull).ok());
  const Bytes old = ReadWholeFile(path_);
  for (uint64_t page = 0; page < 200; ++page) {
    FillPage(memory, page, 3);
  }
  for (const Kind kind : {Kind::kFull, Kind::kDiff}) {
    EXPECT_EQ(Save(memory, *PopulatedPages(memory), kind).status().message(),
              path_ + ": write: No space left on device");
    EXPECT_EQ(ReadWholeFile(path_), old);
    EXPECT_EQ(folder_.Names(), std::vector<std::string>{"memory"});
  }
}

TEST_F(MemoryWriterFullDiskTest, AFullDiskIsAnErrorWhileTheBaseIsCopied) {
  WriteWholeFile(path_, {});
  const OwnedFd base(open(path_.c_str(), O_RDWR));
  ASSERT_EQ(ftruncate(base.get(), kPageCount * kPage), 0);
  const Bytes data(70 * kPage, 1);
  ASSERT_EQ(pwrite(base.get(), data.data(), data.size(), 0), static_cast<ssize_t>(data.size()));
  const GuestMemory memory = MakeGuest();
  EXPECT_EQ(Save(memory, SetOf(kPageCount, {3}), Kind::kDiff).status().message(),
            path_ + ": write: No space left on device");
  EXPECT_EQ(folder_.Names(), std::vector<std::string>{"memory"});
}

}  // namespace
}  // namespace mayfly
