// The controller's ports and commands.

#include "devices/i8042.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/status.h"

namespace mayfly {
namespace {

// Port offsets from 0x60.
constexpr uint64_t kDataPort = 0;
constexpr uint64_t kSystemPort = 1;  // 0x61, KVM's where it has the PIT
constexpr uint64_t kCommandPort = 4;

// Port 0x61: the speaker's timer has run out. Where KVM has no PIT, a guest that measures time by
// it must not wait.
constexpr uint8_t kSystemTimerOutput = 0x20;

// The status register.
constexpr uint8_t kStatusOutputFull = 0x01;
constexpr uint8_t kStatusSystem = 0x04;
constexpr uint8_t kStatusCommand = 0x08;
constexpr uint8_t kStatusUnlocked = 0x10;
constexpr uint8_t kStatusFromAuxiliary = 0x20;
constexpr uint8_t kStatusTimeout = 0x40;

// The command byte.
constexpr uint8_t kControlInterrupt = 0x01;
constexpr uint8_t kControlSystem = 0x04;
constexpr uint8_t kControlDisableKeyboard = 0x10;
constexpr uint8_t kControlDisableAuxiliary = 0x20;
constexpr uint8_t kControlTranslate = 0x40;

// The output port: A20 and "not resetting" are high.
constexpr uint8_t kOutputPortNoReset = 0x01;
constexpr uint8_t kOutputPortA20 = 0x02;

// Commands.
constexpr uint8_t kReadControl = 0x20;
constexpr uint8_t kWriteControl = 0x60;
constexpr uint8_t kLastWriteMemory = 0x7f;
constexpr uint8_t kTestPassword = 0xa4;
constexpr uint8_t kDisableAuxiliary = 0xa7;
constexpr uint8_t kEnableAuxiliary = 0xa8;
constexpr uint8_t kTestAuxiliary = 0xa9;
constexpr uint8_t kSelfTest = 0xaa;
constexpr uint8_t kTestKeyboard = 0xab;
constexpr uint8_t kDisableKeyboard = 0xad;
constexpr uint8_t kEnableKeyboard = 0xae;
constexpr uint8_t kReadInputPort = 0xc0;
constexpr uint8_t kReadOutputPort = 0xd0;
constexpr uint8_t kWriteOutputPort = 0xd1;
constexpr uint8_t kWriteKeyboardOutput = 0xd2;
constexpr uint8_t kWriteAuxiliaryOutput = 0xd3;
constexpr uint8_t kWriteAuxiliary = 0xd4;
constexpr uint8_t kFirstPulse = 0xf0;

// Answers.
constexpr uint8_t kNoPassword = 0xf1;
constexpr uint8_t kSelfTestPassed = 0x55;
constexpr uint8_t kInterfaceWorks = 0x00;
constexpr uint8_t kClockStuckHigh = 0x02;
constexpr uint8_t kInputPortUnlocked = 0x80;
constexpr uint8_t kResend = 0xfe;

// Translation is off, unlike firmware leaves it, so that port 0x60 shows the same codes as in
// Firecracker; a guest that turns it on gets translated codes. The keyboard is enabled by the
// guest's driver.
constexpr uint8_t kInitialControl =
    kControlSystem | kControlDisableKeyboard | kControlDisableAuxiliary;

bool TakesParameter(uint8_t command) {
  return (command >= kWriteControl && command <= kLastWriteMemory) ||
         (command >= kWriteOutputPort && command <= kWriteAuxiliary);
}

// Scan code set 2 to set 1, for the codes this keyboard sends: keys, the second byte of its id, set
// numbers. Codes from 0x80 on pass as they are, except the release prefix (see
// I8042::PutKeyboardByte).
uint8_t Translate(uint8_t code) {
  constexpr std::array<std::pair<uint8_t, uint8_t>, 7> kTable = {{
      {0x14, 0x1d},
      {0x11, 0x38},
      {0x71, 0x53},
      {0x83, 0x41},
      {0x01, 0x43},
      {0x02, 0x41},
      {0x03, 0x3f},
  }};
  for (const auto& [from, to] : kTable) {
    if (from == code) {
      return to;
    }
  }
  return code;
}

constexpr uint8_t kReleasePrefix = 0xf0;
constexpr uint8_t kReleaseBit = 0x80;

}  // namespace

I8042::I8042(IrqLine* irq, absl::AnyInvocable<void()> on_reset)
    : irq_(irq), on_reset_(std::move(on_reset)) {
  state_.control = kInitialControl;
  state_.output_port = kOutputPortNoReset | kOutputPortA20;
}

void I8042::Read(uint64_t guest_offset, std::span<uint8_t> data) {
  const MutexLock lock(&mutex_);
  std::fill(data.begin(), data.end(), uint8_t{0});
  if (data.size() == 1 && guest_offset == kDataPort) {
    ++counters_.read_count;
    data[0] = ReadData();
  } else if (data.size() == 1 && guest_offset == kCommandPort) {
    ++counters_.read_count;
    data[0] = ReadStatus();
  } else if (data.size() == 1 && guest_offset == kSystemPort) {
    data[0] = kSystemTimerOutput;
  } else {
    ++counters_.missed_read_count;
  }
}

void I8042::Write(uint64_t guest_offset, std::span<const uint8_t> guest_data) {
  Reset reset = Reset::kNo;
  {
    const MutexLock lock(&mutex_);
    if (guest_data.size() == 1 && guest_offset == kDataPort) {
      ++counters_.write_count;
      reset = WriteData(guest_data[0]);
    } else if (guest_data.size() == 1 && guest_offset == kCommandPort) {
      ++counters_.write_count;
      reset = WriteCommand(guest_data[0]);
    } else if (guest_data.size() != 1 || guest_offset != kSystemPort) {
      ++counters_.missed_write_count;
    }
    counters_.reset_count += reset == Reset::kYes ? 1u : 0u;
  }
  if (reset == Reset::kYes) {
    on_reset_();
  }
}

uint8_t I8042::ReadData() {
  const uint8_t value = state_.output;
  state_.is_output_full = false;
  state_.output_status = 0;
  state_.is_output_from_keyboard = false;
  FillOutput();
  return value;
}

uint8_t I8042::ReadStatus() const {
  uint8_t status = kStatusUnlocked | (state_.control & kStatusSystem) | state_.output_status;
  if (state_.is_output_full) {
    status |= kStatusOutputFull;
  }
  if (state_.is_last_write_command) {
    status |= kStatusCommand;
  }
  return status;
}

I8042::Reset I8042::WriteData(uint8_t guest_value) {
  state_.is_last_write_command = false;
  const uint8_t command = std::exchange(state_.command, 0);
  if (command != 0) {
    return WriteParameter(command, guest_value);
  }
  // The controller raises the keyboard's clock to send to it.
  state_.control &= static_cast<uint8_t>(~kControlDisableKeyboard);
  keyboard_.Write(guest_value);
  FillOutput();
  return Reset::kNo;
}

I8042::Reset I8042::WriteParameter(uint8_t command, uint8_t guest_value) {
  switch (command) {
    case kWriteControl:
      WriteControl(guest_value);
      break;
    case kWriteOutputPort:
      state_.output_port = guest_value;
      return (guest_value & kOutputPortNoReset) == 0 ? Reset::kYes : Reset::kNo;
    case kWriteKeyboardOutput:
      PutKeyboardByte(guest_value);
      break;
    case kWriteAuxiliaryOutput:
      // As a controller without an auxiliary port does: the byte does not come from the auxiliary
      // device.
      Answer(guest_value);
      break;
    case kWriteAuxiliary:
      Answer(kResend, kStatusFromAuxiliary | kStatusTimeout);
      break;
    default:  // the controller's memory but for its first byte
      break;
  }
  return Reset::kNo;
}

void I8042::WriteControl(uint8_t guest_value) {
  const bool was_off = (state_.control & kControlInterrupt) == 0;
  state_.control = guest_value;
  if (was_off) {
    TriggerIfPending();
  }
  FillOutput();
}

I8042::Reset I8042::WriteCommand(uint8_t guest_command) {
  state_.is_last_write_command = true;
  state_.command = 0;
  if (TakesParameter(guest_command)) {
    state_.command = guest_command;
    return Reset::kNo;
  }
  if (guest_command >= kFirstPulse) {
    // Pulses low the output port's lines whose bits are 0; line 0 resets the machine.
    return (guest_command & kOutputPortNoReset) == 0 ? Reset::kYes : Reset::kNo;
  }
  RunCommand(guest_command);
  return Reset::kNo;
}

void I8042::RunCommand(uint8_t guest_command) {
  switch (guest_command) {
    case kReadControl:
      return Answer(state_.control);
    case kTestPassword:
      return Answer(kNoPassword);
    case kTestAuxiliary:
      return Answer(kClockStuckHigh);
    case kSelfTest:
      state_.control |= kControlSystem;
      return Answer(kSelfTestPassed);
    case kTestKeyboard:
      return Answer(kInterfaceWorks);
    case kReadInputPort:
      return Answer(kInputPortUnlocked);
    case kReadOutputPort:
      return Answer(state_.output_port);
    case kDisableAuxiliary:
      state_.control |= kControlDisableAuxiliary;
      return;
    case kEnableAuxiliary:
      state_.control &= static_cast<uint8_t>(~kControlDisableAuxiliary);
      return;
    case kDisableKeyboard:
      state_.control |= kControlDisableKeyboard;
      return;
    case kEnableKeyboard:
      state_.control &= static_cast<uint8_t>(~kControlDisableKeyboard);
      return FillOutput();
    default:
      ++counters_.error_count;
  }
}

void I8042::Answer(uint8_t value, uint8_t status_bits) {
  state_.is_output_full = true;
  state_.output = value;
  state_.output_status = status_bits;
  state_.is_output_from_keyboard = false;
}

void I8042::PutKeyboardByte(uint8_t value) {
  state_.is_output_full = true;
  state_.output = value;
  state_.output_status = 0;
  state_.is_output_from_keyboard = true;
  TriggerIfPending();
}

void I8042::FillOutput() {
  const bool is_enabled = (state_.control & kControlDisableKeyboard) == 0;
  if (state_.is_output_full || !is_enabled) {
    return;
  }
  std::optional<uint8_t> code = keyboard_.Pop();
  if (!code.has_value()) {
    return;
  }
  if ((state_.control & kControlTranslate) == 0) {
    return PutKeyboardByte(*code);
  }
  uint8_t release_bit = 0;
  if (*code == kReleasePrefix && keyboard_.has_output()) {
    release_bit = kReleaseBit;
    code = keyboard_.Pop();
  }
  PutKeyboardByte(Translate(*code) | release_bit);
}

void I8042::TriggerIfPending() {
  if (state_.is_output_full && state_.is_output_from_keyboard &&
      (state_.control & kControlInterrupt) != 0) {
    irq_->Trigger();
  }
}

absl::Status I8042::TriggerCtrlAltDel() {
  const MutexLock lock(&mutex_);
  if ((state_.control & kControlInterrupt) == 0 ||
      (state_.control & kControlDisableKeyboard) != 0 || !keyboard_.is_scanning()) {
    return absl::FailedPreconditionError("the guest has not enabled the keyboard");
  }
  constexpr std::array<AtKeyboard::Key, 3> kKeys = {
      AtKeyboard::Key::kControl, AtKeyboard::Key::kAlt, AtKeyboard::Key::kDelete};
  RETURN_IF_ERROR(keyboard_.Strike(kKeys));
  FillOutput();
  return absl::OkStatus();
}

I8042Counters I8042::counters() const {
  const MutexLock lock(&mutex_);
  return counters_;
}

I8042State I8042::State() const {
  const MutexLock lock(&mutex_);
  I8042State state = state_;
  state.keyboard = keyboard_.state();
  return state;
}

absl::Status I8042::Restore(const I8042State& state) {
  if (state.command != 0 && !TakesParameter(state.command)) {
    return absl::InvalidArgumentError("i8042 state: impossible command");
  }
  if ((state.output_status & ~(kStatusFromAuxiliary | kStatusTimeout)) != 0) {
    return absl::InvalidArgumentError("i8042 state: impossible status");
  }
  const MutexLock lock(&mutex_);
  RETURN_IF_ERROR(keyboard_.Restore(state.keyboard));
  state_ = state;
  state_.keyboard = {};
  TriggerIfPending();
  FillOutput();
  return absl::OkStatus();
}

}  // namespace mayfly
