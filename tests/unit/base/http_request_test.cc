// HttpRequest: method names and header look-up.

#include "base/http_request.h"

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(HttpRequestTest, KnowsFourMethodsAndTheirCase) {
  EXPECT_EQ(HttpMethodOf("GET"), HttpMethod::kGet);
  EXPECT_EQ(HttpMethodOf("PUT"), HttpMethod::kPut);
  EXPECT_EQ(HttpMethodOf("PATCH"), HttpMethod::kPatch);
  EXPECT_EQ(HttpMethodOf("DELETE"), HttpMethod::kDelete);
  EXPECT_EQ(HttpMethodOf("get"), HttpMethod::kOther);
  EXPECT_EQ(HttpMethodOf("POST"), HttpMethod::kOther);
  EXPECT_EQ(HttpMethodOf(""), HttpMethod::kOther);
}

TEST(HttpRequestTest, FindsTheFirstHeaderOfANameInAnyCase) {
  HttpRequest request;
  request.headers = {{"X-Token", "first"}, {"x-token", "second"}, {"Accept", ""}};
  EXPECT_EQ(request.FindHeader("x-tOKEN"), "first");
  EXPECT_EQ(request.FindHeader("accept"), "");
  EXPECT_EQ(request.FindHeader("X-Toke"), std::nullopt);
}

}  // namespace
}  // namespace mayfly
