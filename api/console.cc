// Opens both ends of the console.

#include "api/console.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <span>
#include <utility>

#include "base/status.h"

namespace mayfly {
namespace {

bool IsFifo(int fd) {
  struct stat info = {};
  return fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Console>> Console::Create(EventLoop* loop, Options options) {
  std::unique_ptr<Console> console(new Console(loop, std::move(options)));
  RETURN_IF_ERROR(console->OpenOutput());
  return console;
}

absl::Status Console::OpenOutput() {
  SerialOutput::Options output = {.fd = STDOUT_FILENO};
  if (options_.serial.serial_out_path) {
    ASSIGN_OR_RETURN(output_file_, SerialOutput::OpenFile(*options_.serial.serial_out_path));
    output.fd = output_file_.get();
  }
  output.rate_limit = options_.serial.rate_limiter.value_or(TokenBucketConfig());
  if (options_.on_output_broken) {
    output.on_broken = options_.on_output_broken;
  }
  output_ = std::make_unique<SerialOutput>(loop_, std::move(output));
  return absl::OkStatus();
}

absl::Status Console::OpenInput(Serial* serial) {
  SerialInput::Options input = {.fd = STDIN_FILENO};
  if (options_.on_input_end) {
    input.on_end = options_.on_input_end;
  }
  if (isatty(STDIN_FILENO) != 0) {
    if (!IsForegroundTerminal(STDIN_FILENO)) {
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(terminal_, RawTerminal::Create(STDIN_FILENO));
    if (options_.on_escape) {
      escape_key_ = std::make_unique<EscapeKey>(options_.on_escape);
      input.filter = [this](std::span<uint8_t> bytes) { return escape_key_->Filter(bytes); };
    }
  } else if (options_.input == Input::kInteractive) {
    if (!IsFifo(STDIN_FILENO)) {
      return absl::OkStatus();
    }
    input.end_of_input = SerialInput::EndOfInput::kKeepQuiet;
  }
  input_ = std::make_unique<SerialInput>(loop_, serial, std::move(input));
  return absl::OkStatus();
}

void Console::RestoreTerminal() {
  input_.reset();
  terminal_.reset();
}

}  // namespace mayfly
