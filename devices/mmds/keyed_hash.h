// KeyedHash: a hash that nobody outside of this process can compute.

#ifndef MAYFLY_DEVICES_MMDS_KEYED_HASH_H_
#define MAYFLY_DEVICES_MMDS_KEYED_HASH_H_

#include <array>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mayfly {

// HMAC-SHA256 under a random key, made once and never shown. Copies have the same key. Any thread.
class KeyedHash {
 public:
  static constexpr size_t kBytes = 32;
  using Value = std::array<uint8_t, kBytes>;

  // "getrandom: reason".
  static absl::StatusOr<KeyedHash> Create();

  Value Hash(std::span<const uint8_t> bytes, absl::string_view text) const;
  // In a time that does not depend on where they differ. False when `b` has another size.
  static bool AreEqual(const Value& a, std::span<const uint8_t> b);

 private:
  KeyedHash() = default;

  std::array<uint8_t, kBytes> key_{};
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_MMDS_KEYED_HASH_H_
