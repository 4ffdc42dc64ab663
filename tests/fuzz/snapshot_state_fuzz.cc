// Feeds the state reader any bytes: as a state file, and as a payload that no checksum protects.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "snapshot/state_codec.h"
#include "snapshot/state_file.h"
#include "snapshot/state_json.h"
#include "tests/fakes/example_state.h"

namespace mayfly {
namespace {

void DecodeAndCheck(std::span<const uint8_t> payload) {
  const auto state = DecodeState(payload);
  if (!state.ok()) {
    return;
  }
  const std::string json =
      StateToJson(StateVersion(), *state)
          .dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  MAYFLY_CHECK(!json.empty());
  const auto again = DecodeState(EncodeState(*state));
  MAYFLY_CHECK(again.ok());
  MAYFLY_CHECK(StateDifference::Of(*again, *state).empty());
}

}  // namespace
}  // namespace mayfly

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> bytes(data, size);
  if (const auto payload = mayfly::UnframeState(bytes); payload.ok()) {
    mayfly::DecodeAndCheck(*payload);
  }
  // At an address that suits no number as well.
  std::vector<uint8_t> shifted(1);
  shifted.insert(shifted.end(), bytes.begin(), bytes.end());
  mayfly::DecodeAndCheck(bytes);
  mayfly::DecodeAndCheck(std::span<const uint8_t>(shifted).subspan(1));

  const std::vector<uint8_t> framed = mayfly::FrameState(bytes);
  const auto payload = mayfly::UnframeState(framed);
  MAYFLY_CHECK(payload.ok() && payload->size() == size);
  return 0;
}
