// The state machine of a connection.

#include "devices/mmds/tcp_connection.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace mayfly {
namespace {

// So many acknowledgments of the same byte say that what followed it is lost (RFC 5681, 3.2).
constexpr int kLostAfterDuplicates = 3;
// The pause between probes of a closed window doubles up to 32 times the first, 10 s.
constexpr int kMaxProbeDoublings = 5;
constexpr uint32_t kMaxWindowBytes = 0xffff;

uint16_t SegmentBytes(const TcpSegment& syn) {
  const uint16_t guest_mss = syn.mss != 0 ? syn.mss : TcpConnection::kDefaultMssBytes;
  return std::clamp(guest_mss, TcpConnection::kMinMssBytes, TcpConnection::kMaxSegmentBytes);
}

}  // namespace

TcpConnection::TcpConnection(const TcpSegment& syn, uint32_t initial_sequence, int64_t now_us)
    : initial_sequence_(initial_sequence),
      mss_bytes_(SegmentBytes(syn)),
      unacknowledged_(initial_sequence),
      next_(initial_sequence),
      sent_(initial_sequence),
      end_(initial_sequence + 1),
      guest_window_(syn.window),
      window_sequence_(syn.sequence),
      // Data that came with the SYN is left to be sent again, as section 3.10.7.2 allows.
      expected_(syn.sequence + 1),
      progressed_at_us_(now_us) {}

void TcpConnection::Receive(const TcpSegment& guest_segment, int64_t now_us) {
  if (TakeControl(guest_segment) && TakeAcknowledgment(guest_segment, now_us)) {
    TakeText(guest_segment, now_us);
  }
  UpdateDeadline(now_us);
}

// Section 3.10.7.4, first: check the sequence number. A full buffer still takes an acknowledgment.
bool TcpConnection::IsAcceptable(const TcpSegment& segment) const {
  const uint32_t window = receive_window();
  if (segment.sequence == expected_) {
    return true;
  }
  const uint32_t length = segment.length();
  return segment.sequence - expected_ < window ||
         (length > 0 && segment.sequence + length - 1 - expected_ < window);
}

// RST and SYN end nothing unless they are exactly what comes next (RFC 5961): others are asked
// about with an acknowledgment, so that only who sees our segments can reset a connection.
bool TcpConnection::TakeControl(const TcpSegment& segment) {
  if (!IsAcceptable(segment)) {
    if (!is_established_ && segment.Has(kTcpSyn) && segment.sequence + 1 == expected_) {
      next_ = initial_sequence_;
    } else if (!segment.Has(kTcpRst)) {
      is_ack_due_ = true;
    }
    return false;
  }
  if (segment.Has(kTcpRst)) {
    is_reset_ = segment.sequence == expected_;
    is_ack_due_ = !is_reset_;
    return false;
  }
  if (segment.Has(kTcpSyn)) {
    is_ack_due_ = true;
    return false;
  }
  return segment.Has(kTcpAck);
}

bool TcpConnection::TakeAcknowledgment(const TcpSegment& segment, int64_t now_us) {
  const uint32_t acknowledgment = segment.acknowledgment;
  // Of something never sent, or older than any window (RFC 5961, 5).
  if (IsBefore(sent_, acknowledgment) ||
      IsBefore(acknowledgment, unacknowledged_ - kMaxWindowBytes)) {
    is_ack_due_ = true;
    return false;
  }
  if (IsBefore(unacknowledged_, acknowledgment)) {
    Advance(acknowledgment, now_us);
  } else if (!is_established_) {
    return false;
  } else if (acknowledgment == unacknowledged_) {
    CountDuplicate(segment);
  }
  UpdateWindow(segment);
  return true;
}

void TcpConnection::Advance(uint32_t acknowledgment, int64_t now_us) {
  unacknowledged_ = acknowledgment;
  is_established_ = true;
  if (IsBefore(next_, acknowledgment)) {
    next_ = acknowledgment;
  }
  is_fin_acknowledged_ = has_sent_fin() && acknowledgment == sent_;
  if (!IsBefore(acknowledgment, end_)) {
    // With its memory.
    answer_ = std::string();
  }
  duplicate_count_ = 0;
  timeout_count_ = 0;
  is_probe_due_ = false;
  deadline_us_.reset();
  progressed_at_us_ = now_us;
}

void TcpConnection::CountDuplicate(const TcpSegment& segment) {
  if (segment.length() == 0 && segment.window == guest_window_ && is_in_flight() &&
      ++duplicate_count_ == kLostAfterDuplicates) {
    next_ = unacknowledged_;
  }
}

void TcpConnection::UpdateWindow(const TcpSegment& segment) {
  if (IsBefore(segment.acknowledgment, unacknowledged_) ||
      IsBefore(segment.sequence, window_sequence_) ||
      (segment.sequence == window_sequence_ &&
       IsBefore(segment.acknowledgment, window_acknowledgment_))) {
    return;
  }
  if (guest_window_ == 0 && segment.window > 0 && !is_in_flight()) {
    // What was timed is the next probe.
    deadline_us_.reset();
    is_probe_due_ = false;
    timeout_count_ = 0;
  }
  guest_window_ = segment.window;
  window_sequence_ = segment.sequence;
  window_acknowledgment_ = segment.acknowledgment;
}

void TcpConnection::TakeText(const TcpSegment& segment, int64_t now_us) {
  if (segment.length() == 0) {
    return;
  }
  is_ack_due_ = true;
  // What comes before its turn is dropped, and sent again.
  if (IsBefore(expected_, segment.sequence) || has_guest_finished_) {
    return;
  }
  // Acceptable, so the segment does not end before what is expected.
  const size_t known_bytes = expected_ - segment.sequence;
  const std::span<const uint8_t> text =
      segment.payload.subspan(std::min(known_bytes, segment.payload.size()));
  const size_t taken_bytes = std::min<size_t>(text.size(), receive_window());
  std::copy_n(text.begin(), taken_bytes,
              received_.begin() + static_cast<ptrdiff_t>(received_bytes_));
  received_bytes_ += taken_bytes;
  expected_ += static_cast<uint32_t>(taken_bytes);
  if (segment.Has(kTcpFin) && taken_bytes == text.size()) {
    ++expected_;
    has_guest_finished_ = true;
  }
  if (taken_bytes > 0 || has_guest_finished_) {
    progressed_at_us_ = now_us;
  }
}

absl::string_view TcpConnection::received() const {
  // Bytes may be looked at as characters.
  return {reinterpret_cast<const char*>(received_.data()), received_bytes_};
}

void TcpConnection::Consume(size_t size_bytes) {
  MAYFLY_CHECK(size_bytes <= received_bytes_);
  std::copy(received_.begin() + static_cast<ptrdiff_t>(size_bytes),
            received_.begin() + static_cast<ptrdiff_t>(received_bytes_), received_.begin());
  received_bytes_ -= size_bytes;
  // A guest that saw too little room for a segment waits to hear of more.
  is_ack_due_ =
      is_ack_due_ || (shown_window_ < kDefaultMssBytes && receive_window() >= kDefaultMssBytes);
}

bool TcpConnection::CanSend() const {
  return is_established_ && !is_closing_ && unacknowledged_ == end_ && !is_reset_;
}

void TcpConnection::Send(std::string bytes, int64_t now_us) {
  MAYFLY_CHECK(CanSend());
  answer_ = std::move(bytes);
  end_ += static_cast<uint32_t>(answer_.size());
  UpdateDeadline(now_us);
}

bool TcpConnection::is_over() const {
  return is_reset_ || (is_fin_acknowledged_ && has_guest_finished_ && !is_ack_due_);
}

TcpSegment TcpConnection::ResetSegment() const { return Segment(sent_, kTcpRst | kTcpAck); }

uint32_t TcpConnection::SendableBytes() const {
  if (!is_established_ || !IsBefore(next_, end_)) {
    return 0;
  }
  const uint32_t in_flight_bytes = next_ - unacknowledged_;
  const uint32_t wanted_bytes = std::min<uint32_t>(end_ - next_, mss_bytes_);
  const uint32_t allowed_bytes = guest_window_ - std::min(guest_window_, in_flight_bytes);
  // A crumb at the window's end waits until there is more room (RFC 9293, 3.8.6.2.1).
  if (allowed_bytes < wanted_bytes && in_flight_bytes > 0) {
    return 0;
  }
  return std::min(wanted_bytes, allowed_bytes);
}

bool TcpConnection::IsFinDue(uint32_t bytes_before) const {
  return is_closing_ && is_established_ && !is_fin_acknowledged_ && next_ + bytes_before == end_;
}

bool TcpConnection::HasSegment() const {
  if (is_reset_ || is_given_up_) {
    return false;
  }
  if (!is_established_) {
    return next_ == initial_sequence_;
  }
  return is_ack_due_ || is_probe_due_ || IsAnythingSendable();
}

TcpSegment TcpConnection::Segment(uint32_t sequence, uint8_t flags) const {
  return {.sequence = sequence,
          .acknowledgment = expected_,
          .flags = flags,
          .window = static_cast<uint16_t>(receive_window())};
}

TcpSegment TcpConnection::NextSegment(int64_t now_us) {
  MAYFLY_CHECK(HasSegment());
  TcpSegment segment = Segment(next_, kTcpAck);
  const uint32_t data_bytes = SendableBytes();
  if (!is_established_) {
    segment.flags |= kTcpSyn;
    segment.mss = kMaxSegmentBytes;
  } else if (data_bytes > 0 || IsFinDue(0)) {
    const size_t offset_bytes = answer_.size() - (end_ - next_);
    // Characters may be looked at as bytes.
    segment.payload = {reinterpret_cast<const uint8_t*>(answer_.data()) + offset_bytes, data_bytes};
    if (next_ + data_bytes == end_) {
      segment.flags |= kTcpPsh;
    }
    if (IsFinDue(data_bytes)) {
      segment.flags |= kTcpFin;
    }
  } else if (is_ack_due_) {
    segment.sequence = sent_;
  } else {
    // One that the guest has acknowledged already, so that it has to answer.
    segment.sequence = unacknowledged_ - 1;
  }
  is_ack_due_ = false;
  is_probe_due_ = false;
  shown_window_ = receive_window();
  if (segment.length() > 0) {
    next_ += segment.length();
    sent_ = IsBefore(sent_, next_) ? next_ : sent_;
  }
  UpdateDeadline(now_us);
  return segment;
}

// The clock runs from when something was sent, not from when it was ready: a guest that takes no
// frames costs nothing, and its connections stay.
void TcpConnection::UpdateDeadline(int64_t now_us) {
  if (deadline_us_.has_value() || is_probe_due_) {
    return;
  }
  if (is_in_flight()) {
    if (next_ == sent_ || !IsAnythingSendable()) {
      deadline_us_ = now_us + kRetransmitUs;
    }
  } else if (is_established_ && IsBefore(next_, end_) && guest_window_ == 0) {
    deadline_us_ = now_us + (kRetransmitUs << std::min(timeout_count_, kMaxProbeDoublings));
  }
}

void TcpConnection::OnTime(int64_t now_us) {
  if (!deadline_us_.has_value() || now_us < *deadline_us_) {
    return;
  }
  deadline_us_.reset();
  if (is_in_flight() && timeout_count_ == kMaxRetransmits) {
    is_given_up_ = true;
    return;
  }
  timeout_count_ = std::min(timeout_count_ + 1, kMaxRetransmits);
  duplicate_count_ = 0;
  next_ = unacknowledged_;
  is_probe_due_ = is_established_ && !IsAnythingSendable();
}

}  // namespace mayfly
