// ConfigFile: the requests that a JSON configuration file stands for.

#ifndef MAYFLY_API_CONFIG_FILE_H_
#define MAYFLY_API_CONFIG_FILE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/api_request.h"

namespace mayfly {

// In the order in which they are to be carried out; InstanceStart is not among them. A CPU template
// that is given as a path is read from there. InvalidArgument says what is wrong with the text, and
// where in it.
absl::StatusOr<std::vector<ApiRequest>> ParseConfigFile(absl::string_view json);

}  // namespace mayfly

#endif  // MAYFLY_API_CONFIG_FILE_H_
