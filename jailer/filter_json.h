// ParseFilterJson: the text of a file of filters as a JSON tree.

#ifndef MAYFLY_JAILER_FILTER_JSON_H_
#define MAYFLY_JAILER_FILTER_JSON_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace mayfly {

// `text` may be anybody's. InvalidArgument: "syntax error at line L column C", columns counting
// bytes from 1; or which key an object has twice, of which nlohmann's parser would keep one. A NUL
// is a syntax error.
absl::StatusOr<nlohmann::json> ParseFilterJson(absl::string_view text);

}  // namespace mayfly

#endif  // MAYFLY_JAILER_FILTER_JSON_H_
