// MmdsStore: the JSON document that the metadata service serves.

#ifndef MAYFLY_DEVICES_MMDS_MMDS_STORE_H_
#define MAYFLY_DEVICES_MMDS_MMDS_STORE_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace mayfly {

// An object with sorted keys, empty until it is put. Owned by Mmds; loop thread only. The size is
// that of the document written without white space. Errors are texts of the API, without its
// prefixes; after an error the content is as it was.
class MmdsStore {
 public:
  // Firecracker's, which is the API's limit of a request.
  static constexpr size_t kDefaultMaxBytes = 51200;
  // Of objects and arrays in one another; nothing in it is deeper, and so no recursion over it.
  static constexpr int kMaxDepth = 127;

  enum class Format {
    kJson,
    // The EC2 metadata service's text: an object as its keys, one a line, those of objects with a
    // slash; a string as it is.
    kImds,
  };

  explicit MmdsStore(size_t max_bytes = kDefaultMaxBytes) : max_bytes_(max_bytes) {}

  // Replaces the content. InvalidArgument when it is no object or too deep, or `text` no JSON;
  // ResourceExhausted when it is too large.
  absl::Status Put(nlohmann::json content);
  absl::Status PutText(absl::string_view text);
  // Merges `patch` into the content (RFC 7396). FailedPrecondition when nothing was put yet,
  // otherwise as Put.
  absl::Status Patch(const nlohmann::json& patch);
  absl::Status PatchText(absl::string_view text);

  const nlohmann::json& content() const { return content_; }
  // The content in Format::kJson.
  std::string Text() const;

  // The value at `guest_path`, a JSON pointer (RFC 6901) such as /a/b/0, with a slash at the end or
  // without. NotFound; Unimplemented, with the text for the guest, when the format cannot write
  // such a value. No longer than the store.
  absl::StatusOr<std::string> Lookup(absl::string_view guest_path, Format format) const;

 private:
  absl::Status Check(const nlohmann::json& content) const;

  const size_t max_bytes_;
  nlohmann::json content_ = nlohmann::json::object();
  bool is_put_ = false;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_MMDS_MMDS_STORE_H_
