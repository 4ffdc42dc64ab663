// TcpConnection: one TCP connection that a guest opened, from its SYN to its end.

#ifndef MAYFLY_DEVICES_MMDS_TCP_CONNECTION_H_
#define MAYFLY_DEVICES_MMDS_TCP_CONNECTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "devices/mmds/tcp_segment.h"

namespace mayfly {

// The passive side of RFC 9293, for answers to short requests over a link that neither reorders nor
// loses much. Its states are SYN-RECEIVED, ESTABLISHED, and then, by who closes first, CLOSE-WAIT
// and LAST-ACK, or FIN-WAIT and CLOSING; docs/decisions/0007-mmds-tcp.md has the table and what was
// left out. There is no TIME-WAIT.
//
// It never makes a segment of its own accord: whoever owns it takes them while HasSegment, so that
// nothing queues up when the guest takes none. Owned by TcpEndpoint; loop thread only. Times are of
// one monotonic clock, in microseconds. Memory: the receive buffer and one answer.
class TcpConnection {
 public:
  // What is received and not consumed; also the window the guest is shown.
  static constexpr size_t kReceiveBufferBytes = 2500;
  // What we take in one segment, as the guest is told, and the most we send in one.
  static constexpr uint16_t kMaxSegmentBytes = 1460;
  // For a guest that names none (RFC 9293, 3.7.1), and for one that names so little that an answer
  // would go out in thousands of frames (as with CVE-2019-11479).
  static constexpr uint16_t kDefaultMssBytes = 536;
  static constexpr uint16_t kMinMssBytes = 100;
  static constexpr int64_t kRetransmitUs = 300'000;
  static constexpr int kMaxRetransmits = 15;

  // `syn` is a segment with SYN, and neither ACK nor RST.
  TcpConnection(const TcpSegment& syn, uint32_t initial_sequence, int64_t now_us);
  TcpConnection(const TcpConnection&) = delete;
  TcpConnection& operator=(const TcpConnection&) = delete;

  // Takes a segment of this connection. What it does not like it ignores or answers with an ACK.
  void Receive(const TcpSegment& guest_segment, int64_t now_us);

  // What came in order and was not consumed.
  absl::string_view received() const;
  bool is_receive_full() const { return received_bytes_ == kReceiveBufferBytes; }
  // `size_bytes` is at most received().size().
  void Consume(size_t size_bytes);
  // Nothing comes after received().
  bool has_guest_finished() const { return has_guest_finished_; }

  // Whether everything sent so far has arrived, and more may be sent.
  bool CanSend() const;
  // CanSend() holds. Below 2 GiB.
  void Send(std::string bytes, int64_t now_us);
  // Ends our direction once everything was sent.
  void Close() { is_closing_ = true; }
  bool is_closing() const { return is_closing_; }

  // Both directions have ended, or the guest reset the connection: it may be dropped.
  bool is_over() const;
  // Nothing is to be expected of it any more; also when the guest stopped answering. Reset and drop
  // it.
  void GiveUp() { is_given_up_ = true; }
  bool is_given_up() const { return is_given_up_; }
  // What tells the guest that the connection is dropped.
  TcpSegment ResetSegment() const;

  bool HasSegment() const;
  // HasSegment() holds. The payload is valid until the next change.
  TcpSegment NextSegment(int64_t now_us);

  // When OnTime wants to be called.
  std::optional<int64_t> deadline_us() const { return deadline_us_; }
  void OnTime(int64_t now_us);

  // When the connection last got on: bytes that had not come, or had not arrived, before.
  int64_t progressed_at_us() const { return progressed_at_us_; }

 private:
  uint32_t receive_window() const {
    return static_cast<uint32_t>(kReceiveBufferBytes - received_bytes_);
  }
  bool is_in_flight() const { return unacknowledged_ != sent_; }
  bool has_sent_fin() const { return sent_ == end_ + 1; }
  // Of the answer, what may go from `next_` on now.
  uint32_t SendableBytes() const;
  // Whether our FIN comes after so many bytes from `next_` on.
  bool IsFinDue(uint32_t bytes_before) const;
  bool IsAnythingSendable() const { return SendableBytes() > 0 || IsFinDue(0); }
  bool IsAcceptable(const TcpSegment& segment) const;
  // False when the segment is not to be looked at any further.
  bool TakeControl(const TcpSegment& segment);
  bool TakeAcknowledgment(const TcpSegment& segment, int64_t now_us);
  void Advance(uint32_t acknowledgment, int64_t now_us);
  void TakeText(const TcpSegment& segment, int64_t now_us);
  void CountDuplicate(const TcpSegment& segment);
  void UpdateWindow(const TcpSegment& segment);
  void UpdateDeadline(int64_t now_us);
  TcpSegment Segment(uint32_t sequence, uint8_t flags) const;

  const uint32_t initial_sequence_;
  // Of a segment to the guest.
  const uint16_t mss_bytes_;

  // What the guest has acknowledged up to; where the next segment starts; the furthest of all that
  // were sent. In this order, and only after a timeout is `next_` before `sent_`.
  uint32_t unacknowledged_;
  uint32_t next_;
  uint32_t sent_;
  // The sequence number after the answer's last byte, which is that of our FIN.
  uint32_t end_;
  std::string answer_;
  // The guest has acknowledged our SYN.
  bool is_established_ = false;
  bool is_closing_ = false;
  bool is_fin_acknowledged_ = false;

  uint32_t guest_window_ = 0;
  // The segment that the window is from (RFC 9293, 3.10.7.4).
  uint32_t window_sequence_;
  uint32_t window_acknowledgment_ = 0;

  // What is expected of the guest next.
  uint32_t expected_;
  std::array<uint8_t, kReceiveBufferBytes> received_;
  size_t received_bytes_ = 0;
  // What the guest was shown last.
  uint32_t shown_window_ = kReceiveBufferBytes;
  bool has_guest_finished_ = false;

  bool is_reset_ = false;
  bool is_given_up_ = false;
  bool is_ack_due_ = false;
  // An empty segment that makes the guest tell its window.
  bool is_probe_due_ = false;
  int duplicate_count_ = 0;
  // Since the guest last acknowledged something.
  int timeout_count_ = 0;
  std::optional<int64_t> deadline_us_;
  int64_t progressed_at_us_;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_MMDS_TCP_CONNECTION_H_
