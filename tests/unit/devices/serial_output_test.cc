// SerialOutput: every kind of sink, slow ones, broken ones, stuck ones.

#include "devices/serial_output.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "tests/fakes/pseudo_terminal.h"
#include "tests/unit/base/loop_fixture.h"

namespace mayfly {
namespace {

class SerialOutputTest : public LoopTest {
 protected:
  void SetUp() override {
    signal(SIGPIPE, SIG_IGN);
    LoopTest::SetUp();
  }

  void Open(int fd) {
    output = std::make_unique<SerialOutput>(
        loop.get(), SerialOutput::Options{.fd = fd, .on_broken = [this](absl::Status status) {
                                            EXPECT_FALSE(broken.has_value()) << "reported twice";
                                            broken = std::move(status);
                                          }});
  }

  // How many bytes were taken.
  size_t Put(const std::string& text) {
    size_t taken = 0;
    for (const char c : text) {
      taken += output->Put(static_cast<uint8_t>(c)) ? 1u : 0u;
    }
    return taken;
  }

  void Flush(int64_t limit_us) {
    bool is_done = false;
    output->Flush(MonotonicTimeUs() + limit_us, [&] { is_done = true; });
    EXPECT_FALSE(is_done);
    RunUntil([&] { return is_done; });
  }

  std::unique_ptr<SerialOutput> output;
  std::optional<absl::Status> broken;
};

std::string ReadAvailable(int fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  const int flags = fcntl(fd, F_GETFL);
  EXPECT_EQ(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
  for (ssize_t count = 0; (count = read(fd, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<size_t>(count));
  }
  return text;
}

INSTANTIATE_TEST_SUITE_P(Setups, SerialOutputTest,
                         testing::Values(Ring::Setup::kBest, Ring::Setup::kMinimal), SetupName);

TEST_P(SerialOutputTest, WritesToAPipeInOrder) {
  Pipe pipe;
  Open(pipe.write_end.get());
  std::string received;
  EXPECT_EQ(Put("hello "), 6u);
  RunUntil([&] { return (received += ReadAvailable(pipe.read_end.get())) == "hello "; });
  EXPECT_EQ(Put("world"), 5u);
  RunUntil([&] { return (received += ReadAvailable(pipe.read_end.get())) == "hello world"; });
  EXPECT_EQ(output->buffered_bytes(), 0u);
  EXPECT_EQ(output->flush_count(), 2u);
}

TEST_P(SerialOutputTest, WritesManyTimesItsCapacityWhileTheReaderKeepsUp) {
  Pipe pipe;
  Open(pipe.write_end.get());
  constexpr size_t kTotal = 1'000'000;
  std::string received;
  std::thread guest([&] {
    for (size_t i = 0; i < kTotal; ++i) {
      while (!output->Put(static_cast<uint8_t>('a' + i % 23))) {
        std::this_thread::yield();
      }
    }
  });
  RunUntil([&] {
    received += ReadAvailable(pipe.read_end.get());
    return received.size() == kTotal;
  });
  guest.join();
  for (size_t i = 0; i < kTotal; ++i) {
    ASSERT_EQ(received[i], static_cast<char>('a' + i % 23)) << "at " << i;
  }
}

TEST_P(SerialOutputTest, DropsWhatDoesNotFitAndGoesOnWhenThereIsRoom) {
  Pipe pipe;
  Open(pipe.write_end.get());
  EXPECT_EQ(Put(std::string(200'000, 'x')), SerialOutput::kCapacityBytes);
  EXPECT_EQ(output->buffered_bytes(), SerialOutput::kCapacityBytes);
  // The pipe takes 64 KiB, then the buffer fills again, and nothing blocks.
  RunFor(10'000);
  Put(std::string(200'000, 'y'));
  RunFor(10'000);
  EXPECT_EQ(Put("z"), 0u);
  size_t received = 0;
  RunUntil([&] {
    received += ReadAvailable(pipe.read_end.get()).size();
    return received == 2 * SerialOutput::kCapacityBytes;
  });
  EXPECT_EQ(Put("z"), 1u);
  EXPECT_FALSE(broken.has_value());
}

TEST_P(SerialOutputTest, AStuckNamedPipeDoesNotStopTheLoop) {
  char directory[] = "/tmp/mayfly_serial_output_XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const std::string path = std::string(directory) + "/fifo";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const OwnedFd reader(open(path.c_str(), O_RDONLY | O_NONBLOCK));
  const OwnedFd writer(open(path.c_str(), O_WRONLY));
  ASSERT_TRUE(reader.is_open() && writer.is_open());
  Open(writer.get());
  // Three times what the pipe holds.
  for (int i = 0; i < 3; ++i) {
    Put(std::string(SerialOutput::kCapacityBytes, 'x'));
    RunFor(5'000);
  }
  EXPECT_EQ(Put("z"), 0u);
  output.reset();
  unlink(path.c_str());
  rmdir(directory);
}

TEST_P(SerialOutputTest, ANonBlockingPipeIsWaitedFor) {
  Pipe pipe;
  ASSERT_EQ(fcntl(pipe.write_end.get(), F_SETFL, O_NONBLOCK), 0);
  Open(pipe.write_end.get());
  size_t received = 0;
  Put(std::string(SerialOutput::kCapacityBytes, 'x'));
  RunFor(5'000);
  Put(std::string(SerialOutput::kCapacityBytes, 'y'));
  RunFor(5'000);
  EXPECT_FALSE(broken.has_value());
  RunUntil([&] {
    received += ReadAvailable(pipe.read_end.get()).size();
    return received == 2 * SerialOutput::kCapacityBytes;
  });
}

TEST_P(SerialOutputTest, AStuckTerminalNeitherStopsTheLoopNorTheEnd) {
  PseudoTerminal pty;
  Open(pty.terminal.get());
  for (int i = 0; i < 3; ++i) {
    Put(std::string(SerialOutput::kCapacityBytes, 'x'));
    RunFor(5'000);
  }
  EXPECT_EQ(Put("z"), 0u);
  const int64_t start_us = MonotonicTimeUs();
  Flush(20'000);
  EXPECT_GE(MonotonicTimeUs() - start_us, 20'000);
  output.reset();
}

TEST_P(SerialOutputTest, ATerminalThatGoesAwayBreaksIt) {
  PseudoTerminal pty;
  Open(pty.terminal.get());
  pty.controller.Close();
  Put("x");
  RunUntil([&] { return broken.has_value(); });
  EXPECT_EQ(broken->message(), "write: Input/output error");
}

TEST_P(SerialOutputTest, AReaderThatGoesAwayBreaksItOnce) {
  Pipe pipe;
  Open(pipe.write_end.get());
  pipe.read_end.Close();
  Put("x");
  RunUntil([&] { return broken.has_value(); });
  EXPECT_EQ(broken->message(), "write: Broken pipe");
  EXPECT_TRUE(output->is_broken());
  EXPECT_EQ(Put("more"), 0u);
  Flush(3'600'000'000);
}

TEST_P(SerialOutputTest, MayBeDestroyedWhenItBreaks) {
  Pipe pipe;
  bool is_broken = false;
  auto victim = std::unique_ptr<SerialOutput>();
  victim = std::make_unique<SerialOutput>(
      loop.get(),
      SerialOutput::Options{.fd = pipe.write_end.get(), .on_broken = [&](const absl::Status&) {
                              victim.reset();
                              is_broken = true;
                            }});
  pipe.read_end.Close();
  victim->Put('x');
  RunUntil([&] { return is_broken; });
}

TEST_P(SerialOutputTest, WritesToFilesSocketsAndNull) {
  char path[] = "/tmp/mayfly_serial_output_XXXXXX";
  const OwnedFd file(mkstemp(path));
  unlink(path);
  std::array<int, 2> sockets{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets.data()), 0);
  const OwnedFd socket(sockets[0]);
  const OwnedFd peer(sockets[1]);
  const OwnedFd null(open("/dev/null", O_WRONLY));
  for (const int fd : {file.get(), socket.get(), null.get()}) {
    Open(fd);
    Put("one ");
    Flush(5'000'000);
    Put("two");
    Flush(5'000'000);
    EXPECT_EQ(output->buffered_bytes(), 0u);
    output.reset();
  }
  std::array<char, 16> text{};
  EXPECT_EQ(pread(file.get(), text.data(), text.size(), 0), 7);
  EXPECT_STREQ(text.data(), "one two");
  EXPECT_EQ(ReadAvailable(peer.get()), "one two");
}

TEST_P(SerialOutputTest, FlushWritesEverythingPutBefore) {
  Pipe pipe;
  Open(pipe.write_end.get());
  Flush(5'000'000);  // of nothing
  Put(std::string(SerialOutput::kCapacityBytes, 'x'));
  Flush(5'000'000);
  EXPECT_EQ(output->buffered_bytes(), 0u);
  EXPECT_EQ(ReadAvailable(pipe.read_end.get()).size(), SerialOutput::kCapacityBytes);
}

TEST_P(SerialOutputTest, FlushGivesUpAtItsDeadline) {
  Pipe pipe;
  Open(pipe.write_end.get());
  Put(std::string(SerialOutput::kCapacityBytes, 'x'));
  RunFor(5'000);
  Put(std::string(1'000, 'y'));
  const int64_t start_us = MonotonicTimeUs();
  Flush(20'000);
  EXPECT_GE(MonotonicTimeUs() - start_us, 20'000);
  EXPECT_EQ(output->buffered_bytes(), 1'000u);
}

// A guest that prints byte by byte must not wake the loop for each of them.
TEST_P(SerialOutputTest, BytesPutOneByOneAreWrittenInChunks) {
  const OwnedFd null(open("/dev/null", O_WRONLY));
  Open(null.get());
  std::atomic<bool> is_done{false};
  std::thread guest([&] {
    for (int i = 0; i < 20'000; ++i) {
      output->Put('x');
      if (i % 10 == 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(1));
      }
    }
    is_done = true;
  });
  RunUntil([&] { return is_done.load(); });
  guest.join();
  Flush(5'000'000);
  EXPECT_LT(output->flush_count(), 2'000u);
}

}  // namespace
}  // namespace mayfly
