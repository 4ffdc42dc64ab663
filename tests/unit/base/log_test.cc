// The log: format, filters, targets, what is counted.

#include "base/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/thread_name.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/temporary_file.h"

namespace mayfly {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::SizeIs;

constexpr char kTime[] = "....-..-..T..:..:............";

class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    StartLog("vm-7");
    Update({});
  }
  void TearDown() override { StopLog(); }

  // To the test's file, unless `update` has a path.
  void Update(LogUpdate update) {
    if (!update.path.has_value()) {
      update.path = file_.path();
    }
    const absl::Status status = UpdateLog(update);
    ASSERT_TRUE(status.ok()) << status;
  }

  std::vector<std::string> Lines() const {
    std::ifstream stream(file_.path());
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) {
      lines.push_back(line);
    }
    return lines;
  }

  TemporaryFile file_{{}};
};

TEST_F(LogTest, WritesALineWithTimeInstanceAndThread) {
  SetThreadName("firecracker");
  const time_t before = time(nullptr);
  MAYFLY_LOG(Info, "API server ", "started", ".", 1);
  const time_t after = time(nullptr);
  ASSERT_THAT(Lines(), ElementsAre(MatchesRegex(std::string(kTime) +
                                                " \\[vm-7:firecracker\\] API server started.1")));
  tm local = {};
  strptime(Lines()[0].c_str(), "%Y-%m-%dT%H:%M:%S", &local);
  local.tm_isdst = -1;
  const time_t written = mktime(&local);
  EXPECT_GE(written, before);
  EXPECT_LE(written, after);
}

TEST_F(LogTest, ShowsLevelAndOriginRelativeToTheRoot) {
  Update({.show_level = true, .show_origin = true});
  std::thread([] {
    SetThreadName("fc_vcpu 3");
    MAYFLY_LOG(Warn, "text");
  }).join();
  EXPECT_THAT(Lines(), ElementsAre(MatchesRegex(
                           std::string(kTime) +
                           " \\[vm-7:fc_vcpu 3:WARN:tests/unit/base/log_test.cc:[0-9]+\\] text")));
}

TEST_F(LogTest, KeepsWhatAnUpdateDoesNotNameButResetsTheLevel) {
  Update({.level = LogLevel::kTrace, .show_level = true});
  MAYFLY_LOG(Trace, "one");
  ASSERT_TRUE(UpdateLog({}).ok());
  MAYFLY_LOG(Debug, "two");
  MAYFLY_LOG(Info, "three");
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr(":TRACE] one"), HasSubstr(":INFO] three")));
}

TEST_F(LogTest, FiltersByLevelWithoutFormatting) {
  int evaluated_count = 0;
  const auto text = [&] {
    ++evaluated_count;
    return "text";
  };
  Update({.level = LogLevel::kError});
  MAYFLY_LOG(Error, text());
  MAYFLY_LOG(Warn, text());
  Update({.level = LogLevel::kOff});
  MAYFLY_LOG(Error, text());
  EXPECT_THAT(Lines(), SizeIs(1));
  EXPECT_EQ(evaluated_count, 1);
}

TEST_F(LogTest, FiltersBySourceFolder) {
  Update({.module = "tests/unit/base"});
  MAYFLY_LOG(Info, "one");
  Update({.module = "tests::unit::base"});
  MAYFLY_LOG(Info, "two");
  Update({.module = "vmm/"});
  MAYFLY_LOG(Info, "three");
  WriteLogInSignal("vmm/vcpu.cc", 1, "four");
  WriteLogInSignal("api/main.cc", 1, "five");
  Update({.module = ""});
  MAYFLY_LOG(Info, "six");
  EXPECT_THAT(Lines(), ElementsAre(EndsWith("] one"), EndsWith("] two"), EndsWith("] four"),
                                   EndsWith("] six")));
}

TEST_F(LogTest, AMessageStaysALine) {
  MAYFLY_LOG(Info, "a\n2026-01-01T00:00:00.000000000 [vm-7:x] forged\x1b[0m");
  EXPECT_THAT(Lines(),
              ElementsAre(EndsWith("] a\\n2026-01-01T00:00:00.000000000 [vm-7:x] forged\\x1b[0m")));
}

TEST_F(LogTest, IsSilentUntilItIsStarted) {
  StopLog();
  testing::internal::CaptureStdout();
  MAYFLY_LOG(Error, "text");
  WriteLogInSignal("a/b.cc", 1, "text");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_THAT(Lines(), IsEmpty());
}

TEST_F(LogTest, StartsOnStandardOutputWithInfo) {
  testing::internal::CaptureStdout();
  StartLog("vm-8");
  MAYFLY_LOG(Info, "shown");
  MAYFLY_LOG(Debug, "hidden");
  EXPECT_THAT(testing::internal::GetCapturedStdout(),
              AllOf(HasSubstr("[vm-8:"), EndsWith("] shown\n")));
}

TEST_F(LogTest, AnUpdateThatFailsKeepsTheTarget) {
  const absl::Status status = UpdateLog({.path = "/no/such/log", .show_level = true});
  EXPECT_EQ(status.message(), "open /no/such/log: No such file or directory");
  MAYFLY_LOG(Info, "text");
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr("] text")));
  EXPECT_THAT(Lines()[0], testing::Not(HasSubstr("INFO")));
}

TEST_F(LogTest, SwitchesItsTarget) {
  const TemporaryFile other({});
  MAYFLY_LOG(Info, "first");
  Update({.path = other.path()});
  MAYFLY_LOG(Info, "second");
  EXPECT_THAT(Lines(), ElementsAre(EndsWith("first")));
  std::stringstream text;
  text << std::ifstream(other.path()).rdbuf();
  EXPECT_THAT(text.str(), EndsWith("] second\n"));
}

TEST_F(LogTest, CountsLinesThatAFullFifoDoesNotTake) {
  ASSERT_EQ(unlink(file_.path().c_str()), 0);
  ASSERT_EQ(mkfifo(file_.path().c_str(), 0600), 0);
  Update({});
  const uint64_t before = ReadLogCounters().missed_log_count;
  const std::string text(1000, 'x');
  for (int i = 0; i < 100; ++i) {
    MAYFLY_LOG(Info, text);
  }
  const uint64_t missed = ReadLogCounters().missed_log_count - before;
  EXPECT_GE(missed, 100u - 64u);
  EXPECT_LT(missed, 60u);
  for (int i = 0; i < 100; ++i) {
    WriteLogInSignal("a/b.cc", 1, text);
  }
  EXPECT_GT(ReadLogCounters().missed_log_count - before, missed);
}

TEST_F(LogTest, LimitsEachPlaceByItself) {
  const uint64_t before = ReadLogCounters().rate_limited_log_count;
  for (int i = 0; i < 25; ++i) {
    MAYFLY_LOG_LIMITED(Warn, "often ", i);
    MAYFLY_LOG_LIMITED(Debug, "filtered");
  }
  MAYFLY_LOG_LIMITED(Warn, "once");
  EXPECT_THAT(Lines(), SizeIs(11));
  EXPECT_EQ(ReadLogCounters().rate_limited_log_count - before, 15u);
}

TEST_F(LogTest, LinesOfManyThreadsStayWhole) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([i] {
      for (int n = 0; n < 200; ++n) {
        MAYFLY_LOG(Info, "thread ", i, " line ", n, " end");
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    Update({.show_level = i % 2 == 0});
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_THAT(Lines(), AllOf(SizeIs(800),
                             testing::Each(MatchesRegex(
                                 std::string(kTime) + " \\[vm-7:.*\\] thread . line [0-9]+ end"))));
}

TEST_F(LogTest, AHandlersLineIsLikeTheOthers) {
  Update({.show_level = true, .show_origin = true});
  WriteLogInSignal("api/x.cc", 9, "Shutting down");
  WriteLogInSignal("api/x.cc", 9, std::string(5000, 'x'));
  EXPECT_THAT(Lines(), ElementsAre(MatchesRegex(std::string(kTime) +
                                                " \\[vm-7:.*:ERROR:api/x.cc:9\\] Shutting down"),
                                   MatchesRegex(".* x+")));
}

TEST(LogLevelTest, ParsesNamesInAnyCase) {
  EXPECT_EQ(ParseLogLevel("Off"), LogLevel::kOff);
  EXPECT_EQ(ParseLogLevel("ERROR"), LogLevel::kError);
  EXPECT_EQ(ParseLogLevel("warn"), LogLevel::kWarn);
  EXPECT_EQ(ParseLogLevel("Warning"), LogLevel::kWarn);
  EXPECT_EQ(ParseLogLevel("iNFO"), LogLevel::kInfo);
  EXPECT_EQ(ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(ParseLogLevel("Trace"), LogLevel::kTrace);
  EXPECT_EQ(ParseLogLevel(""), std::nullopt);
  EXPECT_EQ(ParseLogLevel("informational"), std::nullopt);
}

}  // namespace
}  // namespace mayfly
