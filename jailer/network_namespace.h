// NetworkNamespace: the network that a jail is to see.

#ifndef MAYFLY_JAILER_NETWORK_NAMESPACE_H_
#define MAYFLY_JAILER_NETWORK_NAMESPACE_H_

#include <string>

#include "absl/status/status.h"

namespace mayfly {

// Moves this process into the network namespace at `path`, which may lead over symbolic links, as
// those of container runtimes do. InvalidArgument when there is something else. See setns(2).
absl::Status JoinNetworkNamespace(const std::string& path);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_NETWORK_NAMESPACE_H_
