// Console: where a guest's output goes, and which inputs it reads.

#include "api/console.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/text_file.h"
#include "base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/pseudo_terminal.h"
#include "tests/fakes/recording_irq_line.h"
#include "tests/fakes/temporary_file.h"
#include "tests/unit/base/loop_fixture.h"

namespace mayfly {
namespace {

// Standard input as it was, at the end.
class SavedInput {
 public:
  SavedInput() : saved_(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)) {}
  ~SavedInput() {
    if (saved_.is_open()) {
      dup2(saved_.get(), STDIN_FILENO);
    }
  }

 private:
  const OwnedFd saved_;
};

class ConsoleTest : public LoopTest {
 protected:
  std::unique_ptr<Console> Make(Console::Options options) {
    auto console = Console::Create(loop.get(), std::move(options));
    EXPECT_TRUE(console.ok()) << console.status();
    return console.ok() ? *std::move(console) : nullptr;
  }

  static void SetInput(int fd) { ASSERT_EQ(dup2(fd, STDIN_FILENO), STDIN_FILENO); }

  static void Print(Console& console, const std::string& text) {
    for (const char c : text) {
      EXPECT_TRUE(console.sink()->Put(static_cast<uint8_t>(c)));
    }
  }

  void Flush(Console& console) {
    console.Flush(MonotonicTimeUs() + 10'000'000, [this] { loop->Stop(); });
    ASSERT_TRUE(loop->Run().ok());
  }

  const SavedInput saved_;
};

TEST_P(ConsoleTest, PrintsToAFileThatItMakes) {
  const TemporaryFile place({});
  const std::string path = place.path() + ".out";
  const auto console = Make({.serial = {.serial_out_path = path}});
  ASSERT_NE(console, nullptr);
  Print(*console, "hello\n");
  Flush(*console);
  EXPECT_EQ(*ReadTextFile(path), "hello\n");
  EXPECT_EQ(console->output().flush_count(), 1u);
  EXPECT_FALSE(console->has_terminal());
  unlink(path.c_str());
}

TEST_P(ConsoleTest, PrintsToStandardOutputWhenNothingElseIsSaid) {
  testing::internal::CaptureStdout();
  const auto console = Make({});
  ASSERT_NE(console, nullptr);
  Print(*console, "hi\n");
  Flush(*console);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "hi\n");
}

TEST_P(ConsoleTest, PrintsNoMoreThanItsRate) {
  const TemporaryFile file({});
  const auto console =
      Make({.serial = {.serial_out_path = file.path(),
                       .rate_limiter = TokenBucketConfig{.size = 3, .refill_time_ms = 3'600'000}}});
  ASSERT_NE(console, nullptr);
  for (int i = 0; i < 10; ++i) {
    console->sink()->Put('x');
  }
  Flush(*console);
  EXPECT_EQ(*ReadTextFile(file.path()), "xxx");
  EXPECT_EQ(console->output().rate_limited_bytes(), 7u);
}

TEST_P(ConsoleTest, NamesAFileThatCannotBeOpened) {
  const absl::Status status =
      Console::Create(loop.get(), {.serial = {.serial_out_path = "/no/such/file"}}).status();
  EXPECT_EQ(ErrnoOf(status), ENOENT);
  EXPECT_THAT(status.message(), testing::HasSubstr("/no/such/file"));
}

class ConsoleInputTest : public ConsoleTest {
 protected:
  void SetUp() override {
    ConsoleTest::SetUp();
    output_.emplace(std::vector<uint8_t>());
  }

  std::unique_ptr<Console> MakeWithFile(Console::Options options) {
    options.serial.serial_out_path = output_->path();
    std::unique_ptr<Console> console = Make(std::move(options));
    serial_ = std::make_unique<Serial>(&irq_, console->sink());
    return console;
  }

  // Opens the input for a guest that listens.
  void Open(Console& console) {
    ASSERT_TRUE(console.OpenInput(serial_.get()).ok());
    const uint8_t received_interrupt = 1;
    const uint8_t out2 = 8;
    serial_->Write(1, {&received_interrupt, 1});
    serial_->Write(4, {&out2, 1});
  }

  // What the guest reads, as far as the line status says that there is something.
  std::string Received() {
    std::string text;
    while (true) {
      uint8_t status = 0;
      serial_->Read(5, {&status, 1});
      if ((status & 1) == 0) {
        return text;
      }
      uint8_t byte = 0;
      serial_->Read(0, {&byte, 1});
      text.push_back(static_cast<char>(byte));
    }
  }

  std::optional<TemporaryFile> output_;
  RecordingIrqLine irq_;
  std::unique_ptr<Serial> serial_;
};

TEST_P(ConsoleInputTest, AFifoIsTypedByAClientWhoseLeavingIsKeptQuiet) {
  Pipe input;
  SetInput(input.read_end.get());
  bool is_at_end = false;
  const auto console = MakeWithFile({.on_input_end = [&](const absl::Status& status) {
    EXPECT_TRUE(status.ok()) << status;
    is_at_end = true;
  }});
  Open(*console);
  ASSERT_EQ(write(input.write_end.get(), "ls", 2), 2);
  std::string received;
  RunUntil([&] {
    received += Received();
    return received == "ls";
  });
  input.write_end.Close();
  RunUntil([&] { return is_at_end; });
  EXPECT_EQ(Received(), "");
}

TEST_P(ConsoleInputTest, EverythingMeansFilesAsWellAndTheirEndIsControlD) {
  const std::string text = "ls";
  const TemporaryFile file(std::vector<uint8_t>(text.begin(), text.end()));
  const OwnedFd opened(open(file.path().c_str(), O_RDONLY | O_CLOEXEC));
  SetInput(opened.get());
  {
    const auto deaf = MakeWithFile({.input = Console::Input::kInteractive});
    Open(*deaf);
    RunFor(2'000);
    EXPECT_EQ(Received(), "");
  }
  const auto console = MakeWithFile({.input = Console::Input::kEverything});
  Open(*console);
  std::string received;
  RunUntil([&] {
    received += Received();
    return received == "ls\x04";
  });
}

TEST_P(ConsoleInputTest, ATerminalInWhoseBackgroundItIsIsLeftAlone) {
  const PseudoTerminal terminal;
  termios before = {};
  ASSERT_EQ(tcgetattr(terminal.terminal.get(), &before), 0);
  SetInput(terminal.terminal.get());
  const auto console = MakeWithFile({.input = Console::Input::kEverything});
  Open(*console);
  EXPECT_FALSE(console->has_terminal());
  termios after = {};
  ASSERT_EQ(tcgetattr(terminal.terminal.get(), &after), 0);
  EXPECT_EQ(after.c_lflag, before.c_lflag);
}

INSTANTIATE_TEST_SUITE_P(Setups, ConsoleTest,
                         testing::Values(Ring::Setup::kBest, Ring::Setup::kMinimal), SetupName);
INSTANTIATE_TEST_SUITE_P(Setups, ConsoleInputTest,
                         testing::Values(Ring::Setup::kBest, Ring::Setup::kMinimal), SetupName);

}  // namespace
}  // namespace mayfly
