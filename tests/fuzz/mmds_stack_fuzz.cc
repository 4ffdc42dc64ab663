// Sends frames to the metadata service's host as a hostile guest and as a correct one, and checks
// that every frame it makes is well formed and that it never has more of them than it may.
//
// An input is a sequence of actions, each a byte: frames of a correct client, the same with bytes
// changed, frames of any bytes, time that passes.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "devices/mmds/mmds_metrics.h"
#include "devices/mmds/mmds_service.h"
#include "devices/mmds/mmds_stack.h"
#include "devices/mmds/mmds_store.h"
#include "devices/mmds/token_authority.h"
#include "fuzzer/FuzzedDataProvider.h"
#include "tests/fakes/tcp_client.h"

namespace mayfly {
namespace {

// More than that for one frame that came would be an amplifier: a window of the largest answer.
constexpr int kMaxFramesAtOnce = 2000;

class Session {
 public:
  explicit Session(FuzzedDataProvider* provider) : provider_(*provider) {
    MAYFLY_CHECK(store_.PutText(R"({"a":{"b":"c"},"big":")" + std::string(5000, 'x') + "\"}").ok());
    config_.version = provider_.ConsumeBool() ? MmdsConfig::Version::kV1 : MmdsConfig::Version::kV2;
    for (uint16_t port = 1000; port < 1004; ++port) {
      clients_.emplace_back(port);
    }
  }

  void Run() {
    while (provider_.remaining_bytes() > 0) {
      Step();
    }
  }

 private:
  void Step() {
    TcpClient& client = clients_[provider_.ConsumeIntegralInRange<size_t>(0, 3)];
    switch (provider_.ConsumeIntegralInRange<int>(0, 6)) {
      case 0:
        client.window = provider_.ConsumeIntegral<uint16_t>();
        client.mss = provider_.ConsumeIntegral<uint16_t>();
        Give(client.Syn());
        break;
      case 1:
        Give(client.Ack());
        break;
      case 2:
        Give(client.Send(kTcpAck | kTcpPsh, "GET /a/ HTTP/1.1\r\n\r\n"));
        break;
      case 3:
        Give(client.Send(provider_.ConsumeIntegral<uint8_t>(),
                         provider_.ConsumeRandomLengthString(3000)));
        break;
      case 4:
        Give(Changed(client.Frame({.sequence = provider_.ConsumeIntegral<uint32_t>(),
                                   .acknowledgment = client.next_expected(),
                                   .flags = provider_.ConsumeIntegral<uint8_t>(),
                                   .window = client.window})));
        break;
      case 5:
        Give(provider_.ConsumeBytes<uint8_t>(provider_.ConsumeIntegralInRange<size_t>(0, 200)));
        break;
      default:
        now_us_ += provider_.ConsumeIntegralInRange<int64_t>(0, 20'000'000);
        stack_.OnTime(now_us_);
    }
    TakeFrames();
  }

  std::vector<uint8_t> Changed(std::vector<uint8_t> frame) {
    for (int i = provider_.ConsumeIntegralInRange<int>(0, 3); i > 0; --i) {
      const auto at = provider_.ConsumeIntegralInRange<size_t>(0, frame.size() - 1);
      frame[at] = provider_.ConsumeIntegral<uint8_t>();
    }
    frame.resize(provider_.ConsumeIntegralInRange<size_t>(0, frame.size()));
    return frame;
  }

  void Give(const std::vector<uint8_t>& frame) {
    const size_t start_bytes = std::min(frame.size(), MmdsStack::kStartBytes);
    if (!stack_.IsForMmds(std::span(frame).first(start_bytes))) {
      return;
    }
    // Of the exact size, so that AddressSanitizer sees a read past its end.
    const auto copy = std::make_unique<uint8_t[]>(frame.size());
    std::copy(frame.begin(), frame.end(), copy.get());
    const auto checksum = provider_.ConsumeBool() ? TcpSegment::Checksum::kComplete
                                                  : TcpSegment::Checksum::kLeftToCard;
    stack_.Receive({copy.get(), frame.size()}, checksum, now_us_);
  }

  void TakeFrames() {
    int count = 0;
    while (stack_.HasFrame()) {
      MAYFLY_CHECK(++count <= kMaxFramesAtOnce);
      std::vector<uint8_t> frame(MmdsStack::kMaxFrameBytes);
      frame.resize(stack_.TakeFrame(frame, now_us_));
      // Checks the frame, whoever it is for.
      for (TcpClient& client : clients_) {
        client.Take(frame);
      }
    }
  }

  FuzzedDataProvider& provider_;
  int64_t now_us_ = 0;
  MmdsConfig config_;
  MmdsStore store_;
  TokenAuthority tokens_ = *TokenAuthority::Create("fuzz");
  MmdsMetrics metrics_;
  MmdsService service_{
      {.config = &config_, .store = &store_, .tokens = &tokens_, .metrics = &metrics_}};
  MmdsStack stack_{{.ipv4 = TcpClient::kServerIpv4, .initial_sequence = [] { return 0xfffffff0u; }},
                   &service_,
                   &metrics_};
  std::vector<TcpClient> clients_;
};

}  // namespace
}  // namespace mayfly

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider provider(data, size);
  mayfly::Session(&provider).Run();
  return 0;
}
