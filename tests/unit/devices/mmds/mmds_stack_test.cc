// MmdsStack: frames in and out with a client of TCP, and frames that are malformed.

#include "devices/mmds/mmds_stack.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "devices/mmds/big_endian.h"
#include "devices/mmds/internet_checksum.h"
#include "gtest/gtest.h"
#include "tests/fakes/echo_server.h"
#include "tests/fakes/tcp_client.h"

namespace mayfly {
namespace {

constexpr auto kComplete = TcpSegment::Checksum::kComplete;

std::vector<uint8_t> ArpFrame(uint32_t target = TcpClient::kServerIpv4) {
  std::vector<uint8_t> frame = {
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 6, 0,    0xac, 0x10, 0, 2, 8, 6, 0, 1, 8, 0, 6, 4, 0,
      1,    6,    0,    0xac, 0x10, 0,    2, 0xac, 0x10, 0,    2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  StoreBig32(frame.data() + 38, target);
  return frame;
}

class MmdsStackTest : public testing::Test {
 protected:
  // True when the frame was for the service.
  bool Give(const std::vector<uint8_t>& frame, TcpSegment::Checksum checksum = kComplete) {
    const size_t start_bytes = std::min(frame.size(), MmdsStack::kStartBytes);
    if (!stack.IsForMmds(std::span(frame).first(start_bytes))) {
      return false;
    }
    // Of the exact size, so that AddressSanitizer sees a read past its end.
    const auto copy = std::make_unique<uint8_t[]>(frame.size());
    std::copy(frame.begin(), frame.end(), copy.get());
    stack.Receive({copy.get(), frame.size()}, checksum, now_us);
    return true;
  }
  std::vector<uint8_t> Next() {
    EXPECT_TRUE(stack.HasFrame());
    std::vector<uint8_t> frame(MmdsStack::kMaxFrameBytes);
    frame.resize(stack.TakeFrame(frame, now_us));
    return frame;
  }
  // All frames go to the client, which acknowledges each batch of `ack_every`.
  void Exchange(TcpClient& client, size_t ack_every = 1) {
    while (stack.HasFrame()) {
      for (size_t i = 0; i < ack_every && stack.HasFrame(); ++i) {
        EXPECT_TRUE(client.Take(Next()));
      }
      if (client.last_payload_bytes > 0 || (client.last_flags & (kTcpSyn | kTcpFin)) != 0) {
        Give(client.Ack());
      }
    }
  }
  void Open(TcpClient& client) {
    EXPECT_TRUE(Give(client.Syn()));
    Exchange(client);
    EXPECT_TRUE(client.is_open);
  }

  int64_t now_us = 0;
  EchoServer server;
  MmdsMetrics metrics;
  MmdsStack stack{{.ipv4 = TcpClient::kServerIpv4, .initial_sequence = [] { return 0xfffffff0u; }},
                  &server,
                  &metrics};
};

TEST_F(MmdsStackTest, AnswersArpForItsAddress) {
  ASSERT_TRUE(Give(ArpFrame()));
  const std::vector<uint8_t> reply = Next();
  EXPECT_EQ(reply, (std::vector<uint8_t>{
                       6,    0,    0xac, 0x10, 0, 2, 6,    1,    0x23, 0x45, 0x67, 1,    8,    6,
                       0,    1,    8,    0,    6, 4, 0,    2,    6,    1,    0x23, 0x45, 0x67, 1,
                       0xa9, 0xfe, 0xa9, 0xfe, 6, 0, 0xac, 0x10, 0,    2,    0xac, 0x10, 0,    2}));
  EXPECT_FALSE(stack.HasFrame());
  EXPECT_EQ(metrics.rx_accepted, 1u);
  EXPECT_EQ(metrics.tx_frames, 1u);
  EXPECT_EQ(metrics.tx_bytes, 42u);
  EXPECT_EQ(metrics.tx_count, 0u);
}

TEST_F(MmdsStackTest, ArpRepliesAreBounded) {
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(Give(ArpFrame()));
  }
  for (size_t i = 0; i < MmdsStack::kMaxArpReplies; ++i) {
    Next();
  }
  EXPECT_FALSE(stack.HasFrame());
}

TEST_F(MmdsStackTest, LeavesOtherFramesAlone) {
  TcpClient client(40000);
  std::vector<uint8_t> tagged = client.Syn();
  // A VLAN tag (802.1Q).
  tagged.insert(tagged.begin() + 12, {0x81, 0, 0, 1});
  std::vector<uint8_t> ipv6 = client.Syn();
  ipv6[12] = 0x86;
  ipv6[13] = 0xdd;
  std::vector<uint8_t> other = client.Syn();
  other[33] = 0xfd;
  for (const std::vector<uint8_t>& frame :
       {ArpFrame(0xa9fea9fd), ArpFrame(0), tagged, ipv6, other, std::vector<uint8_t>(),
        std::vector<uint8_t>(14), std::vector<uint8_t>(1514, 0xff)}) {
    EXPECT_FALSE(Give(frame));
  }
  // Too short to say where to.
  for (size_t i = 0; i < 34; ++i) {
    const std::vector<uint8_t> frame = client.Syn();
    EXPECT_FALSE(Give({frame.begin(), frame.begin() + static_cast<ptrdiff_t>(i)})) << i;
  }
  EXPECT_EQ(metrics.rx_accepted, 0u);
  EXPECT_FALSE(stack.HasFrame());
}

TEST_F(MmdsStackTest, AnswersARequest) {
  TcpClient client(40000);
  Open(client);
  ASSERT_TRUE(Give(client.Send(kTcpAck | kTcpPsh, "hello\n")));
  Exchange(client);
  EXPECT_EQ(client.received, "<hello>");
  Give(client.Send(kTcpAck | kTcpFin));
  Exchange(client);
  EXPECT_TRUE(client.has_server_finished);
  EXPECT_EQ(metrics.connections_created, 1u);
  EXPECT_EQ(metrics.connections_destroyed, 1u);
  EXPECT_EQ(metrics.rx_count, metrics.rx_accepted);
  EXPECT_EQ(metrics.tx_count, metrics.tx_frames);
  EXPECT_FALSE(stack.deadline_us().has_value());
}

TEST_F(MmdsStackTest, SendsALargeAnswerThroughEveryWindow) {
  for (const uint16_t window : std::vector<uint16_t>{1, 99, 100, 1459, 1460, 5000, 65535}) {
    TcpClient client(static_cast<uint16_t>(30000 + window % 1000));
    client.window = window;
    Open(client);
    const size_t size_bytes = window < 100 ? 3000 : 60000;
    ASSERT_TRUE(Give(client.Send(kTcpAck, absl::StrCat("big ", size_bytes, "\n"))));
    Exchange(client, window == 65535 ? 1000 : 1);
    EXPECT_TRUE(client.received == EchoServer::Big(size_bytes)) << window;
  }
}

TEST_F(MmdsStackTest, SendsALargeAnswerThroughLoss) {
  TcpClient client(40000);
  Open(client);
  ASSERT_TRUE(Give(client.Send(kTcpAck, "big 60000\n")));
  int count = 0;
  while (client.received.size() < 60000 && count < 10'000) {
    while (stack.HasFrame()) {
      const std::vector<uint8_t> frame = Next();
      if (++count % 7 != 0) {
        client.Take(frame);
      }
      if (count % 5 != 0) {
        Give(client.Ack());
      }
    }
    if (stack.deadline_us().has_value()) {
      now_us = *stack.deadline_us();
      stack.OnTime(now_us);
    }
  }
  EXPECT_TRUE(client.received == EchoServer::Big(60000));
  EXPECT_FALSE(client.is_reset);
}

TEST_F(MmdsStackTest, TakesWhatFitsOfALargeFrameWithAChecksumThatIsLeftToTheCard) {
  TcpClient client(40000);
  Open(client);
  std::vector<uint8_t> frame =
      client.Send(kTcpAck, absl::StrCat("hello\n", std::string(60000, 'x')));
  // What a driver with checksum offload leaves there.
  StoreBig16(frame.data() + 14 + 20 + 16, 0x1234);
  Give(frame);
  EXPECT_EQ(metrics.rx_accepted_err, 1u);
  EXPECT_FALSE(stack.HasFrame());
  Give(frame, TcpSegment::Checksum::kLeftToCard);
  const std::vector<uint8_t> answer = Next();
  const auto segment = TcpClient::ParseServerFrame(answer);
  ASSERT_TRUE(segment.has_value());
  EXPECT_EQ(std::string(segment->payload.begin(), segment->payload.end()), "<hello>");
  EXPECT_EQ(client.next_sent() - segment->acknowledgment, 60006u - 2500);
}

TEST_F(MmdsStackTest, ServesManyGuestsPortsAtOnce) {
  std::vector<std::unique_ptr<TcpClient>> clients;
  for (uint16_t i = 0; i < TcpEndpoint::kMaxConnections; ++i) {
    clients.push_back(std::make_unique<TcpClient>(static_cast<uint16_t>(1000 + i)));
    Open(*clients.back());
  }
  for (size_t i = 0; i < clients.size(); ++i) {
    Give(clients[i]->Send(kTcpAck, absl::StrCat("big ", 5000 + i, "\n")));
  }
  while (stack.HasFrame()) {
    const std::vector<uint8_t> frame = Next();
    for (const auto& client : clients) {
      if (client->Take(frame)) {
        Give(client->Ack());
      }
    }
  }
  for (size_t i = 0; i < clients.size(); ++i) {
    EXPECT_TRUE(clients[i]->received == EchoServer::Big(5000 + i)) << i;
  }
  TcpClient more(2000);
  Give(more.Syn());
  more.Take(Next());
  EXPECT_TRUE(more.is_reset);
}

TEST_F(MmdsStackTest, ClearForgetsEverything) {
  TcpClient client(40000);
  Open(client);
  Give(client.Send(kTcpAck, "hello\n"));
  Give(ArpFrame());
  stack.Clear();
  EXPECT_FALSE(stack.HasFrame());
  EXPECT_FALSE(stack.deadline_us().has_value());
  Give(client.Ack());
  client.Take(Next());
  EXPECT_TRUE(client.is_reset);
}

struct Malformed {
  const char* name;
  std::function<void(std::vector<uint8_t>&)> change;
  // Whether it is another protocol instead.
  bool is_unusual = false;
};

// Offsets: Ethernet 0, IPv4 14, TCP 34, payload 54. What CVE-2020-11896 (Ripple20) and its like
// did: lengths that contradict one another, options that are cut off, fragments.
const Malformed kMalformed[] = {
    {"version 5", [](auto& f) { f[14] = 0x55; }},
    {"IPv4 header of 16 bytes", [](auto& f) { f[14] = 0x44; }},
    {"IPv4 header over all", [](auto& f) { f[14] = 0x4f; }},
    {"total length of 0", [](auto& f) { StoreBig16(f.data() + 16, 0); }},
    {"total length of the header", [](auto& f) { StoreBig16(f.data() + 16, 20); }},
    {"total length in the TCP header", [](auto& f) { StoreBig16(f.data() + 16, 39); }},
    {"total length beyond the frame", [](auto& f) { StoreBig16(f.data() + 16, 47); }},
    {"largest total length", [](auto& f) { StoreBig16(f.data() + 16, 0xffff); }},
    {"first fragment", [](auto& f) { f[20] = 0x20; }},
    {"later fragment", [](auto& f) { f[21] = 0x10; }},
    {"UDP", [](auto& f) { f[23] = 17; }, true},
    {"ICMP", [](auto& f) { f[23] = 1; }, true},
    {"IPv4 in IPv4", [](auto& f) { f[23] = 4; }, true},
    {"TCP header of 0 bytes", [](auto& f) { f[46] = 0; }},
    {"TCP header of 16 bytes", [](auto& f) { f[46] = 0x40; }},
    {"TCP header beyond the packet", [](auto& f) { f[46] = 0xf0; }},
    {"option of length 0", [](auto& f) { f[46] = 0x60, f[54] = 2, f[55] = 0; }},
    {"option of length 1", [](auto& f) { f[46] = 0x60, f[54] = 2, f[55] = 1; }},
    {"option beyond the header", [](auto& f) { f[46] = 0x60, f[54] = 2, f[55] = 5; }},
    {"option without a length",
     [](auto& f) { f[46] = 0x60, f[54] = f[55] = f[56] = 1, f[57] = 2; }},
};

TEST_F(MmdsStackTest, DropsMalformedPackets) {
  TcpClient client(40000);
  Open(client);
  for (const Malformed& c : kMalformed) {
    std::vector<uint8_t> frame = client.Frame({.sequence = client.next_sent(),
                                               .acknowledgment = client.next_expected(),
                                               .flags = kTcpAck | kTcpRst});
    frame.insert(frame.end(), 6, 0);
    StoreBig16(frame.data() + 16, 46);
    c.change(frame);
    const size_t header_bytes = std::min<size_t>(size_t{4} * (frame[14] & 0xf), frame.size() - 14);
    StoreBig16(frame.data() + 24, 0);
    InternetChecksum checksum;
    checksum.Add(std::span(frame).subspan(14, header_bytes));
    StoreBig16(frame.data() + 24, checksum.Value());
    const MmdsMetrics before = metrics;
    EXPECT_TRUE(Give(frame, TcpSegment::Checksum::kLeftToCard)) << c.name;
    EXPECT_EQ(metrics.rx_accepted_err, before.rx_accepted_err + (c.is_unusual ? 0 : 1)) << c.name;
    EXPECT_EQ(metrics.rx_accepted_unusual, before.rx_accepted_unusual + (c.is_unusual ? 1 : 0))
        << c.name;
    EXPECT_FALSE(stack.HasFrame()) << c.name;
  }
  // The connection lives.
  Give(client.Send(kTcpAck, "x\n"));
  Exchange(client);
  EXPECT_EQ(client.received, "<x>");
}

TEST_F(MmdsStackTest, DropsFramesThatAreCutOffAnywhere) {
  TcpClient client(40000);
  Open(client);
  const std::vector<uint8_t> frame = client.Frame({.sequence = client.next_sent(),
                                                   .acknowledgment = client.next_expected(),
                                                   .flags = kTcpAck | kTcpRst});
  for (size_t i = 34; i < frame.size(); ++i) {
    EXPECT_TRUE(Give({frame.begin(), frame.begin() + static_cast<ptrdiff_t>(i)}));
  }
  EXPECT_EQ(metrics.rx_accepted_err, frame.size() - 34);
  EXPECT_FALSE(stack.HasFrame());
}

// The look at the start was at bytes that the guest has changed since.
TEST_F(MmdsStackTest, TrustsNothingThatWasLookedAtBefore) {
  TcpClient client(40000);
  std::vector<uint8_t> other_address = client.Syn();
  other_address[33] = 0xfd;
  std::vector<uint8_t> other_type = client.Syn();
  other_type[12] = 0x86;
  for (const std::vector<uint8_t>& frame :
       {other_address, other_type, ArpFrame(1), std::vector<uint8_t>(20), std::vector<uint8_t>()}) {
    stack.Receive(frame, kComplete, now_us);
    EXPECT_FALSE(stack.HasFrame());
  }
  EXPECT_EQ(metrics.rx_accepted_err + metrics.rx_bad_eth, 5u);
}

}  // namespace
}  // namespace mayfly
