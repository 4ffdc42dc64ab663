// The log's target, settings and counters.

#include "base/log.h"

#include <unistd.h>

#include <array>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "base/local_time.h"
#include "base/log_line.h"
#include "base/published.h"
#include "base/sink_file.h"
#include "base/status.h"
#include "base/text_buffer.h"
#include "base/thread_name.h"

namespace mayfly {
namespace {

constexpr LogLevel kDefaultLevel = LogLevel::kInfo;

// An instance's id has 64 bytes at most, a thread's name 15.
constexpr size_t kMaxHeadBytes = 256;
constexpr size_t kMaxSignalLineBytes = 512;

struct Settings {
  std::string instance_id;
  // Null while logging is off.
  std::shared_ptr<SinkFile> target;
  bool shows_level = false;
  bool shows_origin = false;
  std::string module;
};

// Never destroyed: threads and handlers may log until the process is gone.
Published<Settings>& PublishedSettings() {
  static auto* const kSettings = new Published<Settings>();
  return *kSettings;
}

Settings CurrentSettings() {
  Settings current;
  PublishedSettings().Read([&current](const Settings& settings) { current = settings; });
  return current;
}

constinit std::atomic<uint64_t> g_missed_count{0};
constinit std::atomic<uint64_t> g_rate_limited_count{0};

void SetLevel(LogLevel level) {
  log_internal::g_level.store(static_cast<uint8_t>(level), std::memory_order_relaxed);
}

bool IsWanted(const Settings& settings, absl::string_view file) {
  return settings.target != nullptr && absl::StartsWith(file, settings.module);
}

void AppendHead(const Settings& settings, LogLevel level, absl::string_view file, int line,
                TextBuffer* buffer) {
  AppendLogHead({.time = CurrentLocalTime(),
                 .instance_id = settings.instance_id,
                 .thread = ThreadName(),
                 .level = settings.shows_level ? LogLevelName(level) : absl::string_view(),
                 .file = settings.shows_origin ? file : absl::string_view(),
                 .line = line},
                buffer);
}

void WriteTo(const Settings& settings, absl::string_view line) {
  if (settings.target->Write(line) == SinkFile::Result::kLost) {
    g_missed_count.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace

namespace log_internal {
constinit std::atomic<uint8_t> g_level{static_cast<uint8_t>(LogLevel::kOff)};
}  // namespace log_internal

std::optional<LogLevel> ParseLogLevel(absl::string_view text) {
  if (absl::EqualsIgnoreCase(text, "warning")) {
    return LogLevel::kWarn;
  }
  for (const LogLevel level : {LogLevel::kOff, LogLevel::kError, LogLevel::kWarn, LogLevel::kInfo,
                               LogLevel::kDebug, LogLevel::kTrace}) {
    if (absl::EqualsIgnoreCase(text, LogLevelName(level))) {
      return level;
    }
  }
  return std::nullopt;
}

absl::string_view LogLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kOff:
      return "OFF";
    case LogLevel::kError:
      return "ERROR";
    case LogLevel::kWarn:
      return "WARN";
    case LogLevel::kInfo:
      return "INFO";
    case LogLevel::kDebug:
      return "DEBUG";
    case LogLevel::kTrace:
      return "TRACE";
  }
  return "";
}

void StartLog(absl::string_view instance_id) {
  RefreshUtcOffset();
  PublishedSettings().Set(
      {.instance_id = std::string(instance_id), .target = SinkFile::ForDescriptor(STDOUT_FILENO)});
  SetLevel(kDefaultLevel);
}

absl::Status UpdateLog(const LogUpdate& update) {
  SetLevel(update.level.value_or(kDefaultLevel));
  Settings settings = CurrentSettings();
  if (update.path.has_value()) {
    ASSIGN_OR_RETURN(settings.target, SinkFile::Open(*update.path));
  }
  settings.shows_level = update.show_level.value_or(settings.shows_level);
  settings.shows_origin = update.show_origin.value_or(settings.shows_origin);
  if (update.module.has_value()) {
    settings.module = absl::StrReplaceAll(*update.module, {{"::", "/"}});
  }
  PublishedSettings().Set(std::move(settings));
  return absl::OkStatus();
}

void StopLog() {
  SetLevel(LogLevel::kOff);
  PublishedSettings().Set({});
}

LogCounters ReadLogCounters() {
  return {.missed_log_count = g_missed_count.load(std::memory_order_relaxed),
          .rate_limited_log_count = g_rate_limited_count.load(std::memory_order_relaxed)};
}

void CountRateLimitedLog() { g_rate_limited_count.fetch_add(1, std::memory_order_relaxed); }

void WriteLog(LogLevel level, const char* file, int line, absl::string_view message) {
  RefreshUtcOffset();
  const std::string text = EscapeLogText(message);
  PublishedSettings().Read([&](const Settings& settings) {
    if (!IsWanted(settings, file)) {
      return;
    }
    std::array<char, kMaxHeadBytes> storage;
    TextBuffer head(storage);
    AppendHead(settings, level, file, line, &head);
    WriteTo(settings, absl::StrCat(head.text(), text, "\n"));
  });
}

void WriteLogInSignal(const char* file, int line, absl::string_view message) {
  if (!IsLogged(LogLevel::kError)) {
    return;
  }
  PublishedSettings().Read([&](const Settings& settings) {
    if (!IsWanted(settings, file)) {
      return;
    }
    std::array<char, kMaxSignalLineBytes> storage;
    TextBuffer text({storage.data(), storage.size() - 1});
    AppendHead(settings, LogLevel::kError, file, line, &text);
    text.Append(message);
    storage[text.text().size()] = '\n';
    WriteTo(settings, {storage.data(), text.text().size() + 1});
  });
}

}  // namespace mayfly
