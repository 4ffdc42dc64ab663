// The name, kept with the thread: the log needs it for every line.

#include "base/thread_name.h"

#include <sys/prctl.h>

#include <algorithm>

namespace mayfly {
namespace {

// The kernel's TASK_COMM_LEN, with the NUL.
constexpr size_t kNameBytes = 16;

thread_local char t_name[kNameBytes] = {};

}  // namespace

void SetThreadName(absl::string_view name) {
  const size_t size = std::min(name.size(), kNameBytes - 1);
  std::copy_n(name.data(), size, t_name);
  t_name[size] = '\0';
  (void)prctl(PR_SET_NAME, t_name);
}

absl::string_view ThreadName() {
  if (t_name[0] == '\0') {
    (void)prctl(PR_GET_NAME, t_name);
  }
  return t_name;
}

}  // namespace mayfly
