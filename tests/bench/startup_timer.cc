// How long `mayfly run` takes from exec to the first KVM_RUN.
//
// Usage: startup_timer RUNS PROGRAM ARGUMENT..., where the arguments make `mayfly run --timings`.
// Prints the median, 90th percentile and extremes over RUNS starts, and the median of each phase.
// The clock starts in the child just before execve; the end is the time the monitor took in the
// vCPU's thread before it entered the guest.

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/clock.h"

namespace mayfly {
namespace {

struct Start {
  int64_t total_us = 0;
  std::vector<std::pair<std::string, int64_t>> phases;
};

// "NAME   123 us" of the table.
std::optional<std::pair<std::string, int64_t>> ParsePhase(absl::string_view line) {
  if (!absl::ConsumeSuffix(&line, " us")) {
    return std::nullopt;
  }
  const size_t space = line.rfind(' ');
  int64_t duration_us = 0;
  if (space == absl::string_view::npos || !absl::SimpleAtoi(line.substr(space + 1), &duration_us)) {
    return std::nullopt;
  }
  return std::pair(std::string(absl::StripAsciiWhitespace(line.substr(0, space))), duration_us);
}

// The moment of the first KVM_RUN in the table's first line: "... at 123 us of CLOCK_MONOTONIC:".
std::optional<int64_t> ParseFirstRun(absl::string_view line) {
  const size_t at = line.find(" at ");
  const size_t end = line.find(" us of CLOCK_MONOTONIC");
  int64_t first_run_us = 0;
  if (at == absl::string_view::npos || end == absl::string_view::npos ||
      !absl::SimpleAtoi(line.substr(at + 4, end - at - 4), &first_run_us)) {
    return std::nullopt;
  }
  return first_run_us;
}

std::optional<Start> ParseTable(absl::string_view text, int64_t exec_us) {
  Start start;
  bool has_total = false;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (const auto first_run_us = ParseFirstRun(line)) {
      start.total_us = *first_run_us - exec_us;
    } else if (auto phase = ParsePhase(line)) {
      has_total = has_total || phase->first == "total";
      start.phases.push_back(*std::move(phase));
    }
  }
  return has_total && start.total_us > 0 ? std::optional(start) : std::nullopt;
}

[[noreturn]] void Exec(char** command, int stderr_fd, int64_t* exec_us) {
  const int null_fd = open("/dev/null", O_RDWR);
  dup2(null_fd, STDIN_FILENO);
  dup2(null_fd, STDOUT_FILENO);
  dup2(stderr_fd, STDERR_FILENO);
  *exec_us = MonotonicTimeUs();
  execv(command[0], command);
  _exit(127);
}

// Starts the monitor, reads its table and ends it: what the guest does is of no interest.
std::optional<Start> MeasureOnce(char** command, int64_t* exec_us) {
  std::array<int, 2> pipe_fds{};
  if (pipe2(pipe_fds.data(), O_CLOEXEC) != 0) {
    return std::nullopt;
  }
  const pid_t child = fork();
  if (child == 0) {
    Exec(command, pipe_fds[1], exec_us);
  }
  close(pipe_fds[1]);
  std::string text;
  std::array<char, 4096> chunk;
  ssize_t count = 0;
  while (!absl::StrContains(text, "\ntotal ") &&
         (count = read(pipe_fds[0], chunk.data(), chunk.size())) > 0) {
    text.append(chunk.data(), static_cast<size_t>(count));
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(pipe_fds[0]);
  auto start = ParseTable(text, *exec_us);
  if (!start) {
    std::fprintf(stderr, "startup_timer: the monitor printed no table:\n%s\n", text.c_str());
  }
  return start;
}

int64_t Percentile(std::vector<int64_t> values, size_t percent) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, values.size() * percent / 100)];
}

void Print(const std::vector<Start>& starts) {
  std::vector<int64_t> totals;
  std::map<std::string, std::vector<int64_t>> phases;
  for (const Start& start : starts) {
    totals.push_back(start.total_us);
    for (const auto& [name, duration_us] : start.phases) {
      phases[name].push_back(duration_us);
    }
  }
  std::printf(
      "exec to first KVM_RUN, %zu starts: median %ld us, p90 %ld us, min %ld us, max %ld us\n",
      starts.size(), Percentile(totals, 50), Percentile(totals, 90), Percentile(totals, 0),
      Percentile(totals, 100));
  for (const auto& [name, ignored] : starts.front().phases) {
    std::printf("  %-28s median %6ld us\n", name.c_str(), Percentile(phases[name], 50));
  }
}

int Main(int argc, char** argv) {
  int run_count = 0;
  if (argc < 3 || !absl::SimpleAtoi(argv[1], &run_count) || run_count < 1) {
    std::fprintf(stderr, "usage: startup_timer RUNS PROGRAM ARGUMENT...\n");
    return 2;
  }
  // Shared with the child, which writes the time of its execve there.
  void* shared =
      mmap(nullptr, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    std::perror("mmap");
    return 1;
  }
  auto* exec_us = static_cast<int64_t*>(shared);
  std::vector<Start> starts;
  // The first start fills the page cache and is not counted.
  for (int run = 0; run <= run_count; ++run) {
    const auto start = MeasureOnce(argv + 2, exec_us);
    if (!start) {
      return 1;
    }
    if (run > 0) {
      starts.push_back(*start);
    }
    // A VM that is torn down while the next starts would be measured, too.
    usleep(50'000);
  }
  Print(starts);
  return 0;
}

}  // namespace
}  // namespace mayfly

int main(int argc, char** argv) { return mayfly::Main(argc, argv); }
