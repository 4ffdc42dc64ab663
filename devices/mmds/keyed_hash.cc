// HMAC by nettle, the lightest of the kept libraries that have one.

#include "devices/mmds/keyed_hash.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <sys/random.h>

#include "base/status.h"

namespace mayfly {

absl::StatusOr<KeyedHash> KeyedHash::Create() {
  KeyedHash hash;
  // So few bytes come whole or not at all (getrandom(2)).
  if (getrandom(hash.key_.data(), hash.key_.size(), 0) < 0) {
    return ErrnoError("getrandom");
  }
  return hash;
}

KeyedHash::Value KeyedHash::Hash(std::span<const uint8_t> bytes, absl::string_view text) const {
  hmac_sha256_ctx context;
  hmac_sha256_set_key(&context, key_.size(), key_.data());
  hmac_sha256_update(&context, bytes.size(), bytes.data());
  // Characters may be looked at as bytes.
  hmac_sha256_update(&context, text.size(), reinterpret_cast<const uint8_t*>(text.data()));
  Value value;
  hmac_sha256_digest(&context, value.size(), value.data());
  return value;
}

bool KeyedHash::AreEqual(const Value& a, std::span<const uint8_t> b) {
  return b.size() == a.size() && memeql_sec(a.data(), b.data(), a.size()) == 1;
}

}  // namespace mayfly
