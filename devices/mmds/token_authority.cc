// A token is, in base 64: when it ends, 8 bytes; a serial number, 4 bytes; the hash, 32 bytes.

#include "devices/mmds/token_authority.h"

#include <algorithm>
#include <array>
#include <span>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "devices/mmds/big_endian.h"

namespace mayfly {
namespace {

constexpr size_t kSerialOffset = 8;
constexpr size_t kHashOffset = 12;
constexpr size_t kTokenBytes = kHashOffset + KeyedHash::kBytes;
constexpr int64_t kUsPerSecond = 1'000'000;

}  // namespace

absl::StatusOr<TokenAuthority> TokenAuthority::Create(absl::string_view instance_id) {
  ASSIGN_OR_RETURN(const KeyedHash hash, KeyedHash::Create());
  return TokenAuthority(hash, instance_id);
}

absl::StatusOr<std::string> TokenAuthority::Issue(uint32_t lifetime_seconds, int64_t now_us) {
  if (lifetime_seconds < kMinLifetimeSeconds || lifetime_seconds > kMaxLifetimeSeconds) {
    return absl::InvalidArgumentError(
        absl::StrCat("Invalid time to live value provided for token: ", lifetime_seconds,
                     ". Please provide a value between ", kMinLifetimeSeconds, " and ",
                     kMaxLifetimeSeconds, "."));
  }
  const auto end_us = static_cast<uint64_t>(now_us + lifetime_seconds * kUsPerSecond);
  std::array<uint8_t, kTokenBytes> token{};
  StoreBig32(token.data(), static_cast<uint32_t>(end_us >> 32));
  StoreBig32(token.data() + 4, static_cast<uint32_t>(end_us & 0xffffffff));
  StoreBig32(token.data() + kSerialOffset, next_serial_++);
  const KeyedHash::Value hash =
      hash_.Hash(std::span<const uint8_t>(token).first<kHashOffset>(), instance_id_);
  std::copy(hash.begin(), hash.end(), token.begin() + kHashOffset);
  // Bytes may be looked at as characters.
  return absl::WebSafeBase64Escape({reinterpret_cast<const char*>(token.data()), token.size()});
}

bool TokenAuthority::IsValid(absl::string_view guest_token, int64_t now_us) const {
  std::string bytes;
  if (guest_token.size() > kMaxTokenChars || !absl::WebSafeBase64Unescape(guest_token, &bytes) ||
      bytes.size() != kTokenBytes) {
    return false;
  }
  // Characters may be looked at as bytes.
  const std::span<const uint8_t> token(reinterpret_cast<const uint8_t*>(bytes.data()),
                                       bytes.size());
  if (!KeyedHash::AreEqual(hash_.Hash(token.first(kHashOffset), instance_id_),
                           token.subspan(kHashOffset))) {
    return false;
  }
  const uint64_t end_us = uint64_t{LoadBig32(token.data())} << 32 | LoadBig32(token.data() + 4);
  return static_cast<uint64_t>(now_us) < end_us;
}

}  // namespace mayfly
