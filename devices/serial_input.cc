// Reading ahead of the guest, but not far.

#include "devices/serial_input.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/status.h"

namespace mayfly {
namespace {

constexpr uint8_t kControlD = 4;

bool IsRegularFile(int fd) {
  struct stat status = {};
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

SerialInput::SerialInput(EventLoop* loop, Serial* serial, Options options)
    : fd_(options.fd),
      is_terminal_(isatty(options.fd) == 1),
      is_regular_file_(IsRegularFile(options.fd)),
      serial_(serial),
      end_of_input_(options.end_of_input),
      filter_(std::move(options.filter)),
      on_end_(std::move(options.on_end)),
      capacity_signal_(loop, [this] { OnCapacity(); }),
      io_(loop) {
  pending_.reserve(kBufferCapacityBytes);
  serial_->set_input_signal(&capacity_signal_);
  ReadMore();
}

SerialInput::~SerialInput() { serial_->set_input_signal(nullptr); }

void SerialInput::OnCapacity() {
  Deliver();
  ReadMore();
}

void SerialInput::ReadMore() {
  if (is_ended_ || is_reading_) {
    return;
  }
  if (!is_terminal_ && (!pending_.empty() || serial_->input_capacity() == 0)) {
    return;
  }
  is_reading_ = true;
  if (is_regular_file_) {
    Read();
    return;
  }
  io_.Poll(fd_, POLLIN, [this](int32_t result) {
    if (result < 0) {
      End(ErrnoError("poll", -result));
    } else {
      Read();
    }
  });
}

// On a worker: another reader of the same terminal may have been faster since the poll, and the
// read then sleeps.
void SerialInput::Read() {
  io_.ReadOnWorker(fd_, read_buffer_, OperationGroup::kCurrentPosition,
                   [this](int32_t result) { OnRead(result); });
}

void SerialInput::OnRead(int32_t result) {
  is_reading_ = false;
  if (result > 0) {
    Take(std::span(read_buffer_).first(static_cast<size_t>(result)));
  } else if (result == 0 && is_terminal_) {
    End(absl::UnavailableError("read: the terminal has hung up"));
    return;
  } else if (result == 0) {
    if (end_of_input_ == EndOfInput::kSendControlD) {
      pending_.push_back(kControlD);
      Deliver();
    }
    End(absl::OkStatus());
    return;
  } else if (result != -EAGAIN && result != -EINTR) {
    End(ErrnoError("read", -result));
    return;
  }
  ReadMore();
}

void SerialInput::Take(std::span<uint8_t> bytes) {
  if (filter_ != nullptr) {
    bytes = bytes.first(std::min(filter_(bytes), bytes.size()));
  }
  const size_t room = kBufferCapacityBytes - pending_.size();
  const size_t taken = std::min(bytes.size(), room);
  pending_.insert(pending_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(taken));
  dropped_count_ += bytes.size() - taken;
  Deliver();
}

void SerialInput::Deliver() {
  size_t delivered = 0;
  // Input comes in small pieces and the port takes up to 64 bytes: one call is the rule.
  while (delivered < pending_.size()) {
    const size_t count = serial_->Receive(std::span(pending_).subspan(delivered));
    if (count == 0) {
      break;
    }
    delivered += count;
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(delivered));
}

void SerialInput::End(absl::Status status) {
  is_ended_ = true;
  if (on_end_ != nullptr) {
    // May destroy this object.
    absl::AnyInvocable<void(absl::Status)> on_end = std::move(on_end_);
    on_end(std::move(status));
  }
}

}  // namespace mayfly
