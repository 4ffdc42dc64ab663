// The process's log: one line for each message, from every layer and thread.
//
//   MAYFLY_LOG(Info, "API server started.");
//   MAYFLY_LOG(Error, "drive ", id, ": ", status.message());
//   MAYFLY_LOG_LIMITED(Warn, "a guest can make us say this: ", status.message());
//
// Nothing is logged, and a message costs a load and a comparison, until StartLog. Whatever a guest
// can cause uses MAYFLY_LOG_LIMITED. A line never waits: one that its target does not take is lost
// and counted. Logging takes no lock, so it is allowed while one is held.

#ifndef MAYFLY_BASE_LOG_H_
#define MAYFLY_BASE_LOG_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/log_limiter.h"
#include "base/source_path.h"

namespace mayfly {

// A level shows itself and all before it.
enum class LogLevel : uint8_t { kOff, kError, kWarn, kInfo, kDebug, kTrace };

// "off", "error", "warn" or "warning", "info", "debug", "trace", in any case.
std::optional<LogLevel> ParseLogLevel(absl::string_view text);
// "INFO" and the like.
absl::string_view LogLevelName(LogLevel level);

// What PUT /logger changes: a member that is empty stays as it is, but for the level, which becomes
// kInfo.
struct LogUpdate {
  // A file or FIFO; see SinkFile.
  std::optional<std::string> path;
  std::optional<LogLevel> level;
  std::optional<bool> show_level;
  std::optional<bool> show_origin;
  // Only messages of source files whose path, relative to the root, starts with it ("devices/").
  // "a::b" is the same as "a/b".
  std::optional<std::string> module;
};

// Since the process started; any thread.
struct LogCounters {
  uint64_t missed_log_count = 0;        // lines that their target did not take
  uint64_t rate_limited_log_count = 0;  // messages that MAYFLY_LOG_LIMITED kept back
};

// Starts logging of kInfo and up, to standard output. `instance_id` names the VM in every line.
// Main thread, or another that alone configures the log.
void StartLog(absl::string_view instance_id);
// After StartLog, by the same thread, any number of times. Errors: SinkFile::Open's; then only the
// level may have changed.
absl::Status UpdateLog(const LogUpdate& update);
// Back to nothing; closes the target.
void StopLog();

LogCounters ReadLogCounters();

// For the macros.
namespace log_internal {
extern std::atomic<uint8_t> g_level;
}  // namespace log_internal

inline bool IsLogged(LogLevel level) {
  return static_cast<uint8_t>(level) <= log_internal::g_level.load(std::memory_order_relaxed);
}
// `file` is a SourcePath.
void WriteLog(LogLevel level, const char* file, int line, absl::string_view message);
void CountRateLimitedLog();

// The same as MAYFLY_LOG of kError for a signal handler: allocates nothing, takes no lock, cuts off
// what is longer than some hundred bytes. `message` has no control characters.
void WriteLogInSignal(const char* file, int line, absl::string_view message);

}  // namespace mayfly

// `level` is Error, Warn, Info, Debug or Trace; the rest is what absl::StrCat takes.
#define MAYFLY_LOG(level, ...)                                                                   \
  do {                                                                                           \
    if (::mayfly::IsLogged(::mayfly::LogLevel::k##level)) {                                      \
      ::mayfly::WriteLog(::mayfly::LogLevel::k##level, ::mayfly::SourcePath(__FILE__), __LINE__, \
                         ::absl::StrCat(__VA_ARGS__));                                           \
    }                                                                                            \
  } while (false)

// The same, at most 10 times in 5 seconds for each place it stands at.
#define MAYFLY_LOG_LIMITED(level, ...)                                                             \
  do {                                                                                             \
    if (::mayfly::IsLogged(::mayfly::LogLevel::k##level)) {                                        \
      static constinit ::mayfly::LogLimiter mayfly_limiter;                                        \
      if (mayfly_limiter.Allow(::mayfly::MonotonicTimeUs())) {                                     \
        ::mayfly::WriteLog(::mayfly::LogLevel::k##level, ::mayfly::SourcePath(__FILE__), __LINE__, \
                           ::absl::StrCat(__VA_ARGS__));                                           \
      } else {                                                                                     \
        ::mayfly::CountRateLimitedLog();                                                           \
      }                                                                                            \
    }                                                                                              \
  } while (false)

#endif  // MAYFLY_BASE_LOG_H_
