// The keyboard's commands and codes.

#include "devices/at_keyboard.h"

#include <array>
#include <utility>

namespace mayfly {
namespace {

constexpr uint8_t kAcknowledge = 0xfa;
constexpr uint8_t kSelfTestPassed = 0xaa;
constexpr uint8_t kResendRequest = 0xfe;
constexpr uint8_t kExtended = 0xe0;
constexpr uint8_t kReleased = 0xf0;  // sets 2 and 3

constexpr uint8_t kSetLeds = 0xed;
constexpr uint8_t kEcho = 0xee;
constexpr uint8_t kSelectScancodeSet = 0xf0;
constexpr uint8_t kIdentify = 0xf2;
constexpr uint8_t kSetTypematic = 0xf3;
constexpr uint8_t kEnable = 0xf4;
constexpr uint8_t kSetDefaultsAndDisable = 0xf5;
constexpr uint8_t kSetDefaults = 0xf6;
constexpr uint8_t kFirstSetAllKeys = 0xf7;
constexpr uint8_t kLastSetAllKeys = 0xfa;
constexpr uint8_t kFirstSetOneKey = 0xfb;
constexpr uint8_t kLastSetOneKey = 0xfd;
constexpr uint8_t kResend = 0xfe;
constexpr uint8_t kReset = 0xff;
// Everything from here on is a command, also where a parameter is awaited.
constexpr uint8_t kFirstCommand = 0xed;

// Of a 101-key keyboard.
constexpr std::array<uint8_t, 2> kId = {0xab, 0x83};

// A key's code in scan code sets 1, 2 and 3; in 1 and 2 some follow 0xe0.
struct KeyCodes {
  std::array<uint8_t, 3> by_set;
  bool is_extended;
};

// Left Ctrl, left Alt, and Delete of the middle block.
KeyCodes CodesOf(AtKeyboard::Key key) {
  switch (key) {
    case AtKeyboard::Key::kControl:
      return {{0x1d, 0x14, 0x11}, false};
    case AtKeyboard::Key::kAlt:
      return {{0x38, 0x11, 0x19}, false};
    case AtKeyboard::Key::kDelete:
      return {{0x53, 0x71, 0x64}, true};
  }
  return {};
}

enum class Motion { kPress, kRelease };

void AppendCodes(AtKeyboard::Key key, Motion motion, uint8_t set, std::vector<uint8_t>* out) {
  const KeyCodes codes = CodesOf(key);
  const uint8_t code = codes.by_set[set - 1u];
  if (codes.is_extended && set != 3) {
    out->push_back(kExtended);
  }
  if (set == 1) {
    out->push_back(motion == Motion::kPress ? code : code | 0x80);
    return;
  }
  if (motion == Motion::kRelease) {
    out->push_back(kReleased);
  }
  out->push_back(code);
}

bool TakesParameter(uint8_t command) {
  return command == kSetLeds || command == kSelectScancodeSet || command == kSetTypematic ||
         (command >= kFirstSetOneKey && command <= kLastSetOneKey);
}

}  // namespace

void AtKeyboard::Write(uint8_t guest_byte) {
  const uint8_t awaiting = std::exchange(state_.command, 0);
  if (awaiting != 0 && guest_byte < kFirstCommand) {
    WriteParameter(awaiting, guest_byte);
    return;
  }
  if (TakesParameter(guest_byte)) {
    state_.command = guest_byte;
    Push(kAcknowledge);
    return;
  }
  if (guest_byte >= kFirstSetAllKeys && guest_byte <= kLastSetAllKeys) {
    Push(kAcknowledge);
    return;
  }
  WriteCommand(guest_byte);
}

void AtKeyboard::WriteCommand(uint8_t guest_command) {
  switch (guest_command) {
    case kEcho:
      Push(kEcho);
      break;
    case kIdentify:
      Push(kAcknowledge);
      Push(kId[0]);
      Push(kId[1]);
      break;
    case kEnable:
      state_.is_scanning = true;
      Push(kAcknowledge);
      break;
    case kSetDefaultsAndDisable:
      state_.scancode_set = 2;
      state_.is_scanning = false;
      Push(kAcknowledge);
      break;
    case kSetDefaults:
      SetDefaults();
      Push(kAcknowledge);
      break;
    case kResend:
      Push(state_.last_sent);
      break;
    case kReset:
      SetDefaults();
      state_.queue.clear();
      Push(kAcknowledge);
      Push(kSelfTestPassed);
      break;
    default:
      Push(kResendRequest);
      break;
  }
}

void AtKeyboard::WriteParameter(uint8_t command, uint8_t guest_value) {
  if (command != kSelectScancodeSet) {
    Push(kAcknowledge);  // lights, repeat rate and key types are nobody's concern
  } else if (guest_value == 0) {
    Push(kAcknowledge);
    Push(state_.scancode_set);
  } else if (guest_value <= 3) {
    state_.scancode_set = guest_value;
    Push(kAcknowledge);
  } else {
    Push(kResendRequest);
  }
}

void AtKeyboard::SetDefaults() {
  state_.scancode_set = 2;
  state_.is_scanning = true;
}

void AtKeyboard::Push(uint8_t byte) {
  if (state_.queue.size() < kQueueCapacityBytes) {
    state_.queue.push_back(byte);
  }
}

absl::Status AtKeyboard::Strike(std::span<const Key> keys) {
  std::vector<uint8_t> codes;
  for (const Key key : keys) {
    AppendCodes(key, Motion::kPress, state_.scancode_set, &codes);
  }
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    AppendCodes(*key, Motion::kRelease, state_.scancode_set, &codes);
  }
  if (state_.queue.size() + codes.size() > kQueueCapacityBytes) {
    return absl::ResourceExhaustedError("the guest has not read earlier key strokes");
  }
  state_.queue.insert(state_.queue.end(), codes.begin(), codes.end());
  return absl::OkStatus();
}

std::optional<uint8_t> AtKeyboard::Pop() {
  if (state_.queue.empty()) {
    return std::nullopt;
  }
  const uint8_t byte = state_.queue.front();
  state_.queue.erase(state_.queue.begin());
  state_.last_sent = byte;
  return byte;
}

absl::Status AtKeyboard::Restore(const AtKeyboardState& state) {
  if (state.scancode_set < 1 || state.scancode_set > 3) {
    return absl::InvalidArgumentError("keyboard state: impossible scan code set");
  }
  if (state.command != 0 && !TakesParameter(state.command)) {
    return absl::InvalidArgumentError("keyboard state: impossible command");
  }
  if (state.queue.size() > kQueueCapacityBytes) {
    return absl::InvalidArgumentError("keyboard state: more bytes than the queue holds");
  }
  state_ = state;
  return absl::OkStatus();
}

}  // namespace mayfly
