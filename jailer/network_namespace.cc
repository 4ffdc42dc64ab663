// Joins a network namespace.

#include "jailer/network_namespace.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "absl/strings/str_cat.h"
#include "base/owned_fd.h"
#include "jailer/step_error.h"

namespace mayfly {

absl::Status JoinNetworkNamespace(const std::string& path) {
  // Without O_NONBLOCK a FIFO would be waited for.
  const OwnedFd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd.is_open()) {
    return StepError(absl::StrCat("Failed to open the network namespace ", path));
  }
  if (ioctl(fd.get(), NS_GET_NSTYPE) != CLONE_NEWNET) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is not a network namespace"));
  }
  if (setns(fd.get(), CLONE_NEWNET) != 0) {
    return StepError(absl::StrCat("Failed to join the network namespace ", path));
  }
  return absl::OkStatus();
}

}  // namespace mayfly
