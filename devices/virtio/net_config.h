// The features and the configuration space of a virtio network card.

#ifndef MAYFLY_DEVICES_VIRTIO_NET_CONFIG_H_
#define MAYFLY_DEVICES_VIRTIO_NET_CONFIG_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "devices/virtio/virtio_ids.h"

namespace mayfly {

// Virtio 1.2, section 5.1.3.
inline constexpr uint64_t kNetFeatureCsum = FeatureBit(0);
inline constexpr uint64_t kNetFeatureGuestCsum = FeatureBit(1);
inline constexpr uint64_t kNetFeatureMtu = FeatureBit(3);
inline constexpr uint64_t kNetFeatureMac = FeatureBit(5);
inline constexpr uint64_t kNetFeatureGuestTso4 = FeatureBit(7);
inline constexpr uint64_t kNetFeatureGuestTso6 = FeatureBit(8);
inline constexpr uint64_t kNetFeatureGuestEcn = FeatureBit(9);
inline constexpr uint64_t kNetFeatureGuestUfo = FeatureBit(10);
inline constexpr uint64_t kNetFeatureHostTso4 = FeatureBit(11);
inline constexpr uint64_t kNetFeatureHostTso6 = FeatureBit(12);
inline constexpr uint64_t kNetFeatureHostEcn = FeatureBit(13);
inline constexpr uint64_t kNetFeatureHostUfo = FeatureBit(14);
inline constexpr uint64_t kNetFeatureMergeableBuffers = FeatureBit(15);
inline constexpr uint64_t kNetFeatureStatus = FeatureBit(16);
inline constexpr uint64_t kNetFeatureGuestUso4 = FeatureBit(54);
inline constexpr uint64_t kNetFeatureGuestUso6 = FeatureBit(55);
inline constexpr uint64_t kNetFeatureHostUso = FeatureBit(56);

using MacAddress = std::array<uint8_t, 6>;

// "06:00:ac:10:00:02". InvalidArgument for anything else, and for a group address, which no card
// can have.
absl::StatusOr<MacAddress> ParseMacAddress(absl::string_view text);

inline constexpr uint16_t kNetMinMtu = 68;

// The largest frame with its header: 64 KiB of IPv4 or IPv6, Ethernet header, and room to spare.
inline constexpr uint64_t kNetMaxFrameBytes = 65562;

// The bits to offer. `has_uso`: the TAP knows UDP segmentation.
uint64_t NetFeatures(bool has_mac, bool has_mtu, bool has_uso);

// The offloads that a driver with these features takes, as TUN_F_* bits.
uint32_t TunOffloads(uint64_t features);
// All that NetFeatures may need of UDP segmentation, as TUN_F_* bits.
uint32_t TunUsoOffloads();

// struct virtio_net_config (5.1.4).
std::vector<uint8_t> NetConfigBytes(const std::optional<MacAddress>& mac,
                                    std::optional<uint16_t> mtu, bool is_link_up);

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_NET_CONFIG_H_
