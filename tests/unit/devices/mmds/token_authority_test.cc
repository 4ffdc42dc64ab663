// TokenAuthority: lifetimes, their ends, and tokens that are not ours.

#include "devices/mmds/token_authority.h"

#include <cstdint>
#include <string>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

constexpr int64_t kNowUs = 5'000'000;

TokenAuthority Make(absl::string_view id = "vm-1") {
  auto authority = TokenAuthority::Create(id);
  EXPECT_TRUE(authority.ok()) << authority.status();
  return *std::move(authority);
}

std::string Issue(TokenAuthority& authority, uint32_t seconds) {
  const auto token = authority.Issue(seconds, kNowUs);
  EXPECT_TRUE(token.ok()) << token.status();
  return token.value_or("");
}

TEST(TokenAuthorityTest, ATokenIsValidUntilItEnds) {
  TokenAuthority authority = Make();
  for (const uint32_t seconds : {1u, 60u, 21600u}) {
    const std::string token = Issue(authority, seconds);
    const int64_t end_us = kNowUs + int64_t{seconds} * 1'000'000;
    EXPECT_LE(token.size(), TokenAuthority::kMaxTokenChars);
    EXPECT_TRUE(authority.IsValid(token, kNowUs));
    EXPECT_TRUE(authority.IsValid(token, end_us - 1));
    EXPECT_FALSE(authority.IsValid(token, end_us));
    EXPECT_FALSE(authority.IsValid(token, end_us + 1'000'000'000'000));
  }
}

TEST(TokenAuthorityTest, RefusesLifetimesOutOfRange) {
  TokenAuthority authority = Make();
  EXPECT_EQ(authority.Issue(0, kNowUs).status().message(),
            "Invalid time to live value provided for token: 0. Please provide a value between 1 "
            "and 21600.");
  EXPECT_EQ(authority.Issue(21601, kNowUs).status().message(),
            "Invalid time to live value provided for token: 21601. Please provide a value between "
            "1 and 21600.");
  EXPECT_FALSE(authority.Issue(0xffffffff, kNowUs).ok());
}

TEST(TokenAuthorityTest, NoTwoTokensAreTheSame) {
  TokenAuthority authority = Make();
  EXPECT_NE(Issue(authority, 60), Issue(authority, 60));
}

TEST(TokenAuthorityTest, TokensOfOthersAreNotValid) {
  TokenAuthority authority = Make();
  TokenAuthority other = Make();
  const std::string token = Issue(authority, 60);
  EXPECT_FALSE(other.IsValid(token, kNowUs));
}

TEST(TokenAuthorityTest, NoCharacterMayChange) {
  TokenAuthority authority = Make();
  const std::string token = Issue(authority, 60);
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(authority.IsValid(changed, kNowUs)) << i;
    EXPECT_FALSE(authority.IsValid(token.substr(0, i), kNowUs)) << i;
  }
}

TEST(TokenAuthorityTest, RefusesWhatIsNoToken) {
  TokenAuthority authority = Make();
  const std::string token = Issue(authority, 60);
  for (const std::string& text :
       {std::string(), std::string("a"), std::string(58, 'A'), std::string(59, 'A'),
        std::string(70, 'A'), std::string(71, 'A'), std::string(100'000, 'A'),
        std::string(59, '\0'), std::string("not base 64!"), token + token, token + "A",
        token + std::string(20, '=')}) {
    EXPECT_FALSE(authority.IsValid(text, kNowUs)) << text.size();
  }
}

}  // namespace
}  // namespace mayfly
