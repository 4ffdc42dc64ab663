// BlockExecutor: transfers, ranges and flushes on a real file, cancelling, and another file.

#include "devices/virtio/block_executor.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"
#include "tests/fakes/test_memory.h"
#include "tests/unit/base/loop_fixture.h"

namespace mayfly {
namespace {

class BlockExecutorTest : public LoopTest {
 protected:
  static constexpr uint64_t kFileBytes = 64 << 10;

  void SetUp() override {
    LoopTest::SetUp();
    executor = std::make_unique<BlockExecutor>(
        loop.get(), BackingFile::Open({.path = file.path()}).value(),
        [this](BlockRequest* /*request*/, int error) { errors.push_back(error); });
  }

  // A transfer between the file and 4 KiB at `address`, in two segments.
  std::unique_ptr<BlockRequest> Transfer(BlockRequestType type, uint64_t offset_bytes,
                                         uint64_t address) {
    auto request = std::make_unique<BlockRequest>();
    request->type = type;
    request->offset_bytes = offset_bytes;
    request->data_bytes = 4096;
    SegmentList& data =
        type == BlockRequestType::kIn ? request->chain.writable : request->chain.readable;
    data.Add(*memory.Resolve({GuestAddress(address), 1000}));
    data.Add(*memory.Resolve({GuestAddress(address + 1000), 3096}));
    return request;
  }
  std::unique_ptr<BlockRequest> Ranges(BlockRequestType type, bool is_unmap_allowed) {
    auto request = std::make_unique<BlockRequest>();
    request->type = type;
    request->ranges = {
        {.offset_bytes = 4096, .size_bytes = 8192, .is_unmap_allowed = is_unmap_allowed},
        {.offset_bytes = 32768, .size_bytes = 512, .is_unmap_allowed = is_unmap_allowed}};
    return request;
  }

  int Run(BlockRequest* request) {
    executor->Start(request);
    executor->Flush();
    EXPECT_TRUE(errors.empty());
    RunUntil([&] { return !errors.empty(); });
    const int error = errors.empty() ? -1 : errors.front();
    errors.clear();
    return error;
  }

  std::vector<uint8_t> Read(uint64_t offset_bytes) {
    EXPECT_EQ(Run(Transfer(BlockRequestType::kIn, offset_bytes, 0x8000).get()), 0);
    std::vector<uint8_t> bytes(4096);
    EXPECT_TRUE(memory.Read(GuestAddress(0x8000), bytes).ok());
    return bytes;
  }

  TemporaryFile file{std::vector<uint8_t>(kFileBytes, 0x11)};
  GuestMemory memory = MakeTestMemory(0x10000);
  std::vector<int> errors;
  std::unique_ptr<BlockExecutor> executor;
};

INSTANTIATE_TEST_SUITE_P(Setups, BlockExecutorTest,
                         testing::Values(Ring::Setup::kBest, Ring::Setup::kMinimal), SetupName);

TEST_P(BlockExecutorTest, TransfersBothWays) {
  std::vector<uint8_t> bytes(4096);
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>(i * 13);
  }
  ASSERT_TRUE(memory.Write(GuestAddress(0x1000), bytes).ok());
  EXPECT_EQ(Run(Transfer(BlockRequestType::kOut, 8192, 0x1000).get()), 0);
  EXPECT_EQ(Read(8192), bytes);
  EXPECT_EQ(Read(0), std::vector<uint8_t>(4096, 0x11));
}

// They become one operation; each gets an answer of its own all the same.
TEST_P(BlockExecutorTest, TransfersThatFollowEachOtherOnTheDisk) {
  std::vector<uint8_t> bytes(12288);
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>(i * 13 + i / 4096);
  }
  ASSERT_TRUE(memory.Write(GuestAddress(0x1000), bytes).ok());
  std::vector<std::unique_ptr<BlockRequest>> writes;
  for (uint64_t i = 0; i < 3; ++i) {
    writes.push_back(Transfer(BlockRequestType::kOut, 4096 * (i + 1), 0x1000 * (i + 1)));
    executor->Start(writes.back().get());
  }
  executor->Flush();
  RunUntil([&] { return errors.size() == 3; });
  EXPECT_EQ(errors, std::vector<int>(3, 0));
  errors.clear();
  for (uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(Read(4096 * (i + 1)),
              std::vector<uint8_t>(bytes.begin() + static_cast<ptrdiff_t>(4096 * i),
                                   bytes.begin() + static_cast<ptrdiff_t>(4096 * (i + 1))));
  }
}

TEST_P(BlockExecutorTest, OfTransfersThatFollowEachOtherOnlyThoseBehindTheEndFail) {
  std::vector<std::unique_ptr<BlockRequest>> reads;
  for (uint64_t i = 0; i < 4; ++i) {
    reads.push_back(
        Transfer(BlockRequestType::kIn, kFileBytes - 8192 + 4096 * i, 0x1000 * (i + 1)));
    executor->Start(reads.back().get());
  }
  executor->Flush();
  RunUntil([&] { return errors.size() == 4; });
  std::sort(errors.begin(), errors.end());
  EXPECT_EQ(errors, (std::vector<int>{0, 0, EIO, EIO}));
  errors.clear();
}

TEST_P(BlockExecutorTest, AReadPastTheEndOfTheFileFails) {
  EXPECT_EQ(Run(Transfer(BlockRequestType::kIn, kFileBytes, 0x1000).get()), EIO);
  EXPECT_EQ(Run(Transfer(BlockRequestType::kIn, kFileBytes - 512, 0x1000).get()), EIO);
}

TEST_P(BlockExecutorTest, ClearsRanges) {
  if (!executor->file().can_punch_holes()) {
    GTEST_SKIP() << "the file system of /tmp has no holes";
  }
  for (const BlockRequestType type : {BlockRequestType::kDiscard, BlockRequestType::kWriteZeroes}) {
    for (const bool is_unmap_allowed : {false, true}) {
      EXPECT_EQ(Run(Ranges(type, is_unmap_allowed).get()), 0);
      EXPECT_EQ(Read(4096), std::vector<uint8_t>(4096));
      EXPECT_EQ(Read(8192), std::vector<uint8_t>(4096));
      std::vector<uint8_t> last(4096, 0x11);
      std::fill_n(last.begin(), 512, 0);
      EXPECT_EQ(Read(32768), last);
      const std::vector<uint8_t> bytes(4096, 0x11);
      ASSERT_TRUE(memory.Write(GuestAddress(0x1000), bytes).ok());
      for (const uint64_t offset : {4096u, 8192u, 32768u}) {
        EXPECT_EQ(Run(Transfer(BlockRequestType::kOut, offset, 0x1000).get()), 0);
      }
    }
  }
}

TEST_P(BlockExecutorTest, Flushes) {
  BlockRequest request;
  request.type = BlockRequestType::kFlush;
  EXPECT_EQ(Run(&request), 0);
  int synced_error = -1;
  executor->Sync([&](int error) { synced_error = error; });
  RunUntil([&] { return synced_error == 0; });
}

TEST_P(BlockExecutorTest, EveryRequestIsAnsweredBeforeACancelIsDone) {
  std::vector<std::unique_ptr<BlockRequest>> requests;
  for (uint64_t i = 0; i < 8; ++i) {
    requests.push_back(Transfer(i % 2 == 0 ? BlockRequestType::kIn : BlockRequestType::kOut,
                                i * 4096, 0x1000 + i % 4 * 4096));
    executor->Start(requests.back().get());
  }
  size_t answered_count = 0;
  bool is_cancelled = false;
  executor->Cancel([&] {
    answered_count = errors.size();
    is_cancelled = true;
  });
  RunUntil([&] { return is_cancelled; });
  EXPECT_EQ(answered_count, 8u);
  errors.clear();
  EXPECT_EQ(Run(Transfer(BlockRequestType::kIn, 0, 0x1000).get()), 0);
}

TEST_P(BlockExecutorTest, GoesOnWithAnotherFile) {
  const TemporaryFile other(std::vector<uint8_t>(4096, 0x22));
  executor->ReplaceFile(BackingFile::Open({.path = other.path()}).value());
  EXPECT_EQ(Read(0), std::vector<uint8_t>(4096, 0x22));
}

}  // namespace
}  // namespace mayfly
