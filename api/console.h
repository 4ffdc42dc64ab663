// Console: the guest's serial port on this process's standard input and output, or on a file.

#ifndef MAYFLY_API_CONSOLE_H_
#define MAYFLY_API_CONSOLE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/escape_key.h"
#include "api/serial_config.h"
#include "api/terminal.h"
#include "base/event_loop.h"
#include "devices/serial.h"
#include "devices/serial_input.h"
#include "devices/serial_output.h"

namespace mayfly {

// Owned by VmController; loop thread.
class Console {
 public:
  // What of standard input the guest gets.
  enum class Input {
    kInteractive,  // a terminal or a FIFO, as Firecracker does; its end is kept from the guest
    kEverything,   // files as well, and their end is a Ctrl-D
  };

  struct Options {
    SerialConfig serial;
    Input input = Input::kInteractive;
    // What a user types behind Ctrl-A on a terminal; when empty, all he types is the guest's.
    std::function<void(EscapeKey::Command)> on_escape;
    // Standard input has ended, or cannot be read any more; the output takes no more. May be empty.
    std::function<void(const absl::Status&)> on_input_end;
    std::function<void(const absl::Status&)> on_output_broken;
  };

  // Opens the output. `loop` outlives the console.
  static absl::StatusOr<std::unique_ptr<Console>> Create(EventLoop* loop, Options options);
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  SerialSink* sink() { return output_.get(); }
  // Begins to read standard input for `serial`, which outlives this; a terminal is raw from here
  // on. One in whose background this process is, is left alone: it would be stopped.
  absl::Status OpenInput(Serial* serial);
  // The user's terminal is as it was before. Input ends.
  void RestoreTerminal();
  bool has_terminal() const { return terminal_ != nullptr; }

  // SerialOutput::Flush.
  void Flush(int64_t deadline_us, absl::AnyInvocable<void()> done) {
    output_->Flush(deadline_us, std::move(done));
  }
  const SerialOutput& output() const { return *output_; }

 private:
  Console(EventLoop* loop, Options options) : loop_(loop), options_(std::move(options)) {}

  absl::Status OpenOutput();

  EventLoop* const loop_;
  const Options options_;
  // In the order of their making; destroyed in reverse.
  OwnedFd output_file_;
  std::unique_ptr<SerialOutput> output_;
  std::unique_ptr<EscapeKey> escape_key_;
  std::unique_ptr<SerialInput> input_;
  std::unique_ptr<RawTerminal> terminal_;
};

}  // namespace mayfly

#endif  // MAYFLY_API_CONSOLE_H_
