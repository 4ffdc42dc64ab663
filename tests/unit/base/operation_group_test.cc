// OperationGroup: reads, writes, polls and eventfds on real descriptors; cancelling in every place.

#include "base/operation_group.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/pseudo_terminal.h"
#include "tests/unit/base/loop_fixture.h"

namespace mayfly {
namespace {

constexpr uint64_t kHere = OperationGroup::kCurrentPosition;

class OperationGroupTest : public LoopTest {};

INSTANTIATE_TEST_SUITE_P(Setups, OperationGroupTest,
                         testing::Values(Ring::Setup::kBest, Ring::Setup::kMinimal), SetupName);

TEST_P(OperationGroupTest, ReadsWhatAWriteSentThroughAPipe) {
  Pipe pipe;
  OperationGroup io(loop.get());
  std::array<uint8_t, 8> in{};
  const std::array<uint8_t, 3> out{1, 2, 3};
  std::optional<int32_t> read_result;
  std::optional<int32_t> write_result;
  io.Read(pipe.read_end.get(), in, kHere, [&](int32_t result) { read_result = result; });
  io.Write(pipe.write_end.get(), out, kHere, [&](int32_t result) { write_result = result; });
  EXPECT_EQ(io.pending_count(), 2u);
  RunUntil([&] { return read_result && write_result; });
  EXPECT_EQ(read_result, 3);
  EXPECT_EQ(write_result, 3);
  EXPECT_TRUE(std::equal(out.begin(), out.end(), in.begin()));
  EXPECT_EQ(io.pending_count(), 0u);
}

TEST_P(OperationGroupTest, WritesAndReadsAFileAtAnOffset) {
  char path[] = "/tmp/mayfly_operation_group_XXXXXX";
  OwnedFd file(mkstemp(path));
  ASSERT_TRUE(file.is_open());
  unlink(path);
  OperationGroup io(loop.get());
  const std::array<uint8_t, 4> out{9, 8, 7, 6};
  std::array<uint8_t, 4> in{};
  std::optional<int32_t> read_result;
  io.Write(file.get(), out, 4096, [&](int32_t result) {
    EXPECT_EQ(result, 4);
    io.Read(file.get(), in, 4096, [&](int32_t count) { read_result = count; });
  });
  RunUntil([&] { return read_result.has_value(); });
  EXPECT_EQ(read_result, 4);
  EXPECT_EQ(in, out);
  EXPECT_EQ(lseek(file.get(), 0, SEEK_CUR), 0);
}

TEST_P(OperationGroupTest, GivesTheErrorOfTheSystemCall) {
  OperationGroup io(loop.get());
  std::array<uint8_t, 1> buffer{};
  std::optional<int32_t> result;
  io.Read(-1, buffer, kHere, [&](int32_t value) { result = value; });
  RunUntil([&] { return result.has_value(); });
  EXPECT_EQ(result, -EBADF);
}

TEST_P(OperationGroupTest, ReadsATerminal) {
  PseudoTerminal pty;
  OperationGroup io(loop.get());
  std::array<uint8_t, 16> buffer{};
  std::optional<int32_t> result;
  io.Read(pty.terminal.get(), buffer, kHere, [&](int32_t value) { result = value; });
  RunFor(2'000);
  EXPECT_FALSE(result.has_value());
  pty.Type("x");
  RunUntil([&] { return result.has_value(); });
  EXPECT_EQ(result, 1);
  EXPECT_EQ(buffer[0], 'x');
}

TEST_P(OperationGroupTest, CancelsAReadOfATerminal) {
  PseudoTerminal pty;
  std::array<uint8_t, 16> buffer{};
  OperationGroup io(loop.get());
  io.Read(pty.terminal.get(), buffer, kHere, [](int32_t) { ADD_FAILURE() << "abandoned"; });
  RunFor(2'000);
  io.Abandon();
  EXPECT_EQ(io.pending_count(), 0u);
}

TEST_P(OperationGroupTest, CancelsAWriteToAStuckTerminal) {
  PseudoTerminal pty;
  // More than a terminal buffers: the worker sleeps in the write.
  const std::vector<uint8_t> bytes(1 << 20, 'x');
  std::optional<int32_t> result;
  bool is_cancelled = false;
  OperationGroup io(loop.get());
  io.WriteOnWorker(pty.terminal.get(), bytes, kHere, [&](int32_t value) { result = value; });
  RunFor(20'000);
  EXPECT_FALSE(result.has_value());
  io.Cancel([&] { is_cancelled = true; });
  RunUntil([&] { return is_cancelled; });
  ASSERT_TRUE(result.has_value());
  EXPECT_LT(*result, 1 << 20);
}

TEST_P(OperationGroupTest, CancelsAWorkersReadOfATerminal) {
  PseudoTerminal pty;
  std::array<uint8_t, 16> buffer{};
  OperationGroup io(loop.get());
  io.ReadOnWorker(pty.terminal.get(), buffer, kHere, [](int32_t) { ADD_FAILURE() << "abandoned"; });
  RunFor(2'000);
  io.Abandon();
  EXPECT_EQ(io.pending_count(), 0u);
}

TEST_P(OperationGroupTest, PollsForReadiness) {
  Pipe pipe;
  OperationGroup io(loop.get());
  std::optional<int32_t> events;
  io.Poll(pipe.read_end.get(), POLLIN, [&](int32_t result) { events = result; });
  RunFor(1'000);
  EXPECT_FALSE(events.has_value());
  ASSERT_EQ(write(pipe.write_end.get(), "a", 1), 1);
  RunUntil([&] { return events.has_value(); });
  EXPECT_TRUE((*events & POLLIN) != 0);
}

TEST_P(OperationGroupTest, WatchesABlockingAndANonBlockingEventFd) {
  for (const int flags : {0, int{EFD_NONBLOCK}}) {
    OwnedFd event_fd(eventfd(0, EFD_CLOEXEC | flags));
    OperationGroup io(loop.get());
    std::vector<int64_t> counts;
    io.WatchEventFd(event_fd.get(), [&](int64_t count) { counts.push_back(count); });
    RunFor(1'000);
    EXPECT_TRUE(counts.empty());
    ASSERT_EQ(eventfd_write(event_fd.get(), 2), 0);
    RunUntil([&] { return counts.size() == 1; });
    ASSERT_EQ(eventfd_write(event_fd.get(), 3), 0);
    RunUntil([&] { return counts.size() == 2; });
    EXPECT_EQ(counts, (std::vector<int64_t>{2, 3}));
  }
}

TEST_P(OperationGroupTest, AWatchEndsWithTheErrorOfItsCancel) {
  OwnedFd event_fd(eventfd(0, EFD_CLOEXEC));
  auto io = std::make_unique<OperationGroup>(loop.get());
  std::vector<int64_t> counts;
  bool is_done = false;
  io->WatchEventFd(event_fd.get(), [&](int64_t count) { counts.push_back(count); });
  io->Cancel([&] { is_done = true; });
  RunUntil([&] { return is_done; });
  EXPECT_EQ(counts, std::vector<int64_t>{-ECANCELED});
  ASSERT_EQ(eventfd_write(event_fd.get(), 1), 0);
  RunFor(2'000);
  EXPECT_EQ(counts.size(), 1u);
}

TEST_P(OperationGroupTest, AWatchMayDestroyItsGroup) {
  OwnedFd event_fd(eventfd(0, EFD_CLOEXEC));
  auto io = std::make_unique<OperationGroup>(loop.get());
  int count = 0;
  const std::string big_capture(100, 'x');
  io->WatchEventFd(event_fd.get(), [&, big_capture](int64_t) {
    io.reset();
    count += big_capture == std::string(100, 'x') ? 1 : 100;
  });
  ASSERT_EQ(eventfd_write(event_fd.get(), 1), 0);
  RunUntil([&] { return count != 0; });
  EXPECT_EQ(count, 1);
}

TEST_P(OperationGroupTest, CancelRunsTheCallbacksAndThenDone) {
  Pipe pipe;
  OperationGroup io(loop.get());
  OperationGroup other(loop.get());
  std::array<uint8_t, 8> buffer{};
  std::array<uint8_t, 8> other_buffer{};
  std::vector<int32_t> order;
  bool is_other_done = false;
  io.Read(pipe.read_end.get(), buffer, kHere, [&](int32_t result) { order.push_back(result); });
  other.Read(pipe.read_end.get(), other_buffer, kHere, [&](int32_t) { is_other_done = true; });
  RunFor(1'000);
  io.Cancel([&] { order.push_back(1); });
  EXPECT_TRUE(order.empty());
  RunUntil([&] { return order.size() == 2; });
  EXPECT_EQ(order, (std::vector<int32_t>{-ECANCELED, 1}));
  EXPECT_FALSE(is_other_done);
  ASSERT_EQ(write(pipe.write_end.get(), "z", 1), 1);
  RunUntil([&] { return is_other_done; });
  EXPECT_EQ(buffer[0], 0);
}

TEST_P(OperationGroupTest, CancelOfNothingStillCallsDoneLater) {
  OperationGroup io(loop.get());
  int done_count = 0;
  io.Cancel([&] { ++done_count; });
  EXPECT_EQ(done_count, 0);
  RunUntil([&] { return done_count == 1; });
}

TEST_P(OperationGroupTest, TwoCancelsBothEnd) {
  Pipe pipe;
  OperationGroup io(loop.get());
  std::array<uint8_t, 8> buffer{};
  int result_count = 0;
  int done_count = 0;
  io.Read(pipe.read_end.get(), buffer, kHere, [&](int32_t) { ++result_count; });
  io.Cancel([&] { ++done_count; });
  io.Read(pipe.read_end.get(), buffer, kHere, [&](int32_t) { ++result_count; });
  io.Cancel([&] { ++done_count; });
  RunUntil([&] { return done_count == 2; });
  EXPECT_EQ(result_count, 2);
}

TEST_P(OperationGroupTest, AnOperationStartedAfterCancelGoesOn) {
  Pipe pipe;
  OperationGroup io(loop.get());
  std::array<uint8_t, 8> buffer{};
  std::optional<int32_t> second_result;
  bool is_done = false;
  io.Read(pipe.read_end.get(), buffer, kHere, [&](int32_t) {
    io.Read(pipe.read_end.get(), buffer, kHere, [&](int32_t result) { second_result = result; });
  });
  io.Cancel([&] { is_done = true; });
  RunUntil([&] { return is_done; });
  RunFor(30'000);  // longer than the retry of a cancel
  EXPECT_FALSE(second_result.has_value());
  ASSERT_EQ(write(pipe.write_end.get(), "z", 1), 1);
  RunUntil([&] { return second_result.has_value(); });
  EXPECT_EQ(second_result, 1);
}

TEST_P(OperationGroupTest, CancelInsideACallbackOfTheGroup) {
  Pipe pipe;
  OperationGroup io(loop.get());
  std::array<uint8_t, 1> first{};
  std::array<uint8_t, 1> second{};
  bool is_done = false;
  std::vector<int32_t> results;
  ASSERT_EQ(write(pipe.write_end.get(), "z", 1), 1);
  for (auto* buffer : {&first, &second}) {
    io.Read(pipe.read_end.get(), *buffer, kHere, [&](int32_t result) {
      results.push_back(result);
      if (result == 1) {
        io.Cancel([&] { is_done = true; });
      }
    });
  }
  RunUntil([&] { return is_done; });
  EXPECT_EQ(results, (std::vector<int32_t>{1, -ECANCELED}));
}

TEST_P(OperationGroupTest, ACallbackMayDestroyItsOwner) {
  struct Owner {
    explicit Owner(EventLoop* event_loop) : io(event_loop) {}
    Pipe pipe;
    std::array<uint8_t, 8> buffer{};
    OperationGroup io;
  };
  auto owner = std::make_unique<Owner>(loop.get());
  bool is_destroyed = false;
  const OwnedFd write_end = std::move(owner->pipe.write_end);
  for (int i = 0; i < 3; ++i) {
    owner->io.Read(owner->pipe.read_end.get(), owner->buffer, kHere, [&](int32_t) {
      ASSERT_FALSE(is_destroyed) << "a callback ran after its group's end";
      owner.reset();
      is_destroyed = true;
    });
  }
  // Three bytes: all three reads may be complete when the first callback runs.
  ASSERT_EQ(write(write_end.get(), "abc", 3), 3);
  RunUntil([&] { return is_destroyed; });
  RunFor(1'000);
}

TEST_P(OperationGroupTest, DestructionDropsCallbacksAndAnnouncements) {
  Pipe pipe;
  std::array<uint8_t, 8> buffer{};
  auto alive = std::make_shared<int>(0);
  {
    OperationGroup io(loop.get());
    io.Read(pipe.read_end.get(), buffer, kHere, [alive](int32_t) { ++*alive; });
    io.Cancel([alive] { ++*alive; });
    EXPECT_EQ(alive.use_count(), 3);
  }
  EXPECT_EQ(alive.use_count(), 1);
  RunFor(1'000);
  EXPECT_EQ(*alive, 0);
  // The kernel holds the buffer no more.
  ASSERT_EQ(write(pipe.write_end.get(), "z", 1), 1);
  RunFor(1'000);
  EXPECT_EQ(buffer[0], 0);
}

// A cancel must find an operation in each of its states: queued, armed, handed to a worker,
// running.
TEST_P(OperationGroupTest, CancelAtAnyMomentEnds) {
  PseudoTerminal pty;
  const std::vector<uint8_t> bytes(1 << 16, 'x');
  std::array<uint8_t, 16> buffer{};
  for (int64_t round = 0; round < 60; ++round) {
    OperationGroup io(loop.get());
    io.WriteOnWorker(pty.terminal.get(), bytes, kHere, [](int32_t) {});
    io.ReadOnWorker(pty.terminal.get(), buffer, kHere, [](int32_t) {});
    io.Read(pty.terminal.get(), buffer, kHere, [](int32_t) {});
    if (round % 4 != 0) {
      RunFor(round * 7);
    }
    if (round % 2 == 0) {
      io.Abandon();
      continue;
    }
    bool is_done = false;
    io.Cancel([&] { is_done = true; });
    RunUntil([&] { return is_done; });
  }
}

TEST_P(OperationGroupTest, AbandonLeavesOtherGroupsCompletionsToTheLoop) {
  Pipe stuck;
  Pipe ready;
  OperationGroup abandoned(loop.get());
  OperationGroup kept(loop.get());
  std::array<uint8_t, 8> buffer{};
  std::array<uint8_t, 8> kept_buffer{};
  std::optional<int32_t> kept_result;
  abandoned.Read(stuck.read_end.get(), buffer, kHere, [](int32_t) { ADD_FAILURE(); });
  ASSERT_EQ(write(ready.write_end.get(), "ok", 2), 2);
  kept.Read(ready.read_end.get(), kept_buffer, kHere,
            [&](int32_t result) { kept_result = result; });
  abandoned.Abandon();
  EXPECT_FALSE(kept_result.has_value()) << "a callback ran inside Abandon";
  RunUntil([&] { return kept_result.has_value(); });
  EXPECT_EQ(kept_result, 2);
}

TEST_P(OperationGroupTest, TenTimesMoreOperationsThanEntriesAllComplete) {
  Recreate(16);
  constexpr size_t kCount = 160;
  Pipe pipe;
  OperationGroup io(loop.get());
  std::vector<std::array<uint8_t, 1>> buffers(kCount);
  size_t read_count = 0;
  for (size_t i = 0; i < kCount; ++i) {
    io.Read(pipe.read_end.get(), buffers[i], kHere, [&](int32_t result) {
      EXPECT_EQ(result, 1);
      ++read_count;
    });
  }
  EXPECT_EQ(io.pending_count(), kCount);
  const std::vector<uint8_t> bytes(kCount, 7);
  io.Write(pipe.write_end.get(), bytes, kHere,
           [&](int32_t result) { EXPECT_EQ(result, static_cast<int32_t>(kCount)); });
  RunUntil([&] { return read_count == kCount; });
}

TEST_P(OperationGroupTest, MoreCompletionsThanTheRingHoldsAreNotLost) {
  Recreate(8);
  constexpr size_t kCount = 400;
  OwnedFd null(open("/dev/null", O_WRONLY));
  OperationGroup io(loop.get());
  const std::array<uint8_t, 1> byte{};
  size_t count = 0;
  for (size_t i = 0; i < kCount; ++i) {
    io.Write(null.get(), byte, kHere, [&](int32_t result) {
      EXPECT_EQ(result, 1);
      ++count;
    });
  }
  RunUntil([&] { return count == kCount; });
}

TEST_P(OperationGroupTest, CancelOfMoreOperationsThanEntries) {
  Recreate(8);
  constexpr size_t kCount = 100;
  Pipe pipe;
  OperationGroup io(loop.get());
  std::vector<std::array<uint8_t, 1>> buffers(kCount);
  size_t cancelled_count = 0;
  bool is_done = false;
  for (auto& buffer : buffers) {
    io.Read(pipe.read_end.get(), buffer, kHere,
            [&](int32_t result) { cancelled_count += result == -ECANCELED ? 1u : 0u; });
  }
  io.Cancel([&] { is_done = true; });
  RunUntil([&] { return is_done; });
  EXPECT_EQ(cancelled_count, kCount);
}

}  // namespace
}  // namespace mayfly
