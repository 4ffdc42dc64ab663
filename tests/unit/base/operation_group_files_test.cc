// OperationGroup: vectors, flags and space of files.

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <vector>

#include "base/mapping.h"
#include "base/operation_group.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"
#include "tests/unit/base/loop_fixture.h"

namespace mayfly {
namespace {

constexpr size_t kFileBytes = size_t{3} * 4096;
constexpr uint64_t kHere = OperationGroup::kCurrentPosition;

class OperationGroupFilesTest : public LoopTest {};

INSTANTIATE_TEST_SUITE_P(Setups, OperationGroupFilesTest,
                         testing::Values(Ring::Setup::kBest, Ring::Setup::kMinimal), SetupName);

TEST_P(OperationGroupFilesTest, VectorsMoveBetweenAFileAndSegments) {
  const TemporaryFile file(std::vector<uint8_t>(16, 0));
  auto fd = OwnedFd::Open(file.path().c_str(), O_RDWR);
  ASSERT_TRUE(fd.ok()) << fd.status();
  OperationGroup io(loop.get());
  std::array<uint8_t, 3> first{1, 2, 3};
  std::array<uint8_t, 2> second{4, 5};
  const std::array<iovec, 2> out{iovec{first.data(), 3}, iovec{second.data(), 2}};
  std::array<uint8_t, 4> whole{};
  std::array<uint8_t, 1> tail{};
  const std::array<iovec, 2> in{iovec{whole.data(), 4}, iovec{tail.data(), 1}};
  const std::array<iovec, 1> one{iovec{whole.data(), 2}};
  std::vector<int32_t> results;
  const auto note = [&](int32_t result) { results.push_back(result); };
  io.WriteVector(fd->get(), out, 8, 0, note);
  RunUntil([&] { return results.size() == 1; });
  io.ReadVector(fd->get(), in, 8, 0, note);
  RunUntil([&] { return results.size() == 2; });
  EXPECT_EQ(whole, (std::array<uint8_t, 4>{1, 2, 3, 4}));
  EXPECT_EQ(tail[0], 5);
  io.ReadVector(fd->get(), one, 11, 0, note);
  io.SyncData(fd->get(), note);
  RunUntil([&] { return results.size() == 4; });
  EXPECT_EQ(whole[0], 4);
  EXPECT_EQ(whole[1], 5);
  std::sort(results.begin(), results.end());
  EXPECT_EQ(results, (std::vector<int32_t>{0, 2, 5, 5}));
}

TEST_P(OperationGroupFilesTest, AReadThatMayNotWaitFailsAtOnce) {
  Pipe pipe;
  OperationGroup io(loop.get());
  std::array<uint8_t, 4> buffer{};
  const std::array<iovec, 1> in{iovec{buffer.data(), buffer.size()}};
  std::optional<int32_t> result;
  io.ReadVector(pipe.read_end.get(), in, kHere, RWF_NOWAIT, [&](int32_t got) { result = got; });
  RunUntil([&] { return result.has_value(); });
  EXPECT_EQ(result, -EAGAIN);
}

TEST_P(OperationGroupFilesTest, AllocateMakesAHoleOfTheSizeAsked) {
  const TemporaryFile file(std::vector<uint8_t>(kFileBytes, 0xff));
  auto fd = OwnedFd::Open(file.path().c_str(), O_RDWR);
  ASSERT_TRUE(fd.ok()) << fd.status();
  OperationGroup io(loop.get());
  std::optional<int32_t> result;
  io.Allocate(fd->get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096,
              [&](int32_t got) { result = got; });
  RunUntil([&] { return result.has_value(); });
  if (result == -EOPNOTSUPP) {
    GTEST_SKIP() << "the file system of /tmp cannot punch holes";
  }
  ASSERT_EQ(result, 0);
  std::vector<uint8_t> bytes(kFileBytes);
  ASSERT_EQ(pread(fd->get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(kFileBytes));
  EXPECT_EQ(bytes[4095], 0xff);
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), 0), 4096);
  EXPECT_EQ(bytes[8192], 0xff);
}

TEST_P(OperationGroupFilesTest, MadviseReachesTheMemory) {
  auto mapping = Mapping::Create({.size_bytes = 4096,
                                  .protection = PROT_READ | PROT_WRITE,
                                  .flags = MAP_PRIVATE | MAP_ANONYMOUS});
  ASSERT_TRUE(mapping.ok()) << mapping.status();
  mapping->data()[0] = 1;
  OperationGroup io(loop.get());
  std::vector<int32_t> results;
  const auto note = [&](int32_t result) { results.push_back(result); };
  io.Madvise(mapping->bytes(), MADV_DONTNEED, note);
  RunUntil([&] { return results.size() == 1; });
  EXPECT_EQ(mapping->data()[0], 0);
  io.Madvise(mapping->bytes(), -1, note);
  RunUntil([&] { return results.size() == 2; });
  EXPECT_EQ(results, (std::vector<int32_t>{0, -EINVAL}));
}

}  // namespace
}  // namespace mayfly
