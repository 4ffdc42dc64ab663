// ForkedProcess: runs what changes a process for good, such as leaving a namespace, in one of its
// own.

#ifndef MAYFLY_TESTS_FAKES_FORKED_PROCESS_H_
#define MAYFLY_TESTS_FAKES_FORKED_PROCESS_H_

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <string>

#include "base/check.h"

namespace mayfly {

class ForkedProcess {
 public:
  // What `function` answered in a child of this process.
  static std::string Run(const std::function<std::string()>& function) {
    std::array<int, 2> ends = {};
    MAYFLY_CHECK(pipe(ends.data()) == 0);
    const pid_t pid = fork();
    MAYFLY_CHECK(pid >= 0);
    if (pid == 0) {
      close(ends[0]);
      const std::string answer = function();
      MAYFLY_CHECK(write(ends[1], answer.data(), answer.size()) ==
                   static_cast<ssize_t>(answer.size()));
      // Without what the parent is to do at its end.
      _exit(0);
    }
    close(ends[1]);
    std::string answer;
    std::array<char, 4096> chunk = {};
    ssize_t count = 0;
    while ((count = read(ends[0], chunk.data(), chunk.size())) > 0) {
      answer.append(chunk.data(), static_cast<size_t>(count));
    }
    close(ends[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? answer : answer + " (ended abnormally)";
  }
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_FORKED_PROCESS_H_
