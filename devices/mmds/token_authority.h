// TokenAuthority: gives session tokens out and recognizes them.

#ifndef MAYFLY_DEVICES_MMDS_TOKEN_AUTHORITY_H_
#define MAYFLY_DEVICES_MMDS_TOKEN_AUTHORITY_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "devices/mmds/keyed_hash.h"

namespace mayfly {

// Keeps no list: a token says when it ends, with a keyed hash over that and the instance's id. The
// key is of this process, so nobody can make a token, and those of another instance, or of the one
// a snapshot was taken from, are not recognized. Owned by Mmds; loop thread only. Times are of
// MonotonicTimeUs().
class TokenAuthority {
 public:
  static constexpr uint32_t kMinLifetimeSeconds = 1;
  static constexpr uint32_t kMaxLifetimeSeconds = 21600;
  // What is longer is not even looked at.
  static constexpr size_t kMaxTokenChars = 70;

  static absl::StatusOr<TokenAuthority> Create(absl::string_view instance_id);

  // A new token, of characters that a header or a URL may hold. InvalidArgument, with the text for
  // the guest, when the lifetime is out of range.
  absl::StatusOr<std::string> Issue(uint32_t lifetime_seconds, int64_t now_us);
  bool IsValid(absl::string_view guest_token, int64_t now_us) const;

 private:
  TokenAuthority(const KeyedHash& hash, absl::string_view instance_id)
      : hash_(hash), instance_id_(instance_id) {}

  KeyedHash hash_;
  std::string instance_id_;
  // So that no two tokens are the same.
  uint32_t next_serial_ = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_MMDS_TOKEN_AUTHORITY_H_
