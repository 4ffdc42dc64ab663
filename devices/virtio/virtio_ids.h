// Numbers of the virtio specification that driver and device share: device ids, feature bits,
// status bits.

#ifndef MAYFLY_DEVICES_VIRTIO_VIRTIO_IDS_H_
#define MAYFLY_DEVICES_VIRTIO_VIRTIO_IDS_H_

#include <cstdint>

namespace mayfly {

// Virtio 1.2, section 5.
inline constexpr uint32_t kVirtioIdNet = 1;
inline constexpr uint32_t kVirtioIdBlock = 2;

// A set of feature bits with one member.
constexpr uint64_t FeatureBit(uint32_t bit) { return uint64_t{1} << bit; }

// Section 6: features of any device.
inline constexpr uint64_t kFeatureRingIndirectDesc = FeatureBit(28);
inline constexpr uint64_t kFeatureRingEventIdx = FeatureBit(29);
inline constexpr uint64_t kFeatureVersion1 = FeatureBit(32);

// Section 2.1: bits of the device status.
inline constexpr uint32_t kStatusAcknowledge = 1;
inline constexpr uint32_t kStatusDriver = 2;
inline constexpr uint32_t kStatusDriverOk = 4;
inline constexpr uint32_t kStatusFeaturesOk = 8;
inline constexpr uint32_t kStatusNeedsReset = 0x40;
inline constexpr uint32_t kStatusFailed = 0x80;

// Section 2.6: the largest queue that this monitor offers.
inline constexpr uint16_t kQueueMaxSize = 256;

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_VIRTIO_VIRTIO_IDS_H_
