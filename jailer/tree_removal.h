// TreeRemoval: removes a directory with all that is in it.

#ifndef MAYFLY_JAILER_TREE_REMOVAL_H_
#define MAYFLY_JAILER_TREE_REMOVAL_H_

#include <string>

#include "absl/status/status.h"
#include "jailer/directory.h"

namespace mayfly {

// Removes the directory `name` of `parent`, whose content a hostile process may have made: no link
// is followed, no mount point is crossed, and neither depth nor number of entries takes memory,
// stack or descriptors without bound. OK when there is none. An error leaves the rest in place, in
// another order. Errors: StepError.
absl::Status RemoveTree(const Directory& parent, const std::string& name);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_TREE_REMOVAL_H_
