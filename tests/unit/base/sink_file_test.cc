// SinkFile: files, FIFOs that are full or have no reader, descriptors that would block.

#include "base/sink_file.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

using Result = SinkFile::Result;

class SinkFileTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(mkdtemp(folder_.data()), nullptr); }
  void TearDown() override {
    unlink(Path().c_str());
    rmdir(folder_.c_str());
  }

  std::string Path() const { return folder_ + "/sink"; }

  // All that can be read now.
  static std::string Drain(int fd) {
    std::string text;
    std::array<char, 4096> part;
    for (ssize_t count = 0; (count = read(fd, part.data(), part.size())) > 0;) {
      text.append(part.data(), static_cast<size_t>(count));
    }
    return text;
  }
  std::string Content() const {
    const OwnedFd fd(open(Path().c_str(), O_RDONLY | O_NONBLOCK));
    return Drain(fd.get());
  }

 private:
  std::string folder_ = "/tmp/mayfly-sink-XXXXXX";
};

TEST_F(SinkFileTest, MakesTheFileAndAppendsToIt) {
  const mode_t mask = umask(0);
  {
    const auto sink = SinkFile::Open(Path());
    ASSERT_TRUE(sink.ok()) << sink.status();
    EXPECT_EQ((*sink)->Write("one\n"), Result::kWritten);
    EXPECT_EQ((*sink)->Write("two\n"), Result::kWritten);
  }
  umask(mask);
  struct stat status = {};
  ASSERT_EQ(stat(Path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0644u);
  const auto again = SinkFile::Open(Path());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again)->Write("three\n"), Result::kWritten);
  EXPECT_EQ(Content(), "one\ntwo\nthree\n");
}

TEST_F(SinkFileTest, SaysWhatItCouldNotOpen) {
  const auto missing = SinkFile::Open("/no/such/folder/log");
  EXPECT_EQ(missing.status().message(), "open /no/such/folder/log: No such file or directory");
  EXPECT_TRUE(absl::IsNotFound(missing.status()));
  EXPECT_EQ(SinkFile::Open("/tmp").status().message(), "open /tmp: Is a directory");
}

TEST_F(SinkFileTest, IsClosedWhenAnotherProgramStarts) {
  const auto sink = SinkFile::Open(Path());
  ASSERT_TRUE(sink.ok());
  for (int fd = 3; fd < 64; ++fd) {
    struct stat status = {};
    struct stat wanted = {};
    ASSERT_EQ(stat(Path().c_str(), &wanted), 0);
    if (fstat(fd, &status) == 0 && status.st_ino == wanted.st_ino) {
      EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
      EXPECT_NE(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    }
  }
}

TEST_F(SinkFileTest, AFifoNeedsNoReader) {
  ASSERT_EQ(mkfifo(Path().c_str(), 0600), 0);
  const auto sink = SinkFile::Open(Path());
  ASSERT_TRUE(sink.ok()) << sink.status();
  {
    const OwnedFd reader(open(Path().c_str(), O_RDONLY | O_NONBLOCK));
    EXPECT_EQ((*sink)->Write("heard\n"), Result::kWritten);
    EXPECT_EQ(Drain(reader.get()), "heard\n");
  }
  EXPECT_EQ((*sink)->Write("kept\n"), Result::kWritten);
  EXPECT_EQ(Content(), "kept\n");
}

TEST_F(SinkFileTest, AFullFifoLosesLinesAndGoesOnWhenThereIsRoom) {
  ASSERT_EQ(mkfifo(Path().c_str(), 0600), 0);
  const auto sink = SinkFile::Open(Path());
  ASSERT_TRUE(sink.ok());
  const std::string line = std::string(1023, 'x') + "\n";
  for (int i = 0; i < 64; ++i) {
    ASSERT_EQ((*sink)->Write(line), Result::kWritten) << i;
  }
  EXPECT_EQ((*sink)->Write(line), Result::kLost);
  EXPECT_EQ((*sink)->Write("short\n"), Result::kLost);
  EXPECT_EQ(Content().size(), size_t{64} * 1024);
  EXPECT_EQ((*sink)->Write("after\n"), Result::kWritten);
  EXPECT_EQ(Content(), "after\n");
}

// More than PIPE_BUF bytes may be written in part.
TEST_F(SinkFileTest, ALineThatWasTornDoesNotSpoilTheNext) {
  ASSERT_EQ(mkfifo(Path().c_str(), 0600), 0);
  const auto sink = SinkFile::Open(Path());
  ASSERT_TRUE(sink.ok());
  EXPECT_EQ((*sink)->Write(std::string(70'000, 'x') + "\n"), Result::kLost);
  EXPECT_EQ((*sink)->Write("lost\n"), Result::kLost);
  const std::string torn = Content();
  EXPECT_EQ(torn, std::string(torn.size(), 'x'));
  EXPECT_EQ((*sink)->Write("whole\n"), Result::kWritten);
  EXPECT_EQ((*sink)->Write("next\n"), Result::kWritten);
  EXPECT_EQ(Content(), "\nwhole\nnext\n");
}

TEST_F(SinkFileTest, AFullDiskLosesLines) {
  const auto sink = SinkFile::Open("/dev/full");
  ASSERT_TRUE(sink.ok());
  EXPECT_EQ((*sink)->Write("lost\n"), Result::kLost);
}

// In a process of its own, as the limit is the process's.
TEST_F(SinkFileTest, AFileAtItsLimitLosesLines) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const auto sink = SinkFile::Open(Path());
    const rlimit limit = {.rlim_cur = 6, .rlim_max = 6};
    setrlimit(RLIMIT_FSIZE, &limit);
    const bool is_right = (*sink)->Write("abc\n") == Result::kWritten &&
                          (*sink)->Write("defgh\n") == Result::kLost &&
                          (*sink)->Write("ijkl\n") == Result::kLost;
    _exit(is_right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Content(), "abc\nde");
}

TEST_F(SinkFileTest, ADescriptorKeepsItsFlagsAndNeverBlocks) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe(ends), 0);
  const OwnedFd reader(ends[0]);
  const OwnedFd writer(ends[1]);
  const auto sink = SinkFile::ForDescriptor(writer.get());
  EXPECT_EQ(fcntl(writer.get(), F_GETFL) & O_NONBLOCK, 0);
  const std::string line = std::string(1023, 'x') + "\n";
  int written_count = 0;
  while (sink->Write(line) == Result::kWritten) {
    ++written_count;
  }
  EXPECT_EQ(written_count, 64);
}

TEST_F(SinkFileTest, ASocketIsAskedBeforeEachWrite) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const OwnedFd reader(ends[0]);
  const OwnedFd writer(ends[1]);
  const auto sink = SinkFile::ForDescriptor(writer.get());
  const std::string line = std::string(1023, 'x') + "\n";
  int written_count = 0;
  while (sink->Write(line) == Result::kWritten) {
    ++written_count;
  }
  EXPECT_GT(written_count, 8);
}

TEST_F(SinkFileTest, ATerminalTakesLines) {
  int master = -1;
  int slave = -1;
  ASSERT_EQ(openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  const OwnedFd master_fd(master);
  const OwnedFd slave_fd(slave);
  const auto sink = SinkFile::ForDescriptor(slave);
  EXPECT_EQ(sink->Write("line\n"), Result::kWritten);
  std::array<char, 16> text = {};
  ASSERT_EQ(read(master, text.data(), text.size()), 6);
  EXPECT_EQ(std::string(text.data()), "line\r\n");
}

TEST_F(SinkFileTest, AFileSharesItsPositionWithOtherWritersOfTheDescriptor) {
  const OwnedFd fd(open(Path().c_str(), O_RDWR | O_CREAT, 0600));
  const auto sink = SinkFile::ForDescriptor(fd.get());
  EXPECT_EQ(sink->Write("log\n"), Result::kWritten);
  ASSERT_EQ(write(fd.get(), "console\n", 8), 8);
  EXPECT_EQ(sink->Write("log\n"), Result::kWritten);
  EXPECT_EQ(Content(), "log\nconsole\nlog\n");
}

TEST_F(SinkFileTest, APipeWhoseReaderWentAwayIsGivenUp) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe(ends), 0);
  const OwnedFd writer(ends[1]);
  const auto sink = SinkFile::ForDescriptor(writer.get());
  close(ends[0]);
  static int signal_count = 0;
  signal(SIGPIPE, [](int) { ++signal_count; });
  EXPECT_EQ(sink->Write("lost\n"), Result::kLost);
  EXPECT_EQ(sink->Write("lost\n"), Result::kLost);
  signal(SIGPIPE, SIG_DFL);
  EXPECT_EQ(signal_count, 1);
}

}  // namespace
}  // namespace mayfly
