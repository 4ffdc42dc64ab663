// Recognises Ctrl-A commands.

#include "api/escape_key.h"

namespace mayfly {

size_t EscapeKey::Filter(std::span<uint8_t> bytes) {
  size_t kept = 0;
  for (const uint8_t byte : bytes) {
    if (has_quit_) {
      break;
    }
    if (!has_prefix_) {
      has_prefix_ = byte == kPrefix;
      if (!has_prefix_) {
        bytes[kept++] = byte;
      }
      continue;
    }
    has_prefix_ = false;
    switch (byte) {
      case 'x':
        has_quit_ = true;
        on_command_(Command::kQuit);
        break;
      case 'd':
        on_command_(Command::kCtrlAltDel);
        break;
      case 'r':
        on_command_(Command::kReopenDisks);
        break;
      case 'h':
      case '?':
        on_command_(Command::kHelp);
        break;
      case 'a':
      case kPrefix:
        bytes[kept++] = kPrefix;
        break;
      default:
        break;
    }
  }
  return kept;
}

}  // namespace mayfly
