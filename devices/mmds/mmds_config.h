// MmdsConfig: how a VM's metadata service is set up.

#ifndef MAYFLY_DEVICES_MMDS_MMDS_CONFIG_H_
#define MAYFLY_DEVICES_MMDS_MMDS_CONFIG_H_

#include <cstdint>

namespace mayfly {

struct MmdsConfig {
  // Whether a guest may read without a session token.
  enum class Version { kV1, kV2 };

  static constexpr uint32_t kDefaultIpv4 = 0xa9fea9fe;

  Version version = Version::kV1;
  // 169.254.169.254 is 0xa9fea9fe.
  uint32_t ipv4 = kDefaultIpv4;
  // Answers are texts as those of the EC2 metadata service, whatever a client accepts.
  bool is_imds_compatible = false;
};

// Whether the service may have the address: link-local, but for the first and the last 256, which
// RFC 3927 reserves.
inline bool IsMmdsIpv4(uint32_t ipv4) { return ipv4 >= 0xa9fe0100 && ipv4 <= 0xa9fefeff; }

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_MMDS_MMDS_CONFIG_H_
