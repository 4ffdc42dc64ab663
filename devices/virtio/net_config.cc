// What a network card tells its driver, and the driver's choice for the TAP.

#include "devices/virtio/net_config.h"

#include <linux/if_tun.h>

#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace mayfly {
namespace {

// Linux 6.2; not in older headers.
constexpr uint32_t kTunUso4 = 0x20;
constexpr uint32_t kTunUso6 = 0x40;

// Little-endian like the host.
struct __attribute__((packed)) NetConfig {
  MacAddress mac = {};
  uint16_t status = 0;
  uint16_t max_virtqueue_pairs = 0;
  uint16_t mtu = 0;
};
static_assert(sizeof(NetConfig) == 12);

constexpr uint16_t kLinkUp = 1;

constexpr uint8_t kGroupAddress = 1;

}  // namespace

absl::StatusOr<MacAddress> ParseMacAddress(absl::string_view text) {
  const absl::Status error = absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is not a MAC address such as 06:00:ac:10:00:02"));
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  MacAddress mac = {};
  if (parts.size() != mac.size()) {
    return error;
  }
  for (size_t i = 0; i < mac.size(); ++i) {
    uint32_t byte = 0;
    const absl::string_view part = parts[i];
    if (part.size() != 2 || !absl::ascii_isxdigit(static_cast<unsigned char>(part[0])) ||
        !absl::ascii_isxdigit(static_cast<unsigned char>(part[1])) ||
        !absl::SimpleHexAtoi(part, &byte)) {
      return error;
    }
    mac[i] = static_cast<uint8_t>(byte);
  }
  if ((mac[0] & kGroupAddress) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is a group address"));
  }
  return mac;
}

uint64_t NetFeatures(bool has_mac, bool has_mtu, bool has_uso) {
  uint64_t features = kNetFeatureCsum | kNetFeatureGuestCsum | kNetFeatureGuestTso4 |
                      kNetFeatureGuestTso6 | kNetFeatureGuestEcn | kNetFeatureGuestUfo |
                      kNetFeatureHostTso4 | kNetFeatureHostTso6 | kNetFeatureHostEcn |
                      kNetFeatureHostUfo | kNetFeatureMergeableBuffers | kNetFeatureStatus;
  features |= has_mac ? kNetFeatureMac : 0;
  features |= has_mtu ? kNetFeatureMtu : 0;
  features |= has_uso ? kNetFeatureGuestUso4 | kNetFeatureGuestUso6 | kNetFeatureHostUso : 0;
  return features;
}

uint32_t TunOffloads(uint64_t features) {
  struct Pair {
    uint64_t feature;
    uint32_t offload;
  };
  constexpr Pair kPairs[] = {
      {kNetFeatureGuestTso4, TUN_F_TSO4},   {kNetFeatureGuestTso6, TUN_F_TSO6},
      {kNetFeatureGuestEcn, TUN_F_TSO_ECN}, {kNetFeatureGuestUfo, TUN_F_UFO},
      {kNetFeatureGuestUso4, kTunUso4},     {kNetFeatureGuestUso6, kTunUso6},
  };
  if ((features & kNetFeatureGuestCsum) == 0) {
    // 5.1.3.1: the segmentation offloads need it.
    return 0;
  }
  uint32_t offloads = TUN_F_CSUM;
  for (const Pair& pair : kPairs) {
    offloads |= (features & pair.feature) != 0 ? pair.offload : 0;
  }
  // The kernel takes ECN only along with what it belongs to, and UDP segmentation of both protocols
  // or of none.
  if ((offloads & (TUN_F_TSO4 | TUN_F_TSO6)) == 0) {
    offloads &= ~static_cast<uint32_t>(TUN_F_TSO_ECN);
  }
  if ((offloads & TunUsoOffloads()) != TunUsoOffloads()) {
    offloads &= ~(kTunUso4 | kTunUso6);
  }
  return offloads;
}

uint32_t TunUsoOffloads() { return TUN_F_CSUM | kTunUso4 | kTunUso6; }

std::vector<uint8_t> NetConfigBytes(const std::optional<MacAddress>& mac,
                                    std::optional<uint16_t> mtu, bool is_link_up) {
  NetConfig config;
  config.mac = mac.value_or(MacAddress{});
  config.status = is_link_up ? kLinkUp : 0;
  config.max_virtqueue_pairs = 1;
  config.mtu = mtu.value_or(0);
  std::vector<uint8_t> bytes(sizeof(config));
  std::memcpy(bytes.data(), &config, sizeof(config));
  return bytes;
}

}  // namespace mayfly
