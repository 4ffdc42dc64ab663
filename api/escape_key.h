// EscapeKey: finds the commands a user types to the monitor among the bytes meant for the guest.

#ifndef MAYFLY_API_ESCAPE_KEY_H_
#define MAYFLY_API_ESCAPE_KEY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>

namespace mayfly {

// A command is Ctrl-A and a letter. Loop thread.
class EscapeKey {
 public:
  static constexpr uint8_t kPrefix = 0x01;  // Ctrl-A

  enum class Command { kQuit, kCtrlAltDel, kReopenDisks, kHelp };

  explicit EscapeKey(std::function<void(Command)> on_command)
      : on_command_(std::move(on_command)) {}

  // Takes commands out of `bytes` and reports them; moves what remains for the guest to the front
  // and returns how many bytes that are. A prefix at the end is remembered for the next call. An
  // unknown letter is dropped with its prefix. What is typed after kQuit is dropped too.
  size_t Filter(std::span<uint8_t> bytes);

 private:
  std::function<void(Command)> on_command_;
  bool has_prefix_ = false;
  bool has_quit_ = false;
};

}  // namespace mayfly

#endif  // MAYFLY_API_ESCAPE_KEY_H_
