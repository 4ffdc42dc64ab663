// LoggerConfig and MetricsConfig from JSON.

#include "api/observability_config.h"

#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(LoggerConfigTest, MayBeEmpty) {
  const auto config = DecodeJson("{}", LoggerSchema());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->log_path, std::nullopt);
  EXPECT_EQ(config->level, std::nullopt);
  EXPECT_EQ(config->show_level, std::nullopt);
  EXPECT_EQ(config->module, std::nullopt);
}

TEST(LoggerConfigTest, TakesEveryField) {
  const auto config =
      DecodeJson(R"({"log_path":"l","level":"Debug","show_level":true,"show_log_origin":false,)"
                 R"("module":"api"})",
                 LoggerSchema());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->log_path, "l");
  EXPECT_EQ(config->level, LogLevel::kDebug);
  EXPECT_EQ(config->show_level, true);
  EXPECT_EQ(config->show_log_origin, false);
  EXPECT_EQ(config->module, "api");
}

TEST(LoggerConfigTest, LevelsMayBeWrittenInAnyCase) {
  struct Case {
    const char* text;
    LogLevel level;
  };
  const Case cases[] = {
      {R"({"level":"Off"})", LogLevel::kOff},   {R"({"level":"ERROR"})", LogLevel::kError},
      {R"({"level":"warn"})", LogLevel::kWarn}, {R"({"level":"Warning"})", LogLevel::kWarn},
      {R"({"level":"iNFO"})", LogLevel::kInfo}, {R"({"level":"trace"})", LogLevel::kTrace}};
  for (const Case& one : cases) {
    const auto config = DecodeJson(one.text, LoggerSchema());
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->level, one.level) << one.text;
  }
}

TEST(LoggerConfigTest, SaysWhatIsWrong) {
  EXPECT_EQ(DecodeJson(R"({"level":"loud"})", LoggerSchema()).status().message(),
            "unknown variant `loud`, expected one of `Off`, `Trace`, `Debug`, `Info`, `Warn`, "
            "`Warning`, `Error` at line 1 column 15");
  EXPECT_EQ(DecodeJson(R"({"path":"l"})", LoggerSchema()).status().message(),
            "unknown field `path`, expected one of `log_path`, `level`, `show_level`, "
            "`show_log_origin`, `module` at line 1 column 7");
}

TEST(MetricsConfigTest, NeedsAPathAndIgnoresWhatItDoesNotKnow) {
  const auto config = DecodeJson(
      R"({"metrics_path":"m","emit_id":true,"properties":{"a":"b"},"more":1})", MetricsSchema());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->metrics_path, "m");
  EXPECT_TRUE(config->emit_id);
  EXPECT_THAT(config->properties, testing::ElementsAre(testing::Pair("a", "b")));
  EXPECT_EQ(DecodeJson("{}", MetricsSchema()).status().message(),
            "missing field `metrics_path` at line 1 column 2");
}

}  // namespace
}  // namespace mayfly
